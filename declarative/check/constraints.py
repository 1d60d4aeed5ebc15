"""Constraints and facts: relations split into IR constraints, with labels, quantifiers and multipliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms import ATOMS, ShapeError
from declarative.atoms.shapes import shape_text
from declarative.check.indexing import check_ranges
from declarative.check.sets import lower_set
from declarative.errors import Fix, Span
from declarative.grammar import tree
from declarative.walk import contains, names, walk

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering

STRICT = {"<": "<=", ">": ">="}


def lower_constraints(
    check: Lowering, nodes: Sequence[tree.Constraint], labels: dict[str, Span]
) -> tuple[ir.Constraint, ...]:
    """The constraints in order; `labels` collects where each label stands."""
    found: list[ir.Constraint] = []
    for node in nodes:
        label = node.label
        if label is not None and label.name in labels:
            check.reports.add("D203", label.span, labels[label.name], name=label.name)
        elif label is not None:
            labels[label.name] = label.span
        found.extend(_constraint(check, node))
    return tuple(found)


def _constraint(check: Lowering, node: tree.Constraint) -> tuple[ir.Constraint, ...]:
    scope, binders = check.binders(node.binders)
    inside = check.within(scope)
    where = inside.condition(node.where) if node.where is not None else None
    if where is not None and _reads_data(check, where):
        assert node.where is not None
        check.reports.add("D267", node.where.span)
        return ()
    parts = _relation(inside, node.relation)
    if parts is None or binders is None or (node.where is not None and where is None):
        return ()
    if node.label is not None and len(parts) > 1:
        check.reports.add("D257", node.label.span, label=node.label.name, parts=len(parts))
        return ()
    if not any(contains(part, (ir.Unknown, ir.AtTime)) for part in parts):
        check.reports.add("D268", node.relation.span)
        return ()
    if node.where is None:
        for part in parts:
            check_ranges(check, part, binders)
    label = node.label.name if node.label is not None else None
    return tuple(replace(part, label=label, binders=binders, where=where) for part in parts)


def _reads_data(check: Lowering, where: ir.Expr) -> bool:
    """Whether a filter looks at anything but indices, sizes and static givens."""
    entries = [check.scope.find(name) for name in names(where)]
    return any(entry is None or entry.kind != "given" for entry in entries) or any(
        isinstance(part, ir.Param) and part.name not in check.statics for part in walk(where)
    )


def lower_facts(check: Lowering, statements: Sequence[tree.Assume]) -> tuple[ir.Constraint, ...]:
    """What `assume` says of the parameters."""
    found: list[ir.Constraint] = []
    for node in (fact for statement in statements for fact in statement.facts):
        parts = _relation(check, node, strict=True)
        for part in parts or ():
            if contains(part, ir.Unknown):
                check.reports.add("D269", node.span)
                break
            found.append(part)
    return tuple(found)


def _relation(
    check: Lowering, node: tree.Compare | tree.Membership, strict: bool = False
) -> list[ir.Constraint] | None:
    """One constraint per sign of a chain; `strict` lets < pass as <=, which it implies."""
    if isinstance(node, tree.Membership):
        member = check.expr(node.member)
        if member is None:
            return None
        within = lower_set(check, node.within, member.type)
        return None if within is None else [ir.Membership(member, within, span=node.span)]
    operands = [check.expr(operand) for operand in node.operands]
    found: list[ir.Constraint] = []
    good = True
    for i, op in enumerate(node.ops):
        left, right = operands[i], operands[i + 1]
        sign = STRICT.get(op, op) if strict else op
        span = node.operands[i].span.to(node.operands[i + 1].span) if len(node.ops) > 1 else node.span
        if sign in STRICT:
            fix = _loosened(node.operands[i].span, node.operands[i + 1].span, op)
            check.reports.add("D108", span, fix=fix, sign=op)
            good = False
            continue
        if op == "!=" and strict:
            continue  # a fact that no analysis uses
        if op == "!=":
            check.reports.add("D106", span)
            good = False
            continue
        part = None if left is None or right is None else _pair(check, left, sign, right, span)
        good = good and part is not None
        if part is not None:
            found.append(part)
    return found if good else None


def _pair(check: Lowering, left: ir.Expr, op: str, right: ir.Expr, span: Span) -> ir.Constraint | None:
    if op in ("succeeds", "precedes"):
        return _order(check, *((left, right) if op == "succeeds" else (right, left)), span)
    if not check.number(left) or not check.number(right):
        return None
    try:
        ATOMS["sub"].shape((left.type.shape, right.type.shape), {})
    except ShapeError as error:
        check.shape_error(error, (left, right), span)
        return None
    if op == "==":
        return ir.Equality(left, right, span=span)
    return ir.Inequality(*((left, right) if op == "<=" else (right, left)), span=span)


def _order(check: Lowering, greater: ir.Expr, smaller: ir.Expr, span: Span) -> ir.Constraint | None:
    """Square matrices of one size; 0 stands for the zero matrix."""
    shapes = {side.type.shape for side in (greater, smaller)}
    zero = any(isinstance(side, ir.Const) and side.value == 0 for side in (greater, smaller))
    square = [shape for shape in shapes if len(shape) == 2 and shape[0] == shape[1]]
    if len(square) != 1 or len(shapes - {()}) != 1 or (() in shapes and not zero):
        left, right = (shape_text(side.type.shape) for side in (greater, smaller))
        check.reports.add("D272", span, left=left, right=right)
        return None
    return ir.Semidefinite(greater, smaller, span=span)


def _loosened(left: Span, right: Span, op: str) -> Fix | None:
    """The sign itself, found between its sides."""
    between = left.source.text[left.end : right.start]
    at = between.find(op)
    return Fix(Span(left.source, left.end + at, left.end + at + 1), STRICT[op]) if at >= 0 else None


def multiplier_type(constraint: ir.Constraint) -> ir.Type:
    """One number per index and entry; of a membership or an order, an array like its member."""
    leading = tuple(binder.last - binder.first for binder in constraint.binders)
    match constraint:
        case ir.Equality(left=a, right=b) | ir.Inequality(left=a, right=b):
            shape = ATOMS["sub"].shape((a.type.shape, b.type.shape), {})
        case ir.Membership(member=member):
            shape = member.type.shape
        case ir.Semidefinite(greater=a, smaller=b):
            shape = max(a.type.shape, b.type.shape, key=len)
    return ir.Type("real", leading + shape)
