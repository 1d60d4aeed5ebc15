"""IR -> equivalent IR, one rule a file. Values and multipliers find their way back by name and label.

    arrays     comprehensions and quantified rows -> arrays, before all analysis
    sets       polyhedral sets and properties -> constraints
    epigraph   piecewise-linear atoms -> auxiliary unknowns and constraints
    geometric  positive unknowns -> their logarithms, where posynomials are convex
    smooth     kinks and domains -> constraints and auxiliaries, smooth convex functions stay
    conic      every other curved atom and set too -> memberships of affine expressions in cones
    quadratic  the symbolic data of a quadratic program, for the emitter

A rule takes a problem and what is known about its expressions, and gives an equivalent problem, or None
where it has nothing to do. It may append unknowns, and must keep labels, their shapes and their signs.
"""

from __future__ import annotations

from collections.abc import Callable

from declarative.analyse import Facts, analyse, structure_of
from declarative.analyse.structure import Structure
from declarative.ir import Minimize, Problem
from declarative.rewrite import arrays, conic, epigraph, geometric, sets, smooth
from declarative.rewrite.variant import Variant as Variant

LOGARITHMS = "logarithms of the unknowns"
SMOOTH = "kinks and domains by auxiliaries, smooth functions kept"

Rule = Callable[[Problem, Structure], Problem | None]

RULES: tuple[tuple[str, Rule], ...] = (
    ("sets as constraints", sets.expand),
    ("piecewise-linear atoms by auxiliaries", epigraph.lift),
    (SMOOTH, smooth.lift),
    ("curved functions and sets as cones", conic.lift),
)
"""What is done, in words for the user, in the order in which it is done."""

BRANCHES = frozenset({SMOOTH})
"""Those after which the next starts again from what was before them."""


def rewrite(problem: Problem, facts: Facts) -> tuple[Variant, ...]:
    """The problem itself, in arrays, then the result of each rule that applied, on top of those before it
    that are no branches."""
    vectorised = arrays.vectorise(problem, structure_of(problem))
    if vectorised is None:
        variants = [Variant(problem, facts)]
    else:
        variants = [Variant(vectorised, analyse(vectorised), ("comprehensions as arrays",))]
    if not isinstance(problem.statement, Minimize):
        return tuple(variants)
    variants += _rewritten(variants[0])
    if not facts.convex:
        found = geometric.take_logarithms(variants[0].problem, structure_of(variants[0].problem))
        if found is not None:
            changed, back = found
            variants.append(Variant(changed, analyse(changed), (*variants[0].steps, LOGARITHMS), back=back))
            variants += _rewritten(variants[-1])
    return tuple(variants)


def _rewritten(first: Variant) -> list[Variant]:
    last, variants = first, []
    for name, rule in RULES:
        changed = rule(last.problem, structure_of(last.problem))
        if changed is not None:
            added = len(changed.unknowns) - len(first.problem.unknowns)
            variants.append(Variant(changed, analyse(changed), (*last.steps, name), added, first.back))
            last = last if name in BRANCHES else variants[-1]
    return variants
