"""A smooth convex program that was not solved -> whether its constraints contradict each other, with the proof.

Minimises v(x) = 1/2 ||A x - b||^2 + 1/2 ||max(g(x), 0)||^2, where x > 0 counts as a constraint too, by Newton's
method with a Levenberg-Marquardt weight. With the violations themselves as multipliers, z' g + y' (A x - b) is convex,
has the slope of v there and the value 2 v: where v > 0 and its slope is zero, no point satisfies all.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.smooth.program import Program, largest

ROUNDS = 100
FAR = 1e6  # how much farther away than the point itself solutions are excluded


class _State(NamedTuple):
    x: Array
    value: Array
    weight: Array
    proof: Array  # the slope over the distance FAR against the value
    rounds: Array


def infeasible(program: Program, start: Array, tol: Array) -> Array:
    """Whether the violations prove that there is no feasible point."""

    def violations(x: Array) -> tuple[Array, Array]:
        rows = program.inequalities(x)
        if program.inside is not None:
            rows = jnp.concatenate([rows, jnp.where(program.inside, -x, -1)])
        return program.A @ x - program.b, jnp.maximum(rows, 0)

    def value(x: Array) -> Array:
        return sum((jnp.sum(part * part) / 2 for part in violations(x)), jnp.zeros((), x.dtype))

    def going(state: _State) -> Array:
        small = state.value <= (tol * (1 + largest(state.x))) ** 2
        return (state.rounds < ROUNDS) & (state.proof > 1) & ~small

    def body(state: _State) -> _State:
        x = state.x
        slope, curvature = jax.grad(value)(x), jax.hessian(value)(x)
        lift = state.weight * (jnp.max(jnp.diagonal(curvature)) + jnp.finfo(x.dtype).tiny)
        step = linalg.cholesky_solve(
            linalg.cholesky(curvature + lift * jnp.eye(x.size, dtype=x.dtype)), -slope
        )
        there = value(x + step)
        better = there < state.value
        proof = FAR * (1 + largest(x)) * jnp.sum(jnp.abs(slope)) / (2 * state.value)
        return _State(
            jnp.where(better, x + step, x),
            jnp.where(better, there, state.value),
            jnp.clip(state.weight * jnp.where(better, 0.1, 10), 1e-12, 1e12),
            proof,
            state.rounds + 1,
        )

    x = jnp.where(jnp.isfinite(value(start)), start, jnp.ones_like(start))
    first = _State(x, value(x), jnp.full_like(tol, 1e-3), jnp.full_like(tol, jnp.inf), jnp.int32(0))
    return lax.while_loop(going, body, first).proof <= 1
