"""What holds at a point of a quadratic program: its residual, its active set's regularity, the linear solve."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp.scaling import Scaled, stacked
from declarative.layer.status import DerivativeStatus

WEAK = 1e-6  # multiplier and slack both below it, scaled: weakly active


def residual(data: Quadratic, x: Array, z: Array) -> Array:
    """Largest violation of the optimality conditions, each relative to the terms that it sums.

    Rows of stationarity and feasibility against 1 + the sizes of their terms; the duality gap
    against 1 + the smaller objective. Multipliers of inequalities are taken as given, nonnegative.
    """
    E, d = stacked(data)
    P, q = data.P, data.q
    Px, Ex, Ez = P @ x, E @ x, E.T @ z
    slack = d - Ex
    inequality = jnp.arange(d.shape[0]) >= data.b.shape[0]
    missed = jnp.where(inequality, jnp.maximum(-slack, 0), jnp.abs(slack))
    row = 1 + jnp.abs(d) + jnp.abs(E) @ jnp.abs(x)
    column = 1 + jnp.abs(q) + jnp.abs(P) @ jnp.abs(x) + jnp.abs(E).T @ jnp.abs(z)
    value, bound = x @ Px / 2 + q @ x, -(x @ Px) / 2 - d @ z
    pairs = jnp.sum(jnp.where(inequality, jnp.abs(z * slack), 0))
    gap = jnp.maximum(jnp.abs(value - bound), pairs) / (1 + jnp.minimum(jnp.abs(value), jnp.abs(bound)))
    worst = jnp.maximum(jnp.max(missed / row, initial=0), jnp.max(jnp.abs(Px + q + Ez) / column, initial=0))
    return jnp.maximum(worst, gap)


def convex(problem: Scaled) -> Array:
    """Whether P is positive semidefinite up to rounding."""
    n = problem.P.shape[0]
    eps = jnp.finfo(problem.P.dtype).eps
    lift = n * 100 * eps * jnp.max(jnp.abs(problem.P), initial=0) + jnp.finfo(problem.P.dtype).tiny
    factor = linalg.cholesky(problem.P + lift * jnp.eye(n, dtype=problem.P.dtype))
    return jnp.all(jnp.isfinite(factor))


def regularity(problem: Scaled, equalities: int, active: Array, x: Array, z: Array) -> Array:
    """DerivativeStatus.code at a solution, from the scaled problem.

    Active rows: those of the set, and those without slack. Dependent if their scaled Jacobian is
    rank-deficient, singular if P is on its null space, weakly active if a multiplier is zero.
    """
    P, q, E, d = problem.P, problem.q, problem.E, problem.d
    n, k = P.shape[0], E.shape[0]
    dtype = P.dtype
    inequality = jnp.arange(k) >= equalities
    slack = jnp.abs(d - E @ x)
    force = jnp.maximum(jnp.max(jnp.abs(P @ x), initial=0), jnp.max(jnp.abs(q), initial=0))
    reach = jnp.maximum(jnp.max(jnp.abs(x), initial=0), jnp.finfo(dtype).tiny)
    small = max(WEAK, float(jnp.finfo(dtype).eps) ** 0.5)
    touching = slack <= small * reach
    idle = jnp.abs(z) <= small * jnp.maximum(force, jnp.finfo(dtype).tiny)
    present = jnp.any(E != 0, axis=1)
    weak = jnp.any(inequality & present & touching & idle)
    rows = (~inequality | active | (touching & present))[:, None] * E
    dependent, singular = _rank_defects(P, rows, jnp.sum(jnp.any(rows != 0, axis=1) | ~inequality))
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    code = jnp.where(singular, DerivativeStatus.SINGULAR.code, code)
    return jnp.where(dependent, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(jnp.int8)


@linalg.elementwise
def _rank_defects(P: Array, rows: Array, count: Array) -> tuple[Array, Array]:
    """Whether the `count` nonzero rows are dependent, and whether P is singular on their null space."""
    cut = jnp.finfo(P.dtype).eps ** 0.5
    values = linalg.singular_values(rows) if rows.shape[0] else jnp.zeros(0, P.dtype)
    rank = jnp.sum(values > cut * jnp.max(values, initial=0))
    curvature, _ = linalg.eigh(P + rows.T @ rows)
    return rank < count, curvature[0] <= cut / 100 * curvature[-1]
