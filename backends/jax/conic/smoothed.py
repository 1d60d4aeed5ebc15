"""A conic or quadratic engine -> the solver of the point on its central path, for `backward="smoothed(mu)"`.

The point solves  min f(x) + mu * sum of barriers of s, A x + s = b,  with the barriers

| cone | barrier |
|---|---|
| nonneg | -log s |
| soc | -1/2 log(s[0]^2 - norm(s[1:])^2) |
| psd | -log det s |
| exp | -log(y log(z / y) - x) - log y - log z |
| power | -log(x^2a y^2(1-a) - z^2) - (1 - a) log x - a log y |

It is unique and differentiable wherever the program has points inside of its cones and bounded solutions, be they
unique or not. Newton's method on the pairs of the central path from the exact solution, with a line search: on
half-lines the smoothing method of Chen and Harker (1993) and Kanzow (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import complementarity, derivative, groups, polish, scaling, system
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.derivative import Map
from declarative.backends.jax.conic.program import Program, program, scales
from declarative.backends.jax.forms import Conic
from declarative.layer.contract import Params, Point, Root, SolveOptions, Solver
from declarative.layer.implicit import usable
from declarative.layer.status import DerivativeStatus

ROUNDS = 60
SHRINK = 0.5  # a step that does not lessen the residuals
TRIES = 20
INSIDE = {groups.EXP: (-1.05, 0.56, 1.26), groups.POWER: (1.0, 1.0, 0.0)}


class Fixed(NamedTuple):
    exact: Point  # the solution that the derivative stands in for
    near: derivative.Fixed
    arrived: Array  # whether the point on the central path was found


class Smoothed:
    """Its point is that of the central path, differentiable; `fixed.exact` is the solution."""

    def __init__(self, exact: Solver, data: Callable[[Params], Conic], mu: float):
        self._exact, self._data, self._mu = exact, data, mu

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        root, data = self._exact.solve(p, start, options), self._data(p)
        mu = jnp.asarray(self._mu, data.q.dtype)
        y, near, arrived = _central(data, root.y, usable(root.status), mu)
        return root._replace(y=y, fixed=Fixed(root.y, near, arrived))

    def optimality(self, y: Point, p: Params, fixed: Fixed) -> Point:
        data = self._data(p)
        return derivative.optimality(data, y, fixed.near, jnp.asarray(self._mu, data.q.dtype))

    def linear(self, y: Point, p: Params, fixed: Fixed) -> tuple[Map, Map]:
        """NaN where the point was not found."""
        solves = derivative.linear(self._data(p), fixed.near)

        def honest(solve: Map) -> Map:
            return lambda rhs: jax.tree.map(lambda v: jnp.where(fixed.arrived, v, jnp.nan), solve(rhs))

        return honest(solves[0]), honest(solves[1])

    def regularity(self, y: Point, p: Params, fixed: Fixed) -> Array:
        """Of the point on the central path: regular, or, where there is none, singular."""
        good, bad = DerivativeStatus.REGULAR.code, DerivativeStatus.SINGULAR.code
        return jnp.where(fixed.arrived, good, bad).astype(jnp.int8)


class _State(NamedTuple):
    x: Array
    pairs: Pairs
    missed: tuple[Array, Array]
    error: Array
    rounds: Array
    stuck: Array


@linalg.elementwise
def _central(data: Conic, y: Point, good: Array, mu: Array) -> tuple[Point, derivative.Fixed, Array]:
    scaled = scaling.equilibrated(
        jax.tree.map(lambda part: jnp.where(good | jnp.isposinf(part), part, 1), data)
    )
    problem = program(data, scales(scaled))
    columns, rows, cost = problem.scales
    level = cost * mu
    x, z = y.z / columns, cost * jnp.concatenate([y.eq, y.ineq]) / rows
    s = _inside(problem, problem.b - problem.A @ x, jnp.sqrt(level))
    eps = jnp.finfo(x.dtype).eps
    constant = system.constant(problem)

    def at(x: Array, s: Array, z: Array) -> tuple[Pairs, tuple[Array, Array], Array]:
        pairs = complementarity.nearest(problem.cones, problem.alpha, s, z, level)
        missed = polish.residuals(problem, x, pairs)
        error = jnp.sqrt(sum(jnp.sum(part**2) for part in missed))
        return pairs, missed, jnp.where(jnp.isfinite(error), error, jnp.inf)

    def body(state: _State) -> _State:
        linear = polish.linearised(problem, constant, state.pairs)
        dx, ds, dz = polish.step(linear, state.missed, polish.ACCURACY[0])

        def shorter(carry: tuple[Array, Array, _State]) -> tuple[Array, Array, _State]:
            tries, length, _ = carry
            length = jnp.where(tries == 0, 1.0, SHRINK * length)
            return tries + 1, length, moved(length)

        def moved(length: Array) -> _State:
            x, s, z = state.x + length * dx, state.pairs.s + length * ds, state.pairs.z + length * dz
            return _State(x, *at(x, s, z), state.rounds + 1, state.stuck)

        def failed(carry: tuple[Array, Array, _State]) -> Array:
            tries, length, found = carry
            return (tries < TRIES) & ~((tries > 0) & (found.error <= (1 - 1e-4 * length) * state.error))

        *_, found = lax.while_loop(failed, shorter, (jnp.int32(0), jnp.ones_like(level), state))
        better = found.error < state.error
        stay = state._replace(rounds=state.rounds + 1, stuck=~better)
        return jax.tree.map(lambda a, b: jnp.where(better, a, b), found, stay)

    def going(state: _State) -> Array:
        small = state.error <= 16 * eps
        return good & (state.rounds < ROUNDS) & ~(small | state.stuck)

    start = _State(x, *at(x, s, z), jnp.int32(0), jnp.asarray(False))
    last = lax.while_loop(going, body, start)
    zs, zero = rows * last.pairs.z / cost, data.cones.zero
    near = derivative.fixed(problem.cones, problem.alpha, problem.scales, last.pairs, level)
    arrived = last.error <= eps**0.5 * (1 + jnp.max(jnp.abs(last.pairs.s)) + jnp.max(jnp.abs(last.pairs.z)))
    return Point(columns * last.x, zs[:zero], zs[zero:]), near, arrived


def _inside(problem: Program, s: Array, far: Array) -> Array:
    """Exponential and power cones' s, moved inside by `far`; others are not looked at."""
    found = []
    for group, part in zip(groups.groups(problem.cones), groups.parts(problem.cones, s), strict=True):
        if group.solid:
            part = part + far * jnp.asarray(INSIDE[group.kind], s.dtype)
        found.append(part)
    return groups.joined(problem.cones, found)
