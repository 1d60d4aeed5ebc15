"""The residual of a conic program about its complementary pairs, and the linear solve of its derivative.

    P x + q + A'z = 0,   C(b - A x, z) = 0,   C the smooth `complementarity.equations`,

both in the scaled unknowns. The solve brings C to the diagonal form of `frame`, for which the factor of the
pairs serves, forward and transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import complementarity, system
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.frame import Basis, turned, turned_back
from declarative.backends.jax.conic.program import Scales, program
from declarative.backends.jax.conic.scaling import present
from declarative.backends.jax.forms import Cones, Conic
from declarative.layer.contract import Point

Map = Callable[[Point], Point]


class Fixed(NamedTuple):
    """What the derivative holds constant."""

    pairs: Pairs  # scaled
    normal: tuple[Array, ...]  # see `complementarity.normalised`
    scales: Scales


def fixed(cones: Cones, alpha: Array, scales: Scales, pairs: Pairs, mu: Array | None = None) -> Fixed:
    return Fixed(pairs, complementarity.normalisers(cones, alpha, pairs, mu), scales)


def optimality(data: Conic, y: Point, fixed: Fixed, mu: Array | None = None) -> Point:
    """Zero at the solution: stationarity, then the rows of the zero cone, then those of the others."""
    columns, rows, cost = fixed.scales
    A, b = present(data)
    zero, multipliers = data.cones.zero, jnp.concatenate([y.eq, y.ineq])
    slope = data.q + multipliers @ A
    slope = data.P @ y.z + slope if data.sparsity.curved else slope
    s, z = rows * (b - A @ y.z), cost * multipliers / rows
    mu = None if mu is None else cost * mu
    matched = complementarity.equations(data.cones, data.alpha, fixed.pairs.held, s, z, mu)
    return Point(cost * columns * slope, matched[:zero], matched[zero:])


def linear(data: Conic, fixed: Fixed) -> tuple[Map, Map]:
    """Solves with the Jacobian of `optimality` and with its transpose; least-norm where it is singular."""
    columns, rows, cost = fixed.scales
    dual = rows / cost
    zero, n = data.cones.zero, columns.shape[0]

    def point(x: Array, rows: Array) -> Point:
        return Point(x, rows[:zero], rows[zero:])

    def forward(rhs: Point) -> Point:
        both = jnp.concatenate(rhs)
        moved = _forward(fixed, data, both)
        return point(columns * moved[:n], dual * moved[n:])

    def backward(rhs: Point) -> Point:
        x, z = columns * rhs.z, dual * jnp.concatenate([rhs.eq, rhs.ineq])
        moved = _backward(fixed, data, jnp.concatenate([x, z]))
        return point(moved[:n], moved[n:])

    return forward, backward


def _forward(fixed: Fixed, data: Conic, rhs: Array) -> Array:
    """(x, z) with P x + A'z = r and -C_s A x + C_z z = c, in scaled unknowns."""
    n, cones, basis = data.q.shape[0], data.cones, fixed.pairs.frame.basis
    back = turned_back(cones, basis, complementarity.normalised(cones, basis, fixed.normal, rhs[n:]))
    x, _, z = _solved(fixed, data, rhs[:n] - back @ program(data, fixed.scales).A, -back)
    return jnp.concatenate([x, back + z])


def _backward(fixed: Fixed, data: Conic, rhs: Array) -> Array:
    """(u, v) with P u - A'C_s'v = r and A u + C_z'v = c, in scaled unknowns."""
    n, cones, basis = data.q.shape[0], data.cones, fixed.pairs.frame.basis
    u, s, z = _solved(fixed, data, rhs[:n], rhs[n:])
    w = turned(cones, basis, z - s)
    return jnp.concatenate([u, -complementarity.denormalised(cones, basis, fixed.normal, w)])


def _solved(fixed: Fixed, data: Conic, r: Array, t: Array) -> list[Array]:
    """x, s and z, see `system.solve`. Data are scaled element by element: a batch's do not fit a processor's cache."""
    n, m = r.shape[0], t.shape[0]
    rhs = jnp.concatenate([r, t])[:, None]
    given = data, fixed.scales, fixed.pairs.frame.basis, fixed.pairs.frame.weight
    direct = _factored if n <= linalg.SMALL else _factored_each
    point = direct(*given, rhs)
    if isinstance(data.P, Array):  # else nothing dense: what leaves the least residual
        rough = ~jnp.isfinite(point[0, 0])
        point = linalg.lazily(rough, _whole_each, point, rough, *given, point, rhs)
    return jnp.split(point[:, 0], [n, n + m])


def _factored(data: Conic, scales: Scales, basis: Basis, weight: Array, rhs: Array) -> Array:
    """NaN where the factor does not solve the system, which is singular, and dense matrices will."""
    n, problem = data.q.shape[0], program(data, scales)
    linear = system.factorised(problem, system.constant(problem), basis, weight)
    steps, error = system.solve(linear, rhs[:n], rhs[n:])
    found = jnp.concatenate(steps)
    good = error < jnp.finfo(found.dtype).eps ** 0.6
    return jnp.where(good, found, jnp.nan) if isinstance(problem.P, Array) else found


_factored_each = linalg.elementwise(_factored, columns=True)


@linalg.elementwise
def _whole_each(
    needed: Array, data: Conic, scales: Scales, basis: Basis, weight: Array, point: Array, rhs: Array
) -> Array:
    return linalg.lazily(needed, _whole, point, data, scales, basis, weight, rhs)


def _whole(data: Conic, scales: Scales, basis: Basis, weight: Array, rhs: Array) -> Array:
    n, problem = data.q.shape[0], program(data, scales)
    return jnp.concatenate(system.least_norm(problem, basis, weight, rhs[:n], rhs[n:]))
