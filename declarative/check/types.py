"""Declared types: bases, shapes, properties, and what each may be said of."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from declarative import ir
from declarative.atoms.shapes import shape_text
from declarative.check.reports import did_you_mean, excerpt, nearest, one_of
from declarative.dims import Dim
from declarative.errors import Fix
from declarative.grammar import tree

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering

BASES = ("real", "int", "bool", "any")
ELEMENTWISE = ("nonneg", "positive", "nonpos", "negative")
SQUARE = ("symmetric", "psd", "pd", "skew", "diagonal")
PROPERTIES = (*ELEMENTWISE, *SQUARE, "static")
OPPOSITES = ({"nonneg", "negative"}, {"positive", "nonpos"}, {"positive", "negative"}, {"symmetric", "skew"})


def base_of(check: Lowering, node: tree.TypeExpr) -> ir.Base | None:
    name = node.base.name
    if name in BASES:
        return cast(ir.Base, name)
    near = nearest(name, BASES)
    fix = Fix(node.base.span, near) if near else None
    check.reports.add(
        "D206", node.base.span, fix=fix, name=name, hint=did_you_mean(name, BASES) or one_of(BASES)
    )
    return None


def properties_of(check: Lowering, node: tree.TypeExpr, type_: ir.Type | None, kind: str) -> frozenset[str]:
    """The properties that are right for this type; the others are reported and dropped."""
    kept: set[str] = set()
    for word in node.properties:
        name = word.name
        if name not in PROPERTIES:
            near = nearest(name, PROPERTIES)
            fix = Fix(word.span, near) if near else None
            check.reports.add(
                "D204",
                word.span,
                fix=fix,
                name=name,
                hint=did_you_mean(name, PROPERTIES) or one_of(PROPERTIES),
            )
        elif name == "static" and kind != "given":
            check.reports.add(
                "D260",
                word.span,
                what="`static`",
                whom=f"a name under `{kind}`",
                why="only a given is fixed when compiled",
            )
        elif (
            type_ is not None
            and name in SQUARE
            and (len(type_.shape) != 2 or type_.shape[0] != type_.shape[1])
        ):
            check.reports.add("D259", word.span, name=name, shape=shape_text(type_.shape))
        elif type_ is not None and name != "static" and type_.base in ("bool", "any"):
            check.reports.add(
                "D260",
                word.span,
                what=f"`{name}`",
                whom=f"a name of type {type_.base}",
                why="it speaks of numbers",
            )
        elif clash := next((other for other in kept if {name, other} in OPPOSITES), None):
            check.reports.add("D261", word.span, name=name, other=clash)
        else:
            kept.add(name)
    return frozenset(kept)


def pattern(check: Lowering, node: tree.TypeExpr) -> ir.Type | None:
    """A type whose shape names stand for themselves, to be matched with arguments."""
    base = base_of(check, node)
    dims = [pattern_dim(check, part) for part in node.shape or ()]
    good = tuple(dim for dim in dims if dim is not None)
    return ir.Type(base, good) if base is not None and len(good) == len(dims) else None


def pattern_dim(check: Lowering, node: tree.Expr) -> Dim | None:
    match node:
        case tree.Number(value=int(value)):
            return Dim.of(value)
        case tree.Name(name=name) if name not in ("pi", "inf"):
            return Dim.of(name)
        case tree.Binary(op="+" | "-" | "*" as op, left=left, right=right):
            a, b = pattern_dim(check, left), pattern_dim(check, right)
            if a is None or b is None:
                return None
            return a + b if op == "+" else a - b if op == "-" else a * b
        case tree.Unary(op="-" | "+" as op, operand=operand):
            inner = pattern_dim(check, operand)
            return inner if inner is None or op == "+" else -inner
        case _:
            check.reports.add(
                "D231", node.span, text=excerpt(node.span), why="it is no sum or product of them"
            )
            return None


def signature(check: Lowering, item: tree.ExternDef) -> ir.ExternSignature | None:
    """The type of a host function; its parameters all need one."""
    params: list[tuple[str, ir.Type]] = []
    good = True
    for parameter in item.parameters:
        if parameter.type is None:
            check.reports.add("D249", parameter.span, name=parameter.name.name, function=item.name.name)
            good = False
            continue
        found = pattern(check, parameter.type)
        good = good and found is not None
        if found is not None:
            params.append((parameter.name.name, found))
    result = pattern(check, item.result)
    if result is None or not good:
        return None
    return ir.ExternSignature(item.name.name, tuple(params), result, span=item.span)


def dimension_clues(node: tree.Expr) -> list[tree.Name]:
    """The names in a shape expression."""
    match node:
        case tree.Name():
            return [node]
        case tree.Binary(left=left, right=right):
            return dimension_clues(left) + dimension_clues(right)
        case tree.Unary(operand=operand):
            return dimension_clues(operand)
        case _:
            return []
