"""A conic program -> the same one with rows and columns of size near one, in the kept layout; and the way back.

The rows of one second-order, semidefinite, exponential or power cone have one scale: it stays a cone.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.blockwise import widened_rows
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.layout import narrowed, widened
from declarative.backends.jax.conic.product import join, split
from declarative.backends.jax.forms import Cones, Conic, Sparsity
from declarative.backends.jax.qp.scaling import inverse_root
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Square, Wide

ROUNDS = 10
BALANCED = 1.25  # a round that scales nothing by more is the last


_Sweep: TypeAlias = tuple[Array, Array, Array, Array]
"""How many there were, the last one's largest factor or inverse of one, scales of columns and of rows."""


class Scaled(NamedTuple):
    """min 1/2 x'Px + q'x s.t. A x + s = b, s in K; the rows of K in the order of `layout`."""

    P: Square  # [n, n]
    q: Array  # [n]
    A: Wide  # [kept, n]
    b: Array  # [kept]
    alpha: Array  # [power]
    cones: Cones
    columns: Array  # [n]: unscaled x = columns * x
    rows: Array  # [kept]: unscaled z = rows * z / cost, unscaled s = s / rows
    cost: Array  # the objective was multiplied by it
    sparsity: Sparsity = Sparsity()


def present(data: Conic) -> tuple[Wide, Array]:
    """A and b; absent rows become 0'x + s = 1."""
    absent = jnp.isposinf(data.b)
    here = jnp.where(absent, 0, 1).astype(data.q.dtype)
    return matrix.scaled_rows(here, data.A, jnp.ones_like(data.q)), jnp.where(absent, 1, data.b)


def equilibrated(data: Conic) -> Scaled:
    """Ruiz' iteration on the matrix [P A'; A 0], then the objective by its largest coefficient."""
    (A, b), curved = _kept(data), data.sparsity.curved

    def sweep(carry: _Sweep) -> _Sweep:
        count, _, columns, rows = carry
        inner = matrix.scaled_rows(rows, A, columns)
        tallest = matrix.column_sizes(inner)
        if curved:
            tallest = jnp.maximum(matrix.column_sizes(matrix.scaled_square(data.P, columns)), tallest)
        widest = _alike(data.cones, data.alpha, matrix.row_sizes(inner))
        first, second = inverse_root(tallest), inverse_root(widest)
        joined = jnp.concatenate([first, second])
        high, low = linalg.reduced(linalg.largest(joined), linalg.least(joined))
        return count + 1, jnp.maximum(high, 1 / low), columns * first, rows * second

    def going(carry: _Sweep) -> Array:
        return (carry[0] < ROUNDS) & (carry[1] > BALANCED)

    one = jnp.ones_like(data.q)
    start = jnp.int32(0), jnp.inf * one[0], one, jnp.ones_like(b)
    *_, columns, rows = lax.while_loop(going, sweep, start)
    size = linalg.extent(columns * data.q)
    if curved:
        size = jnp.maximum(size, jnp.mean(matrix.column_sizes(matrix.scaled_square(data.P, columns))))
    return scaled(data, columns, rows, jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 1))


def scaled(data: Conic, columns: Array, rows: Array, cost: Array) -> Scaled:
    A, b = _kept(data)
    P, A = curvature(data, columns, cost), matrix.scaled_rows(rows, A, columns)
    q, b = cost * columns * data.q, rows * b
    return Scaled(P, q, A, b, data.alpha, data.cones, columns, rows, cost, data.sparsity)


def curvature(data: Conic, columns: Array, cost: Array) -> Square:
    """P scaled; zeros where it is known to be zero."""
    return matrix.scaled_square(data.P, columns, cost) if data.sparsity.curved else jnp.zeros_like(data.P)


def _kept(data: Conic) -> tuple[Wide, Array]:
    A, b = present(data)
    return widened_rows(data.cones, A), widened(data.cones, b)


def restored(problem: Scaled, x: Array, z: Array, s: Array) -> tuple[Array, Array, Array]:
    """A point of the scaled problem as (x, z, s) of the one that was given, its rows in their order."""
    z, s = problem.rows * z / problem.cost, s / problem.rows
    return problem.columns * x, narrowed(problem.cones, z), narrowed(problem.cones, s)


def _alike(cones: Cones, alpha: Array, sizes: Array) -> Array:
    """The largest of the sizes of each cone's rows, for all of them."""
    parts = [sizes[: cones.zero]]
    kinds = grouped(cones, alpha)
    for cone, part in zip(kinds, split(kinds, sizes[cones.zero :]), strict=True):
        blocks = part.reshape(cone.count, -1)
        largest = jnp.max(blocks, axis=1, keepdims=True)
        parts.append(jnp.broadcast_to(largest, blocks.shape).ravel())
    return join(parts, sizes)
