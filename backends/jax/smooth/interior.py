"""A smooth convex program -> a point near its solution: primal-dual interior point from an infeasible start.

Newton's method on   cost'(x) + E'(y, z) = 0,  A x = b,  g(x) + s = 0,  s z = mu,   s, z > 0,
with Mehrotra's predictor and corrector and a line search on the residuals (Nocedal and Wright, Numerical
Optimization, 2nd ed., section 19.3). Curvature leaves residuals behind: mu does not fall below a share of
those that the predictor would leave. Entries of x whose domain is the positive numbers fall to
x / (1 - dx / x), not x + dx, which is exact for a logarithm. Without inequalities it is Newton's method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.smooth import kkt
from declarative.backends.jax.smooth.program import Local, Program, largest, residual

LENGTHS = 24  # halvings of a step that are tried
DECREASE = 0.01  # the share of the promised decrease with which a step is content
BEHIND = 0.1  # of the residuals that the predictor leaves: least mu
CAREFUL = 0.5  # least share of mu that a step keeps after one that made no progress
REACH = 0.995  # of the way to where s or z meets zero
STALLS = 6  # steps in a row without progress before giving up


class Iterate(NamedTuple):
    x: Array  # [n]
    y: Array  # [p]
    z: Array  # [m]
    s: Array  # [m]


class State(NamedTuple):
    now: Iterate
    local: Local
    merit: Array
    factor: kkt.Factor  # where the last step started
    error: Array
    steps: Array
    stalls: Array
    delta: Array  # regularisation, raised where a factorisation fails
    moving: Array


Merit = Callable[[Iterate, Local], Array]


def iterate(program: Program, start: Array, target: Array, limit: int) -> State:
    """Until the residual is at most `target`, and, without inequalities, the last step shows that the next
    would change nothing."""
    local = program.at(start)
    one, zero = jnp.ones_like(target), jnp.int32(0)
    s = jnp.maximum(-local.ineq, 1)
    now = Iterate(start, jnp.zeros_like(local.eq), jnp.ones_like(s), s)
    scales = jnp.stack([1 + largest(part) for part in local[:3]])
    merit = partial(_merit, scales=scales)
    delta = jnp.full_like(target, float(jnp.finfo(start.dtype).eps) ** 0.5)

    def going(state: State) -> Array:
        return state.moving & (state.steps < limit)

    def body(state: State) -> State:
        return _advance(program, state, merit, target)

    shapes = jax.eval_shape(lambda: _factorised(program, now, local, delta))
    none = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes)
    first = State(now, local, merit(now, local), none, jnp.inf * one, zero, zero, delta, one > 0)
    return lax.while_loop(going, body, first)


def _residuals(now: Iterate, local: Local) -> tuple[Array, Array, Array]:
    stationary = local.slope + jnp.concatenate([now.y, now.z]) @ local.E
    return stationary, local.eq, local.ineq + now.s


def _merit(now: Iterate, local: Local, scales: Array) -> Array:
    """A sum of norms: to first order a step takes the same share off each."""
    parts = jnp.stack([jnp.sqrt(jnp.sum(part * part)) for part in _residuals(now, local)])
    return jnp.sum(parts / scales) + _mean(now)


def _mean(now: Iterate) -> Array:
    return now.s @ now.z / max(now.s.size, 1)


def _factorised(program: Program, now: Iterate, local: Local, delta: Array) -> kkt.Factor:
    H = program.curvature(now.x, now.z)
    C = jnp.concatenate([jnp.zeros_like(now.y), now.s / now.z])
    return kkt.factorised(H, local.E, C, delta)


# ---- one step ----------------------------------------------------------------------------------


def _advance(program: Program, state: State, merit: Merit, target: Array) -> State:
    now = state.now
    factor = _factorised(program, now, state.local, state.delta)
    move, aim = _direction(program, state, factor, merit)
    promised = DECREASE * (1 - aim)

    def moved(length: Array) -> tuple[Iterate, Local, Array]:
        there = _stepped(program, now, move, length)
        found = program.at(there.x)
        value = merit(there, found)
        return there, found, jnp.where(jnp.isfinite(value), value, jnp.inf)

    reach = jnp.minimum(1, REACH * _longest(now, move))

    def searched() -> tuple[Iterate, Local, Array]:
        lengths = reach * jnp.exp2(-jnp.arange(LENGTHS).astype(reach.dtype))
        values = jax.vmap(lambda length: moved(length)[2])(lengths)
        enough = values <= (1 - promised * lengths) * state.merit
        return moved(lengths[jnp.where(jnp.any(enough), jnp.argmax(enough), jnp.argmin(values))])

    first = moved(reach)
    there, found, value = linalg.lazily(first[2] > (1 - promised * reach) * state.merit, searched, first)
    healthy = jnp.isfinite(value) & jnp.all(jnp.isfinite(move.x))
    there, found, value = jax.tree.map(
        lambda new, old: jnp.where(healthy, new, old), (there, found, value), (now, state.local, state.merit)
    )
    error = residual(found, there.x, there.y, there.z)
    progress = value < state.merit * (1 - 1e-4)
    stalls = jnp.where(progress, 0, state.stalls + 1)
    moving = error > target
    if not now.z.size:
        step = largest(there.x - now.x) / (1 + largest(now.x))
        moving |= progress & (step > float(jnp.finfo(step.dtype).eps) ** 0.5)
    return State(
        there, found, value, factor, error, state.steps + 1, stalls,
        jnp.where(healthy, state.delta, 100 * state.delta), moving & (stalls < STALLS),
    )  # fmt: skip


def _direction(program: Program, state: State, factor: kkt.Factor, merit: Merit) -> tuple[Iterate, Array]:
    """Where to go, and what share of mu is left there."""
    now, p = state.now, state.now.y.size
    stationary, missed, apart = _residuals(now, state.local)

    def towards(pairs: Array) -> Iterate:
        """Newton's step to s * z = pairs."""
        t = jnp.concatenate([-missed, now.s - apart - pairs / now.z])
        dx, dual = kkt.solve(factor, -stationary, t)
        dz = dual[p:]
        return Iterate(dx, dual[:p], dz, (pairs - now.s * dz) / now.z - now.s)

    predicted = towards(jnp.zeros_like(now.z))
    if not now.z.size:
        return predicted, jnp.zeros_like(state.merit)
    length = jnp.minimum(1, _longest(now, predicted))
    ahead = _stepped(program, now, predicted, length)
    behind = merit(ahead, program.at(ahead.x)) - _mean(ahead)
    mu = _mean(now)
    least = jnp.where(jnp.isfinite(behind), jnp.minimum(BEHIND * behind / mu, 0.8), 0.8)
    aim = jnp.maximum((1 - length) ** 3, least)
    careful = state.stalls > 0
    aim = jnp.where(careful, jnp.maximum(aim, CAREFUL), aim)
    return towards(aim * mu - jnp.where(careful, 0, predicted.s * predicted.z)), aim


def _longest(now: Iterate, move: Iterate) -> Array:
    """The length at which s or z meets zero."""
    point, step = jnp.concatenate([now.s, now.z]), jnp.concatenate([move.s, move.z])
    return jnp.min(jnp.where(step < 0, -point / jnp.where(step < 0, step, 1), jnp.inf), initial=jnp.inf)


def _stepped(program: Program, now: Iterate, move: Iterate, length: Array) -> Iterate:
    there = Iterate(*(part + length * step for part, step in zip(now, move, strict=True)))
    if program.inside is None:
        return there
    share = length * move.x / now.x
    falling = program.inside & (share < 0)
    return there._replace(x=jnp.where(falling, now.x / jnp.where(falling, 1 - share, 1), there.x))
