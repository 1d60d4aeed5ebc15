"""Which matrices given to a problem are seen only as factors of products: those may stay sparse."""

from __future__ import annotations

from declarative import ir
from declarative.walk import children


def factors(problem: ir.Problem) -> frozenset[str]:
    """Parameters [m, n] that stand, perhaps transposed or times a number, in products with vectors only."""
    given = {p.name for p in problem.params if len(p.type.shape) == 2 and "static" not in p.properties}
    return frozenset(given - _others(problem, frozenset(given)))


def _others(node: ir.Node, given: frozenset[str]) -> set[str]:
    """Names of those seen in any other place."""
    found: set[str] = set()
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for place, child in enumerate(children(current)):
            name = _matrix(child)
            if name not in given:
                pending.append(child)
            elif not _factor(current, place):
                found.add(name)
    return found


def _matrix(node: ir.Node) -> str | None:
    """The parameter under transpositions, signs and numbers."""
    match node:
        case ir.Param(name=name) if len(node.type.shape) == 2:
            return name
        case ir.Apply(atom="transpose" | "neg", args=(inner,)):
            return _matrix(inner)
        case ir.Apply(atom="mul", args=(ir.Const() | ir.Param() as number, inner)) if not number.type.shape:
            return _matrix(inner)
    return None


def _factor(node: ir.Node, place: int) -> bool:
    """Whether what stands at this place of the node is multiplied by a vector."""
    match node:
        case ir.Apply(atom="matmul", args=args):
            return len(args[1 - place].type.shape) == 1
        case ir.Apply(atom="quad_form"):
            return place == 1
    return False
