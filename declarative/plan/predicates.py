"""The words in which engines say what they take: rules on a Variant, each with its reason.

ByRules("interior_point", "jax", "quadratic", rules=(minimisation, affine_constraints, quadratic),
        cost=10, why="dense linear or convex quadratic program")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from declarative.analyse import Class, structure_of
from declarative.analyse.domain import implied, inside, outside
from declarative.ir import Apply, Equality, Inequality, Minimize
from declarative.plan.engine import Accept, Refuse, Variant
from declarative.rewrite.conic import obstacle
from declarative.walk import walk

PARTIAL = 100.0
"""What a domain adds to the cost of an engine that does not know of it."""
SQUARES = 20.0
"""What second derivatives cost more than cones where squares alone bend the constraints; it grows with the size."""

PRODUCTS = ("matmul", "dot", "quad_form", "quad_over_lin")

Rule: TypeAlias = Callable[[Variant], str | None]
"""None where the variant passes, otherwise why it does not, in words after 'because'."""


@dataclass(frozen=True)
class ByRules:
    """An engine that takes what passes all its rules. Its `Solver` stands in a module of the engine's name,
    which the emitted code imports: asking an engine imports no numerical library."""

    name: str
    backend: str
    form: str
    rules: tuple[Rule, ...]
    cost: float
    why: str
    methods: tuple[str, ...] = ()
    backwards: tuple[str, ...] = ()
    sparse: bool = False  # takes sparse matrices as they are
    dense: bool = False  # makes matrices of the order of the unknowns: not for large calls
    total: bool = (
        False  # starts anywhere: where that may be outside of a function's domain, others come first
    )
    curved: bool = False  # takes second derivatives: where all are of squares, cones come first
    blocks: str | None = None  # for large calls that fall into blocks, which it does not see

    def accepts(self, variant: Variant) -> Accept | Refuse:
        cost = self.cost + (PARTIAL if self.total and _partial(variant) else 0)
        cost += SQUARES if self.curved and _squares(variant) else 0
        return decide(variant, *self.rules, cost=cost, why=self.why)


def _partial(variant: Variant) -> bool:
    """Whether a convex objective is not defined everywhere: an engine that knows its domain solves it surely."""
    problem = variant.problem
    if not isinstance(problem.statement, Minimize) or not variant.facts.convex:
        return False
    return outside(problem.statement.value, structure_of(problem))


def _squares(variant: Variant) -> bool:
    """Whether all is quadratic, and the constraints are sums of squares: no matrix needs a root to be a cone."""
    problem, structure = variant.problem, structure_of(variant.problem)
    if not isinstance(problem.statement, Minimize):
        return False
    bent = [c for c in problem.constraints if not structure.affine_constraint(c)]
    sides = [side for c in bent if isinstance(c, Inequality) for side in (c.left, c.right)]
    degrees = [structure.degree(side) for side in (problem.statement.value, *sides)]
    if any(degree is None or degree > 2 for degree in degrees):
        return False
    products = (node for side in sides for node in walk(side) if isinstance(node, Apply))
    return not any(structure.degree(node) == 2 and node.atom in PRODUCTS for node in products)


def decide(variant: Variant, *rules: Rule, cost: float, why: str) -> Accept | Refuse:
    """Accept if every rule passes; otherwise the first reason."""
    for rule in rules:
        reason = rule(variant)
        if reason is not None:
            return Refuse(reason)
    return Accept(cost, why)


def only(*classes: Class) -> Rule:
    def rule(variant: Variant) -> str | None:
        found = variant.facts.cls
        return None if found in classes else f"it solves {_either(classes)}, not {_article(found)}"

    return rule


def minimisation(variant: Variant) -> str | None:
    if isinstance(variant.problem.statement, Minimize):
        return None
    return f"it minimises, and does not solve {_article(variant.facts.cls)}"


def unconstrained(variant: Variant) -> str | None:
    return "there are constraints" if variant.facts.constrained else None


def affine_constraints(variant: Variant) -> str | None:
    """Constraints are explicit affine equalities and inequalities; none hides in a declaration."""
    return None if variant.facts.affine_constraints else "a constraint is not an affine (in)equality"


def equalities_only(variant: Variant) -> str | None:
    reason = affine_constraints(variant)
    if reason is None and any(isinstance(c, Inequality) for c in variant.problem.constraints):
        return "there are inequalities"
    return reason


def smooth(variant: Variant) -> str | None:
    return None if variant.facts.smooth else "the objective is not twice differentiable everywhere"


def convex(variant: Variant) -> str | None:
    return None if variant.facts.convex else "it is not certified convex"


def quadratic(variant: Variant) -> str | None:
    """The objective is a polynomial of degree 2 or less, and convex."""
    degree = variant.facts.degree
    if degree is None:
        return "the objective is not quadratic"
    return None if degree < 2 or variant.facts.convex else "the quadratic objective is not certified convex"


def residuals(variant: Variant) -> str | None:
    return None if variant.facts.residuals else "the objective is not a sum of squares"


def entry_by_entry(variant: Variant) -> str | None:
    found = variant.facts.separable
    return None if found is not None else "the entries of the unknowns are no problems for themselves"


def known_projection(*names: str) -> Rule:
    """The problem is one of the named projections or proximal maps."""

    def rule(variant: Variant) -> str | None:
        found = variant.facts.projection
        if found is None:
            return "it is no known projection or proximal map"
        return None if found.name in names else f"it has no formula for `{found.name}`"

    return rule


def composite(*names: str, curved: tuple[str, ...] = ()) -> Rule:
    """A smooth function and beside it, for each unknown, nothing or one of the named ones; with those of `curved`
    alone the function is no quadratic."""

    def rule(variant: Variant) -> str | None:
        found = variant.facts.composite
        if found is None:
            return "it is no smooth function with one known function beside it for each unknown"
        beside = {part.name for part in found.parts} - {"free"}
        missing = sorted(beside - {*names, *curved})
        if missing:
            return f"it has no proximal map for `{missing[0]}`"
        plain = found.quadratic and beside <= {*curved}
        return "it leaves such quadratic programs to pivots" if plain else None

    return rule


def conic_form(variant: Variant) -> str | None:
    """All constraints are affine, or memberships of affine expressions in cones; the objective is quadratic."""
    return obstacle(variant.problem, structure_of(variant.problem))


def smooth_constraints(variant: Variant) -> str | None:
    """There are constraints, and all are explicit (in)equalities; the domain is x > 0 for some unknowns x."""
    problem, facts = variant.problem, variant.facts
    if not facts.constrained:
        return "there are no constraints"
    if not facts.smooth:
        return "not all of it is twice differentiable"
    declared = any(variable.properties or variable.within for variable in problem.unknowns)
    if declared or not all(isinstance(c, Equality | Inequality) for c in problem.constraints):
        return "a constraint is neither an equality nor an inequality"
    positive = inside(problem, structure_of(problem))
    if positive is None:
        return "a function's domain is not that some unknowns are positive"
    if any(implied(constraint, positive) for constraint in problem.constraints):
        return "a constraint says again that an unknown is positive"
    return None


def no_extern(variant: Variant) -> str | None:
    """The problem calls no host function."""
    externs = variant.problem.externs
    return f"it cannot see into the host function `{externs[0].name}`" if externs else None


def _either(classes: tuple[Class, ...]) -> str:
    names = [_article(cls) for cls in classes]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def _article(cls: Class) -> str:
    """As in "a root" and "an initial value problem"."""
    return f"{'an' if cls.value[0] in 'aeiou' else 'a'} {cls.value}"
