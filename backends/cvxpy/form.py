"""A cvxpy Problem -> the cone program it stands for, as tensors that are linear in its parameters.

    minimise 1/2 z'Pz + q'z + r   subject to   A z + s = b,  s in K

P, q, A, b and r are linear in theta, which holds the entries of every parameter (by columns) and a 1.
The first entries of z are the unknowns, each by rows, in their order; the others are cvxpy's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from declarative.backends.cvxpy.cones import Cones, Matrix, Vector

if TYPE_CHECKING:
    from declarative.backends.cvxpy.runtime import Model

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Tensor:
    """The matrix with entries sum of factor * theta[param] at (row, column)."""

    rows: Indices
    columns: Indices
    params: Indices
    factors: Vector
    shape: tuple[int, int]

    def at(self, theta: Vector) -> Matrix:
        matrix = np.zeros(self.shape)
        np.add.at(matrix, (self.rows, self.columns), self.factors * theta[self.params])
        return matrix


@dataclass(frozen=True, eq=False)
class Multiplier:
    """Where the multiplier of one constraint stands among the rows, and with what factors."""

    rows: Indices
    factors: Vector


@dataclass(frozen=True, eq=False)
class ConeProgram:
    P: Tensor
    q: Tensor
    A: Tensor
    b: Tensor
    cones: Cones
    order: tuple[int, ...]  # which parameters theta holds, by their place among the model's
    duals: dict[str, tuple[Multiplier, ...]]
    unknowns: int  # how many entries of z are the user's

    @property
    def n(self) -> int:
        return self.P.shape[0]

    @property
    def m(self) -> int:
        return self.A.shape[0]


def cone_program(model: Model, problem: Any) -> ConeProgram:
    """Canonicalises once; the parameters' values are never looked at."""
    from cvxpy.utilities.scopes import quad_form_dpp_scope

    for parameter in model.parameters:
        parameter.value = _sample(parameter)
    with quad_form_dpp_scope():
        # SCS's order of rows and of semidefinite triangles is what cones.py speaks.
        data, chain, inverse = problem.get_problem_data(
            "SCS", enforce_dpp=True, solver_opts={"use_quad_obj": True}
        )
    form = data["param_prob"]
    assert not form.dir_cones, "rows of the cone program were moved to bounds on variables"
    n, m = form.x.size, form.constr_size
    primal, dual = _solution_map(chain, inverse, n, m)
    places = [_by_rows(primal[v.id]) for v in model.variables]
    mine = np.concatenate(places) if places else np.zeros(0, int)
    place = np.empty(n, int)
    place[np.concatenate([mine, np.setdiff1d(np.arange(n), mine)])] = np.arange(n)
    A, b = _constraints(form.A.tocoo(), n, m, place)
    dims = data["dims"]
    assert not dims.pnd, "power cones of higher dimension are not taken apart"
    return ConeProgram(
        P=_quadratic(form.P, n, place, form.q.shape[1]),
        q=_linear(form.q.tocoo(), n, place),
        A=A,
        b=b,
        cones=Cones(dims.zero, dims.nonneg, tuple(dims.soc), tuple(dims.psd), dims.exp, tuple(dims.p3d)),
        order=_order(model, form),
        duals={label: tuple(dual(c.id) for c in found) for label, found in model.labelled.items()},
        unknowns=mine.size,
    )


def _sample(parameter: Any) -> Matrix:
    """Any value that cvxpy takes for the declared sign: it asks for one, and does not use it."""
    return np.full(parameter.shape, -1.0 if parameter.is_nonpos() else 1.0)


def _by_rows(entries: Matrix) -> Indices:
    return np.rint(np.ravel(entries)).astype(int) - 1


def _solution_map(chain: Any, inverse: Any, n: int, m: int) -> tuple[dict[int, Matrix], Any]:
    """Where cvxpy's inverse of its reductions finds each value, seen by sending numbers through it."""

    def back(y: Any) -> Any:
        info = {"status_val": 1, "pobj": 0.0, "iter": 0, "solve_time": 0.0, "setup_time": 0.0}
        raw = {"x": np.arange(n) + 1.0, "y": y, "s": np.zeros(m), "info": info}
        return chain.invert(raw, inverse)

    ones, count = back(np.ones(m)), back(np.arange(m) + 1.0)

    def dual(key: int) -> Multiplier:
        factors = np.asarray(ones.dual_vars[key], float)
        rows = np.rint(np.asarray(count.dual_vars[key], float) / factors).astype(int) - 1
        return Multiplier(rows, factors)

    return count.primal_vars, dual


def _constraints(coo: Any, n: int, m: int, place: Indices) -> tuple[Tensor, Tensor]:
    """cvxpy stacks [A b] by columns, with A z + b in K."""
    rows, columns = coo.row % m if m else coo.row, coo.row // m if m else coo.row
    left = columns < n
    A = Tensor(rows[left], place[columns[left]], coo.col[left], -coo.data[left], (m, n))
    right = ~left
    b = Tensor(rows[right], 0 * rows[right], coo.col[right], coo.data[right], (m, 1))
    return A, b


def _quadratic(matrix: Any, n: int, place: Indices, params: int) -> Tensor:
    if matrix is None:
        nothing = np.zeros(0, int)
        return Tensor(nothing, nothing, nothing, np.zeros(0), (n, n))
    coo = matrix.tocoo()
    return Tensor(place[coo.row % n], place[coo.row // n], coo.col, coo.data, (n, n))


def _linear(coo: Any, n: int, place: Indices) -> Tensor:
    kept = coo.row < n
    rows = place[coo.row[kept]]
    return Tensor(rows, 0 * rows, coo.col[kept], coo.data[kept], (n, 1))


def _order(model: Model, form: Any) -> tuple[int, ...]:
    """The model's parameters in the order of theta."""
    place = {parameter.id: i for i, parameter in enumerate(model.parameters)}
    columns = sorted((column, key) for key, column in form.param_id_to_col.items() if key in place)
    expected = 0
    for column, key in columns:
        assert column == expected, "a parameter of the cone program is none of the model's"
        expected += model.parameters[place[key]].size
    assert expected == form.total_param_size
    return tuple(place[key] for _, key in columns)
