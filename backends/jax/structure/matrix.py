"""What the engines ask of a program's matrices, dense or in blocks: sizes, scaling, normal matrices, factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.structure import blocks, border, elimination
from declarative.backends.jax.structure.blocks import Rows, Symmetric
from declarative.backends.jax.structure.border import Border, Bordered, BorderedRows

Layout: TypeAlias = blocks.Layout | Border
Square: TypeAlias = Array | Symmetric | Bordered
"""[n, n], symmetric."""
Wide: TypeAlias = Array | Rows | BorderedRows
"""[m, n]."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Eliminated:
    """The factor of a `Symmetric`."""

    factor: elimination.Factor
    layout: blocks.Layout


Factor: TypeAlias = Array | Eliminated | border.Factor
"""A Cholesky factor; NaN where the matrix is not positive definite."""


def square(P: Array, layout: Layout) -> Square:
    """From the whole matrix [n, n]."""
    return border.square(P, layout) if isinstance(layout, Border) else blocks.symmetric(P, layout)


def rows(parts: Sequence[Array], layout: Layout) -> Wide:
    """From matrices [., n] one below the other."""
    return border.rows(parts, layout) if isinstance(layout, Border) else blocks.rows(parts, layout)


def row_sizes(E: Wide) -> Array:
    """The largest entry of each row."""
    return E.row_sizes() if isinstance(E, Rows | BorderedRows) else jnp.max(jnp.abs(E), axis=1)


def column_sizes(matrix: Square | Wide) -> Array:
    """The largest entry of each column."""
    if isinstance(matrix, Symmetric | Bordered | Rows | BorderedRows):
        return matrix.column_sizes()
    return jnp.max(jnp.abs(matrix), axis=0, initial=0)


def scaled_rows(rows: Array, E: Wide, columns: Array) -> Wide:
    """diag(rows) E diag(columns)."""
    return E.scaled(rows, columns) if isinstance(E, Rows | BorderedRows) else rows[:, None] * E * columns


def scaled_square(P: Square, columns: Array, factor: Array | float = 1.0) -> Square:
    """factor * diag(columns) P diag(columns)."""
    if isinstance(P, Symmetric | Bordered):
        return P.scaled(columns, factor)
    return factor * columns[:, None] * P * columns


def gram(P: Square, E: Wide, weights: Array) -> Square:
    """P + E' diag(weights) E."""
    if isinstance(E, Rows):
        assert isinstance(P, Symmetric)
        return E.gram(weights, P)
    if isinstance(E, BorderedRows):
        assert isinstance(P, Bordered)
        return E.gram(weights, P)
    assert not isinstance(P, Symmetric | Bordered)
    return P + linalg.gram(jnp.sqrt(weights)[:, None] * E)


def factorised(matrix: Square, lift: Array | float) -> Factor:
    """Of the matrix plus `lift` on its diagonal."""
    if isinstance(matrix, Symmetric):
        return Eliminated(elimination.factorised(matrix.blocks(lift)), matrix.layout)
    if isinstance(matrix, Bordered):
        return matrix.factorised(lift)
    return linalg.cholesky(matrix + lift * jnp.eye(matrix.shape[0], dtype=matrix.dtype))


def solve(factor: Factor, rhs: Array) -> Array:
    """For the columns of rhs [n, columns]."""
    if isinstance(factor, Array):
        return linalg.cholesky_solve(factor, rhs)
    if isinstance(factor, border.Factor):
        return factor.solve(rhs)[0]
    return blocks.flat(factor.layout, elimination.solve(factor.factor, blocks.placed(factor.layout, rhs)))


def solve_with_rows(factor: Factor, E: Wide, weights: Array, r: Array, t: Array) -> tuple[Array, Array]:
    """Columns (x, z) with P x + E'z = r and E x - z / weights = t, by the factor of gram(P, E, weights), or of
    one near it; z is zero where the weight is."""
    heavy = weights[:, None]
    if not isinstance(E, BorderedRows):
        x = solve(factor, r + E.T @ (heavy * t))
        return x, heavy * (E @ x - t)
    assert isinstance(factor, border.Factor)
    dense = E.layout.dense
    x, y = factor.solve(r + E.T @ (heavy * t).at[dense].set(0), t[dense])
    return x, (heavy * (E @ x - t)).at[dense].set(y[y.shape[0] - len(dense) :])


def definite(factor: Factor) -> Array:
    """Whether the matrix was positive definite."""
    if isinstance(factor, border.Factor):
        return factor.definite()
    kept = factor if isinstance(factor, Array) else factor.factor.inverse
    return jnp.all(jnp.isfinite(kept))
