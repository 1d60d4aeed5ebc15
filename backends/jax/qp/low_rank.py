"""Systems with diag(D) + W' W, W of few rows, by a factor of the small matrix I + W D^-1 W' (Woodbury)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg


class Factors(NamedTuple):
    """Of the matrix diag(diagonal) + rows' rows."""

    diagonal: Array  # [n], positive
    rows: Array  # [k, n]


class Factored(NamedTuple):
    diagonal: Array
    rows: Array
    small: Array  # [k, k], Cholesky


def pays(factors: Factors) -> bool:
    """A k x k factor and products with k x n beat an n x n factor."""
    rank, size = factors.rows.shape
    return 2 * rank <= size


def factorised(factors: Factors) -> Factored:
    diagonal, rows = factors
    small = jnp.eye(rows.shape[0], dtype=rows.dtype) + (rows / diagonal) @ rows.T
    return Factored(diagonal, rows, linalg.cholesky(small))


def solve(factored: Factored, rhs: Array) -> Array:
    """Refined once, since the difference in Woodbury's formula cancels where the diagonal is small."""
    first = _solved(factored, rhs)
    return first + _solved(factored, rhs - product(factored, first))


def product(factored: Factored, x: Array) -> Array:
    return factored.diagonal * x + factored.rows.T @ (factored.rows @ x)


def _solved(factored: Factored, rhs: Array) -> Array:
    diagonal, rows, small = factored
    scaled = rhs / diagonal
    return scaled - (rows.T @ linalg.cholesky_solve(small, rows @ scaled)) / diagonal
