"""Piecewise-linear atoms in a convex position become affine, with auxiliary unknowns.

    abs(e)                  t     with  e <= t, -e <= t              norm1 is its sum
    norm_inf(e)             t     with  e <= t, -e <= t              one number t
    max, maximum, relu      t     with  each argument <= t           also max(... for i in n)
    hinge(e)                t     with  1 - e <= t, 0 <= t
    sum_largest(e, k)       k*q + sum(t)          with  e - q <= t, 0 <= t
    huber(e, d)             sum(m^2)/2 + d*t      with  e - m <= t, m - e <= t     in objectives alone
    abs(e) <= c             e <= c, -e <= c       without a label: no auxiliary is needed

and the mirror images of min and minimum where something is to be large. It is an equivalence because
each auxiliary bounds its atom from above and stands where less is better: at an optimum of the objective
it is tight, and in a constraint a feasible value exists just when the constraint holds. Where a
comprehension encloses the atom, its auxiliary gets an axis for every index it depends on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from declarative.analyse import structure_of
from declarative.analyse.curvature import squared
from declarative.analyse.domain import total
from declarative.analyse.structure import Structure, root_of_squares
from declarative.analyse.terms import ONE, ZERO, add, apply, attr, div, mul, neg, sub
from declarative.atoms import ATOMS, Monotone
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Binder,
    Const,
    Constraint,
    Expr,
    Index,
    Inequality,
    Membership,
    Minimize,
    Param,
    Problem,
    Reduce,
    Size,
    Type,
    Unknown,
    Variable,
)
from declarative.rewrite import arrays, cones, forms, sets
from declarative.rewrite.auxiliaries import Auxiliaries, Place, names
from declarative.rewrite.spelling import as_largest, isolated, pushed_in, spelt
from declarative.walk import constant as number
from declarative.walk import contains, walk

_MONOTONE = {"sum", "mean", "transpose", "reshape", "vec", "concat", "stack", "diag", "trace", "cumsum"}
HALF = Const(0.5)


class _Cannot(Exception):
    """Something in the problem is no polynomial of low degree and no piecewise-linear atom."""


def lift(problem: Problem, structure: Structure) -> Problem | None:
    """The problem with every piecewise-linear atom lifted; None if there is none, or another obstacle."""
    return _lifted(problem, structure)


def lift_smooth(problem: Problem, structure: Structure) -> Problem | None:
    """The same, where smooth convex functions may stay."""
    return _lifted(problem, structure, smooth=True)


def lift_cones(problem: Problem, structure: Structure) -> Problem | None:
    """The problem with every curved atom and every set lifted; None if there is none, or one without conic form."""
    return _lifted(problem, structure, cones=True)


def _lifted(
    problem: Problem,
    structure: Structure,
    cones: bool = False,
    quadratic: bool = True,
    smooth: bool = False,
) -> Problem | None:
    statement = problem.statement
    if not isinstance(statement, Minimize):
        return None
    lifting = _Lifting(structure, Auxiliaries(names(problem)), cones, smooth)
    try:
        unknowns, declared = lifting.declarations(problem.unknowns)
        value = lifting.relax(statement.value, statement.sense, Place(quadratic=quadratic))
        constraints = [row for c in (*declared, *problem.constraints) for row in lifting.constraint(c)]
    except _Cannot:
        return None
    if not lifting.changed and not lifting.new.unknowns:
        return None
    return replace(
        problem,
        statement=replace(statement, value=value),
        unknowns=(*unknowns, *lifting.new.unknowns),
        constraints=(*constraints, *lifting.new.rows),
    )


@cache
def _form(atom: str, text: str, cones: bool, quadratic: bool) -> Problem:
    """An atom's form, itself lifted: affine, or quadratic in its value, with memberships in cones."""
    written = forms.program(atom, text)
    spelt_out = sets.expand(written, structure_of(written)) or written
    return _lifted(spelt_out, structure_of(spelt_out), cones, quadratic) or spelt_out


@dataclass
class _Lifting:
    """Collects auxiliaries and their constraints while expressions are relaxed."""

    structure: Structure
    new: Auxiliaries
    cones: bool = False
    smooth: bool = False
    known: dict[tuple[int, int, Place], tuple[Expr, Expr]] = field(default_factory=dict)
    changed: bool = False

    # ---- constraints --------------------------------------------------------------------------

    def declarations(self, unknowns: tuple[Variable, ...]) -> tuple[list[Variable], list[Constraint]]:
        """The declarations without what are cones, and those as constraints."""
        if not self.cones:
            return list(unknowns), []
        pairs = [cones.declaration(variable, self.new.fresh) for variable in unknowns]
        found = [constraint for _, rows in pairs for constraint in rows]
        changed = [variable for variable, _ in pairs]
        self.changed = self.changed or changed != list(unknowns)
        return changed, found

    def constraint(self, constraint: Constraint) -> list[Constraint]:
        if self.cones and isinstance(constraint, Membership):
            stated = cones.stated(constraint)
            if stated is None:
                raise _Cannot
            if stated != [constraint]:
                self.changed = True
                return [row for one in stated for row in self.constraint(one)]
            return [arrays.whole(constraint)]
        if not isinstance(constraint, Inequality) or self.structure.affine_constraint(constraint):
            return [self._once(constraint)]
        if constraint.label is None:
            found = self._split(constraint)
            if found is None and self.cones:
                found = self._bounded(constraint)
            if found is not None:
                self.changed = True
                return [self._once(row) for row in found]
        place = Place(constraint.binders, where=constraint.where)
        if constraint.where is not None and not self.cones:
            raise _Cannot
        left, right = self.relax(constraint.left, 1, place), self.relax(constraint.right, -1, place)
        return [replace(constraint, left=left, right=right)]

    def _split(self, constraint: Inequality) -> list[Constraint] | None:
        """`largest of several <= c` is each of them <= c."""
        left, right, affine = constraint.left, constraint.right, self.structure.curvature.affine
        if not affine(right):
            mirrored = as_largest(right)
            if mirrored is None or not affine(left):
                return None
            return self._split(replace(constraint, left=mirrored, right=neg(left)))
        if isinstance(left, Reduce) and left.op == "max":
            if left.where is not None and constraint.where is not None:
                return None
            binders, where = (*constraint.binders, *left.binders), left.where or constraint.where
            pieces = self.pieces(left.body)
            return [
                replace(constraint, left=piece, right=right, binders=binders, where=where)
                for piece in pieces or ()
            ] or None
        inner = left
        whole = isinstance(left, Apply) and left.atom in ("max", "norm_inf") and attr(left, "axis") is None
        if whole and isinstance(left, Apply) and not right.type.shape:
            inner = left.args[0] if left.atom == "max" else apply("abs", left.args[0])
        pieces = self.pieces(inner)
        return [replace(constraint, left=piece, right=right) for piece in pieces or ()] or None

    def pieces(self, expr: Expr) -> list[Expr] | None:
        """Affine expressions the largest of which, entry by entry, `expr` is."""
        if self._affine(expr):
            return [expr]
        match expr:
            case Apply(atom="abs", args=(inner,)) if self._affine(inner):
                return [inner, neg(inner)]
            case Apply(atom="maximum", args=args):
                found = [self.pieces(arg) for arg in args]
                return None if None in found else [piece for part in found for piece in part or ()]
            case Apply(atom="relu", args=(inner,)):
                inside = self.pieces(inner)
                return inside and [*inside, ZERO]
            case Apply(atom="hinge", args=(inner,)) if self._affine(inner):
                return [sub(ONE, inner), ZERO]
            case Apply(atom="neg", args=(Apply(atom="minimum", args=args),)):
                return self.pieces(apply("maximum", *map(neg, args)))
            case Apply(atom="mul", args=(left, right)):
                for factor, inner in ((left, right), (right, left)):
                    if self.structure.constant(factor) and self.structure.curvature.signs.nonneg(factor):
                        return [mul(factor, piece) for piece in self.pieces(inner) or ()] or None
                return None
            case Apply(atom="add", args=(left, right)):
                for term, inner in ((left, right), (right, left)):
                    if self._affine(term):
                        return [add(piece, term) for piece in self.pieces(inner) or ()] or None
                return None
            case _:
                return None

    # ---- expressions --------------------------------------------------------------------------

    def relax(self, expr: Expr, side: int, place: Place) -> Expr:
        """An expression that bounds `expr` from above (side 1) or below (-1), and can be equal to it."""
        degree, curvature = self.structure.degree(expr), self.structure.curvature
        right = curvature.convex if side > 0 else curvature.concave
        if degree is not None and degree < 2:
            return expr
        if degree is not None and place.quadratic:
            if not right(expr):
                raise _Cannot  # convex only together with what it is added to
            return expr
        if self.smooth and self.structure.smooth(expr) and right(expr):
            return expr
        key = (id(expr), side, place)
        if key not in self.known:
            self.known[key] = (expr, self._relaxed(expr, side, place))
        return self.known[key][1]

    def _relaxed(self, expr: Expr, side: int, place: Place) -> Expr:
        match expr:
            case Apply(atom="add" | "sub", args=(left, right)):
                other = side if expr.atom == "add" else -side
                a, b = self.relax(left, side, place), self.relax(right, other, place)
                return add(a, b) if expr.atom == "add" else sub(a, b)
            case Apply(atom="neg", args=(inner,)):
                return neg(self.relax(inner, -side, place))
            case Apply(atom="mul" | "div" | "matmul" | "dot"):
                return self._product(expr, side, place)
            case Apply(atom=atom) if atom in _MONOTONE:
                return replace(expr, args=self._arguments(expr, side, place))
            case Reduce(op="sum" | "mean", where=where, body=body, binders=binders):
                if where is not None and not self.cones:
                    raise _Cannot
                if where is not None and contains(where, Param):
                    # How many auxiliaries there are cannot depend on the data: some are idle.
                    if not total(body, self.structure):
                        raise _Cannot
                    where = None
                return replace(expr, body=self.relax(body, side, place.inside(binders, where)))
            case Index(array=Apply() as array) if (inside := self._indexed(expr, array)) is not None:
                return self.relax(inside, side, place)
            case Index(array=array) if self.cones:
                return replace(expr, array=self.relax(array, side, place))
            case Apply() if place.quadratic and side > 0 and self._square_base(expr) is not None:
                return self._square(expr, place)
            case _:
                return self._largest(expr, place) if side > 0 else self._smallest(expr, place)

    def _arguments(self, expr: Apply, side: int, place: Place) -> tuple[Expr, ...]:
        """Bounds of the arguments, above or below as the function rises or falls in each."""
        signs = tuple(map(self.structure.curvature.signs, expr.args))
        moves = ATOMS[expr.atom].monotone(signs, tuple(map(number, expr.args)))
        sides = {Monotone.INCREASING: side, Monotone.DECREASING: -side}
        found = []
        for arg, direction in zip(expr.args, moves, strict=True):
            if direction is Monotone.NEITHER and not self._affine(arg):
                raise _Cannot
            found.append(arg if direction is Monotone.NEITHER else self.relax(arg, sides[direction], place))
        return tuple(found)

    def _product(self, expr: Apply, side: int, place: Place) -> Expr:
        """A factor of known sign: a positive one stays outside, one that may be zero goes inside."""
        signs, constant = self.structure.curvature.signs, self.structure.constant
        left, right = expr.args
        if expr.atom == "div":
            if not constant(right) and self.cones:
                return self._by_form(expr, side, place)
            if not constant(right) or not (signs.nonneg(right) or signs.nonpos(right)):
                raise _Cannot
            return div(self.relax(left, side if signs.nonneg(right) else -side, place), right)
        factor, inner = (left, right) if constant(left) else (right, left)
        if not constant(factor) and self.cones:
            return self._by_form(expr, side, place)
        if not constant(factor) or not (signs.nonneg(factor) or signs.nonpos(factor)):
            raise _Cannot
        if expr.atom == "mul" and signs.nonneg(factor) and not signs.positive(factor):
            pushed = pushed_in(factor, inner)
            if pushed is not None:
                return self.relax(pushed, side, place)
        relaxed = self.relax(inner, side if signs.nonneg(factor) else -side, place)
        if expr.atom == "mul":
            return mul(factor, relaxed)
        return replace(expr, args=(left, relaxed) if inner is right else (relaxed, right))

    def _indexed(self, expr: Index, array: Apply) -> Expr | None:
        """abs(x)[i] is abs(x[i]), so that no auxiliary is idle."""
        if not ATOMS[array.atom].elementwise:
            return None
        if any(arg.type.shape not in ((), array.type.shape) for arg in array.args):
            return None
        args = tuple(
            arg if not arg.type.shape else replace(expr, array=arg, type=Type(arg.type.base, expr.type.shape))
            for arg in array.args
        )
        return replace(array, args=args, type=expr.type)

    def _square_base(self, expr: Apply) -> Expr | None:
        """The nonnegative convex base of a square."""
        base = root_of_squares(expr) or squared(expr)
        if base is None and expr.atom == "sum_squares":
            base = expr.args[0]
        curvature = self.structure.curvature
        fits = base is not None and curvature.convex(base) and curvature.signs.nonneg(base)
        return base if fits else None

    def _square(self, expr: Apply, place: Place) -> Expr:
        base = self._square_base(expr)
        assert base is not None
        relaxed = self.relax(base, 1, place.affine)
        return apply("sum_squares" if expr.atom == "sum_squares" else "square", relaxed, span=expr.span)

    # ---- atoms --------------------------------------------------------------------------------

    def _largest(self, expr: Expr, place: Place) -> Expr:
        """An upper bound of a convex piecewise-linear expression."""
        affine = place.affine
        match expr:
            case Apply(atom="abs" | "maximum" | "relu" | "hinge") if pieces := self.pieces(expr):
                return self._above(pieces, expr.type.shape, affine)
            case Apply(atom="norm1", args=(inner,)):
                return apply("sum", self._absolute(inner, inner.type.shape, affine))
            case Apply(atom="norm_inf", args=(inner,)):
                return self._absolute(inner, (), affine)
            case Apply(atom="max", args=(inner,)) if attr(expr, "axis") is None:
                return self._above(self.pieces(inner) or [self.relax(inner, 1, affine)], (), affine)
            case Apply(atom="maximum", args=args):
                return self._above([self.relax(arg, 1, affine) for arg in args], expr.type.shape, affine)
            case Apply(atom="relu", args=(inner,)):
                return self._above([self.relax(inner, 1, affine), ZERO], expr.type.shape, affine)
            case Apply(atom="hinge", args=(inner,)):
                margin = sub(ONE, self.relax(inner, -1, affine))
                return self._above([margin, ZERO], expr.type.shape, affine)
            case Apply(atom="sum_largest", args=(inner,)):
                return self._sum_largest(expr, inner, affine)
            case Apply(atom="huber", args=(inner, width)) if place.quadratic and self._affine(inner):
                return self._huber(inner, width, place)
            case Reduce(op="max", body=body, binders=binders, where=where):
                return self._over_binders(body, binders, where, 1, affine)
            case _:
                return self._by_form(expr, 1, place)

    def _smallest(self, expr: Expr, place: Place) -> Expr:
        """A lower bound of a concave piecewise-linear expression."""
        affine = place.affine
        match expr:
            case Apply(atom="min", args=(inner,)) if attr(expr, "axis") is None:
                return neg(self._above([neg(self.relax(inner, -1, affine))], (), affine))
            case Apply(atom="minimum", args=args):
                sides = [neg(self.relax(arg, -1, affine)) for arg in args]
                return neg(self._above(sides, expr.type.shape, affine))
            case Reduce(op="min", body=body, binders=binders, where=where):
                return self._over_binders(body, binders, where, -1, affine)
            case _:
                return self._by_form(expr, -1, place)

    def _by_form(self, expr: Expr, side: int, place: Place, bound: Expr | None = None) -> Expr:
        """What the atom's conic form says; `bound` is what it must not exceed, if the form is to hold that."""
        if self.smooth and isinstance(expr, Apply) and ATOMS[expr.atom].smooth:
            return replace(expr, args=tuple(self._arguments(expr, side, place.affine)))
        if not self.cones or not isinstance(expr, Apply):
            raise _Cannot
        simpler = spelt(expr, self.structure)
        if simpler is not None:
            return self.relax(simpler, side, place)
        text = forms.text_of(expr, self.structure)
        if text is None:
            raise _Cannot
        args = self._arguments(expr, side, place.affine)
        form = _form(expr.atom, text, self.cones, place.quadratic)
        assert isinstance(form.statement, Minimize)
        if form.statement.sense != side:
            raise _Cannot
        sides = [*args, *([] if bound is None else [bound])]
        found = forms.instance(
            form, expr, args, bound, self.new.fresh, lambda shape: self.new.unknown(shape, sides, place)
        )
        if found is None:
            raise _Cannot
        for constraint in found.constraints:
            self.new.quantified(constraint, place)
        return found.value

    def _bounded(self, constraint: Inequality) -> list[Constraint] | None:
        """f(x) + affine <= affine with nothing between f's conic form and its bound."""
        found = isolated(constraint.left, constraint.right, self.structure)
        if found is None:
            return None
        call, side, bound = found
        call = spelt(call, self.structure) or call
        place = Place(constraint.binders, where=constraint.where)
        text = forms.text_of(call, self.structure)
        if text is None or forms.value_of(_form(call.atom, text, self.cones, False)) is None:
            return None
        before = len(self.new.rows)
        self._by_form(call, side, place, bound)
        rows = self.new.rows[before:]
        del self.new.rows[before:]
        return rows

    def _affine(self, expr: Expr) -> bool:
        return self.structure.curvature.affine(expr)

    def _absolute(self, inner: Expr, shape: tuple[Dim, ...], place: Place) -> Expr:
        if not self._affine(inner):
            raise _Cannot
        return self._above([inner, neg(inner)], shape, place)

    def _above(self, sides: list[Expr], shape: tuple[Dim, ...], place: Place) -> Expr:
        """A new unknown of the shape that is at least each of the sides."""
        mirrored = not place.binders and self._symmetric(*sides)
        properties = cones.SYMMETRIC if self.cones else frozenset({"symmetric"})
        bound = self.new.unknown(shape, sides, place, properties if mirrored and shape else frozenset())
        for smaller in sides:
            row = Inequality(smaller, bound, span=smaller.span)
            self.new.quantified(cones.triangle(row, self.new.fresh) if mirrored else row, place)
        return bound

    def _once(self, constraint: Constraint) -> Constraint:
        """One copy of each row, unless a label asks for the multipliers of all."""
        if not isinstance(constraint, Inequality) or constraint.binders or constraint.label is not None:
            return constraint
        if not self._symmetric(constraint.left, constraint.right):
            return constraint
        self.changed = True
        return cones.triangle(constraint, self.new.fresh)

    def _symmetric(self, *sides: Expr) -> bool:
        """Matrices of symmetric unknowns that are equal to their transposes, and numbers."""
        symmetric, sized = (
            self.structure.curvature.signs.symmetric,
            [side for side in sides if side.type.shape],
        )
        square = bool(sized) and all(len(side.type.shape) == 2 and symmetric(side) for side in sized)
        return square and any(
            isinstance(node, Unknown) and symmetric(node) for side in sized for node in walk(side)
        )

    def _sum_largest(self, expr: Apply, inner: Expr, place: Place) -> Expr:
        relaxed = self.relax(inner, 1, place)
        level = self.new.unknown((), [relaxed], place)
        excess = self._above([sub(relaxed, level), ZERO], inner.type.shape, place)
        count = attr(expr, "k")
        assert isinstance(count, Dim)
        return add(mul(Size(count), level), apply("sum", excess))

    def _huber(self, inner: Expr, width: Expr, place: Place) -> Expr:
        middle = self.new.unknown(inner.type.shape, [inner], place)
        rest = self._absolute_of(sub(inner, middle), place)
        return add(mul(HALF, apply("square", middle)), mul(width, rest))

    def _absolute_of(self, difference: Expr, place: Place) -> Expr:
        return self._above([difference, neg(difference)], difference.type.shape, place)

    def _over_binders(
        self, body: Expr, binders: tuple[Binder, ...], where: Expr | None, side: int, place: Place
    ) -> Expr:
        """max(body for ...) <= t is body <= t for every index."""
        inside, largest = place.inside(binders, where), body if side > 0 else neg(body)
        terms = self.pieces(largest)
        if terms is None:
            if (
                where is not None and not self.cones
            ):  # an auxiliary of an index that is left out would be idle
                raise _Cannot
            terms = [self.relax(largest, 1, inside)]
        families: list[Expr] = [Reduce("max", term, binders, where, body.type) for term in terms]
        bound = self.new.unknown(body.type.shape, families, place)
        for term in terms:
            self.new.row(term, bound, inside)
        return bound if side > 0 else neg(bound)
