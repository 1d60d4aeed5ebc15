"""Named sets: their arguments, and the shapes of what may lie in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms import ShapeError
from declarative.atoms.shapes import elementwise, shape_text
from declarative.check.reports import did_you_mean, nearest, one_of
from declarative.dims import Dim, Shape
from declarative.errors import Fix, Span
from declarative.grammar import tree
from declarative.walk import contains

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering


@dataclass(frozen=True)
class Domain:
    """How many arguments a set takes, and which shapes lie in it (with the words for it)."""

    arguments: tuple[int, int]
    fits: Callable[[Shape], bool]
    wants: str


def _vector(shape: Shape) -> bool:
    return len(shape) == 1


def _triple(shape: Shape) -> bool:
    return shape == (Dim.of(3),)


def _matrix(shape: Shape) -> bool:
    return len(shape) == 2


def _square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1]


def _array(shape: Shape) -> bool:
    return len(shape) >= 1


def _anything(shape: Shape) -> bool:
    return True


SETS: dict[str, Domain] = {
    "simplex": Domain((0, 0), _vector, "a vector"),
    "box": Domain((2, 2), _anything, "numbers"),
    "ball": Domain((1, 2), _array, "a vector or a matrix"),
    "sphere": Domain((0, 0), _array, "a vector or a matrix"),
    "soc": Domain((0, 0), _vector, "a vector (t, x) with ||x|| <= t"),
    "psd": Domain((0, 0), _square, "a square matrix"),
    "exp_cone": Domain((0, 0), _triple, "a vector of 3 numbers"),
    "power_cone": Domain((1, 1), _triple, "a vector of 3 numbers"),
    "birkhoff": Domain((0, 0), _square, "a square matrix"),
    "stiefel": Domain((0, 0), _matrix, "a matrix"),
    "SO": Domain((0, 0), _square, "a square matrix"),
    "SE": Domain((0, 0), _square, "a square matrix"),
    "monotone": Domain((0, 0), _vector, "a vector"),
    "nonneg": Domain((0, 0), _anything, "numbers"),
    "unit_interval": Domain((0, 0), _anything, "numbers"),
}


def lower_set(check: Lowering, node: tree.SetExpr, member: ir.Type) -> ir.Set | None:
    """The set, fit for members of this type; None after a report."""
    if isinstance(node, tree.Interval):
        return _box(check, (node.lower, node.upper), member, node.span)
    name, args, where = (
        (node.name, (), node.span)
        if isinstance(node, tree.Name)
        else (node.function.name, node.args, node.function.span)
    )
    domain = SETS.get(name)
    if domain is None:
        near = nearest(name, SETS)
        check.reports.add(
            "D205",
            where,
            fix=Fix(where, near) if near else None,
            name=name,
            hint=did_you_mean(name, SETS) or one_of(SETS),
        )
        return None
    keywords = node.keywords if isinstance(node, tree.Call) else ()
    low, high = domain.arguments
    if keywords or not low <= len(args) <= high:
        wants = f"{low} to {high} arguments" if low != high else f"{low} argument{'s' * (low != 1)}"
        check.reports.add("D215", node.span, name=name, wants=wants, got=len(args) + len(keywords))
        return None
    if member.base not in ("real", "int"):
        check.reports.add("D264", node.span, name=name, wants=domain.wants, found=member.base)
        return None
    if not domain.fits(member.shape):
        check.reports.add("D264", node.span, name=name, wants=domain.wants, found=shape_text(member.shape))
        return None
    if name == "box":
        return _box(check, args, member, node.span)
    if name == "unit_interval":
        integer = ir.Type("int")
        return ir.Set("box", (ir.Const(0, integer), ir.Const(1, integer)), span=node.span)
    values = [_argument(check, argument, ()) for argument in args]
    good = tuple(value for value in values if value is not None)
    return ir.Set(name, good, span=node.span) if len(good) == len(values) else None


def _box(check: Lowering, ends: tuple[tree.Expr, ...], member: ir.Type, span: Span) -> ir.Set | None:
    if member.base not in ("real", "int"):
        check.reports.add("D264", span, name="[lo, hi]", wants="numbers", found=member.base)
        return None
    lower, upper = (_argument(check, end, member.shape) for end in ends)
    return None if lower is None or upper is None else ir.Set("box", (lower, upper), span=span)


def _argument(check: Lowering, node: tree.Expr, shape: Shape) -> ir.Expr | None:
    """A number, or an array that stretches to `shape`; without unknowns."""
    value = check.expr(node)
    if value is None or not check.number(value):
        return None
    try:
        stretched = elementwise((value.type.shape, shape), {})
    except ShapeError:
        stretched = None
    if stretched != shape:
        check.reports.add("D265", node.span, found=shape_text(value.type.shape), wanted=shape_text(shape))
        return None
    if contains(value, ir.Unknown):
        check.reports.add("D266", node.span)
        return None
    return value
