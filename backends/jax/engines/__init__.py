"""The engines: what each takes, and why. The solvers stand in the modules of the same names.

Equally good ones are preferred in this order. Usual costs are listed at `plan.engine.Accept`.
"""

from __future__ import annotations

from declarative.analyse import Class
from declarative.plan.predicates import (
    ByRules,
    affine_constraints,
    convex,
    entry_by_entry,
    equalities_only,
    known_projection,
    minimisation,
    only,
    quadratic,
    residuals,
    smooth,
    unconstrained,
)

PROJECTIONS = (
    "free",
    "nonneg",
    "box",
    "simplex",
    "ball",
    "ball_1",
    "sphere",
    "soc",
    "psd",
    "monotone",
    "hyperplane",
    "halfspace",
    "knapsack",
    "budget",
    "soft_threshold",
    "group_threshold",
    "singular_threshold",
    "softmax",
)

ENGINES = (
    ByRules(
        "projection",
        "jax",
        "projection",
        rules=(minimisation, known_projection(*PROJECTIONS)),
        cost=1,
        why="a known projection or proximal map, in closed form",
        methods=("closed_form",),
    ),
    ByRules(
        "separable",
        "jax",
        "separable",
        rules=(minimisation, entry_by_entry, convex),
        cost=1.5,
        why="Newton's method on every entry for itself",
    ),
    ByRules(
        "linear_system",
        "jax",
        "stationary",
        rules=(minimisation, equalities_only, quadratic),
        cost=2,
        why="its optimality conditions are one linear system",
        methods=("closed_form",),
    ),
    ByRules(
        "interior_point",
        "jax",
        "quadratic",
        rules=(minimisation, affine_constraints, quadratic),
        cost=10,
        why="dense linear or convex quadratic program",
    ),
    ByRules(
        "least_squares",
        "jax",
        "least_squares",
        rules=(minimisation, unconstrained, residuals, smooth),
        cost=15,
        why="Levenberg-Marquardt on the residuals, then Newton",
        methods=("levenberg_marquardt",),
    ),
    ByRules(
        "newton",
        "jax",
        "second_order",
        rules=(minimisation, unconstrained, smooth),
        cost=20,
        why="Newton's method with dense Hessians",
    ),
    ByRules(
        "quasi_newton",
        "jax",
        "smooth",
        rules=(minimisation, unconstrained, smooth),
        cost=30,
        why="BFGS, which needs gradients only",
        methods=("bfgs",),
    ),
    ByRules(
        "fixed_point",
        "jax",
        "map",
        rules=(only(Class.FIXED_POINT),),
        cost=20,
        why="iteration of the map, accelerated",
        methods=("anderson", "picard"),
        backwards=("one_step", "truncated", "phantom", "neumann"),
    ),
    ByRules(
        "root",
        "jax",
        "equations",
        rules=(only(Class.ROOT),),
        cost=20,
        why="Newton's method on a square system",
    ),
)
