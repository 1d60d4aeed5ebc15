"""Smooth unconstrained minimisation by BFGS (optimistix), for when Hessians are too dear to form; Newton-CG ends it.

Statuses: `solved` if the gradient is at most the tolerance relative to 1 + its size at the start
(default 1e-8 in float64, 1e-4 in float32), `inaccurate` if at most its square root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 1000


class Solver:
    def __init__(self, cost: Callable[[Array, Params], Array], size: Callable[[Params], int]):
        self._cost, self._size = cost, size

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        import optimistix

        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-8, 1e-4)
        limit = options.max_iter or MAX_ITER
        z = iteration.defined(lambda z: self._cost(z, p), z) if start is None else z
        tight = 1e-10 if z.dtype == jnp.float64 else 1e-6
        method: Any = optimistix.BFGS(rtol=tight, atol=tight)
        found: Any = optimistix.minimise(
            lambda z, _: self._cost(z, p), method, z, max_steps=limit, throw=False
        )
        steps = jnp.asarray(found.stats["num_steps"], jnp.int32)
        slope = lambda z: jax.grad(self._cost)(z, p)  # noqa: E731
        last, size = _polished(slope, found.value)
        residual = size / (1 + jnp.max(jnp.abs(slope(z)), initial=0))
        status = iteration.verdict(
            iteration.inside(lambda z: self._cost(z, p), last, residual), tol, steps, limit
        )
        away = jnp.max(jnp.abs(last), initial=0) > iteration.FAR
        lower = self._cost(last, p) < self._cost(z, p)
        status = jnp.where(away & lower, Status.UNBOUNDED.code, status).astype(jnp.int8)
        empty = jnp.zeros(0, z.dtype)
        return Root(Point(last, empty, empty), (), status, steps, residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=jax.grad(self._cost)(y.z, p))

    def linear(self, y: Point, p: Params, fixed: Any) -> None:
        return None

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        return iteration.local_uniqueness(lambda z: jax.hessian(self._cost)(z, p), y.z)


def _polished(slope: Callable[[Array], Array], z: Array) -> tuple[Array, Array]:
    """Two Newton steps by conjugate gradients, each kept if it lowers the gradient; and its size.

    BFGS ends at the square root of rounding error in the objective; the gradient allows more.
    """

    def body(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        z, size = carry
        value, product = jax.linearize(slope, z)
        candidate = z - jax.scipy.sparse.linalg.cg(product, value, tol=1e-10, maxiter=2 * z.size)[0]
        lower = jnp.max(jnp.abs(slope(candidate)), initial=0)
        return jnp.where(lower < size, candidate, z), jnp.where(lower < size, lower, size)

    return lax.fori_loop(0, 2, body, (z, jnp.max(jnp.abs(slope(z)), initial=0)))
