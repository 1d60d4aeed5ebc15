"""A convex quadratic plus kinks entry by entry -> its exact minimiser, one entry freed or held at a time.

    min 1/2 x'Sx + c'x + sum(weights * abs(x)),   lower <= x <= upper

An entry is held at a kink (a bound, or zero where it has a weight) or moves between two. From the point that
holds all, the entry that wants most to leave its kink moves; on the way to the minimiser over the moving
entries the first that reaches a kink is held there (for one kind of kink each: Lawson and Hanson, 1974, and
the feature-sign search of Lee et al., 2007). The objective falls in every round, so it ends. A round is one
principal pivot on the tableau [S, c]: no factorisation, and the inverse over the moving entries remains.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.kernels import one_kernel

ROUNDED = 1e4  # a residual below so many eps is rounding error


class Kinks(NamedTuple):
    """sum(weights * abs(x - shift)) on lower <= x - shift <= upper; infinite where open."""

    weights: Array  # [n], nonnegative
    lower: Array
    upper: Array
    shift: Array

    def value(self, x: Array) -> Array:
        return jnp.sum(self.weights * jnp.abs(x - self.shift))


class Faces(NamedTuple):
    """Which entries move, on which side of their kink at zero, and where the others are held."""

    moving: Array  # [n] bool
    side: Array  # [n], 1 or -1 where it moves
    place: Array  # [n], -1 at the lower bound, 0 at zero, 1 at the upper bound


class Minimum(NamedTuple):
    x: Array  # [n]
    faces: Faces
    inverse: Array  # [n, n], of S over the moving entries, zero elsewhere
    steps: Array
    residual: Array  # the largest entry of x - prox(x - (S x + c)), relative to 1 + |x|


class _State(NamedTuple):
    table: Array  # [n, n + 1]: S and c after principal pivots on the moving entries, held ones at their place
    moving: Array
    side: Array
    x: Array
    steps: Array
    done: Array


def minimum(S: Array, c: Array, kinks: Kinks, limit: Array) -> Minimum:
    """S [n, n] has a unit diagonal, or zeros there. The shift of the kinks is zero."""
    x = jnp.clip(jnp.zeros_like(c), kinks.lower, kinks.upper)
    # In one array: a kernel among whose arguments some are constants makes XLA's CPU compiler abort.
    last = _pivots(S, jnp.stack([c, c + S @ x, *kinks]), limit)
    side, moving = last.side, last.moving
    inverse = jnp.where(moving[:, None] & moving, last.table[:, :-1], 0)
    low, high = between(kinks, side)
    pull = jnp.where(moving, S @ last.x + c + side * kinks.weights, 0)
    x = jnp.where(moving, jnp.clip(last.x - inverse @ pull, low, high), last.x)
    gap = x - moved(kinks, x, S @ x + c)
    residual = jnp.max(jnp.abs(gap), initial=0) / (1 + jnp.max(jnp.abs(x), initial=0))
    residual = jnp.where(last.done, residual, jnp.maximum(residual, 1))
    return Minimum(x, Faces(moving, side, placed(kinks, x)), inverse, last.steps, residual)


@one_kernel
def _pivots(S: Array, rows: Array, limit: Array) -> _State:
    c, value, *parts = rows
    kinks = Kinks(*parts)
    weights, lower, upper, _ = kinks
    n = c.shape[0]
    index = jnp.arange(n)
    noise = 32 * n * jnp.finfo(c.dtype).eps * (jnp.max(jnp.abs(c), initial=0))
    endless = (weights == 0) & jnp.isinf(lower) & jnp.isinf(upper)
    least = 64 * jnp.finfo(c.dtype).eps  # of a pivot: entries that depend on others go far, and are stopped

    def advance(state: _State) -> _State:
        table, moving, side, x, steps, _ = state
        value = table[:, -1]
        target = jnp.where(moving, -value, x)
        step = target - x
        low, high = between(kinks, side)
        end = jnp.where(step < 0, low, high)
        beyond = moving & jnp.where(step < 0, target < low, target > high)
        reach = jnp.where(beyond, (end - x) / jnp.where(beyond, step, 1), jnp.inf)
        length = jnp.min(reach)
        blocked = length <= 1
        left, right = slopes(kinks, x)
        up, down = -(value + right), value + left
        wish = jnp.where(endless, jnp.inf, jnp.maximum(up, down))
        score = jnp.where(blocked, -reach, jnp.where(moving, -jnp.inf, wish))
        pivot = jnp.argmax(score)
        here = index == pivot
        going = blocked | (score[pivot] > noise)
        x = jnp.where(blocked, jnp.where(here, end, x + length * step), target)

        # An entry that starts to move gives up its place, and gets the slope of its side; one that is
        # held, the other way round, after the pivot.
        row = lax.dynamic_index_in_dim(table, pivot, 0, keepdims=False)[:n]
        held = ~moving[pivot]
        entry = jnp.where(held, jnp.maximum(row[pivot], least), row[pivot])
        column = jnp.where(moving == moving[pivot], row, -row)
        side = jnp.where(here & held & going, jnp.where(up >= down, 1, -1), side)
        slope, place = jnp.where(here, side * weights, 0), x[pivot]
        before = jnp.where(held, value - place * column + slope, value)
        factors = jnp.where(here, entry - 1, column)
        turned = before - factors * (before[pivot] / entry)
        after = turned + place * jnp.where(here, 1, -column) / entry - slope
        value = jnp.where(going, jnp.where(held, turned, after), value)
        row = jnp.where(going, jnp.where(here, 1 + 1 / entry, row / entry), 0)
        table = jnp.concatenate([table[:, :n] - factors[:, None] * row, value[:, None]], 1)
        return _State(table, moving ^ (going & here), side, x, steps + going, ~going)

    x, start = jnp.clip(jnp.zeros_like(c), lower, upper), jnp.concatenate([S, value[:, None]], 1)
    first = _State(start, index < 0, jnp.ones_like(c), x, jnp.int32(0), jnp.asarray(False))
    return lax.while_loop(lambda s: ~s.done & (s.steps < limit), advance, first)


def between(kinks: Kinks, side: Array) -> tuple[Array, Array]:
    """The kinks around an entry that moves on a side of zero."""
    bent = kinks.weights > 0
    low = jnp.where(bent & (side > 0), jnp.maximum(kinks.lower, 0), kinks.lower)
    high = jnp.where(bent & (side < 0), jnp.minimum(kinks.upper, 0), kinks.upper)
    return low, high


def slopes(kinks: Kinks, x: Array) -> tuple[Array, Array]:
    """Of the kinked function on the left and on the right of x."""
    weights, lower, upper, _ = kinks
    left = jnp.where(x <= lower, -jnp.inf, jnp.where(x <= 0, -weights, weights))
    return left, jnp.where(x >= upper, jnp.inf, jnp.where(x >= 0, weights, -weights))


def moved(kinks: Kinks, x: Array, slope: Array) -> Array:
    """The proximal map of the kinks at x - slope."""
    v = x - slope
    return jnp.clip(jnp.sign(v) * jnp.maximum(jnp.abs(v) - kinks.weights, 0), kinks.lower, kinks.upper)


def placed(kinks: Kinks, x: Array) -> Array:
    """Where an entry is that is held."""
    return jnp.where(x == kinks.lower, -1, jnp.where(x == kinks.upper, 1, 0)).astype(jnp.int8)
