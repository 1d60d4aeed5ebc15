"""One spelling for each curved expression: which atom it is, on which arguments, under which bound."""

from __future__ import annotations

from declarative.analyse.curvature import squared
from declarative.analyse.signs import as_quadratic
from declarative.analyse.squares import square_of
from declarative.analyse.structure import Structure, root_of_squares
from declarative.analyse.terms import add, apply, div, mul, neg, sub
from declarative.ir import Apply, Expr


def spelt(expr: Apply, structure: Structure) -> Apply | None:
    """The same as an atom that has a conic form, where it is spelt otherwise: x * x, x' @ P @ x, ||x||^2, c / x."""
    if expr.atom in ("square", "sum_squares", "quad_form"):
        return None
    constant, signs = structure.constant, structure.curvature.signs
    base = square_of(expr)
    if base is not None:
        return apply("sum_squares" if base.type.shape else "square", base, span=expr.span)
    base = root_of_squares(expr) or squared(expr)
    if base is not None:
        return apply("square", base, span=expr.span)
    pair = as_quadratic(expr)
    vector, matrix = pair if pair is not None else (expr, None)
    if matrix is not None:
        if signs.nsd(matrix):
            return apply("neg", apply("quad_form", vector, neg(matrix)), span=expr.span)
        return apply("quad_form", vector, matrix, span=expr.span)
    match expr:
        case Apply(atom="div", args=(top, bottom)) if constant(top) and not constant(bottom):
            return apply("mul", top, apply("inv_pos", bottom), span=expr.span)
        case Apply(atom="div", args=(top, bottom)) if (base := squared(top)) is not None:
            if not constant(bottom) and not expr.type.shape:
                return apply("quad_over_lin", base, bottom, span=expr.span)
    return None


def isolated(left: Expr, right: Expr, structure: Structure) -> tuple[Apply, int, Expr] | None:
    """(f, 1, c) where left <= right says f <= c, or (f, -1, c) where it says c <= f, of a call f and an affine c."""
    affine = structure.curvature.affine
    if affine(right):
        return _alone(left, 1, right, structure)
    return _alone(right, -1, left, structure) if affine(left) else None


def _alone(expr: Expr, side: int, bound: Expr, structure: Structure) -> tuple[Apply, int, Expr] | None:
    """`expr` <= bound, or >= for side -1."""
    affine, signs = structure.curvature.affine, structure.curvature.signs
    match expr:
        case Apply(atom="add", args=(a, b)) if affine(b):
            return _alone(a, side, sub(bound, b), structure)
        case Apply(atom="add", args=(a, b)) if affine(a):
            return _alone(b, side, sub(bound, a), structure)
        case Apply(atom="sub", args=(a, b)) if affine(b):
            return _alone(a, side, add(bound, b), structure)
        case Apply(atom="sub", args=(a, b)) if affine(a):
            return _alone(b, -side, sub(a, bound), structure)
        case Apply(atom="neg", args=(a,)):
            return _alone(a, -side, neg(bound), structure)
        case Apply(atom="mul", args=(a, b)):
            for factor, inner in ((a, b), (b, a)):
                if structure.constant(factor) and signs.positive(factor):
                    return _alone(inner, side, div(bound, factor), structure)
        case Apply(atom="div", args=(a, b)) if structure.constant(b) and signs.positive(b):
            return _alone(a, side, mul(bound, b), structure)
    fits = isinstance(expr, Apply) and bound.type.shape in ((), expr.type.shape)
    return (expr, side, bound) if fits and isinstance(expr, Apply) else None
