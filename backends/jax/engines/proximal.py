"""A smooth convex function plus a known function with kinks for each unknown.

Statuses: `solved` if the residual is at most the tolerance (default 1e-8 in float64, 1e-4 in float32). For a
quadratic plus kinks entry by entry (absolute values, bounds) it is the largest entry of x - prox(x - slope),
each entry scaled by its curvature, relative to 1 + |x|; else the last Newton step, relative to 1 + |x|.
`inaccurate` if at most the square root of that; `infeasible` where bounds cross or a weight is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration
from declarative.backends.jax.composite import entries
from declarative.backends.jax.composite.parts import Part as Part
from declarative.backends.jax.composite.parts import kinks_of
from declarative.backends.jax.composite.pivots import Kinks
from declarative.backends.jax.engines.newton import by_differentiation
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 100

Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Solver:
    """`smooth(z, params)` and, where there are formulas, its gradient and Hessian; `parts(params)` by unknown."""

    def __init__(
        self,
        smooth: Callable[[Array, Params], Array],
        size: Callable[[Params], int],
        parts: Callable[[Params], tuple[Part, ...]],
        derivatives: Callable[[Array, Params], tuple[Array, Array]] | None = None,
        quadratic: bool = False,
    ):
        self._smooth, self._size, self._parts = smooth, size, parts
        self._derivatives, self._quadratic = derivatives, quadratic

    def _second_order(self, p: Params) -> entries.SecondOrder:
        known = self._derivatives
        return by_differentiation(lambda z: self._smooth(z, p)) if known is None else lambda z: known(z, p)

    def _kinks(self, p: Params, dtype: jnp.dtype) -> Kinks:
        return kinks_of(self._parts(p), dtype)

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        first = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, first.dtype, 1e-8, 1e-4)
        kinks = self._kinks(p, first.dtype)
        derivatives = self._second_order(p)
        pivots = options.max_iter if self._quadratic and options.max_iter else 5 * first.size + 10
        if self._quadratic:
            slope, hessian = derivatives(kinks.shift)
            found = entries.quadratic(hessian, slope, kinks, jnp.asarray(pivots))
            found = found._replace(z=found.z + kinks.shift)
            limit = pivots
        else:
            limit = options.max_iter or MAX_ITER
            cost = lambda z: self._smooth(z, p)  # noqa: E731
            if start is None:
                first = iteration.defined(cost, first)
            found = entries.newton(cost, derivatives, kinks, first, tol, limit, jnp.asarray(pivots))
        code = iteration.verdict(found.residual, tol, found.steps, limit)
        empty = jnp.any((kinks.lower > kinks.upper) | (kinks.weights < 0))
        code = jnp.where(empty, Status.INFEASIBLE.code, code)
        none = jnp.zeros(0, first.dtype)
        fixed = found.faces, found.inverse
        return Root(Point(found.z, none, none), fixed, code.astype(jnp.int8), found.steps, found.residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        faces, _ = fixed
        slope, _ = self._second_order(p)(y.z)
        return y._replace(z=entries.optimality(y.z, slope, self._kinks(p, y.z.dtype), faces))

    def linear(self, y: Point, p: Params, fixed: Any) -> Operators:
        faces, inverse = fixed
        slope = lambda z: self._second_order(p)(z)[0]  # noqa: E731
        still = all(part.still for part in self._parts(p))
        solve, transposed = entries.linear(slope, y.z, faces, inverse, still, self._quadratic)
        return (lambda rhs: rhs._replace(z=solve(rhs.z))), (lambda rhs: rhs._replace(z=transposed(rhs.z)))

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        faces, inverse = fixed
        slope, hessian = self._second_order(p)(y.z)
        kinks = self._kinks(p, y.z.dtype)
        return entries.regularity(y.z, slope, kinks, faces, inverse, jnp.diagonal(hessian))
