"""IR expressions evaluated in plain NumPy: the meaning that every stage must keep."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from declarative import ir
from declarative.dims import Dim
from tests.atoms.reference import REFERENCE

_REDUCE = {"sum": sum, "max": lambda v: np.max(v, axis=0), "min": lambda v: np.min(v, axis=0)}
_REDUCE |= {"prod": lambda v: np.prod(v, axis=0), "mean": lambda v: np.mean(v, axis=0)}
_FUNCTIONS = {**REFERENCE, "inv_pos": lambda x: np.where(np.asarray(x) > 0, REFERENCE["inv_pos"](x), np.nan)}


@dataclass(frozen=True)
class Point:
    """Values of parameters and unknowns, sizes of dimensions, and the binders' current values."""

    values: Mapping[str, Any]
    sizes: Mapping[str, int]
    indices: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, expr: ir.Expr) -> Any:
        match expr:
            case ir.Const(value=value):
                return value if isinstance(value, bool) else float(value)
            case ir.Size(dim=dim):
                return dim.value(self.sizes)
            case ir.Param(name=name) | ir.Unknown(name=name):
                return self.values[name]
            case ir.Bound(name=name):
                return self.indices[name]
            case ir.Apply(atom=atom, args=args, attrs=attrs):
                settings = {name: self._fixed(value) for name, value in attrs}
                return _FUNCTIONS[atom](*map(self, args), **settings)
            case ir.Index(array=array, items=items):
                return np.asarray(self(array))[tuple(map(self._item, items))]
            case ir.Reduce(op=op, body=body, binders=binders, where=where):
                return _REDUCE[op]([at(body) for at in self.over(binders, where)])
            case _:
                raise NotImplementedError(type(expr).__name__)

    def over(self, binders: tuple[ir.Binder, ...], where: ir.Expr | None) -> Iterator[Point]:
        """The point at every combination of the binders' values."""
        ranges = [range(b.first.value(self.sizes), b.last.value(self.sizes)) for b in binders]
        for combination in itertools.product(*ranges):
            indices = dict(zip([b.name for b in binders], combination, strict=True))
            point = replace(self, indices={**self.indices, **indices})
            if where is None or point(where):
                yield point

    def violation(self, constraint: ir.Constraint) -> float:
        """How far an equality or inequality is from holding."""
        assert isinstance(constraint, (ir.Equality, ir.Inequality))
        worst = 0.0
        for at in self.over(constraint.binders, constraint.where):
            gap = np.asarray(at(constraint.left)) - np.asarray(at(constraint.right))
            worst = max(worst, float(np.max(np.abs(gap) if isinstance(constraint, ir.Equality) else gap)))
        return worst

    def _item(self, item: ir.Expr | ir.Slice) -> Any:
        if isinstance(item, ir.Slice):
            return slice(item.lower.value(self.sizes), item.upper.value(self.sizes))
        return np.asarray(self(item)).astype(int)

    def _fixed(self, value: object) -> object:
        if isinstance(value, Dim):
            return Dim.of(value.value(self.sizes))
        if isinstance(value, tuple):
            return tuple(map(self._fixed, value))
        return value


def shape(type_: ir.Type, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(dim.value(sizes) for dim in type_.shape)
