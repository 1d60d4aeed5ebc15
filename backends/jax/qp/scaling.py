"""A quadratic program -> the same one with rows and columns of size near one, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.forms import Quadratic

ROUNDS = 10


class Scaled(NamedTuple):
    """min 1/2 x'Px + q'x subject to E x = d in the first `equalities` rows, E x <= d in the others."""

    P: Array  # [n, n]
    q: Array  # [n]
    E: Array  # [k, n]
    d: Array  # [k]
    columns: Array  # [n]: unscaled x = columns * x
    rows: Array  # [k]: unscaled multiplier = rows * multiplier / cost
    cost: Array  # the objective was multiplied by it


def present(data: Quadratic) -> tuple[Array, Array]:
    """Inequalities; absent rows become 0'x <= 1."""
    absent = jnp.isposinf(data.h)
    return jnp.where(absent[:, None], 0, data.G), jnp.where(absent, 1, data.h)


def stacked(data: Quadratic) -> tuple[Array, Array]:
    """All rows and right-hand sides, equalities first."""
    G, h = present(data)
    return jnp.concatenate([data.A, G]), jnp.concatenate([data.b, h])


def scaled(data: Quadratic, columns: Array, rows: Array, cost: Array) -> Scaled:
    E, d = stacked(data)
    P = cost * columns[:, None] * data.P * columns
    return Scaled(P, cost * columns * data.q, rows[:, None] * E * columns, rows * d, columns, rows, cost)


def equilibrated(data: Quadratic) -> Scaled:
    """Ruiz' iteration on the matrix [P E'; E 0], then the objective by its largest coefficient."""
    E, d = stacked(data)

    def sweep(_: int, scales: tuple[Array, Array]) -> tuple[Array, Array]:
        columns, rows = scales
        inner = jnp.abs(rows[:, None] * E * columns)
        outer = jnp.abs(columns[:, None] * data.P * columns)
        tallest = jnp.maximum(jnp.max(outer, axis=0), jnp.max(inner, axis=0, initial=0))
        widest = jnp.max(inner, axis=1)
        return columns * inverse_root(tallest), rows * inverse_root(widest)

    columns, rows = lax.fori_loop(0, ROUNDS, sweep, (jnp.ones_like(data.q), jnp.ones_like(d)))
    curved = jnp.mean(jnp.max(jnp.abs(columns[:, None] * data.P * columns), axis=0))
    size = jnp.maximum(curved, jnp.max(jnp.abs(columns * data.q)))
    return scaled(data, columns, rows, jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 1))


def inverse_root(size: Array) -> Array:
    """1 for a size of zero."""
    return jnp.where(size > 0, lax.rsqrt(jnp.where(size > 0, size, 1)), 1)
