"""Symmetric positive definite block-tridiagonal matrices: factorised and solved block by block.

With S_0 = D_0 and S_k = D_k - O_k S_{k-1}^-1 O_k', the matrix is L diag(S) L', L having the blocks
M_k = O_k S_{k-1}^-1 beside a unit diagonal. Each S_k is kept by the inverse of its Cholesky factor. Blocks that nothing
couples need no order.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg

TINY = 4
"""Blocks up to this order are factorised entry by entry where nothing couples them."""


class Tridiagonal(NamedTuple):
    diagonal: Array  # [count, b, b]
    below: (
        Array | None
    )  # [count, b, b]: rows of each block, columns of the one before; the first is zero; None where all are


class Factor(NamedTuple):
    inverse: Array  # [count, b, b], of the lower factor of S_k; NaN where that is not positive definite
    links: Array | None  # [count, b, b], M_k; None where nothing couples the blocks


def factorised(matrix: Tridiagonal) -> Factor:
    size = matrix.diagonal.shape[-1]
    eye = jnp.eye(size, dtype=matrix.diagonal.dtype)

    def inverted(block: Array) -> Array:
        return linalg.forward(linalg.cholesky(block), eye)

    if matrix.below is None:
        every = jax.vmap(inverted) if size <= linalg.SMALL else partial(lax.map, inverted)
        return Factor((_spelt if size <= TINY else every)(matrix.diagonal), None)

    def step(before: Array, blocks: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        diagonal, below = blocks
        half = below @ before.T
        inverse = inverted(diagonal - half @ half.T)
        return inverse, (inverse, half @ before)

    return Factor(*lax.scan(step, jnp.zeros_like(matrix.diagonal[0]), (matrix.diagonal, matrix.below))[1])


def _spelt(matrix: Array) -> Array:
    """Inverses of the Cholesky factors of [count, b, b], entry by entry for all at once."""
    size = matrix.shape[-1]
    lower: dict[tuple[int, int], Array] = {}
    inverse: dict[tuple[int, int], Array] = {}
    for i in range(size):
        for j in range(i + 1):
            left = matrix[:, i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))
            lower[i, j] = left * inverse[j, j] if j < i else jnp.sqrt(jnp.where(left > 0, left, jnp.nan))
        inverse[i, i] = 1 / lower[i, i]
        for j in range(i):
            inverse[i, j] = -inverse[i, i] * sum(lower[i, k] * inverse[k, j] for k in range(j, i))
    none = jnp.zeros_like(matrix[:, 0, 0])
    rows = [jnp.stack([inverse.get((i, j), none) for j in range(size)], 1) for i in range(size)]
    return jnp.stack(rows, 1)


def solve(factor: Factor, rhs: Array) -> Array:
    """rhs [count, b, columns]."""
    inverse, links = factor
    if links is None:
        return inverse**2 * rhs if inverse.shape[-1] == 1 else jnp.swapaxes(inverse, 1, 2) @ (inverse @ rhs)
    none = jnp.zeros_like(rhs[0])

    def down(before: Array, blocks: tuple[Array, Array]) -> tuple[Array, Array]:
        link, right = blocks
        now = right - link @ before
        return now, now

    def up(after: Array, blocks: tuple[Array, Array]) -> tuple[Array, Array]:
        link, middle = blocks
        now = middle - link.T @ after
        return now, now

    lowered = lax.scan(down, none, (links, rhs))[1]
    middle = jnp.swapaxes(inverse, 1, 2) @ (inverse @ lowered)
    after = jnp.concatenate([links[1:], jnp.zeros_like(links[:1])])
    return lax.scan(up, none, (after, middle), reverse=True)[1]
