"""A smooth convex function plus, for each unknown, a known function with kinks or a set.

Kinks entry by entry (absolute values, bounds, differences of neighbours) are minimised by `composite.entries`,
other parts (norms of rows, singular values, a ball, the simplex) by `composite.manifolds`.

Statuses: `solved` if the residual is at most the tolerance (default 1e-8 in float64, 1e-4 in float32),
`inaccurate` if at most the square root of that. The residual is the largest entry of
x - prox(x - step * slope), relative to 1 + |x|, the step the inverse of the curvature; for functions that
are not quadratic, with few entries and kinks entry by entry, the last Newton step, which is taken.
`infeasible` where bounds cross or a set is empty, `invalid_input` where a weight is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.composite import entries, manifolds
from declarative.backends.jax.composite.parts import Part as Part
from declarative.backends.jax.composite.parts import Parts
from declarative.backends.jax.engines.newton import by_differentiation
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

NEWTON = 100  # Newton steps, unless `max_iter` is given
DESCENT = 20000  # gradient steps, unless `max_iter` is given

Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Solver:
    """`smooth(z, params)` and, where there are formulas, its gradient and Hessian; `parts(params)` by unknown.

    A function that is not `twice` continuously differentiable may have a Hessian that says nothing far from a
    solution: gradient steps come first.
    """

    def __init__(
        self,
        smooth: Callable[[Array, Params], Array],
        size: Callable[[Params], int],
        parts: Callable[[Params], tuple[Part, ...]],
        derivatives: Callable[[Array, Params], tuple[Array, Array]] | None = None,
        quadratic: bool = False,
        twice: bool = True,
    ):
        self._smooth, self._size, self._parts = smooth, size, parts
        self._derivatives, self._quadratic, self._twice = derivatives, quadratic, twice
        self.attempts = twice

    # ---- the problem in the numbers that have kinks ---------------------------------------------

    def _problem(self, p: Params) -> tuple[Parts, entries.Value, entries.SecondOrder]:
        """The parts, the smooth function, and its gradient and Hessian."""
        parts, known = Parts(self._parts(p)), self._derivatives
        cost = lambda z: self._smooth(z, p)  # noqa: E731
        derivatives = by_differentiation(cost) if known is None else lambda z: known(z, p)
        if not parts.entrywise or parts.straight:
            return parts, cost, derivatives

        def apart(w: Array) -> tuple[Array, Array]:
            slope, hessian = derivatives(parts.put_together(w))
            return parts.pulled(slope), jax.vmap(parts.pulled)(jax.vmap(parts.pulled)(hessian).T)

        return parts, lambda w: cost(parts.put_together(w)), apart

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        first = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, first.dtype, 1e-8, 1e-4)
        parts, cost, derivatives = self._problem(p)
        if parts.entrywise:
            first = parts.taken_apart(first)
        if self._quadratic:
            offset, matrix = derivatives(jnp.zeros_like(first))
            derivatives = lambda z: (matrix @ z + offset, matrix)  # noqa: E731
        elif start is None:
            first = iteration.defined(cost, first)
        limit = options.max_iter or DESCENT
        slope = lambda z: derivatives(z)[0]  # noqa: E731
        if not parts.entrywise:
            polished, steps = manifolds.descended(slope, derivatives, parts, first, tol, limit)
            residual = self._checked(cost, polished.z, polished.residual)
            return _root(polished.z, polished.extra, steps, residual, tol, limit, parts.empty, parts.concave)

        kinks = parts.kinks(first.dtype)
        descended = lambda: entries.descended(slope, derivatives, kinks, first, tol, limit)  # noqa: E731
        pivots = jnp.asarray(5 * first.size + 10)
        if first.size > entries.LARGEST or not self._twice:
            found = descended()
        else:
            if self._quadratic:
                found = entries.quadratic(matrix, offset + matrix @ kinks.shift, kinks, pivots)
                found = found._replace(z=found.z + kinks.shift)
            else:
                rounds = options.max_iter or NEWTON
                found = entries.newton(cost, derivatives, kinks, first, tol, rounds, pivots)
            if not options.attempt:
                found = linalg.lazily(~(found.residual <= tol), descended, found)
        empty = jnp.any(kinks.lower > kinks.upper)
        fixed = found.faces, found.factor
        z, residual = parts.put_together(found.z), self._checked(cost, found.z, found.residual)
        return _root(z, fixed, found.steps, residual, tol, limit, empty, parts.concave)

    def _checked(self, cost: entries.Value, z: Array, residual: Array) -> Array:
        return residual if self._quadratic else iteration.inside(cost, z, residual)

    # ---- the derivative -------------------------------------------------------------------------

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        parts, _, derivatives = self._problem(p)
        return y._replace(z=_residual(parts, derivatives, y.z, fixed))

    def linear(self, y: Point, p: Params, fixed: Any) -> Operators:
        parts, _, derivatives = self._problem(p)
        if not parts.entrywise:
            residual = lambda z: _residual(parts, derivatives, z, fixed)  # noqa: E731
            solve, transposed = manifolds.linear(residual, y.z, fixed)
        else:
            slope, w = (lambda w: derivatives(w)[0]), parts.taken_apart(y.z)
            faces, factor = fixed
            inner, outer = entries.linear(slope, w, faces, factor, parts.still, self._quadratic)
            solve = lambda rhs: parts.put_together(inner(rhs))  # noqa: E731
            transposed = lambda rhs: outer(parts.pulled(rhs))  # noqa: E731
        return (lambda rhs: rhs._replace(z=solve(rhs.z))), (lambda rhs: rhs._replace(z=transposed(rhs.z)))

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        parts, _, derivatives = self._problem(p)
        if not parts.entrywise:
            residual = lambda z: _residual(parts, derivatives, z, fixed)  # noqa: E731
            return manifolds.regularity(residual, y.z, derivatives(y.z)[0], parts, fixed)
        w = parts.taken_apart(y.z)
        return entries.regularity(w, derivatives(w)[0], parts.kinks(w.dtype), *fixed)


def _residual(parts: Parts, derivatives: entries.SecondOrder, z: Array, fixed: Any) -> Array:
    if not parts.entrywise:
        return manifolds.optimality(z, derivatives(z)[0], parts, fixed)
    w = parts.taken_apart(z)
    return entries.optimality(w, derivatives(w)[0], parts.kinks(w.dtype), fixed[0])


def _root(
    z: Array, fixed: Any, steps: Array, residual: Array, tol: Array, limit: int, empty: Array, concave: Array
) -> Root:
    code = iteration.verdict(residual, tol, steps, limit)
    code = jnp.where(empty, Status.INFEASIBLE.code, code)
    code = jnp.where(concave, Status.INVALID_INPUT.code, code).astype(jnp.int8)
    none = jnp.zeros(0, z.dtype)
    return Root(Point(z, none, none), fixed, code, steps, residual)
