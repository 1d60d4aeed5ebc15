"""Dense conic programs: interior point on the homogeneous embedding, then Newton's method on the cones' boundary.

The interior point shows which faces of the cones the solution lies on; the polish takes it to rounding error,
and its factor serves the derivative.

Statuses: `solved` if `conic.optimality.residual` is at most the tolerance (default 1e-8 in float64, 1e-4 in
float32), `inaccurate` if at most its square root, or if P is not positive semidefinite and the
point is stationary; `infeasible` and `unbounded` only with a certificate that was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import derivative, embedding, layout, optimality, polish, scaling
from declarative.backends.jax.conic import regularity as regular
from declarative.backends.jax.conic.derivative import Map
from declarative.backends.jax.engines import linear_system
from declarative.backends.jax.forms import Conic, Quadratic
from declarative.backends.jax.qp.optimality import convex
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 100


class Solver:
    """`own(p)` counts the user's unknowns, which auxiliary ones may follow; None means all.

    The point's `eq` are the multipliers of the zero rows, `ineq` those of all the others, in the dual cone.
    """

    def __init__(self, data: Callable[[Params], Conic], own: Callable[[Params], int] | None = None):
        self._data, self._own = data, own

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """The iteration needs no start; `options.tol` and `options.max_iter` count."""
        data = self._data(p)
        if data.cones.rows == data.cones.zero:
            return self._equations.solve(p, start, options)
        tol = options.tol or (1e-8 if data.q.dtype == jnp.float64 else 1e-4)
        limits = jnp.asarray(tol, data.q.dtype), jnp.asarray(options.max_iter or MAX_ITER)
        return _solve(data, *limits)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        data = self._data(p)
        if not y.ineq.size:
            return self._equations.optimality(y, p, fixed)
        return derivative.optimality(data, y, fixed)

    def linear(self, y: Point, p: Params, fixed: Any) -> tuple[Map, Map]:
        if not y.ineq.size:
            return self._equations.linear(y, p, fixed)
        return derivative.linear(self._data(p), fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        if not y.ineq.size:
            return self._equations.regularity(y, p, fixed)
        data, own = self._data(p), None if self._own is None else self._own(p)
        problem = polish.program(data, fixed.scales)
        return regular.regularity(problem, y.z / fixed.scales.columns, fixed.pairs, own)

    @property
    def _equations(self) -> linear_system.Solver:
        """Without cones but the zero cone the optimality conditions are one linear system."""

        def quadratic(p: Params) -> Quadratic:
            data = self._data(p)
            return Quadratic(data.P, data.q, data.A, data.b, data.A[:0], data.b[:0])

        return linear_system.Solver(quadratic)


# ---- one element -------------------------------------------------------------------------------


@linalg.elementwise
def _solve(data: Conic, tol: Array, max_iter: Array) -> Root:
    valid = jnp.all(jnp.isfinite(data.b) | _absent(data))
    for part in (data.P, data.q, data.A, data.alpha):
        valid &= jnp.all(jnp.isfinite(part))
    valid &= jnp.all((data.alpha > 0) & (data.alpha < 1))
    P, q, A, b = (jnp.where(valid, part, 0) for part in data[:4])
    clean = Conic(P, q, A, b, jnp.where(valid, data.alpha, 0.5), data.cones)
    problem = scaling.equilibrated(clean)
    found = embedding.iterate(problem, tol / 10, tol / 100, max_iter)
    x, z, s = scaling.restored(problem, found.x, found.z, found.s)
    rows = problem.rows[layout.layout(data.cones).first]
    scales = polish.Scales(problem.columns, rows, problem.cost)
    program = polish.program(clean, scales)
    polished = polish.polish(program, found.x, rows * s, problem.cost * z / rows)
    pairs = polished.pairs
    xs = jnp.stack([problem.columns * polished.x, x])
    ss, zs = jnp.stack([pairs.s / rows, s]), jnp.stack([rows * pairs.z / problem.cost, z])
    residuals = jax.vmap(lambda *point: optimality.residual(clean, *point))(xs, ss, zs)
    residuals = jnp.where(jnp.isfinite(residuals), residuals, jnp.inf)
    pick = jnp.argmin(residuals)
    residual, zero = residuals[pick], data.cones.zero
    y = Point(xs[pick], zs[pick][:zero], zs[pick][zero:])
    status = _status(valid, convex(problem.P), found, residual, tol)
    return Root(y, derivative.fixed(program, pairs, polished.factor), status, found.steps, residual)


def _absent(data: Conic) -> Array:
    row, cones = jnp.arange(data.b.shape[0]), data.cones
    half_line = (row >= cones.zero) & (row < cones.zero + cones.nonneg)
    return half_line & jnp.isposinf(data.b)


def _status(valid: Array, convex: Array, found: embedding.Result, residual: Array, tol: Array) -> Array:
    code = jnp.where(residual <= jnp.sqrt(tol), Status.INACCURATE.code, Status.MAX_ITERATIONS.code)
    solved = (residual <= tol) & convex
    code = jnp.where(found.infeasible & ~solved, Status.INFEASIBLE.code, code)
    code = jnp.where(found.unbounded & ~solved, Status.UNBOUNDED.code, code)
    code = jnp.where(solved, Status.SOLVED.code, code)
    return jnp.where(valid, code, Status.INVALID_INPUT.code).astype(jnp.int8)
