"""Roots of square systems: Newton's method with a parallel line search on the squared residual.

Statuses: `solved` if the last Newton step, which estimates the error, is at most the tolerance
relative to 1 + |z| (default 1e-8 in float64, 1e-4 in float32; the step is taken, so the error is
about its square); `inaccurate` if at most its square root; `diverged` where no step lowers the
residual (a local minimum that is no root) or the iterates run away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.linear import solve_equilibrated

MAX_ITER = 100


class State(NamedTuple):
    z: Array
    value: Array  # squared residual
    steps: Array
    residual: Array  # relative size of the last Newton step
    moving: Array


class Solver:
    def __init__(self, equations: Callable[[Array, Params], Array], size: Callable[[Params], int]):
        self._equations, self._size = equations, size

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-8, 1e-4)
        limit = options.max_iter or MAX_ITER

        def merit(z: Array) -> Array:
            return jnp.sum(self._equations(z, p) ** 2)

        z = iteration.defined(merit, z, moving=True) if start is None else z

        def advance(state: State) -> State:
            value = self._equations(state.z, p)
            step, solvable = _newton_step(jax.jacfwd(self._equations)(state.z, p), value)
            residual = jnp.where(solvable, iteration.relative(step, state.z), jnp.inf)
            slope = -2 * jnp.sum(value**2)
            length, lower = iteration.line_search(merit, state.z, step, state.value, slope)
            # At convergence rounding may hide the decrease; the full step is right there.
            length = jnp.where((residual <= tol) & (length == 0), 1, length)
            z = state.z + length * step
            near = jnp.max(jnp.abs(z), initial=0) < iteration.FAR
            moving = (residual > tol) & (length > 0) & near
            return State(z, lower, state.steps + 1, residual, moving)

        first = State(z, merit(z), jnp.int32(0), jnp.asarray(jnp.inf, z.dtype), jnp.asarray(True))
        last = lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, first)
        status = iteration.verdict(last.residual, tol, last.steps, limit)
        empty = jnp.zeros(0, z.dtype)
        return Root(Point(last.z, empty, empty), (), status, last.steps, last.residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=self._equations(y.z, p))

    def linear(self, y: Point, p: Params, fixed: Any) -> None:
        return None

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        return iteration.local_uniqueness(lambda z: jax.jacfwd(self._equations)(z, p), y.z)


def _newton_step(jacobian: Array, value: Array) -> tuple[Array, Array]:
    """-J^-1 F, and whether it solves J d = -F; Gauss-Newton's least-norm step where J is singular."""
    step = -solve_equilibrated(jacobian, value, transposed=False)
    missed = jnp.max(jnp.abs(jacobian @ step + value), initial=0)
    return step, missed <= 1e-2 * jnp.max(jnp.abs(value), initial=0)
