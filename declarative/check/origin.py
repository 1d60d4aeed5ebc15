"""Where an axis of an expression comes from: the declared name whose axis it is, for explanations."""

from __future__ import annotations

from dataclasses import dataclass, field

from declarative import ir
from declarative.atoms import ATOMS
from declarative.dims import Dim
from declarative.errors import Span


@dataclass
class Origins:
    """The places where parameters and unknowns were declared."""

    places: dict[str, Span] = field(default_factory=dict)

    def axis(self, expr: ir.Expr, axis: int) -> str:
        """`n of `F` (line 4)`, or the dimension alone where no one name stands behind it."""
        dim = expr.type.shape[axis]
        name = owner(expr, dim, axis)
        if name is None:
            return str(dim)
        place = self.places.get(name)
        return f"{dim} of `{name}`" + (f" (line {place.line})" if place is not None else "")


def owner(expr: ir.Expr, dim: Dim, axis: int) -> str | None:
    """The declared name that gives this axis its length."""
    match expr:
        case ir.Param(name=name) | ir.Unknown(name=name):
            return name
        case ir.Apply(atom="transpose", args=(inner,)):
            return owner(inner, dim, 1 - axis)
        case ir.Apply(atom="matmul", args=(left, right)):
            kept = len(left.type.shape) - 1
            return owner(left, dim, axis) if axis < kept else owner(right, dim, axis - kept + 1)
        case ir.Apply(atom=atom, args=args) if atom in ATOMS and ATOMS[atom].elementwise:
            for argument in args:
                shape = argument.type.shape
                if len(shape) == len(expr.type.shape) and shape[axis] == dim:
                    return owner(argument, dim, axis)
            return None
        case ir.Index(array=array, items=items):
            kept_axes = [
                (i, item) for i, item in enumerate(items) if isinstance(item, ir.Slice) or item.type.shape
            ]
            position, item = kept_axes[axis]
            if isinstance(item, ir.Slice):
                return owner(array, dim, position) if array.type.shape[position] == dim else None
            return owner(item, dim, 0)
        case _:
            return None
