"""A quadratic program -> the same one with rows and columns of size near one, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp.program import Program
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Square, Wide

ROUNDS = 10


class Scaled(NamedTuple):
    """min 1/2 x'Px + q'x subject to E x = d in the first `equalities` rows, E x <= d in the others."""

    P: Square  # [n, n]
    q: Array  # [n]
    E: Wide  # [k, n]
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


def equilibrated(data: Quadratic) -> Scaled:
    return balanced(Program(data.P, data.q, *stacked(data)))


def balanced(given: Program) -> Scaled:
    """Ruiz' iteration on the matrix [P E'; E 0], then the objective by its largest coefficient.

    All rows are present.
    """
    P, q, E, d = given

    def sweep(_: int, scales: tuple[Array, Array]) -> tuple[Array, Array]:
        columns, rows = scales
        inner = matrix.scaled_rows(rows, E, columns)
        outer = matrix.column_sizes(matrix.scaled_square(P, columns))
        tallest = jnp.maximum(outer, matrix.column_sizes(inner))
        return columns * inverse_root(tallest), rows * inverse_root(matrix.row_sizes(inner))

    columns, rows = lax.fori_loop(0, ROUNDS, sweep, (jnp.ones_like(q), jnp.ones_like(d)))
    curved = jnp.mean(matrix.column_sizes(matrix.scaled_square(P, columns)))
    size = jnp.maximum(curved, jnp.max(jnp.abs(columns * q)))
    cost = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 1)
    return scaled(given, columns, rows, cost)


def scaled(given: Program, columns: Array, rows: Array, cost: Array) -> Scaled:
    P, q, E, d = given
    P, E = matrix.scaled_square(P, columns, cost), matrix.scaled_rows(rows, E, columns)
    return Scaled(P, cost * columns * q, E, rows * d, columns, rows, cost)


def inverse_root(size: Array) -> Array:
    """1 for a size of zero."""
    return jnp.where(size > 0, lax.rsqrt(jnp.where(size > 0, size, 1)), 1)
