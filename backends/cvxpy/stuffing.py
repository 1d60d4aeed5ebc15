"""A cvxpy Problem, reduced by cvxpy for a conic solver -> its data as tensors, and the way back from a solution.

    minimise 1/2 z'Pz + q'z + r   subject to   A z + s = b,  s in K

Each tensor is linear in the entries of cvxpy's reduced parameters (each by columns) and a 1 after them. The order
of rows and of semidefinite triangles is SCS's. What this file does not know of cvxpy's insides it refuses.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from declarative.backends.cvxpy.cones import Cones, Matrix, Vector

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

    @cached_property
    def transposed(self) -> Tensor:
        return Tensor(self.columns, self.rows, self.params, self.factors, self.shape[::-1])

    def sparse(self, theta: Vector) -> Any:
        """The same matrix in compressed columns."""
        from scipy.sparse import coo_array

        entries = self.factors * theta[self.params]
        return coo_array((entries, (self.rows, self.columns)), self.shape).tocsc()

    def moved(self, rows: Indices | None, columns: Indices | None) -> Tensor:
        """With each row and column where these say."""
        return Tensor(
            self.rows if rows is None else rows[self.rows],
            self.columns if columns is None else columns[self.columns],
            self.params,
            self.factors,
            self.shape,
        )


@dataclass(frozen=True, eq=False)
class Stuffed:
    """`columns` tells where the entries of each reduced parameter begin, by cvxpy's number of it."""

    P: Tensor
    q: Tensor
    A: Tensor
    b: Tensor
    r: Tensor
    cones: Cones
    columns: dict[int, int]
    count: int  # entries of all parameters
    chain: Any
    inverse: Any

    @property
    def n(self) -> int:
        return self.P.shape[0]

    @property
    def m(self) -> int:
        return self.A.shape[0]

    def back(self, z: Vector, y: Vector) -> Any:
        """cvxpy's Solution, `primal_vars` and `dual_vars` by number, that stands for this one of the cone program.

        It is linear in z and y: cvxpy would also project the variables on their declared domains.
        """
        info = {"status_val": 1, "pobj": 0.0, "iter": 0, "solve_time": 0.0, "setup_time": 0.0}
        solution: Any = {"x": z, "y": y, "s": np.zeros(self.m), "info": info}
        for reduction, data in reversed(list(zip(self.chain.reductions, self.inverse, strict=True))):
            if type(reduction).__name__ == "CvxAttr2Constr" and data:
                raw = _recovered(data[0], data[1], solution.primal_vars)
                solution = reduction.invert(solution, data)
                solution.primal_vars = raw
            else:
                solution = reduction.invert(solution, data)
        return solution


@contextlib.contextmanager
def _dense_reads() -> Iterator[None]:
    """Where cvxpy warns that a sparse value is read as a dense one: it is cvxpy that reads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*sparse CVXPY expression")
        yield


def alike(one: Stuffed, other: Stuffed) -> bool:
    """Whether two reductions have given the same tensors."""

    def same(left: Tensor, right: Tensor) -> bool:
        places = zip(
            (left.rows, left.columns, left.params), (right.rows, right.columns, right.params), strict=True
        )
        return all(map(np.array_equal, *zip(*places, strict=True))) and np.allclose(
            left.factors, right.factors
        )

    pairs = ((one.P, other.P), (one.q, other.q), (one.A, other.A), (one.b, other.b), (one.r, other.r))
    return all(same(*pair) for pair in pairs)


class Valued(Exception):
    """cvxpy's reduction holds for the values of the parameters only."""


class Unknown(Exception):
    """Something of cvxpy's that this file has no words for; its text says what."""


def stuffed(problem: Any, gp: bool = False, canon_backend: str | None = None) -> Stuffed:
    """Reduces once; the parameters' values are never looked at, but must be there.

    Raises cvxpy's `DCPError`, `DGPError` and `DPPError`, and `Unknown`.
    """
    with quadratic_forms(), _dense_reads():
        data, chain, inverse = problem.get_problem_data(
            "SCS", gp=gp, enforce_dpp=True, canon_backend=canon_backend, solver_opts={"use_quad_obj": True}
        )
    form, dims = data["param_prob"], data["dims"]
    _refuse(
        getattr(form, "dir_cones", None), "rows of the cone program that were moved to cones on variables"
    )
    _refuse(getattr(form, "lower_bounds", None) is not None, "lower bounds beside the cone program")
    _refuse(getattr(form, "upper_bounds", None) is not None, "upper bounds beside the cone program")
    _refuse(getattr(dims, "pnd", None), "power cones of more than three dimensions")
    known = {"zero", "nonneg", "soc", "psd", "exp", "p3d", "pnd"}
    _refuse(sorted(name for name, size in vars(dims).items() if name not in known and size), "cones")
    n = form.x.size
    m = form.A.shape[0] // (n + 1)
    A, b = _constraints(form.A.tocoo(), n, m)
    q, r = _linear(form.q.tocoo(), n)
    cones = Cones(dims.zero, dims.nonneg, tuple(dims.soc), tuple(dims.psd), dims.exp, tuple(dims.p3d))
    _refuse(cones.rows != m, f"{m} rows, where the cones have {cones.rows}")
    columns = {key: start for key, start in form.param_id_to_col.items() if key >= 0}
    return Stuffed(_quadratic(form.P, n), q, A, b, r, cones, columns, form.total_param_size, chain, inverse)


def takes_forms() -> bool:
    """Whether this cvxpy takes parameters as matrices of quadratic forms: from version 1.9 on."""
    from cvxpy.utilities import scopes

    return hasattr(scopes, "quad_form_dpp_scope")


def quadratic_forms() -> contextlib.AbstractContextManager[None]:
    """Where cvxpy takes parameters as matrices of quadratic forms, if it does."""
    from cvxpy.utilities import scopes

    scope: Any = getattr(scopes, "quad_form_dpp_scope", contextlib.nullcontext)
    found: contextlib.AbstractContextManager[None] = scope()
    return found


@contextlib.contextmanager
def sampled(parameters: list[Any], uneven: float = 0.0) -> Iterator[None]:
    """Any values that cvxpy takes for the declared signs and shapes: it asks for them, and must not use them."""
    before = [parameter._value for parameter in parameters]
    try:
        with _dense_reads():
            for parameter in parameters:
                ramp = np.arange(parameter.size).reshape(parameter.shape) / max(parameter.size, 1)
                value = parameter.project(1 + uneven * ramp)
                parameter.save_value(value.toarray() if parameter.attributes["diag"] else value)
        yield
    finally:
        for parameter, value in zip(parameters, before, strict=True):
            parameter._value = value


def _refuse(found: Any, what: str) -> None:
    if found:
        raise Unknown(f"{what}: {found}" if found is not True else what)


def _recovered(reduced: dict[int, Any], original: dict[int, Any], values: dict[int, Any]) -> dict[int, Any]:
    from cvxpy.reductions import cvx_attr2constr as home

    recover = getattr(home, "recover_value_for_leaf", None) or home.recover_value_for_variable
    return {
        key: recover(leaf, values[reduced[key].id], project=False)
        for key, leaf in original.items()
        if reduced[key].id in values
    }


def _constraints(coo: Any, n: int, m: int) -> tuple[Tensor, Tensor]:
    """cvxpy stacks [A b] by columns, with A z + b in K."""
    rows, columns = coo.row % m if m else coo.row, coo.row // m if m else coo.row
    left = columns < n
    A = Tensor(rows[left], columns[left], coo.col[left], -coo.data[left], (m, n))
    right = ~left
    b = Tensor(rows[right], 0 * rows[right], coo.col[right], coo.data[right], (m, 1))
    return A, b


def _quadratic(matrix: Any, n: int) -> Tensor:
    if matrix is None:
        nothing = np.zeros(0, int)
        return Tensor(nothing, nothing, nothing, np.zeros(0), (n, n))
    coo = matrix.tocoo()
    return Tensor(coo.row % n, coo.row // n, coo.col, coo.data, (n, n))


def _linear(coo: Any, n: int) -> tuple[Tensor, Tensor]:
    """The last row is the constant of the objective."""
    kept = coo.row < n
    rows = coo.row[kept]
    q = Tensor(rows, 0 * rows, coo.col[kept], coo.data[kept], (n, 1))
    nothing = 0 * coo.row[~kept]
    return q, Tensor(nothing, nothing, coo.col[~kept], coo.data[~kept], (1, 1))
