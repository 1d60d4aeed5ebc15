"""What the iterative engines share: tolerances, one parallel line search, verdicts, local uniqueness."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.layer.contract import Params, SolveOptions
from declarative.layer.finite import all_finite
from declarative.layer.linear import equilibrate
from declarative.layer.status import DerivativeStatus, Status

FAR = 1e12
"""An iterate this much larger than its start has run away."""

ARMIJO = 1e-4
"""The share of the decrease that the slope promises with which a step is content."""


def tolerance(options: SolveOptions, dtype: jnp.dtype, double: float, single: float) -> Array:
    chosen = options.tol if options.tol is not None else double if dtype == jnp.float64 else single
    return jnp.asarray(chosen, dtype)


def initial(p: Params, size: int, start: Array | None) -> Array:
    """The first iterate, zero unless given, in the precision of the parameters."""
    floating = [leaf.dtype for leaf in jax.tree.leaves(p) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    dtype = jnp.result_type(*floating) if floating else jnp.zeros(()).dtype
    return jnp.zeros(size, dtype) if start is None else start.astype(dtype)


def defined(value: Callable[[Array], Array], z: Array, moving: bool = False) -> Array:
    """`z`, or the first of some constant vectors at which a scalar function and its slope are finite.

    With `moving` the slope must not vanish, unless the value does: the point is no dead end.
    """
    return evaluated(value, z, moving).z


class Evaluated(NamedTuple):
    z: Array
    value: Array
    slope: Array


def at(value: Callable[[Array], Array], z: Array) -> Evaluated:
    return Evaluated(z, *jax.value_and_grad(value)(z))


def evaluated(value: Callable[[Array], Array], z: Array, moving: bool = False) -> Evaluated:
    """What a function and its slope are where `defined` starts."""

    def good(found: Evaluated) -> Array:
        sound = jnp.isfinite(found.value) & all_finite(found.slope)
        return sound & (jnp.any(found.slope != 0) | (found.value == 0)) if moving else sound

    def another() -> Evaluated:
        others = jax.vmap(partial(at, value))(jnp.outer(jnp.asarray([1, 0.1, -1], z.dtype), jnp.ones_like(z)))
        sound = jax.vmap(good)(others)
        best = jax.tree.map(lambda leaf: leaf[jnp.argmax(sound)], others)
        return jax.tree.map(lambda new, old: jnp.where(jnp.any(sound), new, old), best, first)

    first = at(value, z)
    return linalg.lazily(~good(first), another, first)


def relative(step: Array, z: Array) -> Array:
    """Largest entry of a step against the size of the point, which is at least one."""
    return jnp.max(jnp.abs(step), initial=0) / (1 + jnp.max(jnp.abs(z), initial=0))


def inside(value: Callable[[Array], Array], z: Array, residual: Array) -> Array:
    """The residual; infinite where the function has no value, though its slope may vanish there."""
    return jnp.where(jnp.isfinite(value(z)), residual, jnp.inf)


def verdict(residual: Array, tol: Array, steps: Array, max_iter: int) -> Array:
    """Status code of an iteration that stopped: below the tolerance, its square root, or neither."""
    stuck = jnp.where(steps >= max_iter, Status.MAX_ITERATIONS.code, Status.DIVERGED.code)
    close = jnp.where(residual <= jnp.sqrt(tol), Status.INACCURATE.code, stuck)
    code = jnp.where(residual <= tol, Status.SOLVED.code, close)
    return jnp.where(jnp.isfinite(residual), code, Status.DIVERGED.code).astype(jnp.int8)


def certified(
    valid: Array, residual: Array, tol: Array, convex: Array, infeasible: Array, unbounded: Array
) -> Array:
    """Status code of an interior point: `solved` only where it is convex, then what a checked certificate says."""
    code = jnp.where(residual <= jnp.sqrt(tol), Status.INACCURATE.code, Status.MAX_ITERATIONS.code)
    solved = (residual <= tol) & convex
    code = jnp.where(infeasible & ~solved, Status.INFEASIBLE.code, code)
    code = jnp.where(unbounded & ~solved, Status.UNBOUNDED.code, code)
    code = jnp.where(solved, Status.SOLVED.code, code)
    return jnp.where(valid, code, Status.INVALID_INPUT.code).astype(jnp.int8)


def invalid(code: Array, *data: Array) -> Array:
    """`invalid_input` in place of the code where the data are not finite."""
    good = functools.reduce(jnp.logical_and, map(all_finite, data))
    return jnp.where(good, code, Status.INVALID_INPUT.code).astype(jnp.int8)


def line_search(
    merit: Callable[[Array], Array],
    z: Array,
    step: Array,
    value: Array,
    slope: Array,
    wide: Array | bool = False,
) -> tuple[Array, Array]:
    """The first of the lengths 1, 1/2, 1/4, … with Armijo's decrease, else the best of all lengths.

    All lengths are tried at once: no inner loop, so a batch stays together. A `wide` search goes from
    2^40 by quarters, and takes the best. Returns the length (zero where nothing is lower) and the merit there.
    """
    halvings = jnp.arange(40).astype(z.dtype)
    lengths = jnp.exp2(jnp.where(wide, 40 - 2 * halvings, -halvings))
    values = jax.vmap(lambda length: merit(z + length * step))(lengths)
    values = jnp.where(jnp.isfinite(values), values, jnp.inf)
    enough = (values <= value + ARMIJO * lengths * slope) & ~jnp.asarray(wide)
    best = jnp.where(jnp.any(enough), jnp.argmax(enough), jnp.argmin(values))
    better = values[best] <= value
    return jnp.where(better, lengths[best], 0), jnp.where(better, values[best], value)


def local_uniqueness(jacobian: Callable[[Array], Array], z: Array) -> Array:
    """DerivativeStatus code of a root of a smooth map whose Jacobian is given as a function.

    Singular if the smallest singular value of the equilibrated Jacobian could be zero within
    sqrt(eps) of the point: it is compared with the Jacobian's change over that distance.
    """
    matrix = jacobian(z)
    if z.size == 0:
        return jnp.int8(DerivativeStatus.REGULAR.code)
    eps = jnp.finfo(z.dtype).eps
    nearby = jacobian(z + jnp.sqrt(eps) * (1 + jnp.abs(z)))
    rows, columns = equilibrate(jnp.maximum(jnp.abs(matrix), jnp.abs(nearby)))
    scaled, moved = (rows[:, None] * part * columns for part in (matrix, nearby - matrix))
    values = linalg.singular_values(scaled)
    floor = jnp.maximum(jnp.linalg.norm(moved), 64 * z.size * eps * values[0])
    singular = ~(values[-1] > floor)
    return jnp.where(singular, DerivativeStatus.SINGULAR.code, DerivativeStatus.REGULAR.code).astype(jnp.int8)
