"""Reads a quadratic objective; gives the factors of its Hessian where it is diagonal plus low rank.

    ||A @ x - b||^2 + lam * ||x||^2      2 A'A + 2 lam I
    ||F' @ w||^2 + ||d * w||^2           2 F F' + 2 diag(d^2)

The rank is low where A has few rows: how many is known when arguments are.
"""

from __future__ import annotations

from declarative.analyse.composite import affine_parts, leaf_of
from declarative.analyse.derivative import Derivatives, NoRule
from declarative.analyse.entries import summand, total_of
from declarative.analyse.facts import LowRank
from declarative.analyse.linear import times, transposed
from declarative.analyse.signs import as_quadratic
from declarative.analyse.structure import Structure
from declarative.analyse.terms import ZERO, add, apply, is_eye, mul, terms
from declarative.atoms.shapes import entries as size_of
from declarative.ir import Apply, Const, Expr, Minimize, Problem


def low_rank(problem: Problem, structure: Structure) -> LowRank | None:
    """None where nothing certain is on the diagonal, or nothing is beside it."""
    statement = problem.statement
    if not isinstance(statement, Minimize) or len(problem.unknowns) != 1:
        return None
    diagonal, factors = ZERO, []
    signs = structure.curvature.signs
    try:
        for term in terms(statement.value, structure.constant, statement.sense):
            if structure.constant(term.core) or structure.curvature.affine(term.core):
                continue
            block, curvature = _curved(term.core, structure)
            curvature = mul(term.coefficient, curvature)
            if not structure.constant(curvature) or not signs.nonneg(curvature):
                return None
            if is_eye(block):
                diagonal = add(diagonal, curvature)
            else:
                factors.append((block, curvature))
    except NoRule:
        return None
    return LowRank(diagonal, tuple(factors)) if factors and signs.positive(diagonal) else None


def _curved(core: Expr, structure: Structure) -> tuple[Expr, Expr]:
    """(E, c) where the Hessian of the scalar is E' diag(c) E."""
    pair = as_quadratic(core)
    if pair is not None and isinstance(pair[1], Apply) and pair[1].atom == "matmul":
        left, right = pair[1].args
        if transposed(left) == right and len(right.type.shape) == 2:
            (block,) = affine_parts(pair[0], structure).blocks.values()
            return times(right, block), Const(2.0)
    inner = summand(core, structure.curvature.signs)
    if inner is None:
        raise NoRule
    leaf = leaf_of(inner, structure)
    derivatives = Derivatives(leaf)
    curvature = derivatives(derivatives(inner))
    if not leaf.type.shape:
        curvature = total_of(curvature, inner.type.shape)
    if len(curvature.type.shape) > 1:
        curvature = apply("reshape", curvature, shape=(size_of(curvature.type.shape),))
    (block,) = affine_parts(leaf, structure).blocks.values()
    return block, curvature
