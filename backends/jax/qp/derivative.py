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
        """Rows of inactive constraints give their unknown; what is left is symmetric.

        Transposed, their part is the adjoint of residuals that no parameter moves: it is left at zero.
        """
        first, second = rhs.z, jnp.where(fixed.active, rhs.ineq, 0)
        if not transposed:
            first = first - data.G.T @ (rhs.ineq - second)
        x, eq, ineq = _symmetric(data, fixed, first, rhs.eq, second)
        return Point(x, eq, jnp.where(fixed.active, ineq, 0 if transposed else rhs.ineq))

    return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)


def regularity(data: Quadratic, y: Point, fixed: Fixed, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns."""
    problem = scaling.equilibrated(data)
    z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
    rows = jnp.concatenate([jnp.ones(data.b.shape[0], bool), fixed.active])
    return regular.regularity(problem, data.b.shape[0], rows, y.z / problem.columns, z, own)


def _symmetric(data: Quadratic, fixed: Fixed, r: Array, eq: Array, ineq: Array) -> tuple[Array, Array, Array]:
    """[P E_a'; E_a 0]^-1 (r, eq, ineq), zero on other rows; least-norm where it is singular."""
    n, p = r.shape[0], eq.shape[0]
    active = jnp.concatenate([jnp.ones(p, bool), fixed.active])
    factor = kkt.Factor(fixed.dual, active, fixed.inverse)
    rhs = jnp.concatenate([r, eq, jnp.where(fixed.active, ineq, 0)])[:, None]
    direct = _factored if n <= linalg.SMALL else _factored_each
    point = direct(data.P, data.A, data.G, factor, rhs)
    rough = ~fixed.sound
    point = linalg.lazily(rough, _whole_each, point, rough, data.P, data.A, data.G, active, point, rhs)[:, 0]
    return point[:n], point[n : n + p], point[n + p :]


def _factored(P: Array, A: Array, G: Array, factor: kkt.Factor, rhs: Array) -> Array:
    n = P.shape[0]
    x, y = kkt.solve(factor, rhs[:n], rhs[n:])
    if kkt.single(P.dtype):
        x, y = kkt.corrected(jnp.concatenate([P, A, G]), factor, rhs, x, y)
    return jnp.concatenate([x, y])


_factored_each = linalg.elementwise(_factored, columns=True)


@linalg.elementwise
def _whole_each(
    needed: Array, P: Array, A: Array, G: Array, active: Array, point: Array, rhs: Array
) -> Array:
    return linalg.lazily(needed, _whole, point, P, A, G, active, rhs)


def _whole(P: Array, A: Array, G: Array, active: Array, rhs: Array) -> Array:
    rows = jnp.where(active[:, None], jnp.concatenate([A, G]), 0)
    idle = jnp.diag(jnp.where(active, 0, 1).astype(P.dtype))
    matrix = jnp.block([[P, rows.T], [rows, idle]])
    return jax.vmap(lambda b: solve_equilibrated(matrix, b, False), in_axes=1, out_axes=1)(rhs)
