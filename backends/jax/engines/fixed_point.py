"""Fixed points z = g(z): Anderson's acceleration, or Picard's plain iteration.

Statuses: `solved` if |g(z) - z| is at most the tolerance relative to 1 + |z| (default 1e-10 in
float64, 1e-5 in float32), `inaccurate` if at most its square root; `diverged` where the iterates
run away or become infinite.

Anderson (type II, memory 5) follows Walker and Ni, SIAM J. Numer. Anal. 49 (2011); its ridge is
relative to the history, and a step that makes the residual much worse falls back to Picard's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.layer.contract import Params, Point, Root, SolveOptions

MAX_ITER = 1000
MEMORY = 5
RIDGE = 1e-8
WORSE = 10.0  # an accelerated step may multiply the residual by this before it is given up


class State(NamedTuple):
    z: Array
    images: Array  # [MEMORY, n], the latest g(z), a ring
    gaps: Array  # [MEMORY, n], the latest g(z) - z
    steps: Array
    residual: Array
    moving: Array


class Solver:
    def __init__(self, step: Callable[[Array, Params], Array], size: Callable[[Params], int]):
        self._step, self._size = step, size

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-10, 1e-5)
        limit = options.max_iter or MAX_ITER
        accelerated = options.variant != "picard"

        def advance(state: State) -> State:
            image = self._step(state.z, p)
            gap = image - state.z
            residual = iteration.relative(gap, state.z)
            slot = state.steps % MEMORY
            images, gaps = state.images.at[slot].set(image), state.gaps.at[slot].set(gap)
            z = image
            if accelerated:
                known = jnp.arange(MEMORY) <= state.steps
                mixed = _mix(images, gaps, slot, known)
                trusted = jnp.all(jnp.isfinite(mixed)) & (residual <= WORSE * state.residual)
                z = jnp.where(trusted, mixed, image)
            sound = jnp.all(jnp.isfinite(z)) & (jnp.max(jnp.abs(z), initial=0) < iteration.FAR)
            done = residual <= tol
            z = jnp.where(done, image, jnp.where(sound, z, state.z))
            residual = jnp.where(sound, residual, jnp.inf)
            return State(z, images, gaps, state.steps + 1, residual, sound & ~done)

        history = jnp.zeros((MEMORY, z.size), z.dtype)
        first = State(z, history, history, jnp.int32(0), jnp.asarray(jnp.inf, z.dtype), jnp.asarray(True))
        last = lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, first)
        status = iteration.verdict(last.residual, tol, last.steps, limit)
        empty = jnp.zeros(0, z.dtype)
        return Root(Point(last.z, empty, empty), (), status, last.steps, last.residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=self._step(y.z, p) - y.z)

    def linear(self, y: Point, p: Params, fixed: Any) -> None:
        return None

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        identity = jnp.eye(y.z.size, dtype=y.z.dtype)
        return iteration.local_uniqueness(lambda z: jax.jacfwd(self._step)(z, p) - identity, y.z)


def _mix(images: Array, gaps: Array, slot: Array, known: Array) -> Array:
    """The combination of past images whose gaps nearly cancel: min |gap - (gap - gaps)' w|."""
    latest = gaps[slot]
    differences = jnp.where(known[:, None], latest - gaps, 0)  # the row of `slot` is zero
    gram = differences @ differences.T
    size = jnp.trace(gram)
    ridge = RIDGE * size / MEMORY + jnp.finfo(gram.dtype).tiny
    # A row that is zero (unknown, or the slot itself) gets a unit pivot and so a zero weight.
    idle = jnp.diagonal(gram) == 0
    system = gram + jnp.diag(jnp.where(idle, jnp.maximum(size, 1), ridge))
    weights = linalg.cholesky_solve(linalg.cholesky(system), differences @ latest)
    return images[slot] - weights @ jnp.where(known[:, None], images[slot] - images, 0)
