"""Whether the active set of a solution gives a derivative: independent rows, curvature, strict complementarity."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.qp.scaling import Scaled
from declarative.layer.status import DerivativeStatus

WEAK = 1e-6  # multiplier and slack both below it, scaled: weakly active


def regularity(
    problem: Scaled, equalities: int, active: Array, x: Array, z: Array, own: int | None = None
) -> Array:
    """DerivativeStatus.code at a solution, from the scaled problem.

    Active rows: those of the set, and those without slack. Dependent if their scaled Jacobian is
    rank-deficient, singular if P is on its null space, weakly active if a multiplier is zero. Only the
    first `own` unknowns need a derivative: an auxiliary whose constraint is slack may be free to move.
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
    dependent, singular = rank_defects(
        P,
        rows,
        jnp.sum(jnp.any(rows != 0, axis=1) | ~inequality),
        jnp.arange(n) < (n if own is None else own),
    )
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    code = jnp.where(singular, DerivativeStatus.SINGULAR.code, code)
    return jnp.where(dependent, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(jnp.int8)


@linalg.elementwise
def rank_defects(P: Array, rows: Array, count: Array, own: Array) -> tuple[Array, Array]:
    """Whether the `count` nonzero rows are dependent, and whether `own` unknowns move along the
    null space of P and the rows."""
    cut = jnp.finfo(P.dtype).eps ** 0.5
    values = linalg.singular_values(rows) if rows.shape[0] else jnp.zeros(0, P.dtype)
    rank = jnp.sum(values > cut * jnp.max(values, initial=0))
    curvature, directions = linalg.eigh(P + rows.T @ rows)
    flat = curvature <= cut / 100 * curvature[-1]
    return rank < count, jnp.any(flat & (jnp.sum(jnp.where(own[:, None], directions**2, 0), axis=0) > cut))
