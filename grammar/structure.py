"""What a tree must hold beyond the grammar: strict inequalities, one goal a problem, something to find."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from declarative.errors import Diagnostic, Fix, Span, also, diagnostic
from declarative.grammar import tree

Goal = tree.Objective | tree.FixedPoint | tree.Root | tree.Saddle | tree.Equilibrium | tree.Ode


def check_constraints(statement: tree.Node) -> Iterator[Diagnostic]:
    """Strict inequalities and `!=` in what must hold; `assume` may state them."""
    pending = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, tree.Constraint) and isinstance(node.relation, tree.Compare):
            yield from _strict(node.relation)
        pending.extend(tree.children(node))


def _strict(relation: tree.Compare) -> Iterator[Diagnostic]:
    for left, right, op in zip(relation.operands, relation.operands[1:], relation.ops, strict=False):
        if op not in ("<", ">", "!="):
            continue
        between = Span(left.span.source, left.span.end, right.span.start)
        start = between.start + len(between.text) - len(between.text.lstrip())
        sign = Span(between.source, start, start + len(between.text.strip()))
        written = sign.text == op  # not so in a Python function, whose symbols know only whole comparisons
        if op == "!=":
            yield diagnostic("D106", sign if written else relation.span)
        else:
            fix = Fix(sign, op + "=") if written else None
            yield diagnostic("D108", sign if written else relation.span, fix=fix, sign=op)


def check_problem(problem: tree.Problem) -> Iterator[Diagnostic]:
    """One goal, at least one unknown, at most one `return`."""
    goals = [statement for statement in problem.statements if isinstance(statement, Goal)]
    if not any(isinstance(statement, tree.Find) for statement in problem.statements):
        yield diagnostic("D109", problem.name.span, problem=problem.name.name)
    if not goals:
        yield diagnostic("D110", problem.name.span, problem=problem.name.name)
    yield from _second(goals, "goal")
    yield from _second([s for s in problem.statements if isinstance(s, tree.Return)], "return")


def _second(statements: Sequence[tree.Node], what: str) -> Iterator[Diagnostic]:
    for extra in statements[1:]:
        first = also("D111", _first_line(statements[0].span))
        yield diagnostic("D111", _first_line(extra.span), first, what=what)


def _first_line(span: Span) -> Span:
    return Span(span.source, span.start, span.start + len(span.text.split("\n", 1)[0]))
