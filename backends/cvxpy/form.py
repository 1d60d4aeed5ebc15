"""An emitted cvxpy Problem -> the cone program it stands for, as tensors that are linear in its parameters.

    minimise 1/2 z'Pz + q'z + r   subject to   A z + s = b,  s in K

P, q, A, b and r are linear in theta, which holds the entries of every parameter (by columns) and a 1.
The first entries of z are the unknowns, each by rows, in their order; the others are cvxpy's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from declarative.backends.cvxpy.cones import Cones, Matrix, Vector
from declarative.backends.cvxpy.stuffing import Indices as Indices
from declarative.backends.cvxpy.stuffing import Stuffed, stuffed
from declarative.backends.cvxpy.stuffing import Tensor as Tensor

if TYPE_CHECKING:
    from declarative.backends.cvxpy.runtime import Model


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
    for parameter in model.parameters:
        parameter.value = _sample(parameter)
    form = stuffed(problem)
    primal, dual = _solution_map(form)
    places = [_by_rows(primal[v.id]) for v in model.variables]
    mine = np.concatenate(places) if places else np.zeros(0, int)
    place = np.empty(form.n, int)
    place[np.concatenate([mine, np.setdiff1d(np.arange(form.n), mine)])] = np.arange(form.n)

    def moved(tensor: Tensor, rows: bool, columns: bool) -> Tensor:
        return tensor.moved(place if rows else None, place if columns else None)

    return ConeProgram(
        P=moved(form.P, True, True),
        q=moved(form.q, True, False),
        A=moved(form.A, False, True),
        b=form.b,
        cones=form.cones,
        order=_order(model, form),
        duals={label: tuple(dual(c.id) for c in found) for label, found in model.labelled.items()},
        unknowns=mine.size,
    )


def _sample(parameter: Any) -> Matrix:
    """Any value that cvxpy takes for the declared sign: it asks for one, and does not use it."""
    return np.full(parameter.shape, -1.0 if parameter.is_nonpos() else 1.0)


def _by_rows(entries: Matrix) -> Indices:
    return np.rint(np.ravel(entries)).astype(int) - 1


def _solution_map(form: Stuffed) -> tuple[dict[int, Matrix], Any]:
    """Where cvxpy's inverse of its reductions finds each value, seen by sending numbers through it."""
    z, y = np.arange(1.0, form.n + 1), np.arange(1.0, form.m + 1)
    ones, count = form.back(z, np.ones(form.m)), form.back(z, y)

    def dual(key: int) -> Multiplier:
        factors = np.asarray(ones.dual_vars[key], float)
        rows = np.rint(np.asarray(count.dual_vars[key], float) / factors).astype(int) - 1
        return Multiplier(rows, factors)

    return count.primal_vars, dual


def _order(model: Model, form: Stuffed) -> tuple[int, ...]:
    """The model's parameters in the order of theta."""
    place = {parameter.id: i for i, parameter in enumerate(model.parameters)}
    columns = sorted((column, key) for key, column in form.columns.items() if key in place)
    expected = 0
    for column, key in columns:
        assert column == expected, "a parameter of the cone program is none of the model's"
        expected += model.parameters[place[key]].size
    assert expected == form.count
    return tuple(place[key] for _, key in columns)
