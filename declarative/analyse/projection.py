"""Reads a minimisation; gives the known projection or proximal map that it is, however it is spelt.

The objective becomes a sum of few functions of the entries (entries.py), the constraints a known set
(regions.py); both are matched modulo scale, shift and sign against the table `PROXES`. Labelled
constraints are left to engines with multipliers.
"""

from __future__ import annotations

from dataclasses import dataclass

from declarative.analyse.entries import LINE, SQUARE, UNIT, X_LOG_X, Basis, Entries, Form, Sum
from declarative.analyse.facts import Projection
from declarative.analyse.linear import Linear
from declarative.analyse.products import over, times
from declarative.analyse.regions import INF, Bounds, Plane, Region, Regions, region
from declarative.analyse.signs import Signs
from declarative.analyse.structure import Structure
from declarative.analyse.terms import ONE, ZERO, is_zero, neg, stretch, sub
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Bound,
    Const,
    Dual,
    Expr,
    Index,
    Minimize,
    Problem,
    Reduce,
    Size,
    Slice,
    Unknown,
)
from declarative.walk import constant as number

TWO = Const(2.0)


@dataclass(frozen=True)
class Objective:
    """What is minimised, up to scale and constant, moved by `shift`.

    | kind | |
    |---|---|
    | quadratic | 1/2 ||x - point||^2 |
    | weighted | 1/2 sum(weights * (x - point)^2) |
    | absolute | quadratic or weighted, + sum(weights * threshold * abs(x)) |
    | grouped | quadratic + threshold * the sum of the norms of `rows` rows |
    | nuclear | quadratic + threshold * the sum of the singular values |
    | entropic | sum(x * log(x)) - point' @ x |
    | linear | -point' @ x |
    """

    kind: str
    point: Expr
    weights: Expr = ONE
    threshold: Expr = ZERO
    rows: Expr = ONE
    shift: Expr = ZERO


@dataclass(frozen=True)
class Prox:
    """One known map: the objective, the sets and the name of its formula, that of the set if none is given."""

    kind: str
    sets: frozenset[str]
    name: str = ""


ENTRYWISE = frozenset({"free", "nonneg", "box"})
PLANAR = frozenset({"knapsack", "budget"})
ROUND = frozenset({"ball", "ball_1", "sphere", "soc", "psd", "monotone"})
FLAT = frozenset({"simplex", "hyperplane", "halfspace", "affine"})

PROXES = (
    Prox("quadratic", ENTRYWISE | PLANAR | ROUND | FLAT),
    Prox("weighted", ENTRYWISE | PLANAR),
    Prox("absolute", ENTRYWISE, "soft_threshold"),
    Prox("grouped", frozenset({"free"}), "group_threshold"),
    Prox("nuclear", frozenset({"free"}), "singular_threshold"),
    Prox("entropic", frozenset({"simplex"}), "softmax"),
    Prox("linear", frozenset({"ball"}), "sphere"),
)


def projection(problem: Problem, structure: Structure) -> Projection | None:
    statement = problem.statement
    if not isinstance(statement, Minimize) or len(problem.unknowns) != 1:
        return None
    labelled = any(constraint.label is not None for constraint in problem.constraints)
    if labelled or any(isinstance(output.value, Dual) for output in problem.outputs):
        return None
    variable = problem.unknowns[0]
    x = Unknown(variable.name, variable.type)
    value = statement.value if statement.sense > 0 else neg(statement.value)
    objective = _objective(value, x, structure)
    pieces = Regions(x, structure).pieces(variable, problem.constraints) if objective is not None else None
    if objective is None or pieces is None:
        return None
    found = region(pieces)
    if isinstance(found, tuple):
        weights = objective.weights if objective.kind == "weighted" else ONE
        found = planar(*found, objective.kind, weights, x)
    return None if found is None else _matched(objective, found, x)


def _matched(objective: Objective, known: Region, x: Unknown) -> Projection | None:
    for prox in PROXES:
        if prox.kind == objective.kind and known.name in prox.sets:
            break
    else:
        return None
    shift = objective.shift if is_zero(known.shift) else known.shift
    args = known.args
    match objective.kind:
        case "absolute":
            args = (objective.threshold, *(sub(end, shift) for end in _ends(known)))
        case "grouped" | "nuclear":
            args = (objective.threshold, objective.rows)
        case "linear":
            shift = known.shift
    point = objective.point if prox.kind in ("entropic", "linear") else sub(objective.point, shift)
    point = stretch(point, x.type.shape)
    return Projection(prox.name or known.name, point, args, None if is_zero(shift) else shift)


def _ends(known: Region) -> tuple[Expr, ...]:
    return {"free": (), "nonneg": (ZERO, Const(INF))}.get(known.name, known.args)


# ---- the objective -------------------------------------------------------------------------------


def _objective(value: Expr, x: Unknown, structure: Structure) -> Objective | None:
    signs = structure.curvature.signs
    found = Entries(x, signs).sum(value, Linear(structure))
    form = {basis: c for basis, c in found.form.items() if basis != UNIT}
    kinks = [basis for basis in form if basis.kink is not None]
    slope = form.get(LINE, ZERO)
    if not kinks and form.keys() <= {SQUARE, LINE} and signs.positive(form.get(SQUARE, ZERO)):
        return _quadratic(form, found, x, signs)
    if found.rest:
        return None
    if len(kinks) == 1:
        return _absolute(form, kinks[0], signs)
    if form.keys() == {LINE}:
        return Objective("linear", neg(slope))
    scale = form.get(X_LOG_X, ZERO)
    if form.keys() <= {X_LOG_X, LINE} and not scale.type.shape and signs.positive(scale):
        return Objective("entropic", neg(over(slope, scale)))
    return None


def _quadratic(form: Form, found: Sum, x: Unknown, signs: Signs) -> Objective | None:
    twice = times(TWO, form[SQUARE])
    point = neg(over(form.get(LINE, ZERO), twice))
    if not found.rest:
        return Objective("weighted" if twice.type.shape else "quadratic", point, twice)
    if len(found.rest) != 1 or twice.type.shape:
        return None
    term = found.rest[0]
    norm = norm_of(term.core, x)
    if norm is None or not signs.nonneg(term.coefficient):
        return None
    kind, rows = norm
    return Objective(kind, point, twice, over(term.coefficient, twice), rows)


def _absolute(form: Form, kink: Basis, signs: Signs) -> Objective | None:
    square, weight = form.get(SQUARE, ZERO), form[kink]
    if not form.keys() <= {SQUARE, LINE, kink} or not signs.positive(square) or not signs.nonneg(weight):
        return None
    assert kink.kink is not None
    twice = times(TWO, square)
    point = neg(over(form.get(LINE, ZERO), twice))
    return Objective("absolute", point, twice, over(weight, twice), shift=kink.kink)


def norm_of(core: Expr, x: Unknown) -> tuple[str, Expr] | None:
    """The norm of x, the sum of the norms of its rows, or of its singular values; and into how many rows x goes."""
    match core:
        case Apply(atom="norm2", args=(inner,)) if inner == x:
            return "grouped", Size(Dim.of(1))
        case Apply(atom="norm_nuc", args=(inner,)) if inner == x:
            return "nuclear", Size(x.type.shape[0])
        case Reduce(op="sum", body=Apply(atom="norm2", args=(Index(array=array, items=items),)), where=None):
            if array != x or len(core.binders) != 1:
                return None
            (binder,), rows = core.binders, x.type.shape[0]
            whole = binder.first == Dim.of(0) and binder.last == rows
            rest = zip(items[1:], x.type.shape[1:], strict=False)
            if whole and items[0] == Bound(binder.name) and all(i == Slice(Dim.of(0), d) for i, d in rest):
                return "grouped", Size(rows)
    return None


# ---- sets with a plane ---------------------------------------------------------------------------


def planar(bounds: Bounds, plane: Plane, kind: str, weights: Expr, x: Unknown) -> Region | None:
    """The simplex, a plane or a half-space alone, or bounds with a plane, entry by entry weighted."""
    normal, level = plane.normal, plane.level
    uniform = not normal.type.shape and number(normal) != 0
    radius = over(level, normal) if uniform else ZERO
    idle = (number(bounds.upper) or 0.0) >= (number(radius) or INF)  # no entry exceeds the sum
    lowest = {0.0, -INF} if kind == "entropic" else {0.0}  # x log x is defined for x >= 0 alone
    nonneg = number(bounds.lower) in lowest and (number(bounds.upper) == INF or idle)
    if kind in ("quadratic", "entropic") and plane.equality and nonneg and uniform:
        return Region("simplex", () if number(radius) == 1 else (radius,))
    if kind == "quadratic" and bounds == Bounds():
        return Region("hyperplane" if plane.equality else "halfspace", (normal, level))
    name = "knapsack" if plane.equality else "budget"
    return Region(name, (bounds.lower, bounds.upper, stretch(normal, x.type.shape), level, weights))
