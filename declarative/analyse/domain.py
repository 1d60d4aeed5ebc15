"""Reads a problem; gives the unknowns that must be positive for its functions to be defined.

The functions meant here have an infinite slope or value where their argument meets zero (log, entropy, 1 / x,
sqrt, ...), so that minimisers stay inside and no multiplier belongs to the border.
"""

from __future__ import annotations

from collections.abc import Iterator

from declarative.analyse.structure import Structure
from declarative.analyse.terms import is_zero
from declarative.atoms import ATOMS
from declarative.ir import Apply, Const, Constraint, Equality, Expr, Inequality, Minimize, Problem, Unknown
from declarative.walk import constant as number
from declarative.walk import substitute, walk

OPEN = frozenset({"nonneg", "positive"})


def bodies(problem: Problem) -> Iterator[Expr]:
    """The objective and both sides of all equalities and inequalities."""
    if isinstance(problem.statement, Minimize):
        yield problem.statement.value
    for constraint in problem.constraints:
        yield from sides(constraint)


def sides(constraint: Constraint) -> tuple[Expr, ...]:
    return (constraint.left, constraint.right) if isinstance(constraint, Equality | Inequality) else ()


def limited(expr: Apply, structure: Structure) -> tuple[int, ...] | None:
    """Which arguments must be positive; None where the domain, or what happens at its border, is another."""
    moving = [not structure.constant(arg) for arg in expr.args]
    match expr.atom:
        case "pow":
            power = number(expr.args[1])
            if not moving[0] or (power is not None and power >= 0 and power % 1 == 0):
                return ()
            return (0,) if power is not None and power < 1 else None
        case "div":
            return (1,) if moving[1] else ()
        case "log1p":
            return None
    kinds = ATOMS[expr.atom].domain
    asked = [i for i, kind in enumerate(kinds[: len(moving)]) if kind != "real" and moving[i]]
    return tuple(asked) if all(kinds[i] in OPEN for i in asked) else None


def arguments(problem: Problem, structure: Structure) -> tuple[Expr, ...] | None:
    """What must be positive; None where a domain is of another kind."""
    found: dict[int, Expr] = {}
    for body in bodies(problem):
        for node in walk(body):
            if isinstance(node, Apply) and not structure.constant(node):
                places = limited(node, structure)
                if places is None:
                    return None
                found |= {id(node.args[i]): node.args[i] for i in places}
    return tuple(found.values())


STARTS = (0.0, 1.0, 0.1, -1.0)
"""Constant vectors that engines which know of no domains try first."""


def outside(value: Expr, structure: Structure) -> bool:
    """Whether an argument may leave the domain of its function, whatever the signs of the unknowns and parameters, and
    no constant vector is surely inside."""
    signs, found = structure.curvature.signs, []
    for node in walk(value):
        if not isinstance(node, Apply) or structure.constant(node):
            continue
        places = limited(node, structure)
        if places is None:
            kinds = ("positive",) if node.atom == "pow" else ATOMS[node.atom].domain
            places = tuple(i for i, kind in enumerate(kinds) if kind not in ("real", "symmetric"))
        args = (node.args[i] for i in places if i < len(node.args))
        found += [arg for arg in args if not (structure.constant(arg) or signs.nonneg(arg))]
    unknowns = {part.name for arg in found for part in walk(arg) if isinstance(part, Unknown)}

    def inside(arg: Expr, start: float) -> bool:
        at = number(substitute(arg, dict.fromkeys(unknowns, Const(start))))
        return at is not None and at > 0

    return not any(all(inside(arg, start) for arg in found) for start in STARTS)


def total(value: Expr, structure: Structure) -> bool:
    """Whether it is defined for all values of the unknowns."""
    calls = (node for node in walk(value) if isinstance(node, Apply) and not structure.constant(node))
    return all(limited(call, structure) == () for call in calls)


def inside(problem: Problem, structure: Structure) -> frozenset[str] | None:
    """The unknowns that must be positive in all entries; None where something else must be so."""
    found = arguments(problem, structure)
    if found is None or not all(isinstance(one, Unknown) for one in found):
        return None
    return frozenset(one.name for one in found if isinstance(one, Unknown))


def implied(constraint: Constraint, inside: frozenset[str]) -> bool:
    """0 <= x, without a label, where x must be positive anyway: its multiplier would be zero."""
    match constraint:
        case Inequality(left=left, right=Unknown(name=name), label=None, where=None):
            return name in inside and is_zero(left)
        case _:
            return False


def certified(problem: Problem, structure: Structure) -> bool:
    """Whether disciplined rules show that a minimisation is convex."""
    statement, curvature = problem.statement, structure.curvature
    assert isinstance(statement, Minimize)
    right = curvature.convex if statement.sense > 0 else curvature.concave
    return right(statement.value) and all(map(structure.convex_constraint, problem.constraints))
