"""How far a point is from a solution of a quadratic program, in the data as they were given."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.layer.contract import Point


def stacked(data: Quadratic) -> tuple[Array, Array]:
    """M = [P; A; G] and d = (b, h)."""
    return jnp.concatenate([data.P, data.A, data.G]), jnp.concatenate([data.b, data.h])


def residual(data: Quadratic, y: Point) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, feasibility, and the duality gap, the latter against 1 + the smaller objective.
    Multipliers of inequalities are taken as given, nonnegative.
    """
    x, z = y.z, jnp.concatenate([y.eq, y.ineq])
    n, q = x.shape[0], data.q
    M, d = stacked(data)
    product = M @ x
    Px, Ex = product[:n], product[n:]
    slope = jnp.concatenate([x, z]) @ M + q
    slack = d - Ex
    inequality = jnp.arange(d.shape[0]) >= y.eq.shape[0]
    missed = jnp.where(inequality, jnp.maximum(-slack, 0), jnp.abs(slack))
    row = 1 + _largest(jnp.where(jnp.isfinite(d), d, 0), Ex)
    column = 1 + _largest(q, Px, slope - Px - q)
    value, bound = x @ Px / 2 + q @ x, -(x @ Px) / 2 - jnp.sum(_product(d, z))
    pairs = jnp.sum(jnp.where(inequality, jnp.abs(_product(z, slack)), 0))
    gap = jnp.maximum(jnp.abs(value - bound), pairs) / (1 + jnp.minimum(jnp.abs(value), jnp.abs(bound)))
    return jnp.maximum(jnp.maximum(_largest(missed) / row, _largest(slope) / column), gap)


def _largest(*parts: Array) -> Array:
    return jnp.max(jnp.abs(jnp.concatenate(parts)), initial=0)


def _product(a: Array, b: Array) -> Array:
    """Zero where an absent row, with its infinite side, meets its multiplier of zero."""
    return jnp.where((a == 0) | (b == 0), 0, a * b)


def convex(P: Array) -> Array:
    """Whether P [n, n] is positive semidefinite up to rounding."""
    n = P.shape[0]
    lift = n * 100 * jnp.finfo(P.dtype).eps * jnp.max(jnp.abs(P), initial=0) + jnp.finfo(P.dtype).tiny
    factor = linalg.cholesky(P + lift * jnp.eye(n, dtype=P.dtype))
    return jnp.all(jnp.isfinite(factor))
