"""Statements of a traced function -> the same with repeated expressions named by `let`.

A Python variable used twice is one node with two parents; written out as a tree, a loop of such would double at
every turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from declarative.errors import DeclError, diagnostic
from declarative.grammar import tree
from declarative.grammar.parse import MOST_LEVELS
from declarative.grammar.trace import Trace

_EXPRESSIONS = (tree.Unary, tree.Binary, tree.Norm, tree.Index, tree.Call, tree.Comprehension, tree.IfElse)


def name_shared(statements: tuple[tree.Statement, ...], trace: Trace) -> tuple[tree.Statement, ...]:
    """Bindings for the expressions with several parents, each before its first use."""
    order = _postorder(statements)
    _check_depth(order)
    shared = _shared(order)
    if not shared:
        return statements
    done: dict[int, tree.Node] = {}
    bindings: list[tree.Binding] = []
    own = {id(binding): binding for binding in trace.bindings}
    for node in order:
        rebuilt = _with(node, done)
        if id(node) in own and isinstance(rebuilt, tree.Binding):
            bindings.append(rebuilt)
        if id(node) in shared:
            name = tree.Name(trace.fresh("shared"), span=node.span)
            bindings.append(tree.Binding(name, rebuilt, span=node.span))  # type: ignore[arg-type]
            rebuilt = name
        done[id(node)] = rebuilt
    kept: list[Any] = [done[id(statement)] for statement in statements if not isinstance(statement, tree.Let)]
    after = sum(isinstance(statement, tree.Given | tree.Find) for statement in kept)
    let = tree.Let(tuple(bindings), span=bindings[0].span)
    return (*kept[:after], let, *kept[after:])


def _postorder(statements: Iterable[tree.Node]) -> list[tree.Node]:
    """Every node once, children before parents, `let` bindings first; without recursion."""
    order: list[tree.Node] = []
    seen: set[int] = set()
    first = sorted(statements, key=lambda statement: not isinstance(statement, tree.Let))
    stack = [(statement, False) for statement in reversed(first)]
    while stack:
        node, opened = stack.pop()
        if opened:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(child, False) for child in reversed(list(tree.children(node)))]
    return order


def _check_depth(order: list[tree.Node]) -> None:
    depth: dict[int, int] = {}
    for node in order:
        depth[id(node)] = 1 + max((depth[id(child)] for child in tree.children(node)), default=0)
        if depth[id(node)] > MOST_LEVELS:
            raise DeclError([diagnostic("D120", node.span, limit=MOST_LEVELS)])


def _shared(order: list[tree.Node]) -> set[int]:
    """Expressions of some size with several parents, and with no index of a comprehension in them."""
    parents = Counter(id(child) for node in order for child in tree.children(node))
    indices = {node.name.name for node in order if isinstance(node, tree.Binder)}
    free: dict[int, frozenset[str]] = {}
    for node in order:
        names = frozenset().union(*(free[id(child)] for child in tree.children(node)))
        if isinstance(node, tree.Name):
            names = frozenset({node.name}) & indices
        if isinstance(node, tree.Comprehension):
            names -= {binder.name.name for binder in node.binders}
        free[id(node)] = names
    return {
        id(node)
        for node in order
        if parents[id(node)] > 1
        and isinstance(node, _EXPRESSIONS)
        and not free[id(node)]
        and not _is_light(node)
    }


def _is_light(node: tree.Node) -> bool:
    """Names, numbers, entries and signs of them: shorter than a name for them would be."""
    while isinstance(node, tree.Unary | tree.Index):
        node = node.operand if isinstance(node, tree.Unary) else node.array
    return isinstance(node, tree.Name | tree.Number) or (
        isinstance(node, tree.Call) and node.function.name == "dual"
    )


def _with(node: tree.Node, done: dict[int, tree.Node]) -> tree.Node:
    """The node with its children as they were rebuilt."""
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tree.Node):
            changed[field.name] = done[id(value)]
        elif isinstance(value, tuple):
            changed[field.name] = tuple(done[id(v)] if isinstance(v, tree.Node) else v for v in value)
    new = {key: value for key, value in changed.items() if value is not getattr(node, key)}
    return replace(node, **new) if new else node
