"""A geometric program -> a convex one in the logarithms of its unknowns, x = exp(log_x).

    minimize f(x)             minimize log f(exp(u))
    c: g(x) <= h(x)           c: log g(exp(u)) <= log h(exp(u))        the same for ==
    return x, dual(c)         exp(u), and the multiplier times f / h

Where c is active, g = h, so that the gradient of g - h is h times that of log g - log h, and that of the
objective f times that of log f: a multiplier of the logarithms, times f / h, is one of the problem itself.
"""

from __future__ import annotations

from dataclasses import replace

from declarative.analyse import structure_of
from declarative.analyse.domain import certified
from declarative.analyse.loglog import NotLogLog, attempted, in_logarithms
from declarative.analyse.structure import Structure
from declarative.analyse.terms import apply, div
from declarative.ir import Equality, Inequality, Minimize, Problem
from declarative.rewrite.variant import Back, Factor
from declarative.walk import substitute


def take_logarithms(problem: Problem, structure: Structure) -> tuple[Problem, Back] | None:
    """The convex problem and the way back; None where it is no certified geometric program."""
    if not attempted(problem):
        return None
    try:
        changed, logs = in_logarithms(problem, structure)
    except NotLogLog:
        return None
    if not certified(changed, structure_of(changed)):
        return None
    assert isinstance(changed.statement, Minimize)
    value = apply("exp", changed.statement.value)
    values = {name: apply("exp", log) for name, log in logs.unknowns.items()}
    factors = tuple(
        Factor(c.label, div(value, substitute(c.right, values)), c.binders, c.where)
        for c in problem.constraints
        if c.label is not None and isinstance(c, Equality | Inequality)
    )
    outputs = tuple(replace(o, value=substitute(o.value, values)) for o in problem.outputs)
    return replace(changed, outputs=outputs), Back(value, factors)
