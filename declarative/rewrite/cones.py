"""Convex sets and properties that are no polyhedra become memberships in cones, of expressions.

    find x in soc, psd, exp_cone, power_cone(a)      x in that cone
    find x in ball(r)                                concat(r, x) in soc
    find x in ball(r, p)                             norm_p(x) <= r, which `epigraph` takes apart
    find X: psd, pd                                  X symmetric, X in psd  `pd` is closed to this as well
    find X: skew, diagonal                           X == -X', entries off the diagonal 0

A symmetric unknown stays one, and is stored by its triangle alone. Of each row for its entries one copy is kept,
so that the rows stay independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from declarative.analyse.terms import ZERO, apply, neg
from declarative.atoms.shapes import entries
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Binder,
    Bound,
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Membership,
    Set,
    Type,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

Fresh = Callable[[str], str]
PACKED = "packed"
"""The property of a symmetric unknown that is stored by its triangle."""
SYMMETRIC = frozenset({"symmetric", PACKED})
CONES = frozenset({"soc", "psd", "exp_cone", "power_cone"})


def declaration(variable: Variable, fresh: Fresh) -> tuple[Variable, list[Constraint]]:
    """The declaration without what became constraints."""
    x = Unknown(variable.name, variable.type, span=variable.span)
    properties, within = set(variable.properties), variable.within
    found: list[Constraint] = []
    definite = bool(properties & {"psd", "pd"}) or (within is not None and within.name == "psd")
    if "skew" in properties:
        found += [_mirrored(x, fresh), Equality(apply("diag", x), ZERO, span=x.span)]
    if "diagonal" in properties:
        found += [_empty(x, upper, fresh) for upper in (True, False)]
    if definite:
        found.append(Membership(x, Set("psd"), span=x.span))
    elif within is not None:
        rows = stated(Membership(x, within, span=variable.span))
        if rows is not None:
            found += rows
    if within is not None and (definite or found):
        within = None
    kept = properties - {"psd", "pd", "skew", "diagonal"}
    if definite or "symmetric" in properties:
        kept |= SYMMETRIC
    return replace(variable, properties=frozenset(kept), within=within), found


def stated(constraint: Membership) -> list[Constraint] | None:
    """A membership in cones or as an inequality; None for a set without either."""
    member, within = constraint.member, constraint.within
    if within.name in CONES:
        return [constraint]
    if within.name != "ball":
        return None
    radius, *rest = within.args
    p = number(rest[0]) if rest else 2.0
    if p is None:
        return None
    if p == 2:
        flat = apply("reshape", member, shape=(entries(member.type.shape),))
        arm = member if len(member.type.shape) == 1 else flat
        return [replace(constraint, member=apply("concat", radius, arm), within=Set("soc", span=within.span))]
    norm = apply("norm_p", member, span=member.span, p=p)
    same = {"label": constraint.label, "binders": constraint.binders, "where": constraint.where}
    return [Inequality(norm, radius, span=constraint.span, **same)]  # type: ignore[arg-type]


def triangle(constraint: Inequality, fresh: Fresh) -> Inequality:
    """An inequality between symmetric matrices, or a number and one, on the diagonal and above."""
    sides = constraint.left, constraint.right
    i, j, above = _above(next(side for side in sides if side.type.shape), fresh)
    left, right = (_entry(side, i, j) for side in sides)
    upper = replace(above, atom="less_equal")
    return replace(constraint, left=left, right=right, binders=(i, j), where=upper)


def _entry(x: Expr, row: Binder, column: Binder) -> Expr:
    if not x.type.shape:
        return x
    return Index(x, (Bound(row.name), Bound(column.name)), Type("real"))


def _above(x: Expr, fresh: Fresh) -> tuple[Binder, Binder, Apply]:
    """Both indices of a square matrix's entries above the diagonal, and the filter that says so."""
    first, second = (Binder(fresh(name), Dim.of(0), x.type.shape[0]) for name in ("i", "j"))
    return first, second, Apply("less", (Bound(first.name), Bound(second.name)), Type("bool"))


def _mirrored(x: Expr, fresh: Fresh) -> Constraint:
    """X[i, j] == -X[j, i] above the diagonal."""
    i, j, above = _above(x, fresh)
    return Equality(_entry(x, i, j), neg(_entry(x, j, i)), binders=(i, j), where=above, span=x.span)


def _empty(x: Expr, upper: bool, fresh: Fresh) -> Constraint:
    """X[i, j] == 0 above or below the diagonal."""
    i, j, above = _above(x, fresh)
    entry = _entry(x, i, j) if upper else _entry(x, j, i)
    return Equality(entry, ZERO, binders=(i, j), where=above, span=x.span)
