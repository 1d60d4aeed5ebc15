"""How far a point is from a solution of a program, and whether the drift of the iterates proves that there is none."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.first_order.program import Program


class Point(NamedTuple):
    x: Array
    y: Array


class Look(NamedTuple):
    error: Array
    infeasible: Array
    unbounded: Array


def certain(dtype: jnp.dtype) -> float:
    """A ray may leave its cone by this share of what it gains."""
    return 1e-7 if dtype == jnp.float64 else 1e-4


def look(program: Program, point: Point, drift: Point) -> Look:
    return Look(error(program, point), infeasible(program, drift.y), unbounded(program, drift.x))


def error(program: Program, point: Point) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, feasibility, and the gap between the objectives, the latter against 1 + the smaller one,
    as in `qp/optimality.residual`; multipliers of bounds are what stationarity leaves to them.
    """
    x, y = point
    Ex, pull = program.rows(x), program.back(y)
    Px = jnp.zeros_like(x) if program.curve is None else program.curve(x)
    slope = Px + program.q + pull
    held = _held(program, slope)
    missed = _missed(program, program.d - Ex)
    value = x @ Px / 2 + program.q @ x
    support = jnp.sum(jnp.where(held > 0, _finite(program.lower), _finite(program.upper)) * held)
    bound = support - x @ Px / 2 - program.d @ y
    gap = jnp.abs(value - bound) / (1 + jnp.minimum(jnp.abs(value), jnp.abs(bound)))
    row = jnp.max(missed, initial=0) / (1 + _largest(program.d, Ex))
    column = _largest(slope - held) / (1 + _largest(program.q, Px, pull))
    worst = jnp.maximum(jnp.maximum(row, column), gap)
    return jnp.where(jnp.isfinite(worst), worst, jnp.inf)


def infeasible(program: Program, ray: Array) -> Array:
    """Farkas: y'E x > y'd for every x between the bounds, which no x with E x = d or E x <= d does."""
    y = jnp.where(program.inequality, jnp.maximum(ray, 0), ray)
    y = y / jnp.maximum(_largest(y), jnp.finfo(y.dtype).tiny)
    pull = program.back(y)
    held = _held(program, pull)
    gain = jnp.sum(jnp.where(held > 0, _finite(program.lower), _finite(program.upper)) * held) - program.d @ y
    return (gain > 0) & (_largest(pull - held) <= certain(y.dtype) * gain)


def unbounded(program: Program, ray: Array) -> Array:
    """A direction that stays feasible and along which the objective falls without end."""
    x = jnp.where(jnp.isfinite(program.lower), jnp.maximum(ray, 0), ray)
    x = jnp.where(jnp.isfinite(program.upper), jnp.minimum(x, 0), x)
    x = x / jnp.maximum(_largest(x), jnp.finfo(x.dtype).tiny)
    gain = -(program.q @ x)
    away = jnp.max(_missed(program, -program.rows(x)), initial=0)
    bent = 0.0 if program.curve is None else _largest(program.curve(x))
    return (gain > 0) & (jnp.maximum(away, bent) <= certain(x.dtype) * gain)


def _held(program: Program, slope: Array) -> Array:
    """The part of a slope that bounds can hold."""
    below, above = jnp.isfinite(program.lower), jnp.isfinite(program.upper)
    return jnp.where((slope > 0) & below, slope, jnp.where((slope < 0) & above, slope, 0))


def _missed(program: Program, slack: Array) -> Array:
    return jnp.where(program.inequality, jnp.maximum(-slack, 0), jnp.abs(slack))


def _finite(bound: Array) -> Array:
    return jnp.where(jnp.isfinite(bound), bound, 0)


def _largest(*parts: Array) -> Array:
    return jnp.max(jnp.abs(jnp.concatenate(parts)), initial=0)
