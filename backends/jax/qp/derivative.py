"""The residual of a quadratic program whose active rows are known, its linear solve and its regularity."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import kkt, regular, scaling
from declarative.layer.contract import Point
from declarative.layer.linear import solve_equilibrated

Map = Callable[[Point], Point]


class Fixed(NamedTuple):
    """What the derivative holds constant: the active rows, and a factor to be reused where it is `sound`."""

    active: Array  # [m] bool
    dual: kkt.Dual
    inverse: Array  # [k, k], of the active rows of `dual.S`
    sound: Array


def optimality(data: Quadratic, y: Point, fixed: Fixed) -> Point:
    """Stationarity, equalities, and per inequality its slack if active, else its multiplier."""
    return Point(
        data.P @ y.z + data.q + data.A.T @ y.eq + data.G.T @ y.ineq,
        data.A @ y.z - data.b,
        jnp.where(fixed.active, data.G @ y.z - data.h, y.ineq),
    )


def linear(data: Quadratic, fixed: Fixed) -> tuple[Map, Map]:
    """Solves with the Jacobian of `optimality` and with its transpose."""

    def solve(rhs: Point, transposed: bool) -> Point:
        """Rows of inactive constraints give their unknown; what is left is symmetric."""
        first, second = rhs.z, jnp.where(fixed.active, rhs.ineq, 0)
        if not transposed:
            first = first - data.G.T @ (rhs.ineq - second)
        x, eq, ineq = _symmetric(data, fixed, first, rhs.eq, second)
        idle = rhs.ineq - data.G @ x if transposed else rhs.ineq
        return Point(x, eq, jnp.where(fixed.active, ineq, idle))

    return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)


def regularity(data: Quadratic, y: Point, fixed: Fixed, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns."""
    problem = scaling.equilibrated(data)
    z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
    rows = _rows(data, fixed)
    return regular.regularity(problem, data.b.shape[0], rows, y.z / problem.columns, z, own)


def _symmetric(data: Quadratic, fixed: Fixed, r: Array, eq: Array, ineq: Array) -> tuple[Array, Array, Array]:
    n, p = r.shape[0], eq.shape[0]
    solve = _solve if n <= linalg.SMALL else _solve_each
    factor = kkt.Factor(fixed.dual, _rows(data, fixed), fixed.inverse)
    rhs = jnp.concatenate([r, eq, ineq])[:, None]
    point = solve(data.P, data.A, data.G, factor, fixed.sound, rhs)[:, 0]
    return point[:n], point[n : n + p], point[n + p :]


def _solve(P: Array, A: Array, G: Array, factor: kkt.Factor, sound: Array, rhs: Array) -> Array:
    """[P E_a'; E_a 0]^-1 rhs for columns, zero on other rows; least-norm where it is singular."""
    n = P.shape[0]
    M = jnp.concatenate([P, A, G])
    point = jnp.concatenate(kkt.refined(M, factor, rhs[:n], rhs[n:]))
    return linalg.lazily(~sound, _whole, point, M, factor.active, rhs)


def _whole(M: Array, active: Array, rhs: Array) -> Array:
    n = M.shape[1]
    P, rows = M[:n], jnp.where(active[:, None], M[n:], 0)
    idle = jnp.diag(jnp.where(active, 0, 1).astype(P.dtype))
    matrix = jnp.block([[P, rows.T], [rows, idle]])
    masked = jnp.concatenate([rhs[:n], jnp.where(active[:, None], rhs[n:], 0)])
    return jax.vmap(lambda b: solve_equilibrated(matrix, b, False), in_axes=1, out_axes=1)(masked)


_solve_each = linalg.elementwise(_solve, columns=True)


def _rows(data: Quadratic, fixed: Fixed) -> Array:
    return jnp.concatenate([jnp.ones(data.b.shape[0], bool), fixed.active])
