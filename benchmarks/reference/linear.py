"""Batched Cholesky factors and solves, as the hand-written references use them."""

from __future__ import annotations

from jax import Array, lax


def cholesky(matrix: Array) -> Array:
    """[B, n, n] -> lower factors."""
    return lax.linalg.cholesky(matrix, symmetrize_input=False)


def cholesky_solve(factor: Array, rhs: Array) -> Array:
    """[B, n, n], [B, n] -> [B, n]."""
    half = lax.linalg.triangular_solve(factor, rhs[..., None], left_side=True, lower=True)
    return lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True)[..., 0]
