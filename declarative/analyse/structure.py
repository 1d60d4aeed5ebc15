"""Reads expressions and constraints; gives degrees, smoothness and the problem's class."""

from __future__ import annotations

from declarative.analyse.curvature import Curvatures, squared
from declarative.analyse.facts import Class
from declarative.analyse.scope import Memo, children
from declarative.atoms import ATOMS
from declarative.ir import (
    Apply,
    Constraint,
    Equality,
    Expr,
    Extern,
    Index,
    Inequality,
    Membership,
    Problem,
    Reduce,
    Semidefinite,
    Set,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

NONCONVEX_SETS = frozenset({"sphere", "stiefel", "SO", "SE"})
POLYHEDRAL_SETS = frozenset({"simplex", "box", "nonneg", "unit_interval", "birkhoff", "monotone"})
CONIC_PROPERTIES = frozenset({"psd", "pd"})
_PRODUCTS = frozenset({"mul", "matmul", "dot", "outer", "kron"})


class Structure:
    """Degrees and smoothness of expressions in the unknowns, and what constraints are."""

    def __init__(self, curvature: Curvatures):
        self.curvature = curvature
        self.constant = curvature.constant
        self.degree = Memo(self._degree)
        self.smooth: Memo[bool] = Memo(lambda expr: self._continuous(expr, 2, self.smooth))
        self.differentiable: Memo[bool] = Memo(lambda expr: self._continuous(expr, 1, self.differentiable))

    # ---- degrees ------------------------------------------------------------------------------

    def _degree(self, expr: Expr) -> int | None:
        """The degree of a polynomial in the unknowns where it is 0, 1 or 2, otherwise None."""
        if self.constant(expr):
            return 0
        if self.curvature.affine(expr):
            return 1
        match expr:
            case Index(array=array) if self._fixed(expr, array):
                return self.degree(array)
            case Reduce(op="sum" | "mean", body=body) if self._fixed(expr, body):
                return self.degree(body)
            case Apply():
                return self._applied_degree(expr)
            case _:
                return None

    def _fixed(self, expr: Expr, operand: Expr) -> bool:
        return all(self.constant(child) for child in children(expr) if child is not operand)

    def _applied_degree(self, expr: Apply) -> int | None:
        root = root_of_squares(expr)
        if root is not None:
            return self._times(self.degree(root), 2)
        match expr:
            case Apply(atom="sum_squares" | "square", args=(base,)):
                return self._times(self.degree(base), 2)
            case Apply(atom="pow", args=(base, exponent)):
                power = number(exponent)
                whole = power is not None and power >= 0 and float(power).is_integer()
                return self._times(self.degree(base), int(power)) if whole and power is not None else None
            case Apply(atom="quad_form", args=(base, matrix)):
                return self._plus(self._times(self.degree(base), 2), self.degree(matrix))
            case Apply(atom="quad_over_lin" | "div" as atom, args=(top, bottom)):
                if not self.constant(bottom):
                    return None
                return self._times(self.degree(top), 2 if atom == "quad_over_lin" else 1)
            case Apply(atom=atom, args=(left, right)) if atom in _PRODUCTS:
                return self._plus(self.degree(left), self.degree(right))
        if self._linear(expr):
            degrees = [self.degree(arg) for arg in expr.args]
            return max((d for d in degrees if d is not None), default=0) if None not in degrees else None
        return None

    def _linear(self, expr: Apply) -> bool:
        """The atom is linear in its arguments that are not constant."""
        atom = ATOMS[expr.atom]
        signs = tuple(map(self.curvature.signs, expr.args))
        fixed = any(
            all(self.constant(arg) for i, arg in enumerate(expr.args) if i in indices)
            for indices in atom.constant_in
        )
        return fixed and atom.curvature(signs, tuple(map(number, expr.args))).value == "affine"

    @staticmethod
    def _times(degree: int | None, factor: int) -> int | None:
        return degree * factor if degree is not None and degree * factor <= 2 else None

    @staticmethod
    def _plus(left: int | None, right: int | None) -> int | None:
        return left + right if left is not None and right is not None and left + right <= 2 else None

    # ---- smoothness ---------------------------------------------------------------------------

    def _continuous(self, expr: Expr, order: int, inside: Memo[bool]) -> bool:
        """As many times continuously differentiable in the unknowns inside its domain."""
        if self.constant(expr) or isinstance(expr, Unknown):
            return True
        match expr:
            case Index(array=array):
                return self._fixed(expr, array) and inside(array)
            case Reduce(op="sum" | "mean" | "prod", body=body):
                return self._fixed(expr, body) and inside(body)
            case Apply(atom="where", args=(condition, *branches)):
                return self.constant(condition) and all(map(inside, branches))
            case Apply(atom=atom, args=args):
                root = root_of_squares(expr)
                if root is not None:
                    return inside(root)
                base = squared(expr)
                if order == 1 and isinstance(base, Apply) and base.atom in ("relu", "hinge"):
                    return inside(base.args[0])
                return ATOMS[atom].order >= order and all(map(inside, args))
            case Extern(args=args):
                return all(map(inside, args))
            case _:
                return False

    # ---- constraints --------------------------------------------------------------------------

    def convex_constraint(self, constraint: Constraint) -> bool:
        curvature = self.curvature
        match constraint:
            case Equality(left=left, right=right):
                return curvature.affine(left) and curvature.affine(right)
            case Inequality(left=left, right=right):
                return curvature.convex(left) and curvature.concave(right)
            case Membership(member=member, within=within):
                return curvature.affine(member) and self.convex_set(within)
            case Semidefinite(greater=greater, smaller=smaller):
                return curvature.affine(greater) and curvature.affine(smaller)

    def convex_set(self, within: Set) -> bool:
        return within.name not in NONCONVEX_SETS and all(map(self.constant, within.args))

    def affine_constraint(self, constraint: Constraint) -> bool:
        """An explicit affine equality or inequality."""
        match constraint:
            case Equality(left=left, right=right) | Inequality(left=left, right=right):
                return self.curvature.affine(left) and self.curvature.affine(right)
            case _:
                return False

    def polyhedral_constraint(self, constraint: Constraint) -> bool:
        if isinstance(constraint, Membership):
            return self.curvature.affine(constraint.member) and polyhedral(constraint.within)
        return self.affine_constraint(constraint)


def root_of_squares(expr: Expr) -> Expr | None:
    """e where `expr` is spelt as the square of the length or of the absolute value of e."""
    base = squared(expr)
    match base:
        case Apply(atom="norm2" | "abs", args=(inner,)):
            return inner
        case _:
            return None


def polyhedral(within: Set) -> bool:
    if within.name == "ball" and len(within.args) == 2:
        return number(within.args[1]) in (1.0, float("inf"))
    return within.name in POLYHEDRAL_SETS


def declared_region(variable: Variable) -> bool:
    """Whether its declaration constrains an unknown."""
    return bool(variable.properties) or variable.within is not None


def polyhedral_declaration(variable: Variable) -> bool:
    within = variable.within is None or polyhedral(variable.within)
    return within and not variable.properties & CONIC_PROPERTIES


def classify(
    problem: Problem, structure: Structure, convex: bool, degree: int | None, smooth: bool, squares: bool
) -> Class:
    """The class of a minimisation from what is known about its parts."""
    declared = any(map(declared_region, problem.unknowns))
    constrained = declared or bool(problem.constraints)
    polyhedron = all(map(polyhedral_declaration, problem.unknowns)) and all(
        map(structure.polyhedral_constraint, problem.constraints)
    )
    if convex and polyhedron and degree is not None:
        return Class.QP if degree == 2 else Class.LP
    if not constrained and smooth:
        return Class.LEAST_SQUARES if squares else Class.SMOOTH
    return Class.CONVEX if convex else Class.NONLINEAR
