"""Proximal maps and sets with one plane, in the two steps of `projections.py`: a case, then a smooth formula."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.matrix_functions import singular_threshold, singular_values
from declarative.backends.jax.projections import PROJECTIONS, Args, Projection, norm


def _entries(value: Any, v: Array) -> Array:
    """A number or an array, in the shape of the flat v."""
    return jnp.broadcast_to(jnp.ravel(jnp.asarray(value)).astype(v.dtype), v.shape)


# ---- norms ---------------------------------------------------------------------------------------


def _soft(v: Array, sign: Array, args: Args) -> Array:
    return jnp.where(sign == 0, 0, v - sign * jnp.ravel(args[0]))


def _soft_case(v: Array, args: Args) -> tuple[Array, Array, Array]:
    sign = jnp.where(jnp.abs(v) > jnp.ravel(args[0]), jnp.sign(v), 0)
    if len(args) == 1:
        return sign, jnp.zeros_like(sign, bool), jnp.zeros_like(sign, bool)
    x = _soft(v, sign, args)
    return sign, x < jnp.ravel(args[1]), x > jnp.ravel(args[2])


def _soft_threshold(v: Array, case: tuple[Array, Array, Array], args: Args) -> Array:
    sign, low, high = case
    x = _soft(v, sign, args)
    if len(args) == 1:
        return x
    lower, upper = (_entries(end, v) for end in args[1:])
    return jnp.where(low, lower, jnp.where(high, upper, x))


def _soft_edge(v: Array, case: tuple[Array, Array, Array], args: Args, tol: Array) -> Array:
    sign, low, high = case
    near = (jnp.abs(jnp.abs(v) - jnp.ravel(args[0])) <= tol) & ~(low | high)
    if len(args) == 3:
        x = _soft(v, sign, args)
        for end in args[1:]:
            near |= (sign != 0) & (jnp.abs(x - jnp.ravel(end)) <= tol)
    return jnp.any(near)


def _soft_empty(args: Args) -> Array:
    bad = jnp.any(jnp.ravel(args[0]) < 0)
    return bad | jnp.any(jnp.ravel(args[1]) > jnp.ravel(args[2])) if len(args) == 3 else bad


SOFT_THRESHOLD = Projection(_soft_case, _soft_threshold, _soft_edge, _soft_empty)


def _lengths(v: Array, args: Args) -> Array:
    return jax.vmap(norm)(v.reshape(args[1], -1))


def _shrunk(v: Array, case: Array, args: Args) -> Array:
    lengths = _lengths(v, args)
    factors = jnp.where(case, 1 - args[0] / jnp.where(case, lengths, 1), 0)
    return jnp.ravel(factors[:, None] * v.reshape(args[1], -1))


GROUP_THRESHOLD = Projection(
    lambda v, args: _lengths(v, args) > args[0],
    _shrunk,
    lambda v, case, args, tol: jnp.any(jnp.abs(_lengths(v, args) - args[0]) <= tol),
    lambda args: jnp.any(jnp.asarray(args[0]) < 0),
)


def _values(v: Array, args: Args) -> Array:
    return singular_values(v.reshape(args[1], -1))


SINGULAR_THRESHOLD = Projection(
    lambda v, args: (),
    lambda v, case, args: jnp.ravel(singular_threshold(v.reshape(args[1], -1), args[0])),
    lambda v, case, args, tol: jnp.any(jnp.abs(_values(v, args) - args[0]) <= tol),
    lambda args: jnp.asarray(args[0]) < 0,
)


# ---- entropy -------------------------------------------------------------------------------------


SOFTMAX = Projection(
    lambda v, args: (),
    lambda v, case, args: jax.nn.softmax(v) * (args[0] if args else 1),
    empty=lambda args: jnp.asarray(args[0] if args else 1) < 0,
)


# ---- one plane -----------------------------------------------------------------------------------


def _excess(v: Array, args: Args) -> tuple[Array, Array, Array]:
    """The normal, normal . v - level, and the square of the normal."""
    normal = _entries(args[0], v)
    return normal, jnp.sum(normal * v) - args[1], jnp.sum(normal**2)


def _onto_plane(v: Array, outside: Any, args: Args) -> Array:
    normal, excess, square = _excess(v, args)
    return jnp.where(outside, v - excess / jnp.where(square > 0, square, 1) * normal, v)


HYPERPLANE = Projection(lambda v, args: jnp.asarray(True), _onto_plane)
HALFSPACE = Projection(
    lambda v, args: _excess(v, args)[1] > 0,
    _onto_plane,
    lambda v, case, args, tol: jnp.abs(_excess(v, args)[1]) <= tol * jnp.sqrt(_excess(v, args)[2]),
)


# ---- bounds and one plane ------------------------------------------------------------------------


class Faces(NamedTuple):
    """Which entries lie at their bounds, and whether the plane binds."""

    low: Array
    high: Array
    bound: Array


class Knapsack(NamedTuple):
    """min 1/2 sum(weights (x - v)^2) with lower <= x <= upper and normal . x == level (or <=).

    x = clip(v - t * slope, lower, upper) for a multiplier t: normal . x falls in t, piecewise linearly.
    """

    v: Array
    lower: Array
    upper: Array
    normal: Array
    level: Array
    slope: Array  # normal / weights

    @staticmethod
    def of(v: Array, args: Args) -> Knapsack:
        lower, upper, normal, weights = (_entries(args[i], v) for i in (0, 1, 2, 4))
        return Knapsack(v, lower, upper, normal, jnp.asarray(args[3], v.dtype), normal / weights)

    def moved(self, t: Array) -> Array:
        return jnp.where(self.normal != 0, self.v - t * jnp.where(self.normal != 0, self.slope, 1), self.v)

    def excess(self, t: Array) -> Array:
        x = jnp.clip(self.moved(t), self.lower, self.upper)
        return jnp.sum(jnp.where(self.normal != 0, self.normal * x, 0)) - self.level

    def faces(self, t: Array, bound: Array) -> Faces:
        x = self.moved(t)
        return Faces(x < self.lower, x > self.upper, bound)

    def between(self) -> Array:
        """A multiplier between the two kinks of the excess that enclose its root."""
        moving = self.normal != 0
        slope = jnp.where(moving, self.slope, 1)
        kinks = [jnp.where(moving, (self.v - end) / slope, jnp.inf) for end in (self.lower, self.upper)]
        ordered = jnp.sort(jnp.concatenate(kinks))
        size = ordered.size

        def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            first, last = ends  # the excess is positive before `first`, not so from `last` on
            middle = (first + last) // 2
            above = self.excess(ordered[jnp.minimum(middle, size - 1)]) > 0
            open_ = first < last
            return (
                jnp.where(open_ & above, middle + 1, first),
                jnp.where(open_ & ~above, middle, last),
            )

        steps = size.bit_length() + 1
        place, _ = lax.fori_loop(0, steps, halve, (jnp.int32(0), jnp.int32(size)))
        left = jnp.where(place > 0, ordered[jnp.maximum(place - 1, 0)], -jnp.inf)
        right = jnp.where(place < size, ordered[jnp.minimum(place, size - 1)], jnp.inf)
        after, before = left + 1 + jnp.abs(left), right - 1 - jnp.abs(right)
        closed = jnp.isfinite(left) & jnp.isfinite(right)
        half = jnp.where(closed, left, 0) / 2 + jnp.where(closed, right, 0) / 2
        one_sided = jnp.where(jnp.isfinite(left), after, jnp.where(jnp.isfinite(right), before, 0))
        return jnp.where(closed, half, one_sided)

    def multiplier(self, faces: Faces) -> Array:
        """t, where the faces are right."""
        low, high = faces.low, faces.high
        free = ~(low | high)
        at = jnp.where(low, jnp.where(low, self.lower, 0), jnp.where(high, self.upper, self.v))
        at = jnp.where(high, jnp.where(high, self.upper, 0), at)
        curvature = jnp.sum(jnp.where(free, self.normal * self.slope, 0))
        t = (jnp.sum(self.normal * at) - self.level) / jnp.where(curvature > 0, curvature, 1)
        return jnp.where(faces.bound & (curvature > 0), t, 0)

    def point(self, faces: Faces) -> Array:
        lower = jnp.where(faces.low, self.lower, 0)
        upper = jnp.where(faces.high, self.upper, 0)
        inside = self.v - self.multiplier(faces) * self.slope
        return jnp.where(faces.low, lower, jnp.where(faces.high, upper, inside))

    def edge(self, faces: Faces, tol: Array) -> Array:
        x = self.v - self.multiplier(faces) * self.slope
        stuck = faces.bound & ~jnp.any(~(faces.low | faces.high) & (self.normal != 0))
        return jnp.any((jnp.abs(x - self.lower) <= tol) | (jnp.abs(x - self.upper) <= tol)) | stuck

    def reach(self) -> tuple[Array, Array, Array]:
        """The least and the largest value of normal . x, and what rounding may add to them."""
        moving, up = self.normal != 0, self.normal > 0
        normal = jnp.where(moving, self.normal, 1)
        least = jnp.sum(jnp.where(moving, normal * jnp.where(up, self.lower, self.upper), 0))
        most = jnp.sum(jnp.where(moving, normal * jnp.where(up, self.upper, self.lower), 0))
        return least, most, 64 * jnp.finfo(self.v.dtype).eps * (1 + jnp.abs(self.level))


def _filled(v: Array, args: Args) -> Faces:
    return (problem := Knapsack.of(v, args)).faces(problem.between(), jnp.asarray(True))


def _within(v: Array, args: Args) -> Faces:
    problem = Knapsack.of(v, args)
    bound = problem.excess(jnp.zeros((), v.dtype)) > 0
    return problem.faces(jnp.where(bound, problem.between(), 0), bound)


def _onto_faces(v: Array, faces: Faces, args: Args) -> Array:
    return Knapsack.of(v, args).point(faces)


def _knapsack_edge(v: Array, faces: Faces, args: Args, tol: Array) -> Array:
    return Knapsack.of(v, args).edge(faces, tol)


def _budget_edge(v: Array, faces: Faces, args: Args, tol: Array) -> Array:
    problem = Knapsack.of(v, args)
    slack = jnp.abs(problem.excess(jnp.zeros((), v.dtype)))
    return problem.edge(faces, tol) | (slack <= tol * jnp.sum(jnp.abs(problem.normal)))


def _widest(args: Args) -> Knapsack:
    """The sets alone, without a point."""
    shapes = [jnp.ravel(jnp.asarray(part)) for part in args]
    size = jnp.broadcast_shapes(*(part.shape for part in shapes))
    return Knapsack.of(jnp.zeros(size, jnp.result_type(float, *shapes)), args)


def _crossed(problem: Knapsack) -> Array:
    return jnp.any(problem.lower > problem.upper)


def _knapsack_empty(args: Args) -> Array:
    problem = _widest(args)
    least, most, noise = problem.reach()
    return _crossed(problem) | (least > problem.level + noise) | (most < problem.level - noise)


def _budget_empty(args: Args) -> Array:
    problem = _widest(args)
    least, _, noise = problem.reach()
    return _crossed(problem) | (least > problem.level + noise)


KNAPSACK = Projection(_filled, _onto_faces, _knapsack_edge, _knapsack_empty)
BUDGET = Projection(_within, _onto_faces, _budget_edge, _budget_empty)

MAPS: dict[str, Projection] = {
    **PROJECTIONS,
    "soft_threshold": SOFT_THRESHOLD,
    "group_threshold": GROUP_THRESHOLD,
    "singular_threshold": SINGULAR_THRESHOLD,
    "softmax": SOFTMAX,
    "hyperplane": HYPERPLANE,
    "halfspace": HALFSPACE,
    "knapsack": KNAPSACK,
    "budget": BUDGET,
}
"""Every known projection and proximal map by name."""
