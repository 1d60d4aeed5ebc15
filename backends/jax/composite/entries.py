"""A smooth convex function plus kinks entry by entry -> its minimiser, and the derivative on its faces.

A quadratic is minimised by pivots at once; another function by Newton's method, each of whose quadratic
models, kinks included, is minimised so (Lee, Sun and Saunders, 2014), with a line search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.composite import pivots
from declarative.backends.jax.composite.pivots import Faces, Kinks
from declarative.layer.status import DerivativeStatus

NEAR = 1e-6  # relative distance from a kink, or of a held entry from letting go: the derivative is one-sided

Value = Callable[[Array], Array]
SecondOrder = Callable[[Array], tuple[Array, Array]]


class Found(NamedTuple):
    z: Array
    faces: Faces
    inverse: Array  # [n, n], of the Hessian over the moving entries, zero elsewhere
    steps: Array
    residual: Array


@linalg.elementwise
def quadratic(P: Array, q: Array, kinks: Kinks, limit: Array) -> Found:
    """min 1/2 z'Pz + q'z plus kinks about the origin, exactly."""
    diagonal = jnp.diagonal(P)
    scale = jnp.where(diagonal > 0, 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1)), 1)
    weights, lower, upper, shift = kinks
    scaled = Kinks(scale * weights, lower / scale, upper / scale, shift)
    x, faces, inverse, steps, residual = pivots.minimum(scale[:, None] * P * scale, scale * q, scaled, limit)
    z = jnp.where(faces.moving, scale * x, held(kinks, faces))
    return Found(z, faces, scale[:, None] * inverse * scale, steps, residual)


def held(kinks: Kinks, faces: Faces) -> Array:
    """The place of every entry that does not move."""
    lower = jnp.where(faces.place < 0, kinks.lower, 0)
    return jnp.where(faces.place > 0, kinks.upper, lower)


# ---- functions that are not quadratic --------------------------------------------------------------


class _State(NamedTuple):
    found: Found
    value: Array
    full: Array
    moving: Array


def newton(
    cost: Value, derivatives: SecondOrder, kinks: Kinks, first: Array, tol: Array, limit: int, pivot: Array
) -> Found:
    """The residual is the last Newton step, relative to 1 + |z|; the step is taken."""
    n = first.size
    start = jnp.clip(first, kinks.lower + kinks.shift, kinks.upper + kinks.shift)
    whole = lambda z: cost(z) + kinks.value(z)  # noqa: E731
    none = jnp.zeros(n, bool)
    faces = Faces(none, jnp.ones_like(start), jnp.zeros(n, jnp.int8))
    infinite = jnp.full((), jnp.inf, start.dtype)
    empty = Found(start, faces, jnp.zeros((n, n), start.dtype), jnp.int32(0), infinite)

    def advance(state: _State) -> _State:
        z = state.found.z
        slope, hessian = derivatives(z)
        seen = z - kinks.shift
        model = quadratic(hessian, slope - hessian @ seen, kinks, pivot)
        aim = model.z + kinks.shift
        step = aim - z
        residual = iteration.relative(step, z)
        fall = slope @ step + kinks.value(aim) - kinks.value(z)
        halved = state.full & (residual <= state.found.residual / 2) | (residual <= tol)
        full = (jnp.ones_like(state.value), state.value)

        def searched() -> tuple[Array, Array]:
            return iteration.line_search(whole, z, step, state.value, fall)

        length, value = linalg.lazily(~halved, searched, full)
        value = jnp.where(halved, whole(aim), value)
        z = jnp.where(length == 1, aim, z + length * step)
        sound = jnp.all(jnp.isfinite(z))
        found = Found(z, model.faces, model.inverse, state.found.steps + 1, residual)
        return _State(found, value, length == 1, (residual > tol) & (length > 0) & sound)

    going = lambda state: state.moving & (state.found.steps < limit)  # noqa: E731
    begin = _State(empty, whole(start), jnp.asarray(False), jnp.asarray(True))
    return lax.while_loop(going, advance, begin).found


# ---- the derivative --------------------------------------------------------------------------------


def optimality(z: Array, slope: Array, kinks: Kinks, faces: Faces) -> Array:
    """Stationarity of the moving entries, the place of the others."""
    pull = slope + faces.side * kinks.weights
    return jnp.where(faces.moving, pull, z - kinks.shift - held(kinks, faces))


def linear(
    slope: Callable[[Array], Array], z: Array, faces: Faces, inverse: Array, still: bool, exact: bool
) -> tuple[Value, Value]:
    """Solves with the Jacobian of `optimality` and with its transpose.

    With `still` no parameter moves the place of a held entry: their rows need no solution. The inverse of a
    Hessian that is not `exact` is refined once.
    """

    def product(v: Array) -> Array:
        return jax.jvp(slope, (z,), (v,))[1]

    def over(rhs: Array) -> Array:
        rough = inverse @ jnp.where(faces.moving, rhs, 0)
        return rough if exact else rough + inverse @ (jnp.where(faces.moving, rhs - product(rough), 0))

    def solve(rhs: Array) -> Array:
        place = jnp.where(faces.moving, 0, rhs)
        return place + over(rhs if still else rhs - product(place))

    def transposed(rhs: Array) -> Array:
        moving = over(rhs)
        return moving if still else moving + jnp.where(faces.moving, 0, rhs - product(moving))

    return solve, transposed


def regularity(z: Array, slope: Array, kinks: Kinks, faces: Faces, inverse: Array, diagonal: Array) -> Array:
    """DerivativeStatus.code: weakly active where a held entry just so stays, or a moving one touches a kink;
    singular where the moving entries depend on each other."""
    x = z - kinks.shift
    small = max(NEAR, float(jnp.finfo(z.dtype).eps) ** 0.5)
    force = jnp.max(jnp.stack([jnp.abs(slope), kinks.weights]), initial=jnp.finfo(z.dtype).tiny)
    left, right = pivots.slopes(kinks, x)
    idle = jnp.minimum(slope + right, -(slope + left)) <= small * force
    low, high = pivots.between(kinks, faces.side)
    touching = jnp.minimum(x - low, high - x) <= small * jnp.max(jnp.abs(x), initial=0)
    weak = jnp.any(jnp.where(faces.moving, touching, idle))
    # What the others leave of an entry's curvature.
    left_over = 1 / (jnp.diagonal(inverse) * diagonal)
    eps = jnp.finfo(z.dtype).eps
    singular = jnp.any(faces.moving & ~(left_over > eps**0.5 / 100))
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    return jnp.where(singular, DerivativeStatus.SINGULAR.code, code).astype(jnp.int8)
