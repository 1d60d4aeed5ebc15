"""Reads an objective; gives its residuals where it is a sum of squares, in the common spellings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from declarative.analyse.curvature import squared
from declarative.analyse.facts import Residual
from declarative.analyse.signs import Signs, as_quadratic
from declarative.analyse.structure import root_of_squares
from declarative.analyse.terms import ONE, Term, apply, div, mul, terms
from declarative.dims import Dim
from declarative.ir import Apply, Binder, Const, Expr, Reduce, Size
from declarative.walk import constant as number


@dataclass(frozen=True)
class Square:
    """`weight * ||value||^2`, summed over the binders; the weight is a constant scalar."""

    weight: Expr
    value: Expr
    binders: tuple[Binder, ...] = ()
    where: Expr | None = None

    def scaled(self, weight: Expr) -> Square:
        return replace(self, weight=mul(weight, self.weight))


def squares(expr: Expr, signs: Signs) -> list[Square] | None:
    """The sum of squares that a scalar is, up to constant terms; None if another term is in it."""
    found: list[Square] = []
    for term in terms(expr, signs.constant):
        if signs.constant(term.core):
            continue
        parts = _squares_of(term, signs)
        if parts is None:
            return None
        found.extend(parts)
    return found


def residuals(expr: Expr, signs: Signs) -> tuple[Residual, ...] | None:
    """Arrays the sum of whose squares has the minimisers of `expr`."""
    found = squares(expr, signs)
    if not found or not all(signs.positive(square.weight) for square in found):
        return None
    common = found[0].weight if all(square.weight == found[0].weight for square in found) else None
    if common is not None and not found[0].binders:
        return tuple(Residual(square.value, square.binders, square.where) for square in found)
    return tuple(Residual(_rooted(square), square.binders, square.where) for square in found)


def _rooted(square: Square) -> Expr:
    value = number(square.weight)
    root = Const(value**0.5) if value is not None else apply("sqrt", square.weight)
    return mul(root, square.value)


def _squares_of(term: Term, signs: Signs) -> list[Square] | None:
    weight = term.coefficient
    core = term.core
    found = square_of(core)
    if found is not None:
        return [Square(weight, found)]
    match core:
        case Apply(atom="quad_over_lin", args=(top, bottom)) if signs.constant(bottom):
            return [Square(mul(weight, div(ONE, bottom)), top)]
        case Apply(atom="sum", args=(inner,)):
            weighted = _weighted_square(inner, signs)
            return None if weighted is None else [Square(weight, weighted)]
        case Apply(atom="mean", args=(inner,)) if not core.type.shape:
            base = squared(inner)
            return None if base is None else [Square(div(weight, count(inner)), base)]
        case Reduce(op="sum", body=body, binders=binders, where=where) if not body.type.shape:
            inside = squares(body, signs)
            if inside is None:
                return None
            return [
                replace(
                    square.scaled(weight), binders=(*binders, *square.binders), where=_both(where, square)
                )
                for square in inside
            ]
        case Reduce(op="mean", body=body, binders=binders, where=None) if not body.type.shape:
            inside = squares(body, signs)
            share = ONE
            for binder in binders:
                share = div(share, Size(binder.last - binder.first))
            if inside is None:
                return None
            return [
                replace(square.scaled(mul(weight, share)), binders=(*binders, *square.binders))
                for square in inside
            ]
        case _:
            return None


def _both(where: Expr | None, square: Square) -> Expr | None:
    if where is None or square.where is None:
        return square.where if where is None else where
    return apply("and", where, square.where)


def square_of(expr: Expr) -> Expr | None:
    """e where the scalar `expr` is spelt as the sum of squares of e."""
    if expr.type.shape:
        return None
    root = root_of_squares(expr)
    if root is not None:
        return root
    match expr:
        case Apply(atom="sum_squares", args=(base,)):
            return base
        case Apply(atom="sum", args=(inner,)):
            return root_of_squares(inner) or squared(inner)
        case _:
            root = squared(expr)
            if root is not None:
                return root
            pair = as_quadratic(expr)
            return pair[0] if pair is not None and pair[1] is None else None


def _weighted_square(expr: Expr, signs: Signs) -> Expr | None:
    """sqrt(w) * e for an elementwise w * e^2 with a certainly positive constant w."""
    match expr:
        case Apply(atom="mul", args=(left, right)):
            for weight, other in ((left, right), (right, left)):
                base = squared(other)
                if base is not None and signs.constant(weight) and signs.positive(weight):
                    return apply("mul", apply("sqrt", weight), base)
        case Apply(atom="div", args=(top, bottom)) if signs.constant(bottom) and signs.positive(bottom):
            base = squared(top)
            return None if base is None else apply("div", base, apply("sqrt", bottom))
    return None


def count(expr: Expr) -> Expr:
    """How many entries an array has."""
    size = Dim.of(1)
    for dim in expr.type.shape:
        size = size * dim
    return Size(size)
