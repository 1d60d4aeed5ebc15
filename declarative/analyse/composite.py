"""Reads an objective; gives its gradient and Hessian where it sums functions of entries of affine expressions.

    sum(f(A @ x + b))        gradient A' f'(A @ x + b),  Hessian A' diag(f''(A @ x + b)) A
    e' @ M @ e, e = A @ x    gradient A' (M + M') e,     Hessian A' (M + M') A

So a Hessian costs one product of matrices instead of one pass for each unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from declarative.analyse.derivative import Derivatives, NoRule
from declarative.analyse.entries import diagonal, summand, total_of
from declarative.analyse.linear import Affine, Linear, times, transposed
from declarative.analyse.scope import children
from declarative.analyse.signs import as_quadratic
from declarative.analyse.structure import Structure
from declarative.analyse.terms import add, apply, is_eye, is_zero, mul, stretch, terms
from declarative.atoms import ATOMS
from declarative.atoms.shapes import entries as size_of
from declarative.dims import Dim
from declarative.ir import Apply, Expr, Minimize, Problem

UNIT = Dim.of(1)


@dataclass
class Quadratic:
    """Second order expansion at the unknowns: blocks by unknown, in flat entries; what is missing is zero."""

    gradient: dict[str, Expr] = field(default_factory=dict)
    hessian: dict[tuple[str, str], Expr] = field(default_factory=dict)

    def slope(self, x: str, value: Expr) -> None:
        self.gradient[x] = add(self.gradient[x], value) if x in self.gradient else value

    def curve(self, x: str, y: str, value: Expr) -> None:
        self.hessian[x, y] = add(self.hessian[x, y], value) if (x, y) in self.hessian else value


def expansion(problem: Problem, structure: Structure) -> Quadratic | None:
    """Gradient and Hessian of what is minimised; None where a term is of another kind."""
    statement = problem.statement
    assert isinstance(statement, Minimize)
    found = Quadratic()
    try:
        for term in terms(statement.value, structure.constant, statement.sense):
            if not structure.constant(term.core):
                _term(term.core, term.coefficient, structure, found)
    except NoRule:
        return None
    return found


def _term(core: Expr, weight: Expr, structure: Structure, found: Quadratic) -> None:
    if structure.curvature.affine(core):
        for (name, _), block in affine_parts(core, structure).blocks.items():
            found.slope(name, mul(weight, _flat(block)))
        return
    pair = as_quadratic(core)
    if pair is not None and _dense(pair[1], structure):
        vector, matrix = pair[0], pair[1]
        if matrix is None or not structure.constant(matrix):
            raise NoRule
        both = mul(weight, add(matrix, transposed(matrix)))
        _spread(affine_parts(vector, structure), apply("matmul", both, vector), both, found)
        return
    inner = summand(core, structure.curvature.signs)
    if inner is None:
        raise NoRule
    leaf = leaf_of(inner, structure)
    derivatives = Derivatives(leaf)
    slope = derivatives(inner)
    curvature = derivatives(slope)
    if not leaf.type.shape:
        slope, curvature = (total_of(part, inner.type.shape) for part in (slope, curvature))
    slope, curvature = mul(weight, slope), mul(weight, curvature)
    curvature = curvature if not curvature.type.shape else _flat(curvature)
    _spread(affine_parts(leaf, structure), _flat(stretch(slope, leaf.type.shape)), curvature, found)


def _dense(matrix: Expr | None, structure: Structure) -> bool:
    return matrix is not None and diagonal(matrix, structure.curvature.signs) is None


def _spread(inner: Affine, slope: Expr, curvature: Expr, found: Quadratic) -> None:
    """From the entries of an affine expression to those of the unknowns."""
    for (x, _), block in inner.blocks.items():
        left = transposed(block)
        found.slope(x, slope if is_eye(block) else apply("matmul", left, slope))
        if is_zero(curvature):
            continue
        for (y, _), other in inner.blocks.items():
            found.curve(x, y, times(left, _weighted(curvature, other)))


def _weighted(curvature: Expr, block: Expr) -> Expr:
    """A number, a diagonal or a matrix times a block."""
    match len(curvature.type.shape):
        case 0:
            return mul(curvature, block)
        case 2:
            return times(curvature, block)
        case _ if is_eye(block):
            return apply("diag", curvature)
        case _:
            return mul(apply("reshape", curvature, shape=(curvature.type.shape[0], UNIT)), block)


def _flat(expr: Expr) -> Expr:
    """A vector of all entries."""
    shape = expr.type.shape
    return expr if len(shape) == 1 else apply("reshape", expr, shape=(size_of(shape),))


def affine_parts(expr: Expr, structure: Structure) -> Affine:
    """Raises `NoRule` where the expression cannot be taken apart."""
    found = Linear(structure)(expr)
    if found is None:
        raise NoRule
    return found


# ---- the expression through which the unknowns enter ---------------------------------------------


def leaf_of(inner: Expr, structure: Structure) -> Expr:
    """The only one, taken as small or else as large as can be."""
    for large in (False, True):
        found: list[Expr] = []
        for leaf in _leaves(inner, structure, large):
            if leaf not in found:
                found.append(leaf)
        if (
            len(found) == 1
            and structure.curvature.affine(found[0])
            and found[0].type.shape in ((), inner.type.shape)
        ):
            return found[0]
    raise NoRule


def _leaves(expr: Expr, structure: Structure, large: bool) -> Iterator[Expr]:
    """The first affine, or no longer elementwise, expressions on the way down; each object once."""
    seen: set[int] = set()
    pending = [expr]
    while pending:
        part = pending.pop()
        if structure.constant(part) or id(part) in seen:
            continue
        seen.add(id(part))
        inside = isinstance(part, Apply) and ATOMS[part.atom].elementwise
        if inside and not (large and structure.curvature.affine(part)):
            pending.extend(children(part))
        else:
            yield part
