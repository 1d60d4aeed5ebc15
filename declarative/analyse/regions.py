"""Reads what binds one unknown x, declared or stated; gives the known set that it is.

Constraints are normalised first (entries.py), then become pieces: bounds of the entries, one plane or
half-space, or a named set about a centre. A piece per constraint; `region` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from declarative.analyse.curvature import squared
from declarative.analyse.entries import LINE, UNIT, Entries, summand
from declarative.analyse.linear import Linear
from declarative.analyse.products import over
from declarative.analyse.squares import square_of
from declarative.analyse.structure import Structure
from declarative.analyse.terms import ONE, ZERO, add, apply, attr, is_zero, mul, neg, sub, terms
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Const,
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Membership,
    Semidefinite,
    Slice,
    Type,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

INF = float("inf")
LOWEST, HIGHEST = Const(-INF), Const(INF)


@dataclass(frozen=True)
class Bounds:
    """lower <= x <= upper, entry by entry; each a number or of x's shape, infinite where open."""

    lower: Expr = LOWEST
    upper: Expr = HIGHEST


@dataclass(frozen=True)
class Plane:
    """sum(normal * x) == level, or <= level; the normal is a number where it is the same everywhere."""

    normal: Expr
    level: Expr
    equality: bool


@dataclass(frozen=True)
class Region:
    """A known set by name, as in `Projection`, moved by `shift`."""

    name: str
    args: tuple[Expr, ...] = ()
    shift: Expr = ZERO


Piece = Bounds | Plane | Region
SYMMETRIC = Region("symmetric")


class Regions:
    """The pieces that bind one unknown."""

    def __init__(self, x: Unknown, structure: Structure):
        self.x, self.signs = x, structure.curvature.signs
        self.entries, self.linear = Entries(x, self.signs), Linear(structure)

    def pieces(self, variable: Variable, constraints: tuple[Constraint, ...]) -> list[Piece] | None:
        """None where something is no known piece."""
        found: list[Piece | None] = [*self._declared(variable)]
        for constraint in constraints:
            if constraint.binders or constraint.where is not None:
                return None
            found += self._stated(constraint)
        return None if None in found else [piece for piece in found if piece is not None]

    # ---- declarations and memberships -----------------------------------------------------------

    def _declared(self, variable: Variable) -> Iterator[Piece | None]:
        for name in sorted(variable.properties):
            match name:
                case "nonneg" | "positive":
                    yield Bounds(lower=ZERO)
                case "nonpos" | "negative":
                    yield Bounds(upper=ZERO)
                case "psd" | "pd":
                    yield Region("psd")
                case "symmetric":
                    yield SYMMETRIC
                case _:
                    yield None
        if variable.within is not None:
            yield from self._stated(Membership(self.x, variable.within))

    def _stated(self, constraint: Constraint) -> list[Piece | None]:
        match constraint:
            case Membership():
                return self._membership(constraint)
            case Semidefinite(greater=greater, smaller=smaller):
                line = self.entries.line(sub(greater, smaller))
                if line is None or line[0].type.shape or not self.signs.positive(line[0]):
                    return [None]
                return [Region("psd", (), neg(over(line[1], line[0])))]
            case Inequality(left=left, right=right):
                return [self._inequality(left, right)]
            case Equality(left=left, right=right):
                return [self._equality(left, right)]

    def _membership(self, constraint: Membership) -> list[Piece | None]:
        member, within = constraint.member, constraint.within
        if not all(map(self.signs.constant, within.args)):
            return [None]
        match within.name, within.args:
            case "nonneg", ():
                return [self._inequality(ZERO, member)]
            case "unit_interval", ():
                return [self._inequality(ZERO, member), self._inequality(member, ONE)]
            case "box", (lower, upper):
                ends = [self._inequality(lower, member)] if number(lower) != -INF else []
                return [*ends, self._inequality(member, upper)] if number(upper) != INF else ends
            case "ball", (radius, *rest):
                norms = {1.0: "norm1", 2.0: "norm2", INF: "norm_inf"}
                norm = norms.get((number(rest[0]) if rest else 2.0) or 0.0)
                return [None if norm is None else self._inequality(apply(norm, member), radius)]
            case "sphere", ():
                return [self._equality(apply("norm2", member), ONE)]
            case "simplex", () if member == self.x:
                return [Bounds(lower=ZERO), Plane(ONE, ONE, equality=True)]
            case ("soc" | "psd" | "monotone") as name, () if member == self.x:
                return [Region(name)]
            case _:
                return [None]

    # ---- inequalities ---------------------------------------------------------------------------

    def _inequality(self, left: Expr, right: Expr) -> Piece | None:
        """left <= right."""
        cone = self._cone(left, right)
        if cone is not None:
            return cone
        if self.signs.constant(right):
            left = _largest_entry(left)
        elif self.signs.constant(left):
            right = _smallest_entry(right)
        gap = sub(left, right)
        if gap.type.shape == self.x.type.shape:
            bounds = self._bounds(gap)
            if bounds is not None or gap.type.shape:
                return bounds
        if gap.type.shape:
            return None
        return self._plane(gap, equality=False) or self._round(gap, "ball")

    def _bounds(self, gap: Expr) -> Bounds | None:
        """gap <= 0 in every entry."""
        form = dict(self.entries(gap) or {})
        level = neg(form.pop(UNIT, ZERO))
        if len(form) != 1:
            return None
        ((basis, slope),) = form.items()
        if basis == LINE and self.signs.positive(slope):
            return Bounds(upper=over(level, slope))
        if basis == LINE and self.signs.positive(neg(slope)):
            return Bounds(lower=neg(over(level, neg(slope))))
        if basis.kink is not None and self.signs.positive(slope):
            radius = over(level, slope)
            return Bounds(sub(basis.kink, radius), add(basis.kink, radius))
        return None

    def _plane(self, gap: Expr, equality: bool) -> Plane | None:
        """gap <= 0 or gap == 0 for a sum over all entries of multiples of them."""
        found = self.entries.sum(gap, self.linear)
        if found.rest or found.form.keys() != {LINE}:
            return None
        return Plane(found.form[LINE], neg(found.constant), equality)

    def _round(self, gap: Expr, name: str) -> Region | None:
        """w * ||a x + c|| <= level, or of the square of the norm; == for the sphere."""
        level, moving = ZERO, []
        for term in terms(gap, self.signs.constant):
            if self.signs.constant(term.core):
                level = sub(level, mul(term.coefficient, term.core))
            else:
                moving.append(term)
        if len(moving) != 1 or not self.signs.positive(moving[0].coefficient):
            return None
        core, level = moving[0].core, over(level, moving[0].coefficient)
        match core, summand(core, self.signs):
            case Apply(atom="norm2", args=(base,)), _:
                return self._about(base, level, name)
            case _, Apply(atom="abs", args=(base,)) if name == "ball":
                return self._about(base, level, "ball_1")
        square, radius = square_of(core), self._root(level)
        return None if square is None or radius is None else self._about(square, radius, name)

    def _about(self, base: Expr, radius: Expr, name: str) -> Region | None:
        """The x whose a * x + c has a norm of at most the radius."""
        line = self.entries.line(base)
        if line is None or line[0].type.shape or base.type.shape != self.x.type.shape:
            return None
        slope, offset = line
        if self.signs.positive(neg(slope)):
            slope, offset = neg(slope), neg(offset)
        if not self.signs.positive(slope) or (name == "sphere" and not self.signs.positive(radius)):
            return None
        return Region(name, (over(radius, slope),), neg(over(offset, slope)))

    def _root(self, expr: Expr) -> Expr | None:
        """The nonnegative square root of a constant, where it is differentiable."""
        value = number(expr)
        if value is not None:
            return Const(value**0.5) if value >= 0 else None
        base = squared(expr)
        if base is not None and self.signs.nonneg(base):
            return base
        return apply("sqrt", expr) if self.signs.positive(expr) else None

    # ---- cones ----------------------------------------------------------------------------------

    def _cone(self, left: Expr, right: Expr) -> Region | None:
        """||x[1:]|| <= x[0], or each entry at most the next one."""
        if len(self.x.type.shape) != 1:
            return None
        (size,) = self.x.type.shape
        rest, first = self._part(Dim.of(1), size), Index(self.x, (Const(0, Type("int")),), Type())
        match left, right:
            case Apply(atom="norm2", args=(inner,)), _ if inner == rest and right == first:
                return Region("soc")
        head, tail = self._part(Dim.of(0), size - 1), rest
        steps = (apply("diff", self.x), apply("sub", tail, head))
        falls = (neg(steps[0]), apply("sub", head, tail))
        rising = (left, right) == (head, tail) or (is_zero(left) and right in steps)
        return Region("monotone") if rising or (is_zero(right) and left in falls) else None

    def _part(self, lower: Dim, upper: Dim) -> Expr:
        return Index(self.x, (Slice(lower, upper),), Type("real", (upper - lower,)))

    # ---- equalities -----------------------------------------------------------------------------

    def _equality(self, left: Expr, right: Expr) -> Piece | None:
        affine = self._affine(left, right) or self._affine(right, left)
        if affine is not None:
            return affine
        gap = sub(left, right)
        if gap.type.shape:
            return None
        return (
            self._plane(gap, equality=True) or self._round(gap, "sphere") or self._round(neg(gap), "sphere")
        )

    def _affine(self, left: Expr, right: Expr) -> Region | None:
        match left:
            case Apply(atom="matmul", args=(matrix, inner)) if inner == self.x:
                full = len(matrix.type.shape) == 2 and len(inner.type.shape) == 1
                fits = full and right.type.shape == left.type.shape
                constant = self.signs.constant(matrix) and self.signs.constant(right)
                return Region("affine", (matrix, right)) if fits and constant else None
            case _:
                return None


def _largest_entry(expr: Expr) -> Expr:
    """An array whose largest entry the number `expr` is, if it is spelt so."""
    match expr:
        case Apply(atom="max", args=(inner,)) if attr(expr, "axis") is None:
            return inner
        case Apply(atom="norm_inf", args=(inner,)):
            return apply("abs", inner)
        case _:
            return expr


def _smallest_entry(expr: Expr) -> Expr:
    match expr:
        case Apply(atom="min", args=(inner,)) if attr(expr, "axis") is None:
            return inner
        case _:
            return expr


# ---- pieces together -----------------------------------------------------------------------------


def region(pieces: list[Piece]) -> Region | tuple[Bounds, Plane] | None:
    """The intersection, where it is known: a named set, or bounds with one plane."""
    pieces = list(dict.fromkeys(pieces))
    named = [piece for piece in pieces if isinstance(piece, Region) and piece != SYMMETRIC]
    planes = [piece for piece in pieces if isinstance(piece, Plane)]
    bounds = bounds_of(pieces)
    symmetric = SYMMETRIC in pieces
    if bounds is None or len(named) > 1 or len(planes) > 1:
        return None
    if named:
        alone = bounds == Bounds() and not planes and (not symmetric or named[0].name == "psd")
        return named[0] if alone else None
    if symmetric:
        return None
    return (bounds, planes[0]) if planes else boxed(bounds)


def boxed(bounds: Bounds) -> Region:
    if bounds == Bounds():
        return Region("free")
    if number(bounds.lower) == 0 and number(bounds.upper) == INF:
        return Region("nonneg")
    return Region("box", (bounds.lower, bounds.upper))


def bounds_of(pieces: list[Piece]) -> Bounds | None:
    """All bounds as one; None where two of a side cannot be compared."""
    lower: Expr | None = LOWEST
    upper: Expr | None = HIGHEST
    for piece in pieces:
        if isinstance(piece, Bounds):
            lower = _tighter(lower, piece.lower, max)
            upper = _tighter(upper, piece.upper, min)
            if lower is None or upper is None:
                return None
    return None if lower is None or upper is None else Bounds(lower, upper)


def _tighter(a: Expr | None, b: Expr, choose: Callable[[float, float], float]) -> Expr | None:
    """Where one is open the other; otherwise both must be numbers, or the same."""
    if a is None:
        return None
    p, q = number(a), number(b)
    if p is not None and q is not None:
        return a if choose(p, q) == p else b
    if a == b or (q is not None and abs(q) == INF):
        return a
    return b if p is not None and abs(p) == INF else None
