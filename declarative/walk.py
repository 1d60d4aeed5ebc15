"""The only generic recursion over the IR: children, walks, rewrites that keep sharing, free names.

A nested problem (`SubProblem.problem`) is a world of its own: no function here enters it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar

from declarative import ir
from declarative.dims import Dim

N = TypeVar("N", bound=ir.Node)


@cache
def _parts(kind: Any) -> tuple[str, ...]:
    """The fields that may hold nodes."""
    plain = {"span", "type", "name", "doc", "problem"}
    return tuple(field.name for field in fields(kind) if field.name not in plain)


def _nodes(value: object) -> Iterator[ir.Node]:
    if isinstance(value, ir.Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def children(node: ir.Node) -> Iterator[ir.Node]:
    """The nodes directly under this one, in order."""
    kind: Any = type(node)
    for name in _parts(kind):
        yield from _nodes(getattr(node, name))


def walk(node: ir.Node) -> Iterator[ir.Node]:
    """The node and all below it, parents first, each object once."""
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            pending.extend(reversed(tuple(children(current))))


def bottom_up(node: ir.Node) -> list[ir.Node]:
    """All nodes, each object once and after all below it."""
    order: list[ir.Node] = []
    done: set[int] = set()
    pending: list[tuple[ir.Node, bool]] = [(node, False)]
    while pending:
        current, ready = pending.pop()
        if id(current) in done:
            continue
        if ready:
            done.add(id(current))
            order.append(current)
        else:
            pending.append((current, True))
            pending.extend((child, False) for child in reversed(tuple(children(current))))
    return order


def rewrite(node: N, rule: Callable[[ir.Node], ir.Node]) -> N:
    """`rule` on every node from the leaves up; what does not change stays the same object, and what
    was shared stays shared."""
    made: dict[int, ir.Node] = {}
    for current in bottom_up(node):
        made[id(current)] = rule(_rebuilt(current, made))
    return made[id(node)]  # type: ignore[return-value]


def _rebuilt(node: ir.Node, made: Mapping[int, ir.Node]) -> ir.Node:
    changed: dict[str, object] = {}
    kind: Any = type(node)
    for name in _parts(kind):
        old = getattr(node, name)
        new = _replaced(old, made)
        if new is not old:
            changed[name] = new
    return replace(node, **changed) if changed else node  # type: ignore[arg-type]


def _replaced(value: object, made: Mapping[int, ir.Node]) -> object:
    if isinstance(value, ir.Node):
        return made[id(value)]
    if isinstance(value, tuple):
        items = tuple(_replaced(item, made) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def substitute(node: N, values: Mapping[str, ir.Expr]) -> N:
    """The node with parameters, unknowns and free index variables replaced by name."""

    def rule(current: ir.Node) -> ir.Node:
        if isinstance(current, (ir.Param, ir.Unknown, ir.Bound)):
            return values.get(current.name, current)
        return current

    return rewrite(node, rule)


def names(node: ir.Node) -> frozenset[str]:
    """The parameters and unknowns in it."""
    found = {part.name for part in walk(node) if isinstance(part, (ir.Param, ir.Unknown))}
    return frozenset(found | {part.unknown for part in walk(node) if isinstance(part, ir.AtTime)})


def free_bounds(node: ir.Node) -> frozenset[str]:
    """The index variables in it whose binder stands outside."""
    free: dict[int, frozenset[str]] = {}
    for current in bottom_up(node):
        inside = frozenset[str]().union(*(free[id(child)] for child in children(current)))
        if isinstance(current, ir.Bound):
            inside |= {current.name}
        if isinstance(current, (ir.Reduce, ir.Quantified)):
            inside -= {binder.name for binder in current.binders}
        free[id(current)] = inside
    return free[id(node)]


def extent(node: ir.Node) -> tuple[int, int]:
    """The longest way down, and the number of nodes if what is shared were written out."""
    found: dict[int, tuple[int, int]] = {}
    for current in bottom_up(node):
        below = [found[id(child)] for child in children(current)]
        found[id(current)] = 1 + max((d for d, _ in below), default=0), 1 + sum(size for _, size in below)
    return found[id(node)]


def contains(node: ir.Node, kind: type[ir.Node] | tuple[type[ir.Node], ...]) -> bool:
    return any(isinstance(part, kind) for part in walk(node))


def constant(expr: ir.Expr) -> float | None:
    """The number that a scalar of literals stands for, such as 1/2; None for anything else."""
    if isinstance(expr, ir.Const):
        return None if isinstance(expr.value, bool) else float(expr.value)
    if not isinstance(expr, ir.Apply) or expr.atom not in ("neg", "add", "sub", "mul", "div", "pow"):
        return None
    a = constant(expr.args[0])
    b = a if len(expr.args) == 1 else constant(expr.args[1])
    if a is None or b is None:
        return None
    try:
        match expr.atom:
            case "neg":
                return -a
            case "add":
                return a + b
            case "sub":
                return a - b
            case "mul":
                return a * b
            case "div":
                return a / b
            case _:
                power = a**b
                return power if isinstance(power, float) else None
    except (ZeroDivisionError, OverflowError):
        return None


# ---- sizes -------------------------------------------------------------------------------------


def sizes(node: ir.Node) -> frozenset[str]:
    """The names of dimensions in it: in types, sizes, slices, binders and settings."""
    found: set[str] = set()
    for part in walk(node):
        for field in fields(part):
            found.update(name for dim in _dims(getattr(part, field.name)) for name in dim.names)
    return frozenset(found)


def _dims(value: object) -> Iterator[Dim]:
    if isinstance(value, Dim):
        yield value
    elif isinstance(value, ir.Type):
        yield from value.shape
    elif isinstance(value, tuple):
        for item in value:
            if not isinstance(item, ir.Node):
                yield from _dims(item)


def with_sizes(node: N, known: Mapping[str, Dim]) -> N:
    """The node with dimension names replaced everywhere."""

    def changed(value: object) -> object:
        if isinstance(value, Dim):
            return value.substitute(known)
        if isinstance(value, ir.Type):
            shape = changed(value.shape)
            return value if shape is value.shape else replace(value, shape=shape)  # type: ignore[arg-type]
        if isinstance(value, tuple):
            items = tuple(changed(item) for item in value)
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value

    def rule(part: ir.Node) -> ir.Node:
        old = {field.name: getattr(part, field.name) for field in fields(part) if field.name != "span"}
        new = {key: changed(value) for key, value in old.items()}
        different = {key: value for key, value in new.items() if value is not old[key]}
        return replace(part, **different) if different else part  # type: ignore[arg-type]

    return rewrite(node, rule) if known else node
