"""Robust mean of each patch by Newton's method in one unknown: x [B, m, n] -> u [B].

u minimises the sum of sqrt(1 + (x - u)^2) - 1 over the patch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

TOLERANCE = 1e-8  # of a Newton step: the error left is about its square
MAX_ITER = 50


class State(NamedTuple):
    u: Array  # [B, 1]
    steps: Array
    step: Array


@jax.custom_vjp
def solve(x: Array) -> Array:
    return _newton(x.reshape(x.shape[0], -1))[:, 0]


def _newton(x: Array) -> Array:
    def improve(state: State) -> State:
        gap = state.u - x
        weight = 1 / jnp.sqrt(1 + gap**2)
        slope = jnp.sum(gap * weight, axis=1, keepdims=True)
        step = slope / jnp.sum(weight**3, axis=1, keepdims=True)
        return State(state.u - step, state.steps + 1, jnp.max(jnp.abs(step)))

    first = State(jnp.mean(x, axis=1, keepdims=True), jnp.int32(0), jnp.asarray(jnp.inf, x.dtype))
    return lax.while_loop(lambda s: (s.step > TOLERANCE) & (s.steps < MAX_ITER), improve, first).u


def _forward(x: Array) -> tuple[Array, tuple[Array, Array]]:
    u = solve(x)
    return u, (x, u)


def _backward(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array]:
    x, u = saved
    weight = (1 + (x - u[:, None, None]) ** 2) ** -1.5
    return (weight * (cotangent / jnp.sum(weight, axis=(1, 2)))[:, None, None],)


solve.defvjp(_forward, _backward)
