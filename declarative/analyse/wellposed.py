"""Reads a problem; certifies that its solution is unique and differentiable, or says under which condition.

Sound statements only: strong convexity from terms of the objective, contraction from a Lipschitz
bound by norms of parameters, and otherwise the condition of the implicit function theorem in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from declarative.analyse.curvature import Curvatures
from declarative.analyse.facts import Certificate, Class
from declarative.analyse.signs import Signs, as_quadratic
from declarative.analyse.squares import square_of
from declarative.analyse.terms import Term, terms, words
from declarative.ir import Apply, Expr, FixedPoint, Index, Minimize, Problem, Root, Slice, Unknown
from declarative.walk import constant as number

REGULAR = (
    "where the active constraints are independent, their multipliers are not zero, "
    "and the Hessian is positive definite along them"
)


def certificates(
    problem: Problem, cls: Class, convex: bool, constrained: bool, smooth: bool, curvature: Curvatures
) -> tuple[Certificate, Certificate]:
    """(unique, differentiable)."""
    match problem.statement:
        case Minimize(value=value, sense=sense):
            return _minimiser(problem, value, sense, cls, convex, constrained, smooth, curvature)
        case FixedPoint(maps=maps):
            return _fixed_point(maps, smooth, curvature.signs)
        case Root():
            return (
                Certificate(None, "locally, where the Jacobian of the equations is nonsingular"),
                Certificate(None, "where the Jacobian of the equations is nonsingular"),
            )
        case _:
            unknown = Certificate(None, f"nothing is certified for a problem of class {cls.value}")
            return unknown, unknown


# ---- minimisers ----------------------------------------------------------------------------------


def _minimiser(
    problem: Problem,
    value: Expr,
    sense: int,
    cls: Class,
    convex: bool,
    constrained: bool,
    smooth: bool,
    curvature: Curvatures,
) -> tuple[Certificate, Certificate]:
    if not convex:
        return (
            Certificate(None, "a local solution; isolated where the Hessian is positive definite"),
            Certificate(None, REGULAR if constrained else "where the Hessian is nonsingular"),
        )
    strong = strongly_convex(problem, value, sense, curvature)
    if strong is not None:
        unique = Certificate(True, f"the objective is strongly convex: {strong}")
        if not constrained and smooth:
            return unique, Certificate(True, "smooth and strongly convex, without constraints")
        return unique, Certificate(None, REGULAR if constrained else "away from kinks")
    if cls is Class.LP:
        condition = "unless an edge or face of the feasible set is optimal as a whole"
    elif constrained:
        condition = "where the Hessian is positive definite along the active constraints"
    else:
        condition = "where the Hessian is positive definite at the solution"
    if constrained or not smooth:
        return Certificate(None, condition), Certificate(None, REGULAR)
    return Certificate(None, condition), Certificate(None, "where the Hessian is nonsingular")


def strongly_convex(problem: Problem, value: Expr, sense: int, curvature: Curvatures) -> str | None:
    """Terms that make an objective strongly convex in every unknown, as their author wrote them."""
    signs = curvature.signs
    reasons: list[str] = []
    missing = {variable.name for variable in problem.unknowns}
    for term in terms(value, signs.constant, sense):
        if not _convex_term(term, curvature):
            return None
        covered = _strong_in(term, signs)
        if covered is not None and covered in missing:
            missing.discard(covered)
            reasons.append(f"`{words(term.core)}`")
    return " and ".join(reasons) if not missing else None


def _convex_term(term: Term, curvature: Curvatures) -> bool:
    if curvature.affine(term.core):
        return True
    if curvature.signs.nonneg(term.coefficient):
        return curvature.convex(term.core)
    return curvature.signs.nonpos(term.coefficient) and curvature.concave(term.core)


def _strong_in(term: Term, signs: Signs) -> str | None:
    """The unknown in which a term is strongly convex."""
    if not signs.positive(term.coefficient):
        return None
    base = square_of(term.core)
    if base is None:
        pair = as_quadratic(term.core)
        if pair is None or pair[1] is None or not signs.pd(pair[1]):
            return None
        base = pair[0]
    return _shifted(base, signs)


def _shifted(base: Expr, signs: Signs) -> str | None:
    """The unknown of which `base` is a nonsingular scaling plus a constant."""
    match base:
        case Unknown(name=name):
            return name
        case Apply(atom="neg" | "transpose" | "vec" | "reshape", args=(inner,)):
            return _shifted(inner, signs)
        case Apply(atom="add" | "sub", args=(left, right)):
            for inner, rest in ((left, right), (right, left)):
                if signs.constant(rest) and inner.type.shape == base.type.shape:
                    return _shifted(inner, signs)
        case Apply(atom="mul", args=(left, right)):
            for inner, factor in ((left, right), (right, left)):
                if _nonzero(factor, signs) and inner.type.shape == base.type.shape:
                    return _shifted(inner, signs)
        case Apply(atom="div", args=(inner, _)) if inner.type.shape == base.type.shape:
            return _shifted(inner, signs)
    return None


def _nonzero(factor: Expr, signs: Signs) -> bool:
    if not signs.constant(factor):
        return False
    return signs.positive(factor) or number(factor) not in (None, 0.0)


# ---- fixed points --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bound:
    """A Lipschitz constant: the sum over terms of a number times norms of parameters, as text."""

    terms: tuple[tuple[float, tuple[str, ...]], ...]

    def __add__(self, other: Bound) -> Bound:
        return Bound(self.terms + other.terms)

    def times(self, factor: float, *norms: str) -> Bound:
        return Bound(tuple((factor * a, (*norms, *b)) for a, b in self.terms))

    @property
    def value(self) -> float | None:
        return sum(a for a, _ in self.terms) if all(not norms for _, norms in self.terms) else None

    def __str__(self) -> str:
        return " + ".join(
            "*".join(([f"{a:g}"] if a != 1 or not norms else []) + list(norms)) for a, norms in self.terms
        )


_SLOPES = {"tanh": 1.0, "sin": 1.0, "cos": 1.0, "relu": 1.0, "abs": 1.0, "softplus": 1.0, "sigmoid": 0.25}
_ISOMETRIES = frozenset({"neg", "transpose", "reshape", "vec"})


def lipschitz(expr: Expr, signs: Signs) -> Bound | None:
    """A bound on the Lipschitz constant of `expr` in the unknown, in the 2-norm."""
    if signs.constant(expr):
        return Bound(())
    match expr:
        case Unknown():
            return Bound(((1.0, ()),))
        case Apply(atom="add" | "sub", args=(left, right)) if _same_shape(expr, signs):
            a, b = lipschitz(left, signs), lipschitz(right, signs)
            return None if a is None or b is None else a + b
        case Apply(atom=atom, args=(inner,)) if atom in _SLOPES or atom in _ISOMETRIES:
            found = lipschitz(inner, signs)
            return None if found is None else found.times(_SLOPES.get(atom, 1.0))
        case Apply(atom="mul" | "matmul" | "dot", args=(left, right)):
            for factor, inner in ((left, right), (right, left)):
                if signs.constant(factor) and (expr.atom != "mul" or inner.type.shape == expr.type.shape):
                    found = lipschitz(inner, signs)
                    return None if found is None else _scaled(found, factor, expr.atom)
        case Apply(atom="div", args=(inner, factor)) if signs.constant(factor):
            found = lipschitz(inner, signs)
            value = number(factor)
            if found is not None and inner.type.shape == expr.type.shape and not factor.type.shape:
                return found.times(1 / abs(value)) if value else found.times(1.0, f"1/|{words(factor)}|")
        case Index(array=array, items=items):
            chosen = [item for item in items if not isinstance(item, Slice)]
            once = all(signs.constant(item) and not item.type.shape for item in chosen)  # a gather repeats
            return lipschitz(array, signs) if once else None
    return None


def _same_shape(expr: Apply, signs: Signs) -> bool:
    """No argument with an unknown in it is stretched, which would raise its Lipschitz constant."""
    return all(signs.constant(arg) or arg.type.shape == expr.type.shape for arg in expr.args)


def _scaled(bound: Bound, factor: Expr, atom: str) -> Bound:
    value = number(factor)
    if value is not None:
        return bound.times(abs(value))
    text = words(factor)
    if not factor.type.shape:
        return bound.times(1.0, f"|{text}|")
    return bound.times(1.0, f"max|{text}|" if atom == "mul" else f"‖{text}‖")


def _fixed_point(
    maps: tuple[tuple[str, Expr], ...], smooth: bool, signs: Signs
) -> tuple[Certificate, Certificate]:
    jacobian = "where 1 is no eigenvalue of the map's Jacobian"
    open_ = Certificate(None, "where the map is a contraction, and locally where 1 is no eigenvalue")
    bound = lipschitz(maps[0][1], signs) if len(maps) == 1 else None
    if bound is None:
        return open_, Certificate(None, jacobian)
    if bound.value is not None:
        if bound.value < 1:
            reason = f"the map is a contraction with factor {bound.value:g}"
            regular = (
                Certificate(True, "a smooth contraction") if smooth else Certificate(None, "away from kinks")
            )
            return Certificate(True, reason), regular
        return open_, Certificate(None, jacobian)
    condition = f"if {bound} < 1, which makes the map a contraction"
    return Certificate(None, condition), Certificate(None, f"if {bound} < 1, and {jacobian}")
