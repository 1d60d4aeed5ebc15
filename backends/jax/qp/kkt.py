"""A quadratic program and its active rows -> solves with [P E_a'; E_a 0], by a factor kept for the derivative.

H = P + E'(shift * E) is positive definite where the program is strictly convex on its equalities; the
multipliers then solve a system with S = E H^-1 E' (the range-space method).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.qp import pivoting


class Dual(NamedTuple):
    """H factorised, and S with rows and columns scaled to a unit diagonal, a little lifted."""

    lower: Array  # [n, n], of H
    rows: Array  # [n, k], lower^-1 E'
    S: Array  # [k, k]
    scale: Array  # [k]
    shift: Array  # [k], zero on inequalities


class Factor(NamedTuple):
    """What solves the system of the active rows."""

    dual: Dual
    active: Array  # [k] bool
    inverse: Array  # [k, k], of the active rows of S, as `pivoting.apply` takes it


def dual(P: Array, A: Array, G: Array) -> Dual:
    """The shift weighs A'A as much as P: it changes no solution, and helps where P is singular."""
    p, k = A.shape[0], A.shape[0] + G.shape[0]
    size = jnp.sum(A * A)
    weight = jnp.trace(P) / jnp.where(size > 0, size, 1)
    H = P + weight * A.T @ A if p else P
    lower = linalg.cholesky(H)
    rows = linalg.forward(lower, jnp.concatenate([A, G]).T)
    S = rows.T @ rows
    norms = jnp.diagonal(S)
    scale = jnp.where(norms > 0, 1 / jnp.sqrt(jnp.where(norms > 0, norms, 1)), 1)
    lift = jnp.finfo(P.dtype).eps ** 0.75 * jnp.eye(k, dtype=P.dtype)
    return Dual(
        lower, rows, scale[:, None] * S * scale + lift, scale, jnp.where(jnp.arange(k) < p, weight, 0)
    )


def definite(dual: Dual) -> Array:
    """Whether H is far from singular: a pivot keeps half the digits of its diagonal entry."""
    pivots = jnp.diagonal(dual.lower) ** 2
    entries = jnp.sum(dual.lower**2, axis=1)
    return jnp.all(pivots > jnp.finfo(pivots.dtype).eps ** 0.5 * entries)


def minimum(dual: Dual, q: Array, d: Array) -> tuple[Array, Array]:
    """(w, c): the minimiser for multipliers y is x = -lower'^-1 (w + rows y), its slack c + S y, c and S unscaled."""
    lifted = jnp.where(dual.shift > 0, dual.shift * d, 0)
    w = linalg.forward(dual.lower, q) - dual.rows @ lifted
    return w, d + dual.rows.T @ w


def solve(factor: Factor, r: Array, t: Array) -> tuple[Array, Array]:
    """Columns (x, y) with P x + E_a'y = r and E_a x = t; y is zero on other rows."""
    dual, active, inverse = factor
    t = jnp.where(active[:, None], t, 0)
    scale = dual.scale[:, None]
    w = linalg.forward(dual.lower, r) + dual.rows @ (dual.shift[:, None] * t)
    y = scale * pivoting.apply(inverse, active, scale * (dual.rows.T @ w - t))
    return linalg.forward(dual.lower, w - dual.rows @ y, transposed=True), y


def refined(P: Array, E: Array, factor: Factor, r: Array, t: Array) -> tuple[Array, Array]:
    """The same, with one step of refinement."""
    x, y = solve(factor, r, t)
    dx, dy = solve(factor, r - P @ x - E.T @ y, t - E @ x)
    return x + dx, y + dy
