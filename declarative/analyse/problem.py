"""Reads a checked problem; gives all facts about it, findings included."""

from __future__ import annotations

from collections.abc import Iterator

from declarative.analyse.curvature import Blame, Curvatures, negated
from declarative.analyse.domain import certified
from declarative.analyse.facts import Certificate, Class, Facts
from declarative.analyse.loglog import NotLogLog, attempted, guilty, in_logarithms
from declarative.analyse.low_rank import low_rank
from declarative.analyse.projection import projection
from declarative.analyse.proximable import composite
from declarative.analyse.scope import Scope
from declarative.analyse.separable import separable
from declarative.analyse.signs import Signs
from declarative.analyse.squares import residuals
from declarative.analyse.structure import Structure, classify, declared_region
from declarative.analyse.terms import neg
from declarative.analyse.wellposed import certificates
from declarative.atoms.record import Curvature
from declarative.errors import Diagnostic, diagnostic
from declarative.ir import (
    Apply,
    Constraint,
    Equality,
    Equilibrium,
    Expr,
    FixedPoint,
    Inequality,
    Membership,
    Minimize,
    Ode,
    Problem,
    Root,
    Saddle,
    Semidefinite,
)


def analyse(problem: Problem) -> Facts:
    structure = structure_of(problem)
    if isinstance(problem.statement, Minimize):
        return _minimisation(problem, problem.statement, structure)
    return _system(problem, structure)


def structure_of(problem: Problem) -> Structure:
    """What answers questions about the expressions of a problem: signs, curvature, degrees, smoothness."""
    convexity_matters = isinstance(problem.statement, Minimize)
    return Structure(Curvatures(Signs(Scope.of(problem)), prove=convexity_matters))


# ---- minimisation --------------------------------------------------------------------------------


def _minimisation(problem: Problem, statement: Minimize, structure: Structure) -> Facts:
    curvature, value = structure.curvature, statement.value
    found = curvature(value) if statement.sense > 0 else negated(curvature(value))
    real = all(variable.type.base == "real" for variable in problem.unknowns)
    sets = all(v.within is None or structure.convex_set(v.within) for v in problem.unknowns)
    convex_parts = real and sets and all(map(structure.convex_constraint, problem.constraints))
    known = projection(problem, structure)
    rule = found in (Curvature.CONSTANT, Curvature.AFFINE, Curvature.CONVEX)
    convex = convex_parts and (rule or (known is not None and known.name != "sphere"))
    constrained = bool(problem.constraints) or any(map(declared_region, problem.unknowns))
    explicit = all(map(structure.affine_constraint, problem.constraints))
    affine = explicit and not any(map(declared_region, problem.unknowns))
    smooth = structure.smooth(value) and all(_smooth_constraint(c, structure) for c in problem.constraints)
    signed = value if statement.sense > 0 else neg(value)
    sum_of_squares = residuals(signed, curvature.signs)
    degree = structure.degree(value)
    cls = classify(problem, structure, convex, degree, smooth, sum_of_squares is not None)
    blames = tuple(_blames(problem, statement, structure))
    against = None if convex or not attempted(problem) else _against_logarithms(problem, structure)
    loglog = not convex and attempted(problem) and against is None
    cls = Class.GEOMETRIC if loglog else cls
    blames = () if loglog else blames
    unique, differentiable = certificates(problem, cls, convex, constrained, smooth, curvature)
    if loglog:
        curved = "where the Hessian in the logarithms is positive definite along the active constraints"
        unique = Certificate(None, curved)
    if known is not None and known.name != "sphere" and unique.holds is None:
        unique = Certificate(True, "a projection or proximal map has one solution")
    if known is not None and known.name == "sphere":
        unique = Certificate(None, "unless the point is the centre")
        differentiable = Certificate(None, "unless the point is the centre")
    findings = [] if known is not None else list(blames)
    if against is not None:
        findings.append(diagnostic("D305", against.expr.span, reason=against.reason))
    if cls is Class.LP and constrained:
        findings.append(diagnostic("D304", statement.span))
    return Facts(
        cls=cls,
        curvature=found,
        convex=convex,
        blame=blames[0] if blames else None,
        degree=degree,
        affine_constraints=affine,
        constrained=constrained,
        smooth=smooth,
        residuals=sum_of_squares,
        projection=known,
        separable=separable(problem, structure),
        low_rank=low_rank(problem, structure) if degree == 2 and not constrained else None,
        composite=composite(problem, structure) if convex else None,
        unique=unique,
        differentiable=differentiable,
        findings=tuple(findings),
        loglog=loglog,
    )


def _against_logarithms(problem: Problem, structure: Structure) -> NotLogLog | None:
    """None where a problem of positive unknowns is convex in their logarithms, else why it is not shown to be."""
    try:
        changed, _ = in_logarithms(problem, structure)
    except NotLogLog as error:
        return error
    inside = structure_of(changed)
    return None if certified(changed, inside) else guilty(problem, changed, inside)


def _smooth_constraint(constraint: Constraint, structure: Structure) -> bool:
    match constraint:
        case Equality(left=left, right=right) | Inequality(left=left, right=right):
            return structure.smooth(left) and structure.smooth(right)
        case Membership(member=member):
            return structure.smooth(member)
        case Semidefinite(greater=greater, smaller=smaller):
            return structure.smooth(greater) and structure.smooth(smaller)


# ---- who is to blame -----------------------------------------------------------------------------


def _blames(problem: Problem, statement: Minimize, structure: Structure) -> Iterator[Diagnostic]:
    """Each reason why a minimisation is not certified convex."""
    curvature = structure.curvature
    wanted = Curvature.CONVEX if statement.sense > 0 else Curvature.CONCAVE
    if curvature(statement.value) not in (Curvature.CONSTANT, Curvature.AFFINE, wanted):
        verb = "minimized" if statement.sense > 0 else "maximized"
        yield _at("D301", curvature.blame(statement.value, wanted), verb=verb, wanted=wanted.value)
    for variable in problem.unknowns:
        if variable.type.base != "real":
            yield diagnostic("D303", variable.span, what=variable.type.base)
        if variable.within is not None and not structure.convex_set(variable.within):
            yield diagnostic("D303", variable.within.span, what=variable.within.name)
    for constraint in problem.constraints:
        if not structure.convex_constraint(constraint):
            yield _blame_constraint(constraint, structure)


def _blame_constraint(constraint: Constraint, structure: Structure) -> Diagnostic:
    curvature = structure.curvature
    match constraint:
        case Equality(left=left, right=right):
            guilty = left if not curvature.affine(left) else right
            return _at("D302", _not_affine(curvature, guilty), wanted="affine on both sides of `==`")
        case Inequality(left=left, right=right):
            if not curvature.convex(left):
                blame = curvature.blame(left, Curvature.CONVEX)
                return _at("D302", blame, wanted="convex on the smaller side")
            blame = curvature.blame(right, Curvature.CONCAVE)
            return _at("D302", blame, wanted="concave on the larger side")
        case Membership(member=member, within=within):
            if not structure.convex_set(within):
                return diagnostic("D303", within.span, what=within.name)
            return _at("D302", _not_affine(curvature, member), wanted="affine in a membership")
        case Semidefinite(greater=greater, smaller=smaller):
            guilty = greater if not curvature.affine(greater) else smaller
            return _at("D302", _not_affine(curvature, guilty), wanted="affine on both sides of the order")


def _not_affine(curvature: Curvatures, expr: Expr) -> Blame:
    found = curvature(expr)
    if found is Curvature.UNKNOWN:
        return curvature.blame(expr, Curvature.AFFINE)
    if isinstance(expr, Apply) and expr.atom in ("add", "sub", "neg"):
        for arg in expr.args:
            if not curvature.affine(arg):
                return _not_affine(curvature, arg)
    return Blame(expr, f"this is {found.value}, not affine")


def _at(code: str, blame: Blame, **fields: object) -> Diagnostic:
    more = f"; {blame.help}" if blame.help else ""
    return diagnostic(code, blame.expr.span, fix=None, reason=blame.reason, more=more, **fields)


# ---- equations, games, flows ---------------------------------------------------------------------


def _system(problem: Problem, structure: Structure) -> Facts:
    statement = problem.statement
    constrained = bool(problem.constraints) or any(map(declared_region, problem.unknowns))
    match statement:
        case FixedPoint(maps=maps):
            cls, parts = Class.FIXED_POINT, [image for _, image in maps]
        case Root(equations=equations):
            cls, parts = Class.ROOT, [side for pair in equations for side in pair]
        case Saddle(value=value):
            cls, parts = Class.SADDLE, [value]
        case Equilibrium(players=players):
            cls, parts = Class.EQUILIBRIUM, [player.value for player in players]
        case Ode(fields=fields):
            cls, parts = Class.ODE, [field for _, field in fields]
        case Minimize(value=value):
            cls, parts = Class.NONLINEAR, [value]
    degrees = [structure.degree(part) for part in parts]
    known = [degree for degree in degrees if degree is not None]
    smooth = all(map(structure.smooth, parts))
    unique, differentiable = certificates(problem, cls, False, constrained, smooth, structure.curvature)
    affine = all(map(structure.affine_constraint, problem.constraints))
    return Facts(
        cls=cls,
        curvature=Curvature.UNKNOWN,
        convex=False,
        blame=None,
        degree=max(known, default=0) if len(known) == len(degrees) else None,
        affine_constraints=affine and not any(map(declared_region, problem.unknowns)),
        constrained=constrained,
        smooth=smooth,
        residuals=None,
        projection=None,
        separable=None,
        low_rank=None,
        composite=None,
        unique=unique,
        differentiable=differentiable,
    )
