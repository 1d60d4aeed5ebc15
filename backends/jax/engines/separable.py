"""Convex minimisation entry by entry: Newton's method on every slope, kept inside a bracket.

The objective is a sum of differentiable convex functions of one entry each, so its gradient is a vector
of increasing functions of one number, and its Hessian the diagonal H @ 1. Each entry has a bracket of
points with slopes of either sign, or of undefined ones (outside a domain): a step that leaves it, or does
not halve the last, becomes a bisection; where the bracket is open, steps double. Bounds come first: an
entry whose slope points outwards at a bound stays there. Statuses: `solved` if the last step is at most the
tolerance relative to z (default 1e-8 in float64, 1e-4 in float32; the step is taken) or to rounding;
`unbounded` where an entry runs away, `infeasible` where bounds cross, `diverged` where there is no slope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration
from declarative.backends.jax.kernels import mapped_kernel
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import DerivativeStatus, Status

MAX_ITER = 200
NEAR = 1e-7  # relative distance from a bound, or of a bound from letting go, at which the derivative is one-sided
STARTS = (1.0, 0.1, -1.0)  # after zero

Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Faces(NamedTuple):
    """Which entries lie at their bounds, and the curvature of the others."""

    low: Array
    high: Array
    curvature: Array


class State(NamedTuple):
    z: Array
    slope: Array  # at z
    curvature: Array
    anchor: Array  # the last point at which the slope was defined
    low: Array
    high: Array
    step: Array
    moving: Array
    steps: Array


class Solver:
    """`slopes(z, params)` gives gradient and diagonal of the Hessian, `bounds(params)` the least and the largest
    values, infinite where open."""

    def __init__(
        self,
        slopes: Callable[[Array, Params], tuple[Array, Array]],
        size: Callable[[Params], int],
        bounds: Callable[[Params], tuple[Array, Array]] | None = None,
    ):
        self._slopes, self._size, self._bounds = slopes, size, bounds

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        first = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, first.dtype, 1e-8, 1e-4)
        limit = options.max_iter or MAX_ITER
        solved = lambda p, first, tol: self._solved(p, first, tol, limit)  # noqa: E731
        root: Root = mapped_kernel(solved, p, first, tol)
        return root

    def _solved(self, p: Params, first: Array, tol: Array, limit: int) -> Root:
        slopes = lambda z: self._slopes(z, p)  # noqa: E731
        infinite = jnp.full_like(first, jnp.inf)
        lower, upper = (-infinite, infinite) if self._bounds is None else self._bounds(p)
        low = high = jnp.zeros_like(first, bool)
        if self._bounds is not None:
            low, high = _pushed(slopes, lower) >= 0, _pushed(slopes, upper) <= 0
        held = low | high
        start_at = _first(slopes, jnp.where(low, lower, jnp.where(high, upper, first)), lower, upper, held)
        z, slope, curvature, lost = start_at
        state = State(z, slope, curvature, z, lower, upper, infinite, ~held, jnp.int32(0))
        last = _descended(slopes, state, tol, limit)
        # The last step may lead across the edge of a domain, at which the minimiser lies.
        z = jnp.where(jnp.isfinite(last.slope) | held, last.z, last.anchor)
        moving = ~held
        away = jnp.any(jnp.abs(last.z) > iteration.FAR)
        residual = jnp.max(jnp.where(last.moving, _error(last), 0), initial=0)
        code = iteration.verdict(residual, tol, last.steps, limit)
        code = jnp.where(jnp.any(last.moving) & (residual <= tol), Status.INACCURATE.code, code)
        code = jnp.where(away, Status.UNBOUNDED.code, code)
        code = jnp.where(jnp.any(lost & moving), Status.DIVERGED.code, code)
        code = jnp.where(jnp.any(lower > upper), Status.INFEASIBLE.code, code).astype(jnp.int8)
        none = jnp.zeros(0, first.dtype)
        return Root(Point(z, none, none), Faces(low, high, slopes(z)[1]), code, last.steps, residual)

    def optimality(self, y: Point, p: Params, fixed: Faces) -> Point:
        slope, _ = self._slopes(y.z, p)
        if self._bounds is None:
            return y._replace(z=slope)
        lower, upper = self._bounds(p)
        at = jnp.where(fixed.low, lower, jnp.where(fixed.high, upper, 0))
        return y._replace(z=jnp.where(fixed.low | fixed.high, y.z - at, slope))

    def linear(self, y: Point, p: Params, fixed: Faces) -> Operators:
        """The Jacobian is diagonal."""
        diagonal = jnp.where(fixed.low | fixed.high, 1, fixed.curvature)

        def solve(rhs: Point) -> Point:
            return rhs._replace(z=rhs.z / diagonal)

        return solve, solve

    def regularity(self, y: Point, p: Params, fixed: Faces) -> Array:
        """Flat where the curvature is small beside that on both sides; at the edge of a bound."""
        z, held = y.z, fixed.low | fixed.high
        slope, curvature = self._slopes(z, p)
        reach = 1 + jnp.abs(z)
        side = jnp.finfo(z.dtype).eps ** 0.5 * reach
        nearby = jnp.minimum(*(_defined(self._slopes(z + way * side, p)[1], jnp.inf) for way in (1, -1)))
        flat = ~held & ~(curvature > 0.5 * jnp.where(jnp.isfinite(nearby), nearby, 0))
        near = max(NEAR, float(jnp.finfo(z.dtype).eps) ** 0.5) * reach
        edge = held & (jnp.abs(slope) <= near * jnp.abs(curvature))
        if self._bounds is not None:
            lower, upper = self._bounds(p)
            edge |= ~held & (jnp.minimum(z - lower, upper - z) <= near)
        code = jnp.where(jnp.any(edge), DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
        return jnp.where(jnp.any(flat), DerivativeStatus.SINGULAR.code, code).astype(jnp.int8)


Slopes = Callable[[Array], tuple[Array, Array]]


def _defined(value: Array, otherwise: Any) -> Array:
    return jnp.where(jnp.isfinite(value), value, otherwise)


def _pushed(slopes: Slopes, bound: Array) -> Array:
    """The slope at a bound; NaN where the bound is open or the slope undefined."""
    there = jnp.isfinite(bound)
    slope, _ = slopes(jnp.where(there, bound, 0))
    return jnp.where(there & jnp.isfinite(slope), slope, jnp.nan)


def _first(
    slopes: Slopes, z: Array, lower: Array, upper: Array, held: Array
) -> tuple[Array, Array, Array, Array]:
    """For each entry the first point, z if possible, between the bounds that has a slope; its slope and curvature;
    and which entries have none. Those that are held stay."""
    width = jnp.where(jnp.isfinite(upper - lower), upper - lower, 2)
    inner = jnp.where(jnp.isfinite(lower), lower + width / 2, upper - width / 2)
    others = jnp.stack([*(jnp.full_like(z, s) for s in STARTS), _defined(inner, 0)])

    def at(point: Array) -> tuple[Array, Array, Array, Array]:
        slope, curvature = slopes(point)
        good = jnp.isfinite(slope) & jnp.isfinite(curvature) & (point >= lower) & (point <= upper)
        return point, slope, curvature, ~(good | held)

    def another(carry: tuple[Any, Array]) -> tuple[Any, Array]:
        (point, _, _, bad), tried = carry
        return at(jnp.where(bad, others[tried], point)), tried + 1

    open_ = lambda carry: jnp.any(carry[0][3]) & (carry[1] < others.shape[0])  # noqa: E731
    found: tuple[Array, Array, Array, Array] = lax.while_loop(open_, another, (at(z), jnp.int32(0)))[0]
    return found


def _descended(slopes: Slopes, state: State, tol: Array, limit: int) -> State:
    rounding = 64 * jnp.finfo(state.z.dtype).eps

    def advance(s: State) -> State:
        slope, curvature = s.slope, s.curvature
        known = jnp.isfinite(slope)
        right = jnp.where(known, slope > 0, s.z > s.anchor)  # the minimiser lies to the left
        left = jnp.where(known, slope < 0, s.z < s.anchor)
        low, high = jnp.where(left, s.z, s.low), jnp.where(right, s.z, s.high)
        newton = s.z - slope / curvature
        enclosed = jnp.isfinite(low) & jnp.isfinite(high)
        length = jnp.abs(newton - s.z)
        small = length <= jnp.maximum(tol * jnp.abs(newton), rounding * (1 + jnp.abs(newton)))
        slow = enclosed & (length > 0.5 * jnp.abs(s.step)) & ~small
        inside = ((newton > low) & (newton < high)) | small
        sound = known & (curvature > 0) & inside & ~slow
        stride = 2 * jnp.where(jnp.isfinite(s.step), jnp.maximum(jnp.abs(s.step), 0.5), 0.5)
        doubled = jnp.clip(s.z + jnp.where(right, -stride, stride), low, high)
        z = jnp.where(
            sound, jnp.clip(newton, low, high), jnp.where(enclosed, low + (high - low) / 2, doubled)
        )
        z = jnp.where(known & (slope == 0), s.z, z)
        step = z - s.z
        ended = jnp.where(sound, small, known & (jnp.abs(step) <= rounding * (1 + jnp.abs(z))))
        moving = s.moving & ~ended & (jnp.abs(z) <= iteration.FAR)
        keep = lambda new, old: jnp.where(s.moving, new, old)  # noqa: E731
        z = keep(z, s.z)
        return State(
            z,
            *slopes(z),
            keep(jnp.where(known, s.z, s.anchor), s.anchor),
            keep(low, s.low),
            keep(high, s.high),
            keep(step, s.step),
            moving,
            s.steps + 1,
        )

    return lax.while_loop(lambda s: jnp.any(s.moving) & (s.steps < limit), advance, state)


def _error(state: State) -> Array:
    """What the last step says about the error of each entry."""
    return jnp.abs(state.step) / (1 + jnp.abs(state.z))
