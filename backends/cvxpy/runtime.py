"""What emitted cvxpy programs call: the model that collects parameters and rows, and the atoms' functions.

A program is run while JAX traces the layer: expressions of parameters alone are JAX values, and
`model.given(value)` makes a cvxpy parameter that stands for one. So parameters enter cvxpy linearly,
whatever the user's formula does with them, and JAX differentiates the formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import cvxpy as cp
import numpy as np
from jax import Array
from scipy.sparse import coo_array

from declarative.backends.cvxpy.atoms import concat as concat
from declarative.backends.cvxpy.atoms import cumsum as cumsum
from declarative.backends.cvxpy.atoms import diff as diff
from declarative.backends.cvxpy.atoms import dot as dot
from declarative.backends.cvxpy.atoms import huber as huber
from declarative.backends.cvxpy.atoms import largest as largest
from declarative.backends.cvxpy.atoms import norm2 as norm2
from declarative.backends.cvxpy.atoms import norm_p as norm_p
from declarative.backends.cvxpy.atoms import power as power
from declarative.backends.cvxpy.atoms import smallest as smallest
from declarative.backends.cvxpy.atoms import solve as solve
from declarative.backends.cvxpy.atoms import stack as stack
from declarative.backends.cvxpy.atoms import where as where
from declarative.layer.sparse import Sparse

Expression: TypeAlias = Any  # a cvxpy expression, an array or a number
Index: TypeAlias = tuple[int, ...]


@dataclass
class Model:
    """One program in the making; `values[i]` is what `parameters[i]` stands for."""

    parameters: list[cp.Parameter] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    variables: list[cp.Variable] = field(default_factory=list)
    constraints: list[cp.Constraint] = field(default_factory=list)
    labelled: dict[str, list[cp.Constraint]] = field(default_factory=dict)
    places: dict[str, list[Index]] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)

    def find(self, *shape: int, nonneg: bool = False, nonpos: bool = False) -> cp.Variable:
        """An unknown of the user's, with its place in the flat vector."""
        self.variables.append(cp.Variable(shape, nonneg=nonneg, nonpos=nonpos))
        return self.variables[-1]

    def given(self, value: Any, sign: str = "") -> Expression:
        """A parameter with this value; `sign` is "nonneg" or "nonpos" where that is certain."""
        if isinstance(value, int | float | np.ndarray):
            return value
        if isinstance(value, Sparse):
            return self._sparse(value, sign)
        key = ("given", id(value), sign)
        if key not in self.known:
            parameter = cp.Parameter(value.shape, **({sign: True} if sign else {}))
            self.known[key] = parameter
            self.parameters.append(parameter)
            self.values.append(value)  # kept, so that no other value takes its id
        return self.known[key]

    def _sparse(self, value: Sparse, sign: str) -> Expression:
        """A matrix with a parameter for each entry. cvxpy's own sparse parameters ask for dense values."""
        key = ("sparse", id(value))
        if key not in self.known:
            rows, columns = (part.astype(np.int64) for part in (value.pattern.rows, value.pattern.columns))
            height, width = value.shape
            entries = cp.Parameter(rows.size, **({sign: True} if sign else {}))
            ones, numbers = np.ones(rows.size), np.arange(rows.size)
            places = coo_array((ones, (rows + height * columns, numbers)), (height * width, rows.size))
            self.parameters.append(entries)
            self.values.append(value.data)
            matrix = cp.reshape(places.tocsc() @ entries, (height, width), order="F")
            self.known[key] = matrix, value  # kept, so that no other value takes its id
        return self.known[key][0]

    def define(self, expression: cp.Expression) -> cp.Variable:
        """A new variable equal to an affine expression: what multiplies it stays linear in parameters."""
        key = ("define", id(expression))
        if key not in self.known:
            variable = cp.Variable(expression.shape)
            self.require(variable == expression)
            self.known[key] = variable, expression
        return self.known[key][0]

    def above(self, expression: cp.Expression) -> cp.Variable:
        """A new variable that bounds a convex expression from above, or a concave one from below."""
        variable = cp.Variable(expression.shape, nonneg=expression.is_nonneg())
        self.require(expression <= variable if expression.is_convex() else variable <= expression)
        return variable

    def require(self, constraint: Any, label: str | None = None, at: Index = ()) -> None:
        """Adds a row or rows; those with one label share a multiplier, `at` its quantifiers' indices."""
        if isinstance(constraint, bool | np.bool_):
            constraint = cp.Constant(0 if constraint else 1) == 0
        self.constraints.append(constraint)
        if label is not None:
            self.labelled.setdefault(label, []).append(constraint)
            self.places.setdefault(label, []).append(at)

    # ---- sets ----------------------------------------------------------------------------------

    def member(self, x: cp.Expression, name: str, *args: Any) -> None:
        for constraint in _SETS[name](x, *args):
            self.require(constraint)

    def symmetric(self, x: cp.Variable) -> None:
        if x.shape[0] > 1:
            self.require(cp.upper_tri(x) == cp.upper_tri(x.T))

    def skew(self, x: cp.Variable) -> None:
        self.require(cp.diag(x) == 0)
        if x.shape[0] > 1:
            self.require(cp.upper_tri(x) == -cp.upper_tri(x.T))

    def diagonal(self, x: cp.Variable) -> None:
        rows, columns = np.nonzero(~np.eye(x.shape[0], dtype=bool))
        if rows.size:
            self.require(x[rows, columns] == 0)


def _simplex(x: cp.Expression) -> list[cp.Constraint]:
    return [x >= 0, cp.sum(x) == 1]


def _box(x: cp.Expression, low: Expression, high: Expression) -> list[cp.Constraint]:
    ends = ((low, x >= low), (high, x <= high))
    return [row for end, row in ends if not (isinstance(end, float) and np.isinf(end))]


def _ball(x: cp.Expression, radius: Expression, p: float = 2) -> list[cp.Constraint]:
    return [(norm2(x) if p == 2 else norm_p(cp.vec(x, order="C"), p)) <= radius]


def _soc(x: cp.Expression) -> list[cp.Constraint]:
    return [cp.SOC(x[0], x[1:])]


def _psd(x: cp.Expression) -> list[cp.Constraint]:
    return [(x + x.T) / 2 >> 0]


def _exp_cone(x: cp.Expression) -> list[cp.Constraint]:
    return [cp.ExpCone(x[0], x[1], x[2])]


def _power_cone(x: cp.Expression, alpha: float) -> list[cp.Constraint]:
    return [cp.PowCone3D(x[0], x[1], x[2], alpha)]


def _birkhoff(x: cp.Expression) -> list[cp.Constraint]:
    """The last column's sum follows from the others."""
    return [x >= 0, cp.sum(x, axis=1) == 1, cp.sum(x[:, :-1], axis=0) == 1]


def _monotone(x: cp.Expression) -> list[cp.Constraint]:
    return [x[1:] >= x[:-1]]


_SETS: dict[str, Any] = {
    "simplex": _simplex,
    "box": _box,
    "ball": _ball,
    "soc": _soc,
    "psd": _psd,
    "exp_cone": _exp_cone,
    "power_cone": _power_cone,
    "birkhoff": _birkhoff,
    "monotone": _monotone,
    "nonneg": lambda x: [x >= 0],
    "nonpos": lambda x: [x <= 0],
    "unit_interval": lambda x: [x >= 0, x <= 1],
}
SETS = frozenset(_SETS)
