"""Symmetric systems [H E'; E -C] (x, y) = (r, t), C >= 0 diagonal, by one Cholesky factor of either side.

    n numbers   H + E' C^-1 E       always
    k rows      C + E H^-1 E'       where H is a diagonal and k <= n

C is kept off zero, so that dependent rows do no harm, and H, so that unknowns without curvature do none;
refinement takes that out. Where it does not, `exact` solves by the LU factors of the whole.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

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
        H = H + delta * _stiffness(H, E, C)
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


def _stiffness(H: Array, E: Array, C: Array) -> Array:
    """Of each unknown: its own, or where it has none that of the unknowns with which it shares rows."""
    level = linalg.extent(H)
    least = float(jnp.finfo(H.dtype).eps) ** 0.75
    stiff = least * level < H
    squares = E * E
    rows = C + squares @ jnp.where(stiff, 1 / jnp.where(stiff, H, 1), 0)
    shared = jnp.where(rows > 0, 1 / jnp.where(rows > 0, rows, 1), 0) @ squares
    lost = jnp.where(level > 0, level, 1)
    return jnp.where(stiff, H, jnp.where(shared > 0, shared, lost))


def solve(factor: Factor, r: Array, t: Array) -> tuple[Array, Array]:
    """For vectors, or for the columns of matrices."""
    lower, H, E, C = factor
    over = lambda v, d: v / (d if v.ndim == 1 else d[:, None])  # noqa: E731
    if H.size:
        y = linalg.cholesky_solve(lower, E @ over(r, H) - t)
        return over(r - E.T @ y, H), y
    x = linalg.cholesky_solve(lower, r + E.T @ over(t, C))
    return x, over(E @ x - t, C)


def refined(
    H: Array, E: Array, C: Array, factor: Factor, r: Array, t: Array, steps: int
) -> tuple[Array, Array, Array]:
    """x, y of the system as it is, without what `factorised` added, and the relative size of the last correction."""
    x, y = solve(factor, r, t)
    last = jnp.inf * jnp.ones_like(x[0])
    for _ in range(steps):
        dx, dy = solve(factor, r - (H * x if H.ndim == 1 else H @ x) - y @ E, t - E @ x + C * y)
        last = jnp.maximum(_share(dx, x), _share(dy, y))
        x, y = x + dx, y + dy
    return x, y, last


def _share(part: Array, whole: Array) -> Array | float:
    return linalg.extent(part) / linalg.extent(whole) if part.size else 0.0


def exact(H: Array, E: Array, C: Array, delta: Array, r: Array, t: Array) -> tuple[Array, Array]:
    """By the LU factors of the whole matrix, for systems of which a Cholesky factor loses too much."""
    n = r.size
    matrix = jnp.block([[jnp.diag(H) if H.ndim == 1 else H, E.T], [E, -jnp.diag(C)]])
    # Unknowns first, then rows as they meet them: H may be larger than E by any power.
    unknowns = _over(lax.rsqrt(jnp.max(jnp.abs(matrix[:, :n]), axis=0)))
    rows = _over(1 / jnp.maximum(jnp.max(jnp.abs(E) * unknowns, axis=1, initial=0), jnp.sqrt(C)))
    scales = jnp.concatenate([unknowns, rows])
    signs = jnp.where(jnp.arange(scales.size) < n, delta, -delta)
    scaled = scales[:, None] * matrix * scales + jnp.diag(signs)
    factors = linalg.lu_factor(scaled)
    rhs = jnp.concatenate([r, t])
    found = jnp.zeros_like(rhs)
    for _ in range(2):
        found = found + scales * linalg.lu_solve(factors, scales * (rhs - matrix @ found))
    return found[:n], found[n:]


def _over(scales: Array) -> Array:
    return jnp.where(jnp.isfinite(scales), scales, 1)
