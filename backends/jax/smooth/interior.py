"""A smooth convex program -> a point near its solution: primal-dual interior point from an infeasible start.

Newton's method on   cost'(x) + E'(y, z) = 0,  A x = b,  g(x) + s = 0,  s z = mu,   s, z > 0,
with Mehrotra's predictor and corrector and a line search on the residuals (Nocedal and Wright, Numerical
Optimization, 2nd ed., section 19.3). Curvature leaves residuals behind: mu does not fall below a share of
those that the predictor would leave. Exponentials may start many orders of magnitude too high: mu and the norm
of the stationarity are relative to the cost's slope. Where the line search takes little of a step, the next are
held back as Levenberg and Marquardt do. Entries of x whose domain is the positive numbers weigh their
stationarity by x, as affine scaling does, and stay short of zero; where such a step is too short, they fall to
x / (1 - dx / x), which is exact for a logarithm. Without inequalities it is Newton's method.
"""

from __future__ import annotations

from collections.abc import Callable
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
INSIDE = 0.9  # of the way to where an entry of x leaves the domain
REFINEMENTS = 1
ROUGH = 1e-4  # relative size of the correction, what is left being about its square, beyond which LU factors solve
MILD = 10.0  # a slope of the cost up to which mu starts at one
SHORT = 0.1  # of the longest step: where the line search takes less, the next are held back,
HELD = 1e-6  # by this share of the Hessian's mean diagonal at first, then ten times more or less
STALLS = 6  # steps in a row without progress before giving up


class Iterate(NamedTuple):
    x: Array  # [n]
    y: Array  # [p]
    z: Array  # [m]
    s: Array  # [m]


class State(NamedTuple):
    now: Iterate
    local: Local
    factor: kkt.Factor  # where the last step started
    error: Array
    steps: Array
    stalls: Array
    delta: Array  # regularisation, raised where a factorisation fails
    held: Array  # added to the Hessian, of its mean diagonal
    slope: Array  # of the cost: its size
    moving: Array


class Trial(NamedTuple):
    now: Iterate
    local: Local
    value: Array  # of the merit
    share: Array  # of the longest step that the domain allows


Merit = Callable[[Iterate, Local], Array]
Solve = Callable[[Array, Array], tuple[Array, Array]]


def iterate(program: Program, start: Array, target: Array, limit: Array | int, bends: Array) -> State:
    """Until the residual is at most `target`, and, without inequalities, the last step shows that the next
    would change nothing. `bends`: steps that leave the domain may be bent."""
    local = program.at(start)
    one, zero = jnp.ones_like(target), jnp.int32(0)
    s = jnp.maximum(-local.ineq, 1)
    slope = largest(local.slope)
    now = Iterate(start, jnp.zeros_like(local.eq), _unit(slope) / s, s)
    scales = jnp.stack([one, 1 + largest(local.eq), 1 + largest(local.ineq)])
    delta = jnp.full_like(target, float(jnp.finfo(start.dtype).eps) ** 0.5)

    def going(state: State) -> Array:
        return state.moving & (state.steps < limit)

    def body(state: State) -> State:
        return _advance(program, state, scales, target, bends)

    shapes = jax.eval_shape(lambda: _factorised(program, now, local, delta, delta)[0])
    none = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes)
    first = State(now, local, none, jnp.inf * one, zero, zero, delta, 0 * one, slope, one > 0)
    return lax.while_loop(going, body, first)


def _unit(slope: Array) -> Array:
    """What mu is measured in."""
    return jnp.maximum(1, slope / MILD)


def _residuals(now: Iterate, local: Local) -> tuple[Array, Array, Array]:
    stationary = local.slope + jnp.concatenate([now.y, now.z]) @ local.E
    return stationary, local.eq, local.ineq + now.s


def _mean(now: Iterate, unit: Array | float = 1.0) -> Array | float:
    return now.s @ now.z / (now.s.size * unit) if now.s.size else 0.0


def _factorised(
    program: Program, now: Iterate, local: Local, delta: Array, held: Array
) -> tuple[kkt.Factor, Solve]:
    H = program.curvature(now.x, now.z)
    diagonal = H if H.ndim == 1 else jnp.diagonal(H)
    lift = held * linalg.reduced(linalg.total(diagonal))[0] / diagonal.size
    H = H + (lift if H.ndim == 1 else lift * jnp.eye(diagonal.size, dtype=H.dtype))
    C = jnp.concatenate([jnp.zeros_like(now.y), now.s / now.z])
    factor = kkt.factorised(H, local.E, C, delta)

    def solve(r: Array, t: Array) -> tuple[Array, Array]:
        x, y, last = kkt.refined(H, local.E, C, factor, r, t, REFINEMENTS)
        tiny = jnp.full_like(delta, float(jnp.finfo(delta.dtype).eps) ** 0.9)
        return linalg.lazily(~(last <= ROUGH), lambda: kkt.exact(H, local.E, C, tiny, r, t), (x, y))

    return factor, solve


# ---- one step ----------------------------------------------------------------------------------


def _advance(program: Program, state: State, scales: Array, target: Array, bends: Array) -> State:
    now, unit, inside = state.now, _unit(state.slope), program.inside
    weight = (1 if inside is None else jnp.where(inside, now.x, 1)) / (1 + state.slope)

    def merit(there: Iterate, local: Local) -> Array:
        """A sum of norms: to first order a step takes the same share off each."""
        stationary, missed, apart = _residuals(there, local)
        parts = jnp.stack([jnp.sqrt(v @ v) for v in (weight * stationary, missed, apart)])
        value = jnp.sum(parts / scales) + _mean(there, unit)
        return jnp.where(jnp.isfinite(value), value, jnp.inf)

    factor, solve = _factorised(program, now, state.local, state.delta, state.held)
    move, aim = _direction(program, state, solve, merit)
    old, promised = merit(now, state.local), DECREASE * (1 - aim)
    reach = jnp.minimum(1, REACH * _longest(now, move))
    short = reach if inside is None else jnp.minimum(reach, INSIDE * _leaving(inside, now.x, move.x))

    def tried(number: Array) -> tuple[Trial, Array]:
        """Each length straight, then bent; and whether it is good enough."""
        halves, bent = (number // 2, number % 2 == 1) if inside is not None else (number, jnp.asarray(False))
        share = jnp.exp2(-halves.astype(reach.dtype))
        length = share * jnp.where(bent, reach, short)
        there = _stepped(inside, now, move, length, bent)
        found = program.at(there.x)
        value = jnp.where(bent & ~bends, jnp.inf, merit(there, found))
        return Trial(there, found, value, share), value <= (1 - promised * length) * old

    def searching(carry: tuple[Array, Trial, Array]) -> Array:
        number, _, enough = carry
        return (number < LENGTHS * (1 if inside is None else 2)) & ~enough

    def search(carry: tuple[Array, Trial, Array]) -> tuple[Array, Trial, Array]:
        number, best, _ = carry
        trial, enough = tried(number)
        better = enough | (trial.value < best.value)
        return number + 1, jax.tree.map(lambda a, b: jnp.where(better, a, b), trial, best), enough

    here = Trial(now, state.local, jnp.full_like(old, jnp.inf), jnp.zeros_like(old))
    _, (there, found, value, share), _ = lax.while_loop(searching, search, (jnp.int32(0), here, old < 0))
    healthy = jnp.isfinite(value) & jnp.isfinite(largest(move.x))
    there, found, value = jax.tree.map(
        lambda new, old: jnp.where(healthy, new, old), (there, found, value), (now, state.local, old)
    )
    error = residual(found, there.x, there.y, there.z)
    progress = value < old * (1 - 1e-4)
    stalls = jnp.where(progress, 0, state.stalls + 1)
    more, less = jnp.maximum(10 * state.held, HELD), jnp.where(state.held > HELD, state.held / 10, 0)
    held = jnp.where(share < SHORT, more, jnp.where(share < 0.5, state.held, less))
    moving = error > target
    if not now.z.size:
        step = largest(there.x - now.x) / (1 + largest(now.x))
        moving |= progress & (step > float(jnp.finfo(step.dtype).eps) ** 0.5)
    return State(
        there, found, factor, error, state.steps + 1, stalls,
        jnp.where(healthy, state.delta, 100 * state.delta), held, largest(found.slope),
        moving & (stalls < STALLS),
    )  # fmt: skip


def _direction(program: Program, state: State, solve: Solve, merit: Merit) -> tuple[Iterate, Array]:
    """Where to go, and what share of mu is left there."""
    now, p, unit = state.now, state.now.y.size, _unit(state.slope)
    stationary, missed, apart = _residuals(now, state.local)

    def towards(pairs: Array) -> Iterate:
        """Newton's step to s * z = pairs."""
        t = jnp.concatenate([-missed, now.s - apart - pairs / now.z])
        dx, dual = solve(-stationary, t)
        dz = dual[p:]
        return Iterate(dx, dual[:p], dz, (pairs - now.s * dz) / now.z - now.s)

    predicted = towards(jnp.zeros_like(now.z))
    if not now.z.size:
        return predicted, jnp.zeros_like(state.error)
    length = jnp.minimum(1, _longest(now, predicted))
    if program.inside is not None:
        length = jnp.minimum(length, _leaving(program.inside, now.x, predicted.x))
    ahead = _stepped(program.inside, now, predicted, INSIDE * length, jnp.asarray(False))
    behind = merit(ahead, program.at(ahead.x)) - _mean(ahead, unit)
    mu = _mean(now)
    least = jnp.where(jnp.isfinite(behind), jnp.minimum(BEHIND * behind * unit / mu, 0.8), 0.8)
    aim = jnp.maximum((1 - length) ** 3, least)
    careful = state.stalls > 0
    aim = jnp.where(careful, jnp.maximum(aim, CAREFUL), aim)
    return towards(aim * mu - jnp.where(careful, 0, predicted.s * predicted.z)), aim


def _longest(now: Iterate, move: Iterate) -> Array:
    """The length at which s or z meets zero."""
    return _leaving(True, jnp.concatenate([now.s, now.z]), jnp.concatenate([move.s, move.z]))


def _leaving(inside: Array | bool, point: Array, step: Array) -> Array:
    falling = (step < 0) & inside
    lengths = jnp.where(falling, -point / jnp.where(falling, step, 1), jnp.inf)
    return linalg.reduced(linalg.least(lengths))[0]


def _stepped(inside: Array | None, now: Iterate, move: Iterate, length: Array, bent: Array) -> Iterate:
    there = Iterate(*(part + length * step for part, step in zip(now, move, strict=True)))
    if inside is None:
        return there
    share = length * move.x / now.x
    falling = inside & (share < 0) & bent
    return there._replace(x=jnp.where(falling, now.x / jnp.where(falling, 1 - share, 1), there.x))
