"""How far a point is from a solution of a quadratic program, in the data as they were given."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp.program import Program
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Square
from declarative.layer.contract import Point


def stacked(data: Quadratic) -> tuple[Array, Array]:
    """M = [P; A; G] and d = (b, h)."""
    return jnp.concatenate([data.P, data.A, data.G]), jnp.concatenate([data.b, data.h])


def residual(data: Quadratic, y: Point) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, feasibility, and the duality gap, the latter against 1 + the smaller objective.
    Multipliers of inequalities are taken as given, nonnegative.
    """
    n, z = y.z.shape[0], jnp.concatenate([y.eq, y.ineq])
    M, d = stacked(data)
    product = M @ y.z
    slope = jnp.concatenate([y.z, z]) @ M + data.q
    return _violation(data.q, d, y, product[:n], product[n:], slope)


def measured(given: Program, y: Point) -> Array:
    """The same for a program whose matrices may be in blocks."""
    P, q, E, d = given
    Px, z = P @ y.z, jnp.concatenate([y.eq, y.ineq])
    return _violation(q, d, y, Px, E @ y.z, Px + E.T @ z + q)


def _violation(q: Array, d: Array, y: Point, Px: Array, Ex: Array, slope: Array) -> Array:
    x, z = y.z, jnp.concatenate([y.eq, y.ineq])
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


def convex(P: Square) -> Array:
    """Whether P [n, n] is positive semidefinite up to rounding."""
    largest = jnp.max(matrix.column_sizes(P), initial=0)
    lift = P.shape[0] * 100 * jnp.finfo(P.dtype).eps * largest + jnp.finfo(P.dtype).tiny
    return matrix.definite(matrix.factorised(P, lift))
