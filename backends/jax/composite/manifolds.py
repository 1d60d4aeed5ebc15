"""A smooth convex function plus functions and sets with proximal maps -> its minimiser, and the derivative there.

Gradient steps find the case of the proximal map (which rows are zero, which face, which rank); where it
stays, x - prox(x - step * slope(x)) is smooth, and Newton's method on it (semismooth, Qi and Sun, 1993) ends to
rounding error. Its Jacobian is that of the derivative too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.composite import gradient
from declarative.backends.jax.composite.parts import Parts
from declarative.layer.finite import all_finite
from declarative.layer.linear import dense_solver
from declarative.layer.status import DerivativeStatus

NEWTON = 12  # steps of a polish
NEAR = 1e-6  # relative distance from the border of two cases at which the derivative is one-sided

Value = Callable[[Array], Array]
SecondOrder = Callable[[Array], tuple[Array, Array]]


class Fixed(NamedTuple):
    """What the derivative holds constant: the step, the case of the proximal map, the factors of the Jacobian."""

    step: Array
    case: Any
    factors: Any


def descended(
    slope: Value, derivatives: SecondOrder, parts: Parts, first: Array, tol: Array, limit: int
) -> tuple[gradient.Polished, Array]:
    """The solution with its `Fixed`, and the steps."""
    start = parts.prox(first, jnp.zeros((), first.dtype))
    _, hessian = derivatives(start)
    eye = jnp.eye(first.size, dtype=first.dtype)

    def newton(z: Array, step: Array) -> tuple[Array, Array, Fixed]:
        down, hessian = derivatives(z)
        v = z - step * down
        case = parts.case(v, step)
        formula = lambda v: parts.formula(v, case, step)  # noqa: E731
        gap = z - formula(v)
        factors = linalg.lu_factor(eye - jax.jacfwd(formula)(v) @ (eye - step * hessian))
        new = z - linalg.lu_solve(factors, gap)
        return iteration.relative(gap, z), new, Fixed(step, case, factors)

    def polish(z: Array, step: Array) -> gradient.Polished:
        return gradient.polished(lambda z: newton(z, step), z, NEWTON)

    step = gradient.stride(hessian)
    return gradient.in_turns(slope, parts.prox, polish, start, step, tol, limit)


# ---- the derivative --------------------------------------------------------------------------------


def optimality(z: Array, slope: Array, parts: Parts, fixed: Fixed) -> Array:
    """x - prox(x - step * slope), in units of x."""
    return z - parts.formula(z - fixed.step * slope, fixed.case, fixed.step)


def linear(residual: Value, z: Array, fixed: Fixed) -> tuple[Value, Value]:
    """Solves with the Jacobian of `optimality` at z and with its transpose, by factors from near z, refined once;
    least-norm where it is singular."""
    product = lambda v: jax.jvp(residual, (z,), (v,))[1]  # noqa: E731
    _, back = jax.vjp(residual, z)
    sound = _sound(fixed.factors[0])
    dense = dense_solver(product, jnp.asarray(True))

    def solver(transposed: bool) -> Value:
        def solve(rhs: Array) -> Array:
            rough = linalg.lu_solve(fixed.factors, rhs, transposed)
            image = back(rough)[0] if transposed else product(rough)
            refined = rough + linalg.lu_solve(fixed.factors, rhs - image, transposed)
            return linalg.lazily(~sound, dense[transposed], refined, rhs)

        return solve

    return solver(False), solver(True)


def _sound(lu: Array) -> Array:
    sizes = jnp.abs(jnp.diagonal(lu))
    floor = 1e3 * sizes.size * jnp.finfo(lu.dtype).eps * jnp.max(sizes, initial=0)
    return jnp.all(sizes > floor) & all_finite(lu)


def regularity(residual: Value, z: Array, slope: Array, parts: Parts, fixed: Fixed) -> Array:
    """DerivativeStatus.code: weakly active on the border of two cases, singular where the Jacobian is."""
    small = max(NEAR, float(jnp.finfo(z.dtype).eps) ** 0.5)
    v = z - fixed.step * slope
    weak = parts.edge(v, fixed.case, fixed.step, small * jnp.max(jnp.abs(v), initial=jnp.finfo(z.dtype).tiny))
    values = linalg.singular_values(jax.jacfwd(residual)(z))
    singular = ~(values[-1] > jnp.finfo(z.dtype).eps ** 0.5 / 100 * values[0])
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    return jnp.where(singular, DerivativeStatus.SINGULAR.code, code).astype(jnp.int8)
