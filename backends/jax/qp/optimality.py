"""How far a point is from a solution of a quadratic program, in the data as they were given."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp.scaling import Scaled


def residual(data: Quadratic, x: Array, z: Array) -> Array:
    """Largest violation of the optimality conditions, each relative to the terms that it sums.

    Rows of stationarity and feasibility against 1 + the sizes of their terms; the duality gap
    against 1 + the smaller objective. Multipliers of inequalities are taken as given, nonnegative.
    """
    E, d = jnp.concatenate([data.A, data.G]), jnp.concatenate([data.b, data.h])
    P, q = data.P, data.q
    Px, Ex, Ez = P @ x, E @ x, E.T @ z
    slack = d - Ex
    inequality = jnp.arange(d.shape[0]) >= data.b.shape[0]
    missed = jnp.where(inequality, jnp.maximum(-slack, 0), jnp.abs(slack))
    row = 1 + jnp.abs(d) + jnp.abs(E) @ jnp.abs(x)
    column = 1 + jnp.abs(q) + jnp.abs(P) @ jnp.abs(x) + jnp.abs(E).T @ jnp.abs(z)
    value, bound = x @ Px / 2 + q @ x, -(x @ Px) / 2 - jnp.sum(_product(d, z))
    pairs = jnp.sum(jnp.where(inequality, jnp.abs(_product(z, slack)), 0))
    gap = jnp.maximum(jnp.abs(value - bound), pairs) / (1 + jnp.minimum(jnp.abs(value), jnp.abs(bound)))
    worst = jnp.maximum(jnp.max(missed / row, initial=0), jnp.max(jnp.abs(Px + q + Ez) / column, initial=0))
    return jnp.maximum(worst, gap)


def _product(a: Array, b: Array) -> Array:
    """Zero where an absent row, with its infinite side, meets its multiplier of zero."""
    return jnp.where((a == 0) | (b == 0), 0, a * b)


def convex(problem: Scaled) -> Array:
    """Whether P is positive semidefinite up to rounding."""
    n = problem.P.shape[0]
    eps = jnp.finfo(problem.P.dtype).eps
    lift = n * 100 * eps * jnp.max(jnp.abs(problem.P), initial=0) + jnp.finfo(problem.P.dtype).tiny
    factor = linalg.cholesky(problem.P + lift * jnp.eye(n, dtype=problem.P.dtype))
    return jnp.all(jnp.isfinite(factor))
