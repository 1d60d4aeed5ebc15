"""Nearest points of the simplex by Michelot's iteration, without a sort: v [B, n] -> x [B, n]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax


@jax.custom_vjp
def solve(v: Array) -> Array:
    return jnp.maximum(v - _threshold(v), 0)


def _threshold(v: Array) -> Array:
    """tau [B, 1] with sum(max(v - tau, 0)) = 1: it grows in each round, and ends after finitely many.

    The largest entry less one is too low, and leaves few entries in play.
    """

    def improve(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        tau, _ = carry
        kept = v > tau
        size = jnp.sum(kept.astype(v.dtype), axis=1, keepdims=True)
        moved = (jnp.sum(jnp.where(kept, v, 0), axis=1, keepdims=True) - 1) / size
        return moved, jnp.any(moved > tau)

    first = jnp.max(v, axis=1, keepdims=True) - 1
    return lax.while_loop(lambda carry: carry[1], improve, (first, jnp.asarray(True)))[0]


def _forward(v: Array) -> tuple[Array, Array]:
    x = solve(v)
    return x, x


def _backward(x: Array, cotangent: Array) -> tuple[Array]:
    kept = x > 0
    size = jnp.sum(kept.astype(x.dtype), axis=1, keepdims=True)
    mean = jnp.sum(jnp.where(kept, cotangent, 0), axis=1, keepdims=True) / size
    return (jnp.where(kept, cotangent - mean, 0),)


solve.defvjp(_forward, _backward)
