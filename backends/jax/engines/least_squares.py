"""Nonlinear least squares: Levenberg-Marquardt to a rough minimiser, Newton's method on the sum of squares from there.

The second phase and the derivative use the full Hessian, curvature of the residuals included, so
that large residuals neither slow the end nor spoil gradients. Statuses are those of `newton`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.engines import newton
from declarative.layer.contract import Params, Point, Root, SolveOptions

MAX_ITER = 200
ROUGH = 1e-3  # relative step at which Newton's method takes over


class State(NamedTuple):
    z: Array
    value: Array
    damping: Array
    steps: Array
    moving: Array


class Solver:
    def __init__(self, residuals: Callable[[Array, Params], Array], size: Callable[[Params], int]):
        self._residuals, self._size = residuals, size

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-8, 1e-4)
        limit = options.max_iter or MAX_ITER
        z = iteration.defined(lambda z: self._cost(z, p), z) if start is None else z
        rough = _levenberg_marquardt(lambda z: self._residuals(z, p), z, limit)
        cost = lambda z: self._cost(z, p)  # noqa: E731
        root = newton.minimise(cost, iteration.at(cost, rough.z), tol, limit)
        return root._replace(iterations=root.iterations + rough.steps)

    def _cost(self, z: Array, p: Params) -> Array:
        return jnp.sum(self._residuals(z, p) ** 2)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=jax.grad(self._cost)(y.z, p))

    def linear(self, y: Point, p: Params, fixed: newton.Factor) -> newton.Operators:
        return newton.linear(jax.grad(lambda z: self._cost(z, p)), y.z, fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        return iteration.local_uniqueness(lambda z: jax.hessian(self._cost)(z, p), y.z)


def _levenberg_marquardt(residuals: Callable[[Array], Array], z: Array, limit: int) -> State:
    """Marquardt's scaling by the diagonal; the damping falls by 3 on success and doubles on failure."""

    def advance(state: State) -> State:
        value, jacobian = residuals(state.z), jax.jacfwd(residuals)(state.z)
        normal, slope = jacobian.T @ jacobian, jacobian.T @ value
        scale = jnp.maximum(
            jnp.diagonal(normal), jnp.finfo(z.dtype).eps * jnp.max(jnp.diagonal(normal), initial=0)
        )
        scale = jnp.where(scale > 0, scale, 1)
        step = -linalg.cholesky_solve(linalg.cholesky(normal + jnp.diag(state.damping * scale)), slope)
        candidate = state.z + step
        lower = jnp.sum(residuals(candidate) ** 2)
        better = lower < state.value  # false for NaN
        small = iteration.relative(step, state.z) <= ROUGH
        damping = jnp.where(better, state.damping / 3, state.damping * 4)
        return State(
            jnp.where(better, candidate, state.z),
            jnp.where(better, lower, state.value),
            damping,
            state.steps + 1,
            ~(better & small) & (damping < 1e12),
        )

    first = State(z, jnp.sum(residuals(z) ** 2), jnp.asarray(1e-3, z.dtype), jnp.int32(0), jnp.asarray(True))
    return lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, first)
