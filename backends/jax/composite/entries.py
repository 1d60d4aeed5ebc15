"""A smooth convex function plus kinks entry by entry -> its minimiser, and the derivative on its faces.

A small quadratic is minimised by pivots at once; another small function by Newton's method, each of whose
quadratic models, kinks included, is minimised so (Lee, Sun and Saunders, 2014), with a line search. Large
problems, and quadratics where pivots lose their digits, take gradient steps first, and end by Newton's method on
the entries between kinks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.composite import gradient, pivots
from declarative.backends.jax.composite.pivots import Faces, Kinks
from declarative.layer.linear import dense_solver
from declarative.layer.status import DerivativeStatus

NEWTON = 12  # steps of a polish
SOUND = (
    1e3  # a factor is good for a solve where each entry keeps so many eps of its curvature beside the others
)
NEAR = 1e-6  # relative distance from a kink, or of a held entry from letting go: the derivative is one-sided

Value = Callable[[Array], Array]
SecondOrder = Callable[[Array], tuple[Array, Array]]


LARGEST = 256
"""Of how many entries the inverse is kept and pivots beat gradient steps; above, a Cholesky factor."""


class Factor(NamedTuple):
    """Of a Hessian over the moving entries, scaled to a unit diagonal: its inverse, zero elsewhere, or its Cholesky
    factor; and the least share of its curvature that a moving entry keeps beside the others."""

    matrix: Array  # [n, n]
    scale: Array  # [n]
    share: Array


class Found(NamedTuple):
    z: Array
    faces: Faces
    factor: Factor
    steps: Array
    residual: Array


def apply(factor: Factor, moving: Array, rhs: Array) -> Array:
    """H^-1 rhs over the moving entries, zero elsewhere."""
    matrix, scale, _ = factor
    rhs = jnp.where(moving, scale * rhs, 0)
    return scale * (matrix @ rhs if rhs.size <= LARGEST else linalg.cholesky_solve(matrix, rhs))


def factorised(hessian: Array, moving: Array) -> Factor:
    """NaN where the entries depend on each other."""
    scale, pair = _scale(hessian), moving[:, None] & moving
    eye = jnp.eye(moving.size, dtype=hessian.dtype)
    lower = linalg.cholesky(jnp.where(pair, scale[:, None] * hessian * scale, eye))
    if moving.size > LARGEST:
        return Factor(lower, scale, _least(jnp.diagonal(lower) ** 2))
    inverse = jnp.where(pair, linalg.cholesky_solve(lower, eye), 0)
    return Factor(inverse, scale, _share(inverse, moving))


def _scale(hessian: Array) -> Array:
    diagonal = jnp.diagonal(hessian)
    return jnp.where(diagonal > 0, 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1)), 1)


def _share(inverse: Array, moving: Array) -> Array:
    return _least(1 / jnp.where(moving, jnp.diagonal(inverse), 1))


def _least(shares: Array) -> Array:
    return jnp.min(jnp.where(jnp.isfinite(shares), shares, 0), initial=1)


@linalg.elementwise
def quadratic(P: Array, q: Array, kinks: Kinks, limit: Array) -> Found:
    """min 1/2 z'Pz + q'z plus kinks about the origin, exactly."""
    scale = _scale(P)
    weights, lower, upper, shift = kinks
    scaled = Kinks(scale * weights, lower / scale, upper / scale, shift)
    x, faces, inverse, steps, residual = pivots.minimum(scale[:, None] * P * scale, scale * q, scaled, limit)
    z = jnp.where(faces.moving, scale * x, held(kinks, faces))
    return Found(z, faces, Factor(inverse, scale, _share(inverse, faces.moving)), steps, residual)


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
    empty = Found(start, faces, factorised(jnp.eye(n, dtype=start.dtype), none), jnp.int32(0), infinite)

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
        # Where nothing is defined, a model of NaN has its minimiser where one stands.
        sound = jnp.all(jnp.isfinite(z)) & jnp.isfinite(model.residual)
        residual = jnp.where(sound, residual, jnp.inf)
        found = Found(z, model.faces, model.factor, state.found.steps + 1, residual)
        return _State(found, value, length == 1, (residual > tol) & (length > 0) & sound)

    going = lambda state: state.moving & (state.found.steps < limit)  # noqa: E731
    begin = _State(empty, whole(start), jnp.asarray(False), jnp.asarray(True))
    return lax.while_loop(going, advance, begin).found


# ---- large problems, and degenerate ones ----------------------------------------------------------


def descended(
    slope: Value, derivatives: SecondOrder, kinks: Kinks, first: Array, tol: Array, limit: int
) -> Found:
    """Gradient steps, each entry's by its curvature, and Newton's method between the kinks, in turns."""
    about = lambda x: x + kinks.shift  # noqa: E731
    start = jnp.clip(first - kinks.shift, kinks.lower, kinks.upper)
    _, hessian = derivatives(about(start))
    scale = _scale(hessian)
    step = scale**2 * gradient.stride(scale[:, None] * hessian * scale)

    def prox(v: Array, step: Array) -> Array:
        return pivots.moved(kinks._replace(weights=step * kinks.weights), v, jnp.zeros_like(v))

    def newton(x: Array, step: Array) -> tuple[Array, Array, tuple[Faces, Factor]]:
        down, hessian = derivatives(about(x))
        new = prox(x - step * down, step)
        residual = iteration.relative(x - new, new)
        low, high = pivots.between(kinks, side := jnp.where(new < 0, -1.0, 1.0).astype(x.dtype))
        faces = Faces((new > low) & (new < high), side, pivots.placed(kinks, new))
        factor = factorised(hessian, faces.moving)
        jump = jnp.where(faces.moving, 0, held(kinks, faces) - x)
        pull = down + side * kinks.weights + hessian @ jump
        return residual, x + jump - apply(factor, faces.moving, pull), (faces, factor)

    def polish(x: Array, step: Array) -> gradient.Polished:
        return gradient.polished(lambda x: newton(x, step), x, NEWTON)

    found, steps = gradient.in_turns(lambda x: slope(about(x)), prox, polish, start, step, tol, limit)
    faces, factor = found.extra
    return Found(about(found.z), faces, factor, steps, found.residual)


# ---- the derivative --------------------------------------------------------------------------------


def optimality(z: Array, slope: Array, kinks: Kinks, faces: Faces) -> Array:
    """Stationarity of the moving entries, the place of the others."""
    pull = slope + faces.side * kinks.weights
    return jnp.where(faces.moving, pull, z - kinks.shift - held(kinks, faces))


def linear(
    slope: Value, z: Array, faces: Faces, factor: Factor, still: bool, exact: bool
) -> tuple[Value, Value]:
    """Solves with the Jacobian of `optimality` at z and with its transpose; least-norm where it is singular.

    With `still` no parameter moves the place of a held entry: their rows need no solution. The factor of a
    Hessian that is not `exact` is refined once.
    """
    moving = faces.moving

    def product(v: Array) -> Array:
        return jax.jvp(slope, (z,), (v,))[1]

    def jacobian(v: Array) -> Array:
        return jnp.where(moving, product(v), v)

    sound = factor.share > SOUND * jnp.finfo(z.dtype).eps
    dense = dense_solver(jacobian, jnp.asarray(True))

    def over(rhs: Array) -> Array:
        rough = apply(factor, moving, rhs)
        return rough if exact else rough + apply(factor, moving, rhs - product(rough))

    def solve(rhs: Array) -> Array:
        place = jnp.where(moving, 0, rhs)
        quick = place + over(rhs if still else rhs - product(place))
        return linalg.lazily(~sound, dense[0], quick, rhs)

    def transposed(rhs: Array) -> Array:
        inner = over(rhs)
        quick = inner if still else inner + jnp.where(moving, 0, rhs - product(inner))
        return linalg.lazily(~sound, dense[1], quick, rhs)

    return solve, transposed


def regularity(z: Array, slope: Array, kinks: Kinks, faces: Faces, factor: Factor) -> Array:
    """DerivativeStatus.code: weakly active where a held entry just so stays, or a moving one touches a kink;
    singular where the moving entries depend on each other."""
    x, moving = z - kinks.shift, faces.moving
    eps = jnp.finfo(z.dtype).eps
    small = max(NEAR, float(eps) ** 0.5)
    force = jnp.max(jnp.stack([jnp.abs(slope), kinks.weights]), initial=jnp.finfo(z.dtype).tiny)
    left, right = pivots.slopes(kinks, x)
    idle = jnp.minimum(slope + right, -(slope + left)) <= small * force
    low, high = pivots.between(kinks, faces.side)
    touching = jnp.minimum(x - low, high - x) <= small * jnp.max(jnp.abs(x), initial=0)
    weak = jnp.any(jnp.where(moving, touching, idle))
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    singular = ~(factor.share > eps**0.5 / 100)
    return jnp.where(singular, DerivativeStatus.SINGULAR.code, code).astype(jnp.int8)
