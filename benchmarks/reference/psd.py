"""Nearest positive semidefinite matrices by one eigendecomposition: V [B, n, n] -> X [B, n, n]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


@jax.custom_vjp
def solve(V: Array) -> Array:
    return _forward(V)[0]


def _forward(V: Array) -> tuple[Array, tuple[Array, Array]]:
    values, vectors = jnp.linalg.eigh((V + V.mT) / 2, symmetrize_input=False)
    return (vectors * jnp.maximum(values, 0)[:, None, :]) @ vectors.mT, (values, vectors)


def _backward(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array]:
    values, vectors = saved
    kept, size = jnp.maximum(values, 0), jnp.abs(values)
    # The divided differences of max(., 0), also where two eigenvalues are equal.
    quotients = (kept[:, :, None] + kept[:, None, :]) / (size[:, :, None] + size[:, None, :])
    turned = vectors.mT @ ((cotangent + cotangent.mT) / 2) @ vectors
    return (vectors @ (quotients * turned) @ vectors.mT,)


solve.defvjp(_forward, _backward)
