"""`def`s that no problem expands: their names are checked, their shapes cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from declarative.atoms import ATOMS, LATER
from declarative.check.expressions import CONSTANTS, REDUCTIONS
from declarative.check.library import Library
from declarative.check.reports import Reports, did_you_mean, nearest
from declarative.check.types import dimension_clues
from declarative.errors import Fix
from declarative.grammar import tree


def check_definitions(file: tree.File, library: Library, reports: Reports) -> None:
    for item in file.items:
        if isinstance(item, tree.Def):
            known = set(CONSTANTS)
            for parameter in item.parameters:
                if parameter.name.name in known:
                    reports.add("D203", parameter.name.span, name=parameter.name.name)
                known.add(parameter.name.name)
                if parameter.type is not None:
                    shape = parameter.type.shape or ()
                    known.update(clue.name for part in shape for clue in dimension_clues(part))
            _names(item.body, known, library, reports)


def _names(root: tree.Node, known: set[str], library: Library, reports: Reports) -> None:
    """Reports unknown names and functions below a node."""
    pending: list[tuple[tree.Node, frozenset[str]]] = [(root, frozenset(known))]
    functions = {*ATOMS, *LATER, *REDUCTIONS, *library.items, "argmin", "argmax", "dual"}
    while pending:
        node, scope = pending.pop()
        if isinstance(node, tree.Name):
            _look_up(node, scope, "D201", reports) if node.name not in functions else None
            continue
        if isinstance(node, tree.Call):
            _look_up(node.function, functions | scope, "D202", reports)
        if isinstance(node, tree.Comprehension):
            scope |= {binder.name.name for binder in node.binders}
        if isinstance(node, tree.Nested):
            scope |= {name.name for declaration in node.unknowns for name in declaration.names}
        pending.extend((child, scope) for child in _children(node))


def _look_up(node: tree.Name, known: set[str] | frozenset[str], code: str, reports: Reports) -> None:
    if node.name not in known:
        near = nearest(node.name, known)
        fix = Fix(node.span, near) if near else None
        reports.add(code, node.span, fix=fix, name=node.name, hint=did_you_mean(node.name, known))


def _children(node: tree.Node) -> Iterator[tree.Node]:
    """What is evaluated below a node: not the names that it declares or calls."""
    skipped = {"span", "function", "names", "label", "type", "within"}
    if isinstance(node, tree.Binder):
        skipped.add("name")
    for field in fields(node):
        value = getattr(node, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if field.name not in skipped and isinstance(part, tree.Node):
                yield part
