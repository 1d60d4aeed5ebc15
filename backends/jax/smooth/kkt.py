"""Symmetric systems [H E'; E -C] (x, y) = (r, t), C >= 0 diagonal, by one Cholesky factor of either side.

    n numbers   H + E' C^-1 E       always
    k rows      C + E H^-1 E'       where H is a diagonal and k <= n

C is kept off zero, so that dependent rows do no harm; refinement against C = 0 takes that out.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg


class Factor(NamedTuple):
    lower: Array
    H: Array  # [n] where the rows were factorised
    E: Array  # [k, n]
    C: Array  # [k]


def by_rows(H: Array, E: Array) -> bool:
    return H.ndim == 1 and E.shape[0] <= E.shape[1]


def factorised(H: Array, E: Array, C: Array, delta: Array) -> Factor:
    """`delta` is added to H, and what C is lifted to, both relative to the sizes that they meet."""
    n = E.shape[1]
    if by_rows(H, E):
        H = H + delta * jnp.mean(jnp.abs(H))
        moved = E / H
        S = moved @ E.T
        C = C + delta * jnp.diagonal(S)
        return Factor(linalg.cholesky(S + jnp.diag(C)), H, E, C)
    diagonal = H if H.ndim == 1 else jnp.diagonal(H)
    sizes = jnp.sum(E * E, axis=1)
    loose = C > 0
    mean = jnp.sum(diagonal) / n
    level = jnp.where(mean > 0, mean, 1)
    least = jnp.where(loose, delta**1.5, delta**0.75) * sizes / level
    C = jnp.maximum(C, jnp.where(sizes > 0, least, 1))
    whole = jnp.diag(H) if H.ndim == 1 else H
    K = whole + delta * level * jnp.eye(n, dtype=E.dtype) + (E / C[:, None]).T @ E
    return Factor(linalg.cholesky(K), jnp.zeros(0, E.dtype), E, C)


def solve(factor: Factor, r: Array, t: Array) -> tuple[Array, Array]:
    """For vectors, or for the columns of matrices."""
    lower, H, E, C = factor
    over = lambda v, d: v / (d if v.ndim == 1 else d[:, None])  # noqa: E731
    if H.size:
        y = linalg.cholesky_solve(lower, E @ over(r, H) - t)
        return over(r - E.T @ y, H), y
    x = linalg.cholesky_solve(lower, r + E.T @ over(t, C))
    return x, over(E @ x - t, C)
