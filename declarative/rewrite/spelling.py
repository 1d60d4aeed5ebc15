"""One spelling for each curved expression: which atom it is, on which arguments, under which bound."""

from __future__ import annotations

from dataclasses import replace

from declarative.analyse.curvature import squared
from declarative.analyse.signs import as_quadratic
from declarative.analyse.squares import square_of
from declarative.analyse.structure import Structure, root_of_squares
from declarative.analyse.terms import ONE, add, apply, div, mul, neg, sub
from declarative.ir import Apply, Expr, Reduce

_REDUCING = {"norm1", "norm2", "norm_p", "norm_inf", "norm_nuc", "norm_spec", "max", "min", "sum_largest"}
_HOMOGENEOUS = _REDUCING | {"abs", "maximum", "minimum", "relu"}


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


def as_largest(expr: Expr) -> Expr | None:
    """-min(e) as max(-e)."""
    match expr:
        case Apply(atom="min", args=(inner,)):
            return replace(expr, atom="max", args=(neg(inner),))
        case Apply(atom="minimum", args=args):
            return replace(expr, atom="maximum", args=tuple(map(neg, args)))
        case Reduce(op="min", body=body):
            return replace(expr, op="max", body=neg(body))
        case _:
            return None


def pushed_in(factor: Expr, inner: Expr) -> Expr | None:
    """factor * inner with a nonnegative factor moved into a positively homogeneous atom."""
    match inner:
        case Apply(atom=atom, args=args) if atom in _HOMOGENEOUS:
            if factor.type.shape and (atom in _REDUCING or factor.type.shape != inner.type.shape):
                return None
            return replace(inner, args=tuple(apply("mul", factor, arg) for arg in args))
        case Apply(atom="hinge", args=(margin,)) if not factor.type.shape:
            return apply("relu", apply("mul", factor, apply("sub", ONE, margin)))
        case Apply(atom="add" | "sub" | "neg" | "sum" | "mean", args=args) if not factor.type.shape:
            return replace(inner, args=tuple(apply("mul", factor, arg) for arg in args))
        case Reduce(op="sum" | "mean" | "max" | "min", body=body) if not factor.type.shape:
            return replace(inner, body=apply("mul", factor, body))
        case _:
            return None
