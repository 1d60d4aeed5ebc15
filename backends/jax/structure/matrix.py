"""What the engines ask of a program's matrices, dense or in blocks: sizes, scaling, normal matrices, factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.structure import blocks, elimination
from declarative.backends.jax.structure.blocks import Rows, Symmetric

Square: TypeAlias = Array | Symmetric
"""[n, n], symmetric."""
Wide: TypeAlias = Array | Rows
"""[m, n]."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Eliminated:
    """The factor of a `Symmetric`."""

    factor: elimination.Factor
    layout: blocks.Layout


Factor: TypeAlias = Array | Eliminated
"""A Cholesky factor; NaN where the matrix is not positive definite."""


def row_sizes(E: Wide) -> Array:
    """The largest entry of each row."""
    return E.row_sizes() if isinstance(E, Rows) else jnp.max(jnp.abs(E), axis=1)


def column_sizes(matrix: Square | Wide) -> Array:
    """The largest entry of each column."""
    if isinstance(matrix, Symmetric | Rows):
        return matrix.column_sizes()
    return jnp.max(jnp.abs(matrix), axis=0, initial=0)


def scaled_rows(rows: Array, E: Wide, columns: Array) -> Wide:
    """diag(rows) E diag(columns)."""
    return E.scaled(rows, columns) if isinstance(E, Rows) else rows[:, None] * E * columns


def scaled_square(P: Square, columns: Array, factor: Array | float = 1.0) -> Square:
    """factor * diag(columns) P diag(columns)."""
    if isinstance(P, Symmetric):
        return P.scaled(factor * columns, columns)
    return factor * columns[:, None] * P * columns


def gram(P: Square, E: Wide, weights: Array) -> Square:
    """P + E' diag(weights) E."""
    if isinstance(E, Rows):
        assert isinstance(P, Symmetric)
        return E.gram(weights, P)
    assert not isinstance(P, Symmetric)
    return P + linalg.gram(jnp.sqrt(weights)[:, None] * E)


def factorised(matrix: Square, lift: Array | float) -> Factor:
    """Of the matrix plus `lift` on its diagonal."""
    if isinstance(matrix, Symmetric):
        return Eliminated(elimination.factorised(matrix.blocks(lift)), matrix.layout)
    return linalg.cholesky(matrix + lift * jnp.eye(matrix.shape[0], dtype=matrix.dtype))


def solve(factor: Factor, rhs: Array) -> Array:
    """For the columns of rhs [n, columns]."""
    if isinstance(factor, Array):
        return linalg.cholesky_solve(factor, rhs)
    return blocks.flat(factor.layout, elimination.solve(factor.factor, blocks.placed(factor.layout, rhs)))


def nothing(matrix: Square) -> Factor:
    """A factor of zeros."""
    return jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: factorised(matrix, 1.0)))


def definite(factor: Factor) -> Array:
    """Whether the matrix was positive definite."""
    kept = factor if isinstance(factor, Array) else factor.factor.inverse
    return jnp.all(jnp.isfinite(kept))
