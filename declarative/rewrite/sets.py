"""Properties and sets, declared or stated, become explicit affine constraints.

    find x in simplex          0 <= x, sum(x) == 1
    find x in box(lo, hi)      lo <= x, x <= hi           an infinite end gives nothing
    find x: nonneg real        0 <= x                     `positive` is closed to this as well
    find x in ball(r, inf)     -r <= x, x <= r
    find x in ball(r, 1)       norm1(x) <= r              which `epigraph` makes affine
    find x in monotone         0 <= diff(x)
    find X in birkhoff         0 <= X, row and column sums 1, less the one that the others imply

Cones, balls in other norms, symmetry and sets without convexity stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from declarative.analyse.structure import Structure
from declarative.analyse.terms import ONE, ZERO, apply, neg
from declarative.dims import Dim
from declarative.ir import (
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Membership,
    Problem,
    Set,
    Slice,
    Type,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

INF = float("inf")


def expand(problem: Problem, structure: Structure) -> Problem | None:
    """The problem with every polyhedral set spelt out; None if there is none."""
    unknowns, constraints = [], []
    for variable in problem.unknowns:
        kept, found = _declaration(variable)
        unknowns.append(kept)
        constraints.extend(found)
    changed = bool(constraints)
    for constraint in problem.constraints:
        stated = _stated(constraint)
        changed = changed or stated is not None
        constraints.extend([constraint] if stated is None else stated)
    if not changed:
        return None
    return replace(problem, unknowns=tuple(unknowns), constraints=tuple(constraints))


def _declaration(variable: Variable) -> tuple[Variable, list[Constraint]]:
    """The declaration without what became constraints."""
    x = Unknown(variable.name, variable.type, span=variable.span)
    found: list[Constraint] = []
    properties = set(variable.properties)
    for name in sorted(properties):
        if name in ("nonneg", "positive", "nonpos", "negative"):
            lower = name in ("nonneg", "positive")
            found.append(Inequality(ZERO, x, span=x.span) if lower else Inequality(x, ZERO, span=x.span))
            properties.discard(name)
    within = variable.within
    if within is not None:
        rows = polyhedron(x, within)
        if rows is not None:
            found.extend(rows)
            within = None
    return replace(variable, properties=frozenset(properties), within=within), found


def _stated(constraint: Constraint) -> list[Constraint] | None:
    """A membership as (in)equalities; a label keeps its one multiplier or stays as it is."""
    if not isinstance(constraint, Membership):
        return None
    rows = polyhedron(constraint.member, constraint.within)
    if rows is None or (constraint.label is not None and len(rows) != 1):
        return None
    return [
        replace(
            row,
            label=constraint.label,
            binders=constraint.binders,
            where=constraint.where,
            span=constraint.span,
        )
        for row in rows
    ]


def polyhedron(x: Expr, within: Set) -> list[Constraint] | None:
    """The (in)equalities of a polyhedral set."""
    span = within.span
    match within.name, within.args:
        case "nonneg", ():
            return [Inequality(ZERO, x, span=span)]
        case "unit_interval", ():
            return [Inequality(ZERO, x, span=span), Inequality(x, ONE, span=span)]
        case "box", (lower, upper):
            return list(_bounds(lower, x, upper))
        case "simplex", ():
            return [Inequality(ZERO, x, span=span), Equality(_sum_last(x), ONE, span=span)]
        case "ball", (radius, p) if number(p) == INF:
            return list(_bounds(neg(radius), x, radius))
        case "ball", (radius, p) if number(p) == 1:
            return [Inequality(apply("norm1", x, span=x.span), radius, span=span)]
        case "monotone", () if len(x.type.shape) == 1:
            return [Inequality(ZERO, apply("diff", x, span=x.span), span=span)]
        case "birkhoff", ():
            return list(_birkhoff(x, within))
        case _:
            return None


def _bounds(lower: Expr, x: Expr, upper: Expr) -> Iterator[Constraint]:
    if number(lower) != -INF:
        yield Inequality(lower, x, span=lower.span)
    if number(upper) != INF:
        yield Inequality(x, upper, span=upper.span)


def _sum_last(x: Expr) -> Expr:
    """Over the last axis: a simplex of a matrix is one of each row."""
    axes = len(x.type.shape)
    return apply("sum", x, span=x.span) if axes <= 1 else apply("sum", x, span=x.span, axis=axes - 1)


def _birkhoff(x: Expr, within: Set) -> Iterator[Constraint]:
    rows, span = x.type.shape[0], within.span
    yield Inequality(ZERO, x, span=span)
    yield Equality(apply("sum", x, span=x.span, axis=0), ONE, span=span)
    sums = apply("sum", x, span=x.span, axis=1)
    most = Index(sums, (Slice(Dim.of(0), rows - 1),), Type("real", (rows - 1,)), span=x.span)
    yield Equality(most, ONE, span=span)
