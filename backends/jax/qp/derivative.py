"""The residual of a quadratic program whose active rows are known, its linear solve and its regularity."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import active_set, regular, scaling
from declarative.backends.jax.qp.scaling import Scaled
from declarative.layer.contract import Point

Map = Callable[[Point], Point]


class Fixed(NamedTuple):
    """What the derivative holds constant: the active set, the scaling, and the factor to be reused."""

    active: Array  # [m] bool
    columns: Array  # [n]
    rows: Array  # [p + m]
    cost: Array
    factor: Array  # [n, n], of `active_set.penalised`


def fixed(problem: Scaled, equalities: int, active: Array, factor: Array) -> Fixed:
    return Fixed(active[equalities:], problem.columns, problem.rows, problem.cost, factor)


def optimality(data: Quadratic, y: Point, fixed: Fixed) -> Point:
    """Stationarity, equalities, and per inequality its slack if active, else its multiplier."""
    G, h = scaling.present(data)
    return Point(
        data.P @ y.z + data.q + data.A.T @ y.eq + G.T @ y.ineq,
        data.A @ y.z - data.b,
        jnp.where(fixed.active, G @ y.z - h, y.ineq),
    )


def linear(data: Quadratic, fixed: Fixed) -> tuple[Map, Map]:
    """Solves with the Jacobian of `optimality` and with its transpose."""
    G, _ = scaling.present(data)

    def solve(rhs: Point, transposed: bool) -> Point:
        """Rows of inactive constraints give their unknown; what is left is symmetric."""
        first, second = rhs.z, jnp.where(fixed.active, rhs.ineq, 0)
        if not transposed:
            first = first - G.T @ (rhs.ineq - second)
        x, eq, ineq = _symmetric(data, fixed, first, rhs.eq, second)
        idle = rhs.ineq - G @ x if transposed else rhs.ineq
        return Point(x, eq, jnp.where(fixed.active, ineq, idle))

    return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)


def regularity(data: Quadratic, y: Point, fixed: Fixed, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns."""
    problem, equalities = _rescaled(data, fixed), data.b.shape[0]
    z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
    return regular.regularity(problem, equalities, _rows(data, fixed), y.z / problem.columns, z, own)


def _symmetric(data: Quadratic, fixed: Fixed, r: Array, eq: Array, ineq: Array) -> tuple[Array, Array, Array]:
    problem = _rescaled(data, fixed)
    n, equalities = r.shape[0], data.b.shape[0]
    rhs = jnp.concatenate([problem.cost * problem.columns * r, problem.rows * jnp.concatenate([eq, ineq])])
    point = _columns(problem, _rows(data, fixed), fixed.factor, rhs[:, None])[:, 0]
    z = problem.rows * point[n:] / problem.cost
    return problem.columns * point[:n], z[:equalities], z[equalities:]


def _stacked_solve(problem: Scaled, active: Array, factor: Array, rhs: Array) -> Array:
    n = factor.shape[0]
    return jnp.concatenate(active_set.solve_or_least_norm(problem, active, factor, (rhs[:n], rhs[n:])))


_columns = linalg.elementwise(_stacked_solve, columns=True)


def _rescaled(data: Quadratic, fixed: Fixed) -> Scaled:
    return scaling.scaled(data, fixed.columns, fixed.rows, fixed.cost)


def _rows(data: Quadratic, fixed: Fixed) -> Array:
    return jnp.concatenate([jnp.ones(data.b.shape[0], bool), fixed.active])
