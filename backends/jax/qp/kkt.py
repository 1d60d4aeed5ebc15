"""A quadratic program and its active rows -> solves with [P E_a'; E_a 0], by a factor kept for the derivative.

H = P + weight A'A is positive definite where the program is strictly convex on its equalities; the
multipliers then solve a system with S = E H^-1 E' (the range-space method).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.qp import pivoting


class Dual(NamedTuple):
    """H factorised, and S with rows and columns scaled to a unit diagonal, and lifted."""

    upper: Array  # [n, n], H = upper' upper; LAPACK's order, so that its transpose costs no copy
    rows: Array  # [k, n], E upper^-1
    S: Array  # [k, k]
    scale: Array  # [k]
    shift: Array  # [k], `weight` on equalities, else zero
    definite: Array  # H is far from singular


class Factor(NamedTuple):
    """What solves the system of the active rows."""

    dual: Dual
    active: Array  # [k] bool
    inverse: Array  # [k, k], of the active rows of S, as `pivoting.apply` takes it


def dual(P: Array, A: Array, G: Array) -> Dual:
    """A'A weighs as much as P: it changes no solution, and helps where P is singular."""
    p, k = A.shape[0], A.shape[0] + G.shape[0]
    size = jnp.sum(A * A)
    weight = jnp.trace(P) / jnp.where(size > 0, size, 1)
    H = P + (weight * A).T @ A if p else P
    lower = linalg.cholesky(H)
    rows = linalg.forward(lower, jnp.concatenate([A, G]).T).T
    S = rows @ rows.T
    norms = jnp.diagonal(S)
    scale = jnp.where(norms > 0, 1 / jnp.sqrt(jnp.where(norms > 0, norms, 1)), 1)
    # Each pivot keeps half the digits of its diagonal entry.
    definite = jnp.all(jnp.diagonal(lower) ** 2 > jnp.finfo(P.dtype).eps ** 0.5 * jnp.diagonal(H))
    S = pivoting.lifted(scale[:, None] * S * scale)
    return Dual(lower.T, rows, S, scale, jnp.where(jnp.arange(k) < p, weight, 0), definite)


def minimum(dual: Dual, q: Array, d: Array) -> tuple[Array, Array]:
    """(w, c): for multipliers y the minimiser is `primal(dual, w, y)` and its slack c + S y, unscaled."""
    lifted = jnp.where(dual.shift > 0, dual.shift * d, 0)
    w = linalg.forward(dual.upper.T, q) - lifted @ dual.rows
    return w, d + dual.rows @ w


def primal(dual: Dual, w: Array, y: Array) -> Array:
    return -linalg.forward(dual.upper.T, w + y @ dual.rows, transposed=True)


def solve(factor: Factor, r: Array, t: Array) -> tuple[Array, Array]:
    """Columns (x, y) with P x + E_a'y = r and E_a x = t; y is zero on other rows."""
    dual, active, inverse = factor
    t = jnp.where(active[:, None], t, 0)
    scale = dual.scale[:, None]
    w = linalg.forward(dual.upper.T, r) + dual.rows.T @ (dual.shift[:, None] * t)
    y = scale * pivoting.apply(inverse, active, scale * (dual.rows @ w - t))
    return linalg.forward(dual.upper.T, w - dual.rows.T @ y, transposed=True), y


def single(dtype: jnp.dtype) -> bool:
    """Whether the precision is so low that a solve needs a step of refinement."""
    return float(jnp.finfo(dtype).eps) > 1e-10


def corrected(M: Array, factor: Factor, rhs: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """(x, y) after one step of refinement towards the solution for the columns of rhs; M = [P; E]."""
    n = x.shape[0]
    dx, dy = solve(factor, rhs[:n] - M.T @ jnp.concatenate([x, y]), rhs[n:] - M[n:] @ x)
    return x + dx, y + dy
