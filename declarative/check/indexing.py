"""Sizes, indices and slices: dimensions read from expressions, axes dropped, kept or gathered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms.shapes import shape_text
from declarative.check.reports import excerpt
from declarative.dims import Dim
from declarative.grammar import tree
from declarative.walk import walk

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering

WHOLE = tree.Slice()


# ---- dimensions --------------------------------------------------------------------------------


def dimension(expr: ir.Expr) -> Dim | None:
    """The dimension that an expression is, if it is one."""
    if isinstance(expr, ir.Size):
        return expr.dim
    if isinstance(expr, ir.Const) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
        return Dim.of(expr.value)
    return None


def size(check: Lowering, node: tree.Expr) -> Dim | None:
    """A dimension expression, or None after a report."""
    match node:
        case tree.Number(value=int(value)):
            return Dim.of(value)
        case tree.Name(name=name):
            entry = check.scope.find(name)
            if entry is None:
                check.unknown_name(node)
                return None
            if entry.value is None:
                return None
            dim = dimension(entry.value)
            if dim is None:
                check.reports.add("D231", node.span, text=name, why=_why_no_dimension(entry.kind))
            return dim
        case tree.Binary(op="+" | "-" | "*" as op, left=left, right=right):
            a, b = size(check, left), size(check, right)
            if a is None or b is None:
                return None
            return a + b if op == "+" else a - b if op == "-" else a * b
        case tree.Unary(op="-" | "+" as op, operand=operand):
            inner = size(check, operand)
            return inner if inner is None or op == "+" else -inner
        case _:
            check.reports.add(
                "D231", node.span, text=excerpt(node.span), why="it is no sum or product of them"
            )
            return None


def _why_no_dimension(kind: str) -> str:
    return {
        "given": "a given is a number known at the call; `static int` would make it a dimension",
        "index": "an index variable changes from term to term",
    }.get(kind, f"it is the name of a{'n' if kind[0] in 'aeiou' else ''} {kind}")


# ---- indexing ----------------------------------------------------------------------------------


def index(check: Lowering, node: tree.Index) -> ir.Expr | None:
    array = check.expr(node.array)
    if array is None:
        for item in node.items:
            if not isinstance(item, tree.Slice):
                check.expr(item)
        return None
    shape = array.type.shape
    if array.type.base == "any":
        check.wrong_base(array, "an array")
        return None
    if len(node.items) > len(shape):
        check.reports.add("D236", node.span, given=len(node.items), shape=_shape(array), axes=len(shape))
        return None
    full = (*node.items, *[WHOLE] * (len(shape) - len(node.items)))
    items = [
        _slice(check, item, dim, node)
        if isinstance(item, tree.Slice)
        else _position(check, item, array, axis)
        for axis, (item, dim) in enumerate(zip(full, shape, strict=True))
    ]
    good = [item for item in items if item is not None]
    if len(good) != len(items):
        return None
    gathers = [i for i, item in enumerate(good) if not isinstance(item, ir.Slice) and item.type.shape]
    if len(gathers) > 1:
        check.reports.add("D237", node.span)
        return None
    if gathers:
        # Numbers and slices first: mixed with a gather, NumPy would move axes.
        spared = [ir.Slice(Dim.of(0), shape[i]) if i in gathers else item for i, item in enumerate(good)]
        array = _indexed(array, spared, node)
        position = sum(
            isinstance(item, ir.Slice) or i in gathers for i, item in enumerate(good[: gathers[0]])
        )
        rest: list[ir.Expr | ir.Slice] = [ir.Slice(Dim.of(0), dim) for dim in array.type.shape]
        rest[position] = good[gathers[0]]
        return _indexed(array, rest, node)
    return _indexed(array, good, node)


def _indexed(array: ir.Expr, items: Sequence[ir.Expr | ir.Slice], node: tree.Index) -> ir.Expr:
    shape = array.type.shape
    whole = [ir.Slice(Dim.of(0), dim) for dim in shape]
    if list(items) == whole:
        return array
    kept: list[Dim] = []
    for item in items:
        kept.extend([item.upper - item.lower] if isinstance(item, ir.Slice) else item.type.shape)
    return ir.Index(array, tuple(items), ir.Type(array.type.base, tuple(kept)), span=node.span)


def _slice(check: Lowering, item: tree.Slice, dim: Dim, node: tree.Index) -> ir.Slice | None:
    lower = Dim.of(0) if item.lower is None else size(check, item.lower)
    upper = dim if item.upper is None else size(check, item.upper)
    if lower is None or upper is None:
        return None
    lower, upper = _from_end(lower, dim), _from_end(upper, dim)
    span = item.span if item.lower is not None or item.upper is not None else node.span
    beyond = (dim - upper).constant
    length = (upper - lower).constant
    first = lower.constant
    if (beyond is not None and beyond < 0) or (first is not None and first < 0):
        check.reports.add("D225", span, index=excerpt(span), dim=dim)
        return None
    if length is not None and length < 1:
        check.reports.add("D238", span, lower=lower, upper=upper)
        return None
    return ir.Slice(lower, upper, span=span)


def _from_end(dim: Dim, length: Dim) -> Dim:
    """Negative numbers count from the end."""
    return dim + length if dim.constant is not None and dim.constant < 0 else dim


def _position(check: Lowering, item: tree.Expr, array: ir.Expr, axis: int) -> ir.Expr | None:
    found = check.expr(item)
    if found is None:
        return None
    if found.type.base != "int":
        check.reports.add("D242", item.span, base=found.type.base)
        return None
    if len(found.type.shape) > 1:
        check.reports.add("D223", item.span, wanted="a number or a vector", shape=_shape(found))
        return None
    dim = dimension(found)
    if dim is None:
        return found
    length = array.type.shape[axis]
    place = _from_end(dim, length)
    room = (length - 1 - place).constant
    start = place.constant
    if (room is not None and room < 0) or (start is not None and start < 0):
        check.reports.add("D225", item.span, index=dim, dim=check.origins.axis(array, axis))
        return None
    constant = place.constant
    if constant is not None:
        return ir.Const(constant, ir.Type("int"), span=item.span)
    return ir.Size(place, span=item.span)


def _shape(expr: ir.Expr) -> str:
    return shape_text(expr.type.shape)


# ---- index variables ---------------------------------------------------------------------------


def check_ranges(check: Lowering, body: ir.Node, binders: Sequence[ir.Binder]) -> None:
    """Reports x[i + c] that leaves its axis for the first or the last value of a binder."""
    ranges = {binder.name: binder for binder in binders}
    for node in walk(body):
        if not isinstance(node, ir.Index):
            continue
        for axis, item in enumerate(node.items):
            shift = None if isinstance(item, ir.Slice) else _shift(item)
            if shift is None or shift[0] not in ranges:
                continue
            name, offset = shift
            binder, length = ranges[name], node.array.type.shape[axis]
            room = (length - (binder.last + offset)).constant
            start = (binder.first + offset).constant
            if (room is not None and room < 0) or (start is not None and start < 0):
                at = (binder.last - 1) if room is not None and room < 0 else binder.first
                check.reports.add(
                    "D239", item.span, binder.span, index=excerpt(item.span), name=name, at=at,
                    value=at + offset, dim=check.origins.axis(node.array, axis),
                )  # fmt: skip


def _shift(item: ir.Expr) -> tuple[str, Dim] | None:
    """(i, c) of i + c, however the sum is written."""
    match item:
        case ir.Bound(name=name):
            return name, Dim.of(0)
        case ir.Apply(atom="add", args=(a, b)):
            for inner, other in ((a, b), (b, a)):
                found, offset = _shift(inner), dimension(other)
                if found is not None and offset is not None:
                    return found[0], found[1] + offset
            return None
        case ir.Apply(atom="sub", args=(inner, other)):
            found, offset = _shift(inner), dimension(other)
            return None if found is None or offset is None else (found[0], found[1] - offset)
        case _:
            return None
