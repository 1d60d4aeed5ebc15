"""Dense linear and convex quadratic programs: interior-point iteration, then the exact active-set solution.

Statuses: `solved` if `optimality.residual` is at most the tolerance (default 1e-8 in float64, 1e-4 in
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
from declarative.backends.jax.engines import linear_system
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import active_set, derivative, embedding, optimality, scaling
from declarative.backends.jax.qp.derivative import Map
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 100


class Solver:
    """`own(p)` counts the user's unknowns, which auxiliary ones may follow; None means all."""

    def __init__(self, data: Callable[[Params], Quadratic], own: Callable[[Params], int] | None = None):
        self._data, self._own = data, own

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """The iteration needs no start; `options.tol` and `options.max_iter` count."""
        data = self._data(p)
        if not data.h.size:
            return self._equations.solve(p, start, options)
        tol = options.tol or (1e-8 if data.q.dtype == jnp.float64 else 1e-4)
        return _solve(data, jnp.asarray(tol, data.q.dtype), jnp.asarray(options.max_iter or MAX_ITER))

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        if not y.ineq.size:
            return self._equations.optimality(y, p, fixed)
        return derivative.optimality(self._data(p), y, fixed)

    def linear(self, y: Point, p: Params, fixed: Any) -> tuple[Map, Map]:
        if not y.ineq.size:
            return self._equations.linear(y, p, fixed)
        return derivative.linear(self._data(p), fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        if not y.ineq.size:
            return self._equations.regularity(y, p, fixed)
        own = None if self._own is None else self._own(p)
        return derivative.regularity(self._data(p), y, fixed, own)

    @property
    def _equations(self) -> linear_system.Solver:
        """Without inequalities the optimality conditions are one linear system."""
        return linear_system.Solver(self._data)


# ---- one element -------------------------------------------------------------------------------


@linalg.elementwise
def _solve(data: Quadratic, tol: Array, max_iter: Array) -> Root:
    equalities = data.b.shape[0]
    valid = jnp.all(jnp.isfinite(data.h) | jnp.isposinf(data.h))
    for part in (data.P, data.q, data.A, data.b, data.G):
        valid &= jnp.all(jnp.isfinite(part))
    data = Quadratic(*(jnp.where(valid, part, 0) for part in data))
    problem = scaling.equilibrated(data)
    # Far below the tolerance the active set shows; it then gives the solution to rounding error.
    state = embedding.iterate(problem, equalities, tol / 10, tol / 100000, max_iter)
    x, z, s = (part / state.best.tau for part in state.best[:3])
    polished = active_set.polish(problem, equalities, x, z, s)

    active = (jnp.arange(z.shape[0]) < equalities) | (z > s)
    xs = jnp.stack([polished.x, x, x])
    zs = jnp.stack([polished.z, jnp.where(active, z, 0), z])
    residuals = jax.vmap(
        lambda x, z: optimality.residual(data, problem.columns * x, problem.rows * z / problem.cost)
    )(xs, zs)
    # The interior point's small multipliers stay only where they are needed for a solution.
    residuals = jnp.where(jnp.isfinite(residuals), residuals, jnp.inf)
    pick = jnp.where(residuals[0] <= tol, 0, jnp.where(residuals[1] <= tol, 1, jnp.argmin(residuals)))
    x, z, active = xs[pick], zs[pick], jnp.where(pick == 0, polished.active, active)
    residual, exact = residuals[pick], pick == 0
    factor = linalg.lazily(
        ~exact, lambda: linalg.cholesky(active_set.penalised(problem, active)), polished.factor
    )
    status = _status(valid, optimality.convex(problem), state, residual, tol)
    z = problem.rows * z / problem.cost
    fixed = derivative.fixed(problem, equalities, active, factor)
    y = Point(problem.columns * x, z[:equalities], z[equalities:])
    return Root(y, fixed, status, state.steps, residual)


def _status(valid: Array, convex: Array, state: embedding.State, residual: Array, tol: Array) -> Array:
    code = jnp.where(residual <= jnp.sqrt(tol), Status.INACCURATE.code, Status.MAX_ITERATIONS.code)
    solved = (residual <= tol) & convex
    code = jnp.where(state.infeasible & ~solved, Status.INFEASIBLE.code, code)
    code = jnp.where(state.unbounded & ~solved, Status.UNBOUNDED.code, code)
    code = jnp.where(solved, Status.SOLVED.code, code)
    return jnp.where(valid, code, Status.INVALID_INPUT.code).astype(jnp.int8)
