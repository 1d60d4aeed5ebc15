"""Reads a minimisation; gives its smooth part, and beside it for each unknown a known proximal map or set.

    1/2 * ||X @ w + b - y||^2 + lam * ||w||_1      smooth: the first term;  w: soft_threshold(lam),  b: free

Terms that are not differentiable must each be a known function of one unknown, and a constraint must bind
one unknown only (regions.py). Labelled constraints are left to engines with multipliers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from declarative.analyse.entries import LINE, SQUARE, UNIT, Basis, Entries, Form, summand
from declarative.analyse.facts import Composite, Part
from declarative.analyse.linear import Linear
from declarative.analyse.projection import norm_of, planar
from declarative.analyse.regions import INF, Region, Regions, region
from declarative.analyse.structure import Structure
from declarative.analyse.terms import ONE, ZERO, Term, add, apply, is_zero, mul, sub, terms, total
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Bound,
    Const,
    Constraint,
    Dual,
    Expr,
    Index,
    Minimize,
    Problem,
    Reduce,
    Slice,
    Type,
    Unknown,
    Variable,
)
from declarative.walk import free_bounds, walk

FREE = Region("free")
BOUNDS = frozenset({"free", "nonneg", "box"})
NORMS = {"grouped": "group_threshold", "nuclear": "singular_threshold"}


@dataclass
class _Beside:
    """What is not smooth in one unknown: sums of weights * abs(x - kink), or one norm."""

    weights: Expr = ZERO
    kink: Expr | None = None
    norm: Part | None = None

    def absolute(self, kink: Expr, weights: Expr) -> bool:
        if self.norm is not None or self.kink not in (None, kink):
            return False
        self.kink, self.weights = kink, add(self.weights, weights)
        return True

    def named(self, part: Part) -> bool:
        if self.norm is not None or self.kink is not None:
            return False
        self.norm = part
        return True


@dataclass
class _Reading:
    structure: Structure
    beside: dict[str, _Beside]
    smooth: list[Expr] = field(default_factory=list)


def composite(problem: Problem, structure: Structure) -> Composite | None:
    """None where a term or a constraint is of another kind, or nothing stands beside the smooth part."""
    statement = problem.statement
    labelled = any(constraint.label is not None for constraint in problem.constraints)
    if not isinstance(statement, Minimize) or labelled:
        return None
    if any(isinstance(output.value, Dual) for output in problem.outputs):
        return None
    reading = _Reading(structure, {variable.name: _Beside() for variable in problem.unknowns})
    for term in terms(statement.value, structure.constant, statement.sense):
        if not structure.constant(term.core) and not _read(term, problem, reading):
            return None
    parts = _parts(problem, reading)
    smooth = total(reading.smooth)
    degree = structure.degree(smooth)
    if parts is None or all(part.name == "free" for part in parts) or (degree is not None and degree < 2):
        return None
    return Composite(smooth, parts, degree == 2, structure.smooth(smooth))


# ---- terms -----------------------------------------------------------------------------------------


def _read(term: Term, problem: Problem, reading: _Reading) -> bool:
    structure = reading.structure
    if structure.differentiable(term.core):
        reading.smooth.append(mul(term.coefficient, term.core))
        return True
    x = _alone(term.core, problem)
    if x is None:
        return False
    beside = reading.beside[x.name]
    if structure.curvature.signs.nonneg(term.coefficient):
        part = _norm(term, x, structure)
        if part is not None:
            return beside.named(part)
    return _kinked(term, x, beside, reading)


def _alone(node: Expr | Constraint, problem: Problem) -> Unknown | None:
    """The only unknown in it."""
    found = {part.name: part for part in walk(node) if isinstance(part, Unknown)}
    return next(iter(found.values())) if len(found) == 1 else None


def _norm(term: Term, x: Unknown, structure: Structure) -> Part | None:
    norm = norm_of(term.core, x)
    if norm is not None:
        return Part(NORMS[norm[0]], (term.coefficient, norm[1]))
    weighted = _weighted_rows(term.core, x, structure)
    if weighted is not None:
        return Part("group_threshold", (mul(term.coefficient, weighted[0]), weighted[1]))
    steps = summand(term.core, structure.curvature.signs)
    match steps:
        case Apply(atom="abs", args=(inner,)) if _differences(inner, x):
            return Part("fused_threshold", (term.coefficient,))
    return None


def _weighted_rows(core: Expr, x: Unknown, structure: Structure) -> tuple[Expr, Expr] | None:
    """(w, rows) of sum(w[i] * ||x[i, :]|| for i in rows), w a constant vector or number."""
    if not isinstance(core, Reduce) or len(core.binders) != 1:
        return None
    found, (binder,) = list(terms(core.body, structure.constant)), core.binders
    norm = norm_of(replace(core, body=found[0].core), x) if len(found) == 1 else None
    if norm is None or found[0].sign < 0:
        return None
    weight: Expr = ONE
    for factor in found[0].factors:
        match factor:
            case Index(array=weights, items=(Bound(name=name),)) if name == binder.name:
                if weights.type.shape != x.type.shape[:1]:
                    return None
                factor = weights
            case _ if binder.name in free_bounds(factor):
                return None
        weight = mul(weight, factor)
    return (weight, norm[1]) if structure.curvature.signs.nonneg(weight) else None


def _differences(expr: Expr, x: Unknown) -> bool:
    """The differences of neighbours in a vector, either way round."""
    if len(x.type.shape) != 1:
        return False
    (size,) = x.type.shape

    def part(lower: Dim, upper: Dim) -> Expr:
        return Index(x, (Slice(lower, upper),), Type("real", (upper - lower,)))

    head, tail = part(Dim.of(0), size - 1), part(Dim.of(1), size)
    return expr in (apply("diff", x), apply("sub", tail, head), apply("sub", head, tail)) or (
        isinstance(expr, Apply) and expr.atom == "neg" and _differences(expr.args[0], x)
    )


def _kinked(term: Term, x: Unknown, beside: _Beside, reading: _Reading) -> bool:
    """weights * abs(x - kink), summed, and what polynomials of the entries come with it."""
    signs = reading.structure.curvature.signs
    found = Entries(x, signs).sum(mul(term.coefficient, term.core), Linear(reading.structure))
    kinks = [basis for basis in found.form if basis.kink is not None]
    rest: Form = {basis: c for basis, c in found.form.items() if basis.kink is None and basis != UNIT}
    if found.rest or len(kinks) != 1 or not rest.keys() <= {LINE, SQUARE}:
        return False
    kink, weights = kinks[0].kink, found.form[kinks[0]]
    if kink is None or not signs.nonneg(weights):
        return False
    reading.smooth += [_summed(basis, c, x) for basis, c in rest.items()]
    return beside.absolute(kink, weights)


def _summed(basis: Basis, coefficient: Expr, x: Unknown) -> Expr:
    value = apply("square", x) if basis == SQUARE else x
    if not x.type.shape:
        return mul(coefficient, value)
    if coefficient.type.shape:
        return apply("sum", mul(coefficient, value))
    return mul(coefficient, apply("sum", value))


# ---- unknowns --------------------------------------------------------------------------------------


def _parts(problem: Problem, reading: _Reading) -> tuple[Part, ...] | None:
    owners = [_alone(constraint, problem) for constraint in problem.constraints]
    parts = []
    for variable in problem.unknowns:
        x = Unknown(variable.name, variable.type)
        own = tuple(c for c, owner in zip(problem.constraints, owners, strict=True) if owner == x)
        known = _region(x, variable, own, reading.structure)
        part = None if known is None else _joined(reading.beside[x.name], known, x)
        if part is None:
            return None
        parts.append(part)
    return None if None in owners else tuple(parts)


def _region(
    x: Unknown, variable: Variable, constraints: tuple[Constraint, ...], structure: Structure
) -> Region | None:
    pieces = Regions(x, structure).pieces(variable, constraints)
    found = None if pieces is None else region(pieces)
    return planar(*found, "quadratic", ONE, x) if isinstance(found, tuple) else found


def _joined(beside: _Beside, known: Region, x: Unknown) -> Part | None:
    if beside.norm is not None:
        return beside.norm if known == FREE else None
    if beside.kink is None:
        return Part(known.name, known.args, None if is_zero(known.shift) else known.shift)
    if known.name not in BOUNDS:
        return None
    ends = {"free": (), "nonneg": (ZERO, Const(INF))}.get(known.name, known.args)
    args = (beside.weights, *(sub(end, beside.kink) for end in ends))
    return Part("soft_threshold", args, None if is_zero(beside.kink) else beside.kink)
