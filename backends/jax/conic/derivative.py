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
    """(x, z) with P x + A'z = r and -C_s A x + C_z z = c."""
    n, cones, basis, weight = data.q.shape[0], data.cones, fixed.pairs.frame.basis, fixed.pairs.frame.weight
    there = complementarity.normalised(cones, basis, fixed.normal, rhs[n:])
    back = turned_back(cones, basis, there)
    r = rhs[:n] - back @ program(data, fixed.scales).A
    x, w = _solved(fixed, data, r, -there)
    return jnp.concatenate([x, back + turned_back(cones, basis, weight * w)])


def _backward(fixed: Fixed, data: Conic, rhs: Array) -> Array:
    """(u, v) with P u - A'C_s'v = r and A u + C_z'v = c."""
    n, basis = data.q.shape[0], fixed.pairs.frame.basis
    u, w = _solved(fixed, data, rhs[:n], turned(data.cones, basis, rhs[n:]))
    return jnp.concatenate([u, -complementarity.denormalised(data.cones, basis, fixed.normal, w)])


def _solved(fixed: Fixed, data: Conic, r: Array, t: Array) -> tuple[Array, Array]:
    """See `system`."""
    n = r.shape[0]
    rhs = jnp.concatenate([r, t])[:, None]
    basis, weight = fixed.pairs.frame.basis, fixed.pairs.frame.weight
    direct = _factored if n <= linalg.SMALL else _factored_each
    point = direct(data, fixed.scales, basis, weight, rhs)
    if not isinstance(data.P, Array):
        return point[:n, 0], point[n:, 0]  # nothing dense: what leaves the least residual
    rough = ~jnp.isfinite(point[0, 0])
    whole = _whole_each
    point = linalg.lazily(rough, whole, point, rough, data, fixed.scales, basis, weight, point, rhs)
    return point[:n, 0], point[n:, 0]


def _factored(data: Conic, scales: Scales, basis: Basis, weight: Array, rhs: Array) -> Array:
    """NaN where the factor does not solve the system, which is singular, and dense matrices will."""
    n, problem = data.q.shape[0], program(data, scales)
    linear = system.factorised(problem, system.constant(problem), basis, weight)
    (x, w), error = system.solve(linear, rhs[:n], rhs[n:])
    found = jnp.concatenate([x, w])
    good = error < jnp.finfo(x.dtype).eps ** 0.6
    return jnp.where(good, found, jnp.nan) if isinstance(data.P, Array) else found


_factored_each = linalg.elementwise(_factored, columns=True)


@linalg.elementwise
def _whole_each(
    needed: Array, data: Conic, scales: Scales, basis: Basis, weight: Array, point: Array, rhs: Array
) -> Array:
    return linalg.lazily(needed, _whole, point, data, scales, basis, weight, rhs)


def _whole(data: Conic, scales: Scales, basis: Basis, weight: Array, rhs: Array) -> Array:
    n = data.q.shape[0]
    return jnp.concatenate(system.least_norm(program(data, scales), basis, weight, rhs[:n], rhs[n:]))
