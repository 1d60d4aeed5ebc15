"""Quadratic minimisation without inequalities: one linear system, z and the multipliers of A z = b at once.

Unconstrained problems use a Cholesky factor of P, kept for the derivative; singular and equality-constrained
ones the equilibrated KKT matrix [P A'; A 0], least-norm where it is singular. Statuses:
`solved` if the optimality conditions hold to the tolerance (default 1e-10 in float64, 1e-5 in
float32), `infeasible` where A z = b has no solution, `unbounded` where P is not positive
semidefinite on the null space of A or the objective falls along a flat direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import optimality, regular, scaling
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.linear import solve_equilibrated
from declarative.layer.status import Status


class Fixed(NamedTuple):
    factor: Array  # [n, n], Cholesky factor of P where `definite`
    definite: Array


class Solver:
    def __init__(self, data: Callable[[Params], Quadratic]):
        self._data = data

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        data = self._data(p)
        tol = iteration.tolerance(options, data.q.dtype, 1e-10, 1e-5)
        fixed = _factorised(data)
        z, eq = _solve(data, fixed, -data.q, data.b)
        residual = optimality.residual(data, z, eq)
        missed = jnp.abs(data.A @ z - data.b)
        row = 1 + jnp.abs(data.b) + jnp.abs(data.A) @ jnp.abs(z)
        infeasible = jnp.max(missed / row, initial=0) > jnp.sqrt(tol)
        code = iteration.verdict(residual, tol, jnp.int32(0), 1)
        code = jnp.where(residual > jnp.sqrt(tol), Status.UNBOUNDED.code, code)
        code = jnp.where(_convex(data, fixed), code, Status.UNBOUNDED.code)
        code = jnp.where(infeasible, Status.INFEASIBLE.code, code)
        code = iteration.invalid(code, data.P, data.q, data.A, data.b)
        return Root(Point(z, eq, jnp.zeros(0, z.dtype)), fixed, code, jnp.int32(1), residual)

    def optimality(self, y: Point, p: Params, fixed: Fixed) -> Point:
        data = self._data(p)
        return Point(data.P @ y.z + data.q + data.A.T @ y.eq, data.A @ y.z - data.b, y.ineq)

    def linear(
        self, y: Point, p: Params, fixed: Fixed
    ) -> tuple[Callable[[Point], Point], Callable[[Point], Point]]:
        """The KKT matrix is symmetric."""
        data = self._data(p)

        def solve(rhs: Point) -> Point:
            z, eq = _solve(data, fixed, rhs.z, rhs.eq)
            return Point(z, eq, rhs.ineq)

        return solve, solve

    def regularity(self, y: Point, p: Params, fixed: Fixed) -> Array:
        data = self._data(p)
        problem = scaling.equilibrated(data)
        rows = jnp.ones(data.b.shape[0], bool)
        multipliers = y.eq * problem.cost / problem.rows
        return regular.regularity(problem, data.b.shape[0], rows, y.z / problem.columns, multipliers)


def _factorised(data: Quadratic) -> Fixed:
    """With equality constraints nothing is kept: the KKT matrix is factorised where it is solved."""
    if data.b.shape[0]:
        return Fixed(jnp.eye(data.q.shape[0], dtype=data.q.dtype), jnp.asarray(False))
    factor = linalg.cholesky(data.P)
    pivots = jnp.diagonal(factor)
    floor = data.q.shape[0] * jnp.finfo(data.q.dtype).eps ** 0.5 * jnp.max(pivots, initial=0)
    definite = jnp.all(jnp.isfinite(factor)) & jnp.all(pivots > floor)
    return Fixed(jnp.where(definite, factor, jnp.eye(data.q.shape[0], dtype=data.q.dtype)), definite)


def _solve(data: Quadratic, fixed: Fixed, r: Array, eq: Array) -> tuple[Array, Array]:
    n, p = r.shape[0], eq.shape[0]

    def whole(data: Quadratic, r: Array, eq: Array) -> Array:
        kkt = jnp.block([[data.P, data.A.T], [data.A, jnp.zeros((p, p), r.dtype)]])
        return solve_equilibrated(kkt, jnp.concatenate([r, eq]), transposed=False)

    if p:
        point = whole(data, r, eq)
    else:
        first = linalg.cholesky_solve(fixed.factor, r)
        point = first + linalg.cholesky_solve(fixed.factor, r - data.P @ first)
        point = linalg.lazily(~fixed.definite, whole, point, data, r, eq)
    return point[:n], point[n:]


def _convex(data: Quadratic, fixed: Fixed) -> Array:
    """Whether P is positive semidefinite on the null space of A: P + rho A'A is, for a large rho."""
    n = data.q.shape[0]

    def lifted(P: Array, A: Array) -> Array:
        size = jnp.max(jnp.abs(P), initial=0)
        normal = A.T @ A
        reach = jnp.max(jnp.abs(normal), initial=0)
        rho = 1e4 * size / jnp.where(reach > 0, reach, 1)
        lift = n * jnp.finfo(P.dtype).eps ** 0.5 * size + jnp.finfo(P.dtype).tiny
        factor = linalg.cholesky(P + rho * normal + lift * jnp.eye(n, dtype=P.dtype))
        return jnp.all(jnp.isfinite(factor))

    return linalg.lazily(~fixed.definite, lifted, jnp.asarray(True), data.P, data.A)
