"""Arguments against parameters: by position and name, and their shapes against declared ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms.shapes import shape_text
from declarative.check import types
from declarative.dims import Dim, bind
from declarative.grammar import tree

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering


def arity_text(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more arguments"
    text = str(low) if low == high else f"{low} to {high}"
    return f"{text} argument{'' if text == '1' else 's'}"


def matched(
    check: Lowering, node: tree.Call, parameters: Sequence[tree.Parameter]
) -> dict[str, tree.Expr | None] | None:
    """Parameter names -> argument expressions, None where the default holds."""
    names = [parameter.name.name for parameter in parameters]
    required = sum(parameter.default is None for parameter in parameters)
    given: dict[str, tree.Expr | None] = dict(zip(names, node.args, strict=False))
    good = len(node.args) <= len(names)
    for keyword in node.keywords:
        if keyword.name not in names or keyword.name in given:
            check.reports.add(
                "D218", keyword.span, name=keyword.name, function=node.function.name,
                hint=f"its arguments are {', '.join(names)}" if names else "it takes none",
            )  # fmt: skip
            return None
        given[keyword.name] = keyword.value
    for parameter in parameters:
        if parameter.name.name not in given:
            good = good and parameter.default is not None
            given[parameter.name.name] = None
    if not good:
        wants = arity_text(required, len(names))
        got = len(node.args) + len(node.keywords)
        check.reports.add("D215", node.span, name=node.function.name, wants=wants, got=got)
        return None
    return given


def bind_arguments(
    check: Lowering, node: tree.Call, typed: Sequence[tuple[str, tree.TypeExpr, ir.Expr]]
) -> dict[str, Dim] | None:
    """Solves the declared shapes for their dimensions; None after a report."""
    declared: list[tuple[str, ir.Type, ir.Expr]] = []
    for name, type_expr, value in typed:
        found = types.pattern(check, type_expr)
        if found is None:
            return None
        declared.append((name, found, value))
    return bind_types(check, node, declared)


def bind_types(
    check: Lowering, node: tree.Call, declared: Sequence[tuple[str, ir.Type, ir.Expr]]
) -> dict[str, Dim] | None:
    equations: list[tuple[Dim, Dim]] = []
    places: list[tuple[str, ir.Type, ir.Expr, int]] = []
    for name, wanted, value in declared:
        if wanted.base == "any":
            continue
        if value.type.base not in (wanted.base, "int" if wanted.base == "real" else wanted.base):
            check.wrong_base(value, wanted.base)
            return None
        if len(wanted.shape) != len(value.type.shape):
            check.reports.add(
                "D229", value.span, name=name, function=node.function.name,
                wanted=shape_text(wanted.shape), found=shape_text(value.type.shape), why="",
            )  # fmt: skip
            return None
        for axis, pair in enumerate(zip(wanted.shape, value.type.shape, strict=True)):
            equations.append(pair)
            places.append((name, wanted, value, axis))
    known, clashes = bind(equations)
    for clash in clashes[:1]:
        name, wanted, value, axis = places[clash.index]
        pattern, found = equations[clash.index][0], check.origins.axis(value, axis)
        why = f": {pattern} is {clash.wanted}, not {found}" if clash.wanted is not None else ""
        check.reports.add(
            "D229", value.span, name=name, function=node.function.name,
            wanted=shape_text(wanted.shape), found=shape_text(value.type.shape), why=why,
        )  # fmt: skip
        return None
    return known


def with_dims(type_: ir.Type, known: Mapping[str, Dim]) -> ir.Type:
    """The type with its dimension names replaced by what the arguments gave."""
    return ir.Type(type_.base, tuple(dim.substitute(known) for dim in type_.shape))
