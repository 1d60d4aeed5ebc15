"""Any certified convex problem of atoms with conic forms -> affine constraints and memberships in cones.

    exp(e) in a convex place     t     with  concat(e, 1, t) in exp_cone     as the atom's record says
    f(e) <= c                    concat(c, e) in soc, ...                    no auxiliary, if there is no label
    find x in ball(r)            concat(r, x) in soc                         see `cones`

Squares in the objective stay as they are. What remains: min 1/2 x'Px + q'x over affine (in)equalities,
memberships of affine expressions in soc, psd, exp_cone and power_cone, and semidefinite constraints. A
membership of an array in a cone of vectors is that of each of its last axes.
"""

from __future__ import annotations

from declarative.analyse.structure import Structure
from declarative.atoms import ATOMS, Curvature
from declarative.ir import Apply, Membership, Minimize, Problem, Semidefinite
from declarative.rewrite import forms
from declarative.rewrite.cones import CONES, SYMMETRIC
from declarative.rewrite.epigraph import lift_cones
from declarative.rewrite.spelling import spelt
from declarative.walk import constant as number
from declarative.walk import walk


def lift(problem: Problem, structure: Structure) -> Problem | None:
    """The problem in conic form; None where it already is, or where something has no conic form."""
    statement, curvature = problem.statement, structure.curvature
    if not isinstance(statement, Minimize) or not all(map(structure.convex_constraint, problem.constraints)):
        return None
    certified = curvature.convex if statement.sense > 0 else curvature.concave
    return lift_cones(problem, structure) if certified(statement.value) else None


def obstacle(problem: Problem, structure: Structure) -> str | None:
    """None where a conic program says all of it, else why not, in words after 'because'."""
    statement = problem.statement
    plain = all(
        variable.within is None and variable.properties in (frozenset(), SYMMETRIC)
        for variable in problem.unknowns
    )
    quadratic = isinstance(statement, Minimize) and structure.degree(statement.value) is not None
    if plain and quadratic and all(_conic(constraint, structure) for constraint in problem.constraints):
        return None
    missing = (node.atom for node in walk(problem) if isinstance(node, Apply) and _formless(node, structure))
    atom = next(missing, None)
    return "a part of it has no conic form" if atom is None else f"`{atom}` has no conic form"


def _formless(call: Apply, structure: Structure) -> bool:
    """A call that is neither affine nor quadratic, of a function that is not affine and has no form."""
    if structure.degree(call) is not None or spelt(call, structure) is not None:
        return False
    signs = tuple(map(structure.curvature.signs, call.args))
    own = ATOMS[call.atom].curvature(signs, tuple(map(number, call.args)))
    return own is not Curvature.AFFINE and forms.text_of(call, structure) is None


def _conic(constraint: object, structure: Structure) -> bool:
    match constraint:
        case Membership(member=member, within=within):
            return structure.curvature.affine(member) and within.name in CONES
        case Semidefinite(greater=greater, smaller=smaller):
            return structure.curvature.affine(greater) and structure.curvature.affine(smaller)
        case _:
            return structure.affine_constraint(constraint)  # type: ignore[arg-type]
