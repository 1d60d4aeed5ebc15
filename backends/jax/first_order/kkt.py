"""The optimality system of a program whose active rows and bounds are known, solved by MINRES.

[ P  E' ] [x]   [r]
[ E  0  ] [y] = [s]   on the free unknowns and the active rows; the other entries of x and y are given.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.first_order import krylov
from declarative.backends.jax.first_order.inspection import Point, error
from declarative.backends.jax.first_order.program import Program

LIMIT = 4  # steps for each row of the system
MOST = 5000


class Active(NamedTuple):
    """What holds with equality: rows of E, and bounds below and above."""

    rows: Array  # [k] bool, True on equalities
    lower: Array  # [n] bool
    upper: Array  # [n] bool

    @property
    def free(self) -> Array:
        return ~(self.lower | self.upper)


class Solved(NamedTuple):
    point: Point
    left: Point  # what the system's rows are off by, scaled
    settled: Array


def active(program: Program, point: Point) -> Active:
    """From an image of the iteration, whose projections decide: it is exactly on its active bounds."""
    slope = program.slope(*point)
    lower, upper = point.x <= program.lower, point.x >= program.upper
    fixed = lower & upper
    rows = ~program.inequality | (point.y > 0)
    return Active(rows, lower & ~(fixed & (slope < 0)), upper & ~(fixed & (slope >= 0)))


def solve(program: Program, active: Active, r: Array, s: Array) -> Solved:
    """x, y with x = 0 on bounds and y = 0 on idle rows; r and s count elsewhere only."""
    n = program.q.size
    free, rows = active.free.astype(r.dtype), active.rows.astype(r.dtype)

    def product(v: Array) -> Array:
        x, y = free * v[:n], rows * v[n:]
        return jnp.concatenate([free * (program.slope(x, y) - program.q), rows * program.rows(x)])

    limit = min(MOST, LIMIT * (n + program.d.size) + 50)
    tol = 1e-14 if r.dtype == jnp.float64 else 1e-6
    found = krylov.minres(product, jnp.concatenate([free * r, rows * s]), limit, tol)
    x, left = found.x, found.residual
    return Solved(Point(free * x[:n], rows * x[n:]), Point(left[:n], left[n:]), found.settled)


def polished(program: Program, point: Point) -> Point:
    """The point that solves the optimality system of the active rows and bounds seen at `point`, where that is
    nearer to a solution."""
    now = active(program, point)
    bound = jnp.where(now.lower, program.lower, program.upper)
    x = jnp.where(now.free, point.x, bound)
    y = jnp.where(now.rows, point.y, 0)
    step = solve(program, now, -program.slope(x, y), program.d - program.rows(x)).point
    x = jnp.clip(x + step.x, program.lower, program.upper)
    y = jnp.where(program.inequality, jnp.maximum(y + step.y, 0), y + step.y)
    better = error(program, Point(x, y)) < error(program, point)
    return Point(jnp.where(better, x, point.x), jnp.where(better, y, point.y))
