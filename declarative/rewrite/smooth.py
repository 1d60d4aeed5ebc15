"""Kinks and domains become constraints and auxiliaries; smooth convex functions stay as they are.

    norm1(x) <= c, max(...), ...      as in `epigraph`, whatever smooth functions stand beside them
    ||e|| <= c, x in ball(c), c > 0   ||e||^2 / (2 c) <= c / 2, which has the same multiplier
    log(e), entropy(e), ...           log(t), t == e       where e is affine, and no unknown itself
    0 <= x                            left out, without a label, where x must be positive anyway

What remains is smooth, and its domain is x > 0 for some of the unknowns: a Newton step then needs no
feasible start.
"""

from __future__ import annotations

from dataclasses import replace

from declarative.analyse import structure_of
from declarative.analyse.domain import arguments, certified, implied, limited
from declarative.analyse.structure import Structure
from declarative.analyse.terms import apply, div, mul
from declarative.ir import (
    Apply,
    Const,
    Constraint,
    Equality,
    Expr,
    Inequality,
    Membership,
    Minimize,
    Node,
    Problem,
    Set,
    Type,
    Unknown,
    Variable,
)
from declarative.rewrite import epigraph
from declarative.rewrite.spelling import isolated
from declarative.walk import free_bounds, names
from declarative.walk import rewrite as replaced

HALF = Const(0.5)


def lift(problem: Problem, structure: Structure) -> Problem | None:
    """The problem with smooth functions alone; None where there is nothing to do."""
    found = problem
    for rule in (_squared_balls, epigraph.lift_smooth, _open_domains):
        found = rule(found, structure if found is problem else structure_of(found)) or found
    return None if found is problem else found


# ---- balls -------------------------------------------------------------------------------------


def _squared_balls(problem: Problem, structure: Structure) -> Problem | None:
    unknowns, declared = [], []
    for variable in problem.unknowns:
        radius = _radius(variable.within, structure) if not variable.properties else None
        if radius is not None:
            declared.append(_ball(Unknown(variable.name, variable.type), radius))
        unknowns.append(variable if radius is None else replace(variable, within=None))
    constraints = [_squared_ball(constraint, structure) for constraint in problem.constraints]
    if not declared and tuple(constraints) == problem.constraints:
        return None
    return replace(problem, unknowns=tuple(unknowns), constraints=(*declared, *constraints))


def _squared_ball(constraint: Constraint, structure: Structure) -> Constraint:
    match constraint:
        case Inequality(left=left, right=right):
            found = isolated(left, right, structure)
            if found is None or found[1] < 0 or found[0].atom != "norm2":
                return constraint
            (inner,), radius = found[0].args, found[2]
            if not structure.constant(radius) or not structure.curvature.signs.positive(radius):
                return constraint
            ball = _ball(inner, radius)
            return replace(constraint, left=ball.left, right=ball.right)
        case Membership(member=member, within=within, label=None):
            radius_of = _radius(within, structure)
            return constraint if radius_of is None else _ball(member, radius_of)
        case _:
            return constraint


def _radius(within: Set | None, structure: Structure) -> Expr | None:
    if within is None or within.name != "ball" or len(within.args) != 1:
        return None
    radius = within.args[0]
    positive = structure.constant(radius) and structure.curvature.signs.positive(radius)
    return radius if positive and not radius.type.shape else None


def _ball(inner: Expr, radius: Expr) -> Inequality:
    left = mul(HALF, div(apply("sum_squares", inner), radius))
    return Inequality(left, mul(HALF, radius), span=inner.span)


# ---- domains -----------------------------------------------------------------------------------


def _open_domains(problem: Problem, structure: Structure) -> Problem | None:
    """Each argument that must be positive is an unknown, and no constraint says again that it is."""
    found = arguments(problem, structure)
    if not found or not isinstance(problem.statement, Minimize):
        return None
    lifted = [one for one in found if not isinstance(one, Unknown)]
    if any(free_bounds(one) or not structure.curvature.affine(one) for one in lifted):
        return None
    known: dict[Expr, Unknown] = {}
    taken = {*names(problem), *problem.dims}
    for one in lifted:
        if one not in known:
            name = next(f"d{i}" for i in range(1, len(taken) + 2) if f"d{i}" not in taken)
            taken.add(name)
            known[one] = Unknown(name, Type("real", one.type.shape))

    def opened(node: Node) -> Node:
        if not isinstance(node, Apply) or structure.constant(node):
            return node
        places = limited(node, structure) or ()
        return replace(
            node, args=tuple(known.get(a, a) if i in places else a for i, a in enumerate(node.args))
        )

    statement = replaced(problem.statement, opened)
    positive = frozenset(one.name for one in found if isinstance(one, Unknown))
    kept = [c for c in problem.constraints if not implied(c, positive)]
    if not known and len(kept) == len(problem.constraints):
        return None
    rows = [Equality(unknown, one) for one, unknown in known.items()]
    auxiliaries = [Variable(u.name, u.type, doc="auxiliary of a rewrite") for u in known.values()]
    constraints = (*(replaced(c, opened) for c in kept), *rows)
    unknowns = (*problem.unknowns, *auxiliaries)
    changed = replace(problem, statement=statement, unknowns=unknowns, constraints=constraints)
    # Disciplined rules may ask for the sign that a bound promised.
    return changed if certified(changed, structure_of(changed)) else None
