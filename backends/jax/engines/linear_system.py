"""Quadratic minimisation without inequalities: one linear system, z and the multipliers of A z = b at once.

Unconstrained problems use a Cholesky factor of P, kept for the derivative, or, where P is a diagonal and
few rows' rows, one of a matrix as small as the rows are few; singular and equality-constrained
ones the equilibrated KKT matrix [P A'; A 0], least-norm where it is singular. Statuses:
`solved` if the optimality conditions hold to the tolerance (default 1e-10 in float64, 1e-5 in
float32), `infeasible` where A z = b has no solution, `unbounded` where P is not positive
semidefinite on the null space of A or the objective falls along a flat direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import low_rank, optimality, regular, scaling
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.linear import solve_equilibrated
from declarative.layer.status import DerivativeStatus, Status


class Fixed(NamedTuple):
    factor: Array  # [n, n], Cholesky factor of P where `definite`
    definite: Array


Function = Callable[[Array, Params], Array]
"""Of the flat unknowns and the parameters."""


class Solver:
    """The data, and the functions that they were read from, which are cheaper to differentiate.

    Where P = X'X, the derivative of X'(X z) by X is two outer products; that of P z goes through P.
    """

    def __init__(
        self,
        data: Callable[[Params], Quadratic],
        cost: Function | None = None,
        equalities: Function | None = None,
        factors: Callable[[Params], low_rank.Factors] | None = None,
    ):
        self._data, self._factors = data, factors
        self._cost = cost or (lambda z, p: _value(data(p), z))
        self._equalities = equalities or (lambda z, p: data(p).A @ z - data(p).b)

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        data = self._data(p)
        tol = iteration.tolerance(options, data.q.dtype, 1e-10, 1e-5)
        wide = self._wide(p)
        if wide is not None:
            return _solved_wide(low_rank.factorised(wide), data.q, tol)
        fixed = _factorised(data)
        z, eq = _solve(data, fixed, -data.q, data.b)
        residual = (
            optimality.residual(data, Point(z, eq, jnp.zeros(0, z.dtype)))
            if eq.size
            else _stationarity(data, z)
        )
        missed = jnp.abs(data.A @ z - data.b)
        row = 1 + jnp.abs(data.b) + jnp.abs(data.A) @ jnp.abs(z)
        infeasible = jnp.max(missed / row, initial=0) > jnp.sqrt(tol)
        code = iteration.verdict(residual, tol, jnp.int32(0), 1)
        code = jnp.where(residual > jnp.sqrt(tol), Status.UNBOUNDED.code, code).astype(jnp.int8)
        code = linalg.lazily(~fixed.definite, _checked, code, data.P, data.A, code)
        code = jnp.where(infeasible, Status.INFEASIBLE.code, code)
        code = iteration.invalid(code, data.q, data.b)
        return Root(Point(z, eq, jnp.zeros(0, z.dtype)), fixed, code, jnp.int32(1), residual)

    def _wide(self, p: Params) -> low_rank.Factors | None:
        """P as a diagonal and few rows, where that pays."""
        factors = None if self._factors is None else self._factors(p)
        return factors if factors is not None and low_rank.pays(factors) else None

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        def lagrangian(z: Array) -> tuple[Array, Array]:
            missed = self._equalities(z, p)
            return self._cost(z, p) + y.eq @ missed, missed

        slope, missed = jax.grad(lagrangian, has_aux=True)(y.z)
        return Point(slope, missed, y.ineq)

    def linear(
        self, y: Point, p: Params, fixed: Any
    ) -> tuple[Callable[[Point], Point], Callable[[Point], Point]]:
        """The KKT matrix is symmetric."""
        data = self._data(p)

        def solve(rhs: Point) -> Point:
            if isinstance(fixed, low_rank.Factored):
                return rhs._replace(z=low_rank.solve(fixed, rhs.z))
            z, eq = _solve(data, fixed, rhs.z, rhs.eq)
            return Point(z, eq, rhs.ineq)

        return solve, solve

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        if isinstance(fixed, low_rank.Factored):  # the diagonal is positive
            return jnp.asarray(DerivativeStatus.REGULAR.code, jnp.int8)
        data = self._data(p)
        problem = scaling.equilibrated(data)
        rows = jnp.ones(data.b.shape[0], bool)
        multipliers = y.eq * problem.cost / problem.rows
        return regular.regularity(problem, data.b.shape[0], rows, y.z / problem.columns, multipliers)


def _solved_wide(factored: low_rank.Factored, q: Array, tol: Array) -> Root:
    z = low_rank.solve(factored, -q)
    slope = jnp.max(jnp.abs(low_rank.product(factored, z) + q), initial=0)
    curvature = factored.diagonal + jnp.sum(factored.rows**2, axis=0)
    size = jnp.max(curvature, initial=0) * jnp.max(jnp.abs(z), initial=0)
    residual = slope / (1 + jnp.max(jnp.abs(q), initial=0) + size)
    code = iteration.invalid(iteration.verdict(residual, tol, jnp.int32(0), 1), q, factored.rows)
    none = jnp.zeros(0, q.dtype)
    return Root(Point(z, none, none), factored, code, jnp.int32(1), residual)


def _value(data: Quadratic, z: Array) -> Array:
    return z @ data.P @ z / 2 + data.q @ z


def _factorised(data: Quadratic) -> Fixed:
    """With equality constraints nothing is kept: the KKT matrix is factorised where it is solved."""
    n = data.q.shape[0]
    if data.b.shape[0]:
        return Fixed(jnp.eye(n, dtype=data.q.dtype), jnp.asarray(False))
    factor = linalg.cholesky(data.P)
    # A failed factor is NaN; a pivot whose square has lost all digits of its diagonal entry is noise.
    floor = (n * jnp.finfo(factor.dtype).eps ** 0.5) ** 2 * jnp.diagonal(data.P)
    return Fixed(factor, jnp.all(jnp.diagonal(factor) ** 2 > floor))


def _solve(data: Quadratic, fixed: Fixed, r: Array, eq: Array) -> tuple[Array, Array]:
    n, p = r.shape[0], eq.shape[0]

    def whole(data: Quadratic, r: Array, eq: Array) -> Array:
        kkt = jnp.block([[data.P, data.A.T], [data.A, jnp.zeros((p, p), r.dtype)]])
        return solve_equilibrated(kkt, jnp.concatenate([r, eq]), transposed=False)

    if p:
        point = whole(data, r, eq)
    else:
        point = linalg.cholesky_solve(fixed.factor, r)
        point = linalg.lazily(~fixed.definite, whole, point, data, r, eq)
    return point[:n], point[n:]


def _stationarity(data: Quadratic, z: Array) -> Array:
    """The largest entry of P z + q against the sizes of q, of P (largest on the diagonal) and of z."""
    size = jnp.max(jnp.abs(jnp.diagonal(data.P)), initial=0) * jnp.max(jnp.abs(z), initial=0)
    slope = jnp.max(jnp.abs(data.P @ z + data.q), initial=0)
    return slope / (1 + jnp.max(jnp.abs(data.q), initial=0) + size)


def _checked(P: Array, A: Array, code: Array) -> Array:
    """The status where no factor has shown P to be finite and positive definite."""
    return iteration.invalid(jnp.where(_convex(P, A), code, Status.UNBOUNDED.code), P, A)


def _convex(P: Array, A: Array) -> Array:
    """Whether P is positive semidefinite on the null space of A: P + rho A'A is, for a large rho."""
    n = P.shape[0]
    size = jnp.max(jnp.abs(P), initial=0)
    normal = A.T @ A
    reach = jnp.max(jnp.abs(normal), initial=0)
    rho = 1e4 * size / jnp.where(reach > 0, reach, 1)
    lift = n * jnp.finfo(P.dtype).eps ** 0.5 * size + jnp.finfo(P.dtype).tiny
    factor = linalg.cholesky(P + rho * normal + lift * jnp.eye(n, dtype=P.dtype))
    return jnp.all(jnp.isfinite(jnp.diagonal(factor)))
