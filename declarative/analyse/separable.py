"""Reads a minimisation; gives the bounds of its unknowns, and whether each entry is a problem for itself."""

from __future__ import annotations

from declarative.analyse.derivative import Derivatives, NoRule
from declarative.analyse.entries import Entries, summand, total_of
from declarative.analyse.facts import Separable
from declarative.analyse.linear import Linear
from declarative.analyse.regions import Bounds, Regions, bounds_of
from declarative.analyse.scope import Memo
from declarative.analyse.structure import Structure
from declarative.analyse.terms import ZERO, add, apply, is_zero, mul, terms
from declarative.atoms import ATOMS
from declarative.ir import Apply, Constraint, Dual, Expr, Inequality, Minimize, Problem, Unknown
from declarative.walk import names


def separable(problem: Problem, structure: Structure) -> Separable | None:
    """The bounds, where the objective is a sum of differentiable functions of one entry each."""
    statement = problem.statement
    if not isinstance(statement, Minimize) or not structure.differentiable(statement.value):
        return None
    unknowns = {variable.name: Unknown(variable.name, variable.type) for variable in problem.unknowns}
    if not all(
        _of_entries(term.core, unknowns, structure)
        for term in terms(statement.value, structure.constant)
        if not structure.constant(term.core)
    ):
        return None
    found = bounds(problem, structure)
    return None if found is None else Separable(tuple((one.lower, one.upper) for one in found))


def by_entries(problem: Problem, structure: Structure) -> bool:
    """Whether objective, inequalities and equalities are affine, or sums of functions of one entry each."""
    statement = problem.statement
    if not isinstance(statement, Minimize):
        return False
    unknowns = {variable.name: Unknown(variable.name, variable.type) for variable in problem.unknowns}
    constrained = [s for c in problem.constraints if not structure.affine_constraint(c) for s in _sides(c)]
    return all(
        structure.constant(term.core) or _of_entries(term.core, unknowns, structure)
        for body in (statement.value, *constrained)
        for term in terms(body, structure.constant)
    )


def _sides(constraint: Constraint) -> tuple[Expr, ...]:
    return (constraint.left, constraint.right) if isinstance(constraint, Inequality) else ()


def bounds(problem: Problem, structure: Structure) -> tuple[Bounds, ...] | None:
    """One pair for each unknown; None where a constraint is something else, or its multiplier is asked for."""
    labelled = any(constraint.label is not None for constraint in problem.constraints)
    if labelled or any(isinstance(output.value, Dual) for output in problem.outputs):
        return None
    known = {variable.name for variable in problem.unknowns}
    bound = [names(constraint) & known for constraint in problem.constraints]
    if any(len(one) != 1 for one in bound):
        return None
    found: list[Bounds] = []
    for variable in problem.unknowns:
        own = tuple(c for c, one in zip(problem.constraints, bound, strict=True) if variable.name in one)
        pieces = Regions(Unknown(variable.name, variable.type), structure).pieces(variable, own)
        if pieces is None or not all(isinstance(piece, Bounds) for piece in pieces):
            return None
        together = bounds_of(pieces)
        if together is None:
            return None
        found.append(together)
    return tuple(found)


def _of_entries(core: Expr, unknowns: dict[str, Unknown], structure: Structure) -> bool:
    """A sum of functions of one entry each."""
    if structure.curvature.affine(core):
        return True
    inside = [unknowns[name] for name in names(core) if name in unknowns]
    if len(inside) != 1:
        return False
    (x,) = inside
    signs = structure.curvature.signs
    inner = summand(core, signs)
    return not x.type.shape or (inner is not None and _entrywise(inner, x, Entries(x, signs)))


def slopes(problem: Problem, structure: Structure) -> tuple[tuple[Expr, Expr], ...] | None:
    """First and second derivatives of what is minimised, entry by entry, for each unknown of a separable problem."""
    statement = problem.statement
    assert isinstance(statement, Minimize)
    found = []
    for variable in problem.unknowns:
        x = Unknown(variable.name, variable.type)
        derivatives, linear = Derivatives(x), Linear(structure)
        first, second = ZERO, ZERO
        for term in terms(statement.value, structure.constant, statement.sense):
            if structure.constant(term.core) or x.name not in names(term.core):
                continue
            try:
                slope, curvature = _differentiated(term.core, x, structure, derivatives, linear)
            except NoRule:
                return None
            first = add(first, mul(term.coefficient, slope))
            second = second if is_zero(curvature) else add(second, mul(term.coefficient, curvature))
        found.append((first, second))
    return tuple(found)


def _differentiated(
    core: Expr, x: Unknown, structure: Structure, derivatives: Derivatives, linear: Linear
) -> tuple[Expr, Expr]:
    """Derivatives of one term, summed where x is one number seen by many entries."""
    inner = summand(core, structure.curvature.signs)
    if inner is None:
        affine = linear(core) if structure.curvature.affine(core) else None
        if affine is None:
            raise NoRule
        return apply("reshape", affine.blocks[x.name, None], shape=x.type.shape), ZERO
    slope = derivatives(inner)
    curvature = derivatives(slope)
    if x.type.shape or not inner.type.shape:
        return slope, curvature
    return total_of(slope, inner.type.shape), total_of(curvature, inner.type.shape)


def _entrywise(expr: Expr, x: Unknown, entries: Entries) -> bool:
    """An array of the shape of x, each entry of which depends on the same entry of x alone."""

    def compute(part: Expr) -> bool:
        if part == x:
            return True
        if part.type.shape != x.type.shape:
            return False
        if isinstance(part, Apply) and ATOMS[part.atom].elementwise:
            return all(entries.constant(arg) or known(arg) for arg in part.args)
        return entries(part) is not None

    known = Memo(compute)
    return known(expr)
