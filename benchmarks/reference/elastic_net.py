"""Elastic nets by accelerated proximal gradient steps, then the system of the active set, kept for the derivative.

||X w - y||^2 + lam * ||w||_1 + mu * ||w||^2: X [B, m, n], y [B, m], lam [], mu [] -> w [B, n].
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from benchmarks.reference.linear import cholesky, cholesky_solve

STEPS = 60  # of the gradient, which leave little to the active set
ROUNDS = 10  # of the active set

Saved = tuple[Array, Array, Array, Array]


@jax.custom_vjp
def solve(X: Array, y: Array, lam: Array, mu: Array) -> Array:
    return minimise(X, y, lam, mu)[0]


def minimise(X: Array, y: Array, lam: Array, mu: Array) -> tuple[Array, Array]:
    """The weights, and the Cholesky factor of the Hessian over those that are not zero."""
    n = X.shape[2]
    eye = jnp.eye(n, dtype=X.dtype)
    hessian = 2 * (jnp.einsum("bmi,bmj->bij", X, X) + mu * eye)
    offset = -2 * jnp.einsum("bmi,bm->bi", X, y)
    step = 1 / jnp.max(jnp.sum(jnp.abs(hessian), axis=2), axis=1)[:, None]

    def slope(w: Array) -> Array:
        return jnp.einsum("bij,bj->bi", hessian, w) + offset

    def soft(v: Array, threshold: Array) -> Array:
        return jnp.sign(v) * jnp.maximum(jnp.abs(v) - threshold, 0)

    def descend(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        w, ahead, momentum = state
        new = soft(ahead - step * slope(ahead), step * lam)
        larger = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
        uphill = jnp.sum((ahead - new) * (new - w), axis=1, keepdims=True) > 0
        share = jnp.where(uphill, 0, (momentum - 1) / larger)
        return new, new + share * (new - w), jnp.where(uphill, 1, larger)

    def exchange(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        signs, _, _, rounds = state
        on = signs != 0
        factor = cholesky(jnp.where(on[:, :, None] & on[:, None, :], hessian, eye))
        w = cholesky_solve(factor, jnp.where(on, -offset - lam * signs, 0))
        return jnp.sign(soft(w - step * slope(w), step * lam)), w, factor, rounds + 1

    def going(state: tuple[Array, Array, Array, Array]) -> Array:
        signs, w, _, rounds = state
        return (rounds < ROUNDS) & jnp.any(signs != jnp.sign(w))

    start = jnp.zeros_like(offset)
    w, _, _ = lax.fori_loop(0, STEPS, descend, (start, start, jnp.ones((X.shape[0], 1), X.dtype)))
    first = jnp.sign(w), jnp.full_like(w, jnp.nan), hessian, jnp.int32(0)
    _, w, factor, _ = lax.while_loop(going, exchange, first)
    return w, factor


def pulled(X: Array, y: Array, w: Array, factor: Array, cotangent: Array) -> tuple[Array, Array, Array]:
    """The cotangents of X and y, and the solution of the adjoint system."""
    u = jnp.where(w != 0, cholesky_solve(factor, jnp.where(w != 0, cotangent, 0)), 0)
    rest, moved = jnp.einsum("bmi,bi->bm", X, w) - y, jnp.einsum("bmi,bi->bm", X, u)
    outer = rest[:, :, None] * u[:, None, :] + moved[:, :, None] * w[:, None, :]
    return -2 * outer, 2 * moved, u


def _forward(X: Array, y: Array, lam: Array, mu: Array) -> tuple[Array, Saved]:
    w, factor = minimise(X, y, lam, mu)
    return w, (X, y, w, factor)


def _backward(saved: Saved, cotangent: Array) -> tuple[Array, Array, Array, Array]:
    w = saved[2]
    X, y, u = pulled(*saved, cotangent)
    return X, y, -jnp.sum(u * jnp.sign(w)), -2 * jnp.sum(u * w)


solve.defvjp(_forward, _backward)
