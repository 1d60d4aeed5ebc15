"""Surface tree -> IR: names resolved, `def`s expanded, shapes and types checked. Never raises for a tree."""

from __future__ import annotations

from declarative import ir
from declarative.check.definitions import check_definitions
from declarative.check.library import Library, Loader, collect
from declarative.check.problem import ProblemOf, lower_problem
from declarative.check.reports import Reports
from declarative.errors import Diagnostic, Span
from declarative.grammar import tree
from declarative.walk import extent

DEEPEST, LARGEST = 100, 200_000
__all__ = ["Loader", "check"]


def check(file: tree.File, loader: Loader | None = None) -> tuple[dict[str, ir.Problem], list[Diagnostic]]:
    """The file's own problems that have no error, by name, and every finding in the order of the text."""
    reports = Reports()
    library = collect(file, loader, reports)
    known: dict[int, ir.Problem | None] = {}
    running: list[tree.Problem] = []

    def problem_of(node: tree.Problem, home: Library, called_at: Span | None) -> ir.Problem | None:
        """The lowered problem, each lowered once; a problem that calls itself is reported at the call."""
        if id(node) in known:
            return known[id(node)]
        if any(node is other for other in running):
            if called_at is not None:
                reports.add("D210", called_at, name=node.name.name)
            return None
        running.append(node)
        known[id(node)] = _lowered(node, home, reports, problem_of)
        running.pop()
        return known[id(node)]

    problems = {node.name.name: problem_of(node, library, None) for node in library.own}
    check_definitions(file, library, reports)
    source = file.items[0].span.source if file.items else None
    found = sorted(reports.found, key=lambda one: _place(one, source))
    return {name: problem for name, problem in problems.items() if problem is not None}, found


def _lowered(node: tree.Problem, home: Library, reports: Reports, problem_of: ProblemOf) -> ir.Problem | None:
    """The problem, unless it is nested more deeply or written out longer than later stages can follow."""
    try:
        problem = lower_problem(node, home, reports, problem_of)
        deep, size = extent(problem) if problem is not None else (0, 0)
    except RecursionError:
        problem, deep, size = None, DEEPEST + 1, 0
    if deep > DEEPEST or size > LARGEST:
        why = (
            f"nested more than {DEEPEST} levels deep" if deep > DEEPEST else f"more than {LARGEST} operations"
        )
        reports.add("D286", node.name.span, name=node.name.name, why=why)
        return None
    return problem


def _place(found: Diagnostic, own: object) -> tuple[bool, int]:
    """Findings of this file first, in the order of the text."""
    span = found.labels[0].span if found.labels else None
    return (span is None or span.source is not own, span.start if span is not None else 0)
