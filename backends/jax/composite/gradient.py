"""Accelerated proximal gradient descent: near a solution from anywhere, in products alone; then a polish.

Beck and Teboulle's method (2009, FISTA), restarted where the momentum points uphill (O'Donoghue and Candes,
2015). The step is that of the largest curvature; where the curvature met is larger it shrinks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.layer.finite import all_finite

POWERS = 12  # products to find the largest curvature
MARGIN = 1.05  # what they may miss of it

Slope = Callable[[Array], Array]
Prox = Callable[[Array, Array], Array]
"""(v, step) -> the proximal map at v of the step times the function."""


class Descent(NamedTuple):
    z: Array
    step: Array
    steps: Array
    residual: Array  # the largest entry of y - prox(y - step * slope) at the last y, relative to 1 + |z|


class _State(NamedTuple):
    x: Array
    y: Array
    slope: Array  # at the last y
    gap: Array  # from the last y to this one
    momentum: Array
    descent: Descent


def stride(hessian: Array) -> Array:
    """The inverse of the largest eigenvalue, nearly, by the power method; 1 for a zero matrix."""
    n = hessian.shape[0]
    # A start that no symmetry of the data is orthogonal to.
    v = jnp.cos(jnp.arange(1, n + 1, dtype=hessian.dtype) ** 2)

    def again(_: int, v: Array) -> Array:
        v = hessian @ v
        return v / jnp.maximum(jnp.max(jnp.abs(v), initial=0), jnp.finfo(v.dtype).tiny)

    v = lax.fori_loop(0, POWERS, again, v)
    square = v @ v
    largest = jnp.where(square > 0, (hessian @ v) @ v / jnp.where(square > 0, square, 1), 0) * MARGIN
    return jnp.where(largest > 0, 1 / jnp.where(largest > 0, largest, 1), 1)


def accelerated(slope: Slope, prox: Prox, start: Array, step: Array, target: Array, limit: Array) -> Descent:
    """From a start with a finite slope. `step` is a number or a positive vector, one for each entry."""

    def advance(state: _State) -> _State:
        x, y, _, gap, momentum, (_, step, steps, _) = state
        slope_y = slope(y)
        # The curvature along the last move, against that which the step allows.
        bend = jnp.sum((slope_y - state.slope) * gap)
        allowed = jnp.sum(gap**2 / step)
        sound = all_finite(slope_y)
        steep = ~(bend <= allowed) & (steps > 0) | ~sound
        step = jnp.where(steep, step / jnp.where(sound, jnp.clip(bend / allowed, 1.5, 16), 4), step)
        base = jnp.where(sound, y, x)
        down = jnp.where(sound, slope_y, state.slope)
        new = jnp.where(sound, prox(y - step * down, step), x)
        moved = base - new
        uphill = (jnp.sum(moved * (new - x) / step) > 0) | steep
        larger = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
        share = jnp.where(uphill, 0, (momentum - 1) / larger)
        ahead = new + share * (new - x)
        size = jnp.max(jnp.abs(moved), initial=0) / (1 + jnp.max(jnp.abs(new), initial=0))
        descent = Descent(new, step, steps + 1, jnp.where(sound, size, jnp.inf))
        return _State(new, ahead, down, ahead - base, jnp.where(uphill, 1, larger), descent)

    def going(state: _State) -> Array:
        return (state.descent.steps < limit) & ~(state.descent.residual <= target)

    one = jnp.ones((), start.dtype)
    begin = Descent(start, step, jnp.int32(0), jnp.inf * one)
    zero = jnp.zeros_like(start)
    return lax.while_loop(going, advance, _State(start, start, zero, zero, one, begin)).descent


# ---- descent and polish in turns -------------------------------------------------------------------


class Polished(NamedTuple):
    z: Array
    extra: Any  # the faces there, and a factor
    residual: Array  # as that of a descent


Polish = Callable[[Array, Array], Polished]
"""(z, step) -> the best point that Newton's method meets from z, z itself if there is none."""

FIRST = 64  # steps of the first descent; each later one is twice as long
COARSE = 1e-2  # the residual with which it ends
GAIN = 1e-2  # by how much each later one lowers the residual


class _Turn(NamedTuple):
    found: Polished
    step: Array
    steps: Array
    span: Array


def in_turns(
    slope: Slope, prox: Prox, polish: Polish, start: Array, step: Array, tol: Array, limit: int
) -> tuple[Polished, Array]:
    """The polished point, and the steps of all descents: at most `limit`."""

    def advance(turn: _Turn) -> _Turn:
        found, step, steps, span = turn
        target = jnp.minimum(COARSE, GAIN * found.residual)
        target = jnp.maximum(jnp.where(jnp.isfinite(target), target, COARSE), tol / 10)
        descent = accelerated(slope, prox, found.z, step, target, jnp.minimum(span, limit - steps))
        new = polish(descent.z, descent.step)
        return _Turn(new, descent.step, steps + descent.steps, 2 * span)

    def going(turn: _Turn) -> Array:
        return (turn.steps < limit) & ~(turn.found.residual <= tol)

    infinite = jnp.full((), jnp.inf, start.dtype)
    shapes = jax.eval_shape(polish, start, step)
    first = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    first = first._replace(z=start, residual=infinite)
    last = lax.while_loop(going, advance, _Turn(first, step, jnp.int32(0), jnp.int32(FIRST)))
    return last.found, last.steps


def polished(newton: Callable[[Array], tuple[Array, Array, Any]], z: Array, rounds: int) -> Polished:
    """Newton's method while it halves the residual: `newton` gives the residual at a point, the next, and the extra."""

    def advance(state: tuple[Polished, Array, Array, Array]) -> tuple[Polished, Array, Array, Array]:
        best, z, count, _ = state
        residual, new, extra = newton(z)
        halved = residual <= best.residual / 2
        better = (count == 0) | (residual < best.residual)
        keep = lambda a, b: jnp.where(better, a, b)  # noqa: E731
        kept = jax.tree.map(keep, Polished(z, extra, residual), best)
        return kept, new, count + 1, halved & all_finite(new) & (residual > floor)

    floor = jnp.finfo(z.dtype).eps / 4
    shapes = jax.eval_shape(lambda z: newton(z)[2], z)
    none = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    begin = Polished(z, none, jnp.full((), jnp.inf, z.dtype)), z, jnp.int32(0), jnp.asarray(True)
    return lax.while_loop(lambda s: s[3] & (s[2] < rounds), advance, begin)[0]
