"""Which convex problems cvxpy's own rules and functions can state, and why not the others."""

from __future__ import annotations

from declarative import ir
from declarative.analyse.curvature import Curvatures, squared
from declarative.analyse.domain import total
from declarative.analyse.scope import Scope, children
from declarative.analyse.signs import Signs, as_quadratic
from declarative.analyse.structure import Structure
from declarative.atoms import ATOMS, Curvature
from declarative.backends.cvxpy.printer import sides
from declarative.plan.engine import Variant


def disciplined(variant: Variant) -> str | None:
    """A rule of the plan: None where cvxpy can state the problem, else why not, in words after 'because'."""
    problem = variant.problem
    roots = sides(problem)
    if isinstance(problem.statement, ir.Minimize):
        roots.append(problem.statement.value)
    curvatures = Curvatures(Signs(Scope.of(problem)))
    if any(isinstance(c, ir.Membership) and _family(c) for c in problem.constraints):
        return "a whole family of vectors is in a cone"
    sets = [c.within for c in problem.constraints if isinstance(c, ir.Membership)]
    sets += [unknown.within for unknown in problem.unknowns if unknown.within is not None]
    if any(one.name == "power_cone" and _reads_params(one.args[0]) for one in sets):
        return "it wants a number as the exponent of a power cone"
    return next((why for root in roots if (why := _why_not(root, curvatures)) is not None), None)


def _family(constraint: ir.Membership) -> bool:
    """As the conic rewrite makes it: an array each of whose last axes is in a cone."""
    cones = {"soc": 1, "exp_cone": 1, "power_cone": 1, "psd": 2}
    return len(constraint.member.type.shape) > cones.get(constraint.within.name, 9)


def _why_not(node: ir.Expr, curvatures: Curvatures) -> str | None:
    if curvatures.constant(node):
        return None
    why = _alone(node, curvatures)
    if why is not None or as_quadratic(node) is not None:
        return why
    return next((why for child in children(node) if (why := _why_not(child, curvatures)) is not None), None)


def _alone(node: ir.Expr, curvatures: Curvatures) -> str | None:
    match node:
        case ir.Apply() if as_quadratic(node) is not None:
            return None
        case ir.Apply(atom="mul", args=(left, right)) if left == right:
            return None
        case ir.Apply(atom="div", args=(top, bottom)) if not curvatures.constant(bottom):
            if not curvatures.constant(top) and squared(top) is None:
                return "the quotient is neither a constant nor a square over its divisor"
        case ir.Apply(atom=atom):
            if ATOMS[atom].cvxpy is None:
                return f"cvxpy has no `{atom}`"
            if curvatures.disciplined(node) is Curvature.UNKNOWN:
                return "its convexity is proven by second derivatives, which cvxpy does not look at"
        case ir.Reduce(op=op, where=where, body=body):
            if op == "prod":
                return "cvxpy has no product of a family"
            if where is not None and _reads_params(where):
                if op != "sum":
                    return f"the filter of a `{op}` reads the data"
                if not total(body, Structure(curvatures)):
                    return "what a filter leaves out by the data would keep its domain"
        case ir.Index(items=items):
            late = [i for i, item in enumerate(items) if _reads_params(item)]
            if late not in ([], [0]):
                return "only a first axis can be indexed by the data"
        case ir.Extern(name=name):
            return f"it cannot see into the host function `{name}`"
        case ir.SubProblem() | ir.AtTime():
            return "it holds no nested problems"
    return None


def _reads_params(node: ir.Expr | ir.Slice) -> bool:
    if isinstance(node, ir.Slice):
        return False
    return isinstance(node, ir.Param) or any(map(_reads_params, children(node)))
