"""Logistic regression with labels -1 and 1 by Newton's method, the last factor serving the derivative.

sum(softplus(-y * X w)) + lam * ||w||^2: X [B, m, n], y [B, m], lam [] -> w [B, n].
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from benchmarks.reference.linear import cholesky, cholesky_solve

TOLERANCE = 1e-9  # of a Newton step: the factor that serves the derivative is from before the last
MAX_ITER = 50


class State(NamedTuple):
    w: Array
    factor: Array
    steps: Array
    step: Array


@jax.custom_vjp
def solve(X: Array, y: Array, lam: Array) -> Array:
    return _newton(X, y, lam).w


def _newton(X: Array, y: Array, lam: Array) -> State:
    batch, _, n = X.shape
    identity = jnp.eye(n, dtype=X.dtype)

    def improve(state: State) -> State:
        chance = jax.nn.sigmoid(-y * jnp.einsum("bmi,bi->bm", X, state.w))
        slope = 2 * lam * state.w - jnp.einsum("bmi,bm->bi", X, y * chance)
        weighted = (chance * (1 - chance))[:, :, None] * X
        factor = cholesky(jnp.einsum("bmi,bmj->bij", X, weighted) + 2 * lam * identity)
        step = cholesky_solve(factor, slope)
        return State(state.w - step, factor, state.steps + 1, jnp.max(jnp.abs(step)))

    first = State(
        jnp.zeros((batch, n), X.dtype),
        jnp.broadcast_to(identity, (batch, n, n)),
        jnp.int32(0),
        jnp.asarray(jnp.inf, X.dtype),
    )
    return lax.while_loop(lambda s: (s.step > TOLERANCE) & (s.steps < MAX_ITER), improve, first)


def _forward(X: Array, y: Array, lam: Array) -> tuple[Array, tuple[Array, ...]]:
    found = _newton(X, y, lam)
    return found.w, (X, y, lam, found.w, found.factor)


def _backward(saved: tuple[Array, ...], cotangent: Array) -> tuple[Array, Array, Array]:
    X, y, _, w, factor = saved
    u = -cholesky_solve(factor, cotangent)
    margin, moved = jnp.einsum("bmi,bi->bm", X, w), jnp.einsum("bmi,bi->bm", X, u)
    chance = jax.nn.sigmoid(-y * margin)
    curve = chance * (1 - chance)
    outer = (moved * curve * y**2)[:, :, None] * w[:, None, :] - (y * chance)[:, :, None] * u[:, None, :]
    return outer, moved * (y * curve * margin - chance), 2 * jnp.sum(u * w)


solve.defvjp(_forward, _backward)
