"""The reference backend: every certified convex problem as a cvxpy Problem, solved by Clarabel on the host."""

from __future__ import annotations

from declarative.backends.cvxpy.disciplined import disciplined
from declarative.plan.predicates import ByRules, convex, minimisation

ENGINES = (
    ByRules(
        "clarabel",
        "cvxpy",
        "cone",
        rules=(minimisation, convex, disciplined),
        cost=1000,
        why="convex: cvxpy states it as a cone program, Clarabel solves it on the CPU",
        sparse=True,
    ),
)
