"""Dense linear and convex quadratic programs: interior-point iteration, then the exact active-set solution.

Statuses: `solved` if `optimality.residual` is at most the tolerance (default 1e-8 in float64, 1e-4 in
float32), `inaccurate` if at most its square root, or if P is not positive semidefinite and the
point is stationary; `infeasible` and `unbounded` only with a certificate that was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import active_set, embedding, optimality, scaling
from declarative.backends.jax.qp.scaling import Scaled
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status
from declarative.plan.engine import Accept, Refuse, Variant
from declarative.plan.predicates import affine_constraints, decide, minimisation, quadratic

MAX_ITER = 100


@dataclass(frozen=True)
class InteriorPoint:
    name: str = "interior_point"
    backend: str = "jax"
    form: str = "quadratic"

    def accepts(self, variant: Variant) -> Accept | Refuse:
        rules = minimisation, affine_constraints, quadratic
        return decide(variant, *rules, cost=10, why="dense linear or convex quadratic program")


ENGINE = InteriorPoint()


class Fixed(NamedTuple):
    """What the derivative holds constant: the active set, the scaling, and the factor to be reused."""

    active: Array  # [m] bool
    columns: Array  # [n]
    rows: Array  # [p + m]
    cost: Array
    factor: Array  # [n, n]


class Solver:
    def __init__(self, data: Callable[[Params], Quadratic], size: object = None):
        self._data = data

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """The iteration needs no start; `options.tol` and `options.max_iter` count."""
        data = self._data(p)
        tol = options.tol or (1e-8 if data.q.dtype == jnp.float64 else 1e-4)
        return _solve(data, jnp.asarray(tol, data.q.dtype), jnp.asarray(options.max_iter or MAX_ITER))

    def optimality(self, y: Point, p: Params, fixed: Fixed) -> Point:
        data = self._data(p)
        G, h = _present(data)
        slack = G @ y.z - h
        return Point(
            data.P @ y.z + data.q + data.A.T @ y.eq + G.T @ y.ineq,
            data.A @ y.z - data.b,
            jnp.where(fixed.active, slack, y.ineq),
        )

    def linear(self, y: Point, p: Params, fixed: Fixed) -> tuple[Callable[[Point], Point], Callable[[Point], Point]]:
        data = self._data(p)

        def solve(rhs: Point, transposed: bool) -> Point:
            """Rows of inactive constraints read z = rhs; what is left is symmetric."""
            G, _ = _present(data)
            first, second = rhs.z, jnp.where(fixed.active, rhs.ineq, 0)
            if not transposed:
                first = first - G.T @ (rhs.ineq - second)
            x, eq, ineq = _symmetric(data, fixed, first, rhs.eq, second)
            idle = rhs.ineq - G @ x if transposed else rhs.ineq
            return Point(x, eq, jnp.where(fixed.active, ineq, idle))

        return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)

    def regularity(self, y: Point, p: Params, fixed: Fixed) -> Array:
        data = self._data(p)
        problem = _rescaled(data, fixed)
        active = _with_equalities(data, fixed.active)
        z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
        return optimality.regularity(problem, data.b.shape[0], active, y.z / problem.columns, z)


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
    candidates = (polished.x, polished.z, polished.active), (x, jnp.where(active, z, 0), active), (x, z, active)
    residuals = jnp.stack(
        [
            optimality.residual(data, problem.columns * point, problem.rows * multipliers / problem.cost)
            for point, multipliers, _ in candidates
        ]
    )
    # The interior point's small multipliers stay only where they are needed for a solution.
    residuals = jnp.where(jnp.isfinite(residuals), residuals, jnp.inf)
    pick = jnp.where(residuals[0] <= tol, 0, jnp.where(residuals[1] <= tol, 1, jnp.argmin(residuals)))
    x, z, active = (jnp.stack(parts)[pick] for parts in zip(*candidates, strict=True))
    residual, exact = residuals[pick], pick == 0
    factor = linalg.lazily(
        ~exact, lambda: linalg.cholesky(active_set.penalised(problem, active)), polished.factor
    )
    status = _status(valid, optimality.convex(problem), state, residual, tol)
    z = problem.rows * z / problem.cost
    fixed = Fixed(active[equalities:], problem.columns, problem.rows, problem.cost, factor)
    y = Point(problem.columns * x, z[:equalities], z[equalities:])
    return Root(y, fixed, status, state.steps, residual)


def _status(
    valid: Array, convex: Array, state: embedding.State, residual: Array, tol: Array
) -> Array:
    code = jnp.where(residual <= jnp.sqrt(tol), Status.INACCURATE.code, Status.MAX_ITERATIONS.code)
    solved = (residual <= tol) & convex
    code = jnp.where(state.infeasible & ~solved, Status.INFEASIBLE.code, code)
    code = jnp.where(state.unbounded & ~solved, Status.UNBOUNDED.code, code)
    code = jnp.where(solved, Status.SOLVED.code, code)
    return jnp.where(valid, code, Status.INVALID_INPUT.code).astype(jnp.int8)


def _symmetric(
    data: Quadratic, fixed: Fixed, r: Array, eq: Array, ineq: Array
) -> tuple[Array, Array, Array]:
    problem = _rescaled(data, fixed)
    n, equalities = r.shape[0], data.b.shape[0]
    rhs = jnp.concatenate([problem.cost * problem.columns * r, problem.rows * jnp.concatenate([eq, ineq])])
    active = _with_equalities(data, fixed.active)
    point = _linear(problem, active, fixed.factor, rhs[:, None])[:, 0]
    z = problem.rows * point[n:] / problem.cost
    return problem.columns * point[:n], z[:equalities], z[equalities:]


def _linear_columns(problem: Scaled, active: Array, factor: Array, rhs: Array) -> Array:
    n = factor.shape[0]
    return jnp.concatenate(active_set.solve_or_least_norm(problem, active, factor, (rhs[:n], rhs[n:])))


_linear = linalg.elementwise(_linear_columns, columns=True)


def _rescaled(data: Quadratic, fixed: Fixed) -> Scaled:
    E, d = scaling.stacked(data)
    columns, rows, cost = fixed.columns, fixed.rows, fixed.cost
    P = cost * columns[:, None] * data.P * columns
    return Scaled(P, cost * columns * data.q, rows[:, None] * E * columns, rows * d, columns, rows, cost)


def _present(data: Quadratic) -> tuple[Array, Array]:
    """Inequalities with absent rows as 0'z <= 1."""
    absent = jnp.isposinf(data.h)
    return jnp.where(absent[:, None], 0, data.G), jnp.where(absent, 1, data.h)


def _with_equalities(data: Quadratic, active: Array) -> Array:
    return jnp.concatenate([jnp.ones(data.b.shape[0], bool), active])
