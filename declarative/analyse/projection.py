"""Reads a minimisation; gives the known projection or proximal map that it is, however it is spelt.

The objective is scale * ||x - v||^2, alone, plus weight * ||x||_1, or plus a linear term; the set is
declared with the unknown or written out. Labelled constraints are left to engines with multipliers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from declarative.analyse.curvature import squared
from declarative.analyse.facts import Projection
from declarative.analyse.signs import Signs
from declarative.analyse.squares import square_of
from declarative.analyse.terms import add, apply, div, mul, neg, stretch, sub, terms, total, zeros
from declarative.ir import (
    Apply,
    Const,
    Constraint,
    Dual,
    Equality,
    Expr,
    Inequality,
    Membership,
    Minimize,
    Problem,
    Semidefinite,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

INF = float("inf")


@dataclass(frozen=True)
class _Region:
    """A known set: its name and arguments as in `Projection`."""

    name: str
    args: tuple[Expr, ...] = ()


def projection(problem: Problem, signs: Signs) -> Projection | None:
    statement = problem.statement
    if not isinstance(statement, Minimize) or len(problem.unknowns) != 1:
        return None
    if any(isinstance(output.value, Dual) for output in problem.outputs):
        return None
    variable = problem.unknowns[0]
    x = Unknown(variable.name, variable.type)
    value = statement.value if statement.sense > 0 else neg(statement.value)
    objective = _objective(value, x, signs)
    region = _region(variable, problem.constraints, x, signs)
    if objective is None or region is None:
        return None
    point, threshold = objective
    if threshold is None:
        return Projection(region.name, point, region.args)
    return Projection("soft_threshold", point, (threshold,)) if region.name == "free" else None


# ---- the objective -------------------------------------------------------------------------------


def _objective(value: Expr, x: Unknown, signs: Signs) -> tuple[Expr, Expr | None] | None:
    """The point, and the threshold of an added norm."""
    scale: Expr | None = None
    point: Expr | None = None
    weight: Expr | None = None
    slopes: list[Expr] = []
    for term in terms(value, signs.constant):
        if signs.constant(term.core):
            continue
        base, slope = square_of(term.core), _slope(term.core, x, signs)
        if base is not None and point is None:
            scale, point = term.coefficient, _offset(base, x, signs)
            if point is None or not signs.positive(scale):
                return None
        elif _is_norm1(term.core, x) and weight is None:
            weight = term.coefficient
            if not signs.nonneg(weight):
                return None
        elif slope is not None:
            slopes.append(mul(term.coefficient, slope))
        else:
            return None
    if scale is None or point is None:
        return None
    twice = mul(Const(2.0), scale)
    if slopes:  # scale * ||x - v||^2 + q'x = scale * ||x - (v - q / (2 scale))||^2 + constant
        point = sub(point, div(total(slopes), twice))
    return stretch(point, x.type.shape), None if weight is None else div(weight, twice)


def _offset(base: Expr, x: Unknown, signs: Signs) -> Expr | None:
    """v where base is x - v or v - x."""
    found = _unit(base, x, signs)
    if found is None or base.type.shape != x.type.shape:
        return None
    sign, rest = found
    return neg(rest) if sign > 0 else rest


def _unit(expr: Expr, x: Unknown, signs: Signs) -> tuple[int, Expr] | None:
    """(s, r) where expr is s * x + r, s = 1 or -1."""
    match expr:
        case Unknown() if expr == x:
            return 1, zeros(x.type.shape)
        case Apply(atom="neg", args=(inner,)):
            found = _unit(inner, x, signs)
            return None if found is None else (-found[0], neg(found[1]))
        case Apply(atom="add" | "sub", args=(left, right)):
            flip = 1 if expr.atom == "add" else -1
            if signs.constant(right):
                found = _unit(left, x, signs)
                joined = add if flip > 0 else sub
                return None if found is None else (found[0], joined(found[1], right))
            if signs.constant(left):
                found = _unit(right, x, signs)
                joined = add if flip > 0 else sub
                return None if found is None else (flip * found[0], joined(left, found[1]))
    return None


def _slope(core: Expr, x: Unknown, signs: Signs) -> Expr | None:
    """q where core is the inner product of a constant q and x."""
    match core:
        case Apply(atom="matmul" | "dot", args=(left, right)) if (
            len(x.type.shape) == 1 and not core.type.shape
        ):
            if right == x and signs.constant(left):
                return left
            return right if left == x and signs.constant(right) else None
        case Apply(atom="mul", args=(left, right)) if not x.type.shape and not core.type.shape:
            if right == x and signs.constant(left):
                return left
            return right if left == x and signs.constant(right) else None
        case Apply(atom="sum", args=(Apply(atom="mul", args=(left, right)),)) if not core.type.shape:
            for factor, other in ((left, right), (right, left)):
                if other == x and signs.constant(factor) and factor.type.shape == x.type.shape:
                    return factor
            return None
        case Unknown() if core == x and not x.type.shape:
            return Const(1.0)
        case _:
            return None


def _is_norm1(core: Expr, x: Unknown) -> bool:
    match core:
        case Apply(atom="norm1", args=(inner,)):
            return inner == x
        case Apply(atom="sum", args=(Apply(atom="abs", args=(inner,)),)):
            return inner == x and not core.type.shape
        case Apply(atom="abs", args=(inner,)):
            return inner == x and not x.type.shape
        case _:
            return False


# ---- the set -------------------------------------------------------------------------------------


def _region(
    variable: Variable, constraints: tuple[Constraint, ...], x: Unknown, signs: Signs
) -> _Region | None:
    if any(c.label is not None or c.binders or c.where is not None for c in constraints):
        return None
    pieces = [*_declared(variable), *(_stated(c, x, signs) for c in constraints)]
    if any(piece is None for piece in pieces):
        return None
    known = [piece for piece in pieces if piece is not None]
    if not known:
        return _Region("free")
    if len(known) == 1:
        return known[0] if known[0].name not in ("symmetric", "sum") else None
    names = sorted(piece.name for piece in known)
    if names == ["psd", "symmetric"]:
        return _Region("psd")
    if names == ["nonneg", "sum"] and len(x.type.shape) == 1:
        radius = next(piece.args[0] for piece in known if piece.name == "sum")
        return _simplex(radius, signs)
    return _intersected_boxes(known)


def _simplex(radius: Expr, signs: Signs) -> _Region | None:
    if number(radius) == 1:
        return _Region("simplex")
    return _Region("simplex", (radius,)) if signs.nonneg(radius) else None


def _intersected_boxes(pieces: list[_Region]) -> _Region | None:
    """One lower and one upper bound at most."""
    lower: Expr = Const(-INF)
    upper: Expr = Const(INF)
    for piece in pieces:
        if piece.name not in ("box", "nonneg"):
            return None
        low, high = piece.args if piece.name == "box" else (Const(0.0), Const(INF))
        if number(low) != -INF:
            if number(lower) != -INF:
                return None
            lower = low
        if number(high) != INF:
            if number(upper) != INF:
                return None
            upper = high
    if number(lower) == 0 and number(upper) == INF:
        return _Region("nonneg")
    return _Region("box", (lower, upper))


def _declared(variable: Variable) -> Iterator[_Region | None]:
    rows = {
        "nonneg": _Region("nonneg"),
        "positive": _Region("nonneg"),
        "nonpos": _Region("box", (Const(-INF), Const(0.0))),
        "negative": _Region("box", (Const(-INF), Const(0.0))),
        "symmetric": _Region("symmetric"),
        "psd": _Region("psd"),
        "pd": _Region("psd"),
    }
    for name in sorted(variable.properties):
        yield rows.get(name)
    within = variable.within
    if within is not None:
        yield _named(within.name, within.args)


def _named(name: str, args: tuple[Expr, ...]) -> _Region | None:
    match name, args:
        case (("simplex" | "nonneg" | "soc" | "psd" | "monotone"), ()):
            return _Region(name)
        case "unit_interval", ():
            return _Region("box", (Const(0.0), Const(1.0)))
        case "box", (_, _):
            return _Region("box", args)
        case "sphere", ():
            return _Region("sphere", (Const(1.0),))
        case "ball", (radius,):
            return _Region("ball", (radius,))
        case "ball", (radius, p):
            name_of = {1.0: "ball_1", 2.0: "ball", INF: "ball_inf"}
            found = name_of.get(number(p) or 0.0)
            return None if found is None else _Region(found, (radius,))
        case _:
            return None


def _stated(constraint: Constraint, x: Unknown, signs: Signs) -> _Region | None:
    match constraint:
        case Membership(member=member, within=within) if member == x:
            return _named(within.name, within.args) if all(map(signs.constant, within.args)) else None
        case Semidefinite(greater=greater, smaller=smaller) if greater == x and number(smaller) == 0:
            return _Region("psd")
        case Semidefinite(greater=greater, smaller=Apply(atom="zeros")) if greater == x:
            return _Region("psd")
        case Inequality(left=left, right=right):
            return _inequality(left, right, x, signs)
        case Equality(left=left, right=right):
            return _equality(left, right, x, signs) or _equality(right, left, x, signs)
        case _:
            return None


def _inequality(left: Expr, right: Expr, x: Unknown, signs: Signs) -> _Region | None:
    fits = (x.type.shape, ())
    if right == x and signs.constant(left) and left.type.shape in fits:
        return _Region("nonneg") if number(left) == 0 else _Region("box", (left, Const(INF)))
    if left == x and signs.constant(right) and right.type.shape in fits:
        return _Region("box", (Const(-INF), right))
    if not signs.constant(right) or not signs.nonneg(right):
        return None
    match left:
        case Apply(atom="norm2" | "norm1" | "norm_inf" as atom, args=(inner,)) if inner == x:
            name = {"norm2": "ball", "norm1": "ball_1", "norm_inf": "ball_inf"}[atom]
            return _Region(name, (right,))
        case _:
            radius = _root(right, signs)
            return _Region("ball", (radius,)) if square_of(left) == x and radius is not None else None


def _equality(left: Expr, right: Expr, x: Unknown, signs: Signs) -> _Region | None:
    if not signs.constant(right):
        return None
    match left:
        case Apply(atom="sum", args=(inner,)) if inner == x and not left.type.shape:
            return _Region("sum", (right,))
        case Apply(atom="matmul", args=(matrix, inner)) if inner == x and signs.constant(matrix):
            ones = isinstance(matrix, Apply) and matrix.atom == "ones"
            if ones and not left.type.shape:
                return _Region("sum", (right,))
            full = len(matrix.type.shape) == 2 and right.type.shape == left.type.shape
            return _Region("affine", (matrix, right)) if full and len(x.type.shape) == 1 else None
        case Apply(atom="norm2", args=(inner,)) if inner == x and signs.positive(right):
            return _Region("sphere", (right,))
        case _:
            radius = _root(right, signs)
            round_ = square_of(left) == x and radius is not None and signs.positive(radius)
            return _Region("sphere", (radius,)) if round_ and radius is not None else None


def _root(expr: Expr, signs: Signs) -> Expr | None:
    """The nonnegative square root of a constant, where it is differentiable."""
    value = number(expr)
    if value is not None:
        return Const(value**0.5) if value >= 0 else None
    base = squared(expr)
    if base is not None and signs.nonneg(base):
        return base
    return apply("sqrt", expr) if signs.positive(expr) else None
