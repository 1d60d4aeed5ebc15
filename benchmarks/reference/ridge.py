"""Ridge regression by one Cholesky factor for solution and derivative: X [B, m, n], y [B, m], lam [] -> w [B, n]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from benchmarks.reference.linear import cholesky, cholesky_solve

Saved = tuple[Array, Array, Array, Array]


@jax.custom_vjp
def solve(X: Array, y: Array, lam: Array) -> Array:
    return _forward(X, y, lam)[0]


def _forward(X: Array, y: Array, lam: Array) -> tuple[Array, Saved]:
    gram = jnp.einsum("bmi,bmj->bij", X, X)
    factor = cholesky(gram + lam * jnp.eye(X.shape[2], dtype=X.dtype))
    w = cholesky_solve(factor, jnp.einsum("bmi,bm->bi", X, y))
    return w, (X, y, w, factor)


def _backward(saved: Saved, cotangent: Array) -> tuple[Array, Array, Array]:
    X, y, w, factor = saved
    u = cholesky_solve(factor, cotangent)
    fitted, moved = jnp.einsum("bmi,bi->bm", X, w), jnp.einsum("bmi,bi->bm", X, u)
    outer = (y - fitted)[:, :, None] * u[:, None, :] - moved[:, :, None] * w[:, None, :]
    return outer, moved, -jnp.sum(u * w)


solve.defvjp(_forward, _backward)
