"""The JAX side of the atoms that need more than one call: safe at kinks and zeros, of any dtype.

Constants are weakly typed, so that float32 parameters stay float32 and float64 ones float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import entr, xlogy

from declarative.backends.jax.matrix_functions import solve

# ---- norms: at zero their derivative is the subgradient 0, not NaN -------------------------------


def sum_squares(x: Array) -> Array:
    return jnp.sum(jnp.square(x))


def norm2(x: Array) -> Array:
    total = sum_squares(x)
    nonzero = total > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, total, 1.0)), 0.0)


def norm_p(x: Array, p: float) -> Array:
    size = jnp.abs(x)
    largest = jnp.max(size)
    nonzero = largest > 0
    total = jnp.sum(jnp.where(size > 0, jnp.where(size > 0, size, 1.0) ** p, 0.0))
    return jnp.where(nonzero, jnp.where(nonzero, total, 1.0) ** (1 / p), 0.0)


# ---- elementwise -------------------------------------------------------------------------------


def maximum(*values: Array) -> Array:
    return reduce(jnp.maximum, values)


def minimum(*values: Array) -> Array:
    return reduce(jnp.minimum, values)


@jax.custom_jvp
def softplus(x: Array) -> Array:
    """log(1 + exp(x)); derivatives through the sigmoid alone, without the logarithm."""
    return jax.nn.softplus(x)


@softplus.defjvp
def _softplus_rule(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return softplus(*primals), jax.nn.sigmoid(*primals) * tangents[0]


def inv_pos(x: Array) -> Array:
    """1 / x, and inf outside its domain."""
    positive = x > 0
    return jnp.where(positive, 1 / jnp.where(positive, x, 1.0), jnp.inf)


def huber(x: Array, delta: Array) -> Array:
    size = jnp.abs(x)
    inner = jnp.minimum(size, delta)
    return inner * (size - inner / 2)


# ---- sums --------------------------------------------------------------------------------------


def entropy(x: Array) -> Array:
    return jnp.sum(entr(x))


def rel_entropy(x: Array, y: Array) -> Array:
    return jnp.sum(xlogy(x, x) - xlogy(x, 1.0 * y))


def kl(x: Array, y: Array) -> Array:
    return jnp.sum(xlogy(x, x) - xlogy(x, 1.0 * y) - x + y)


def sum_largest(x: Array, k: int) -> Array:
    return jnp.sum(jnp.sort(jnp.ravel(x))[-k:]) if k else jnp.sum(x) * 0


# ---- matrices ----------------------------------------------------------------------------------


def quad_form(x: Array, P: Array) -> Array:
    return x @ P @ x


def inv(A: Array) -> Array:
    return solve(A, jnp.eye(A.shape[0], dtype=A.dtype))


# ---- arrangement -------------------------------------------------------------------------------


def full(shape: tuple[int, ...], value: float) -> Array:
    return jnp.broadcast_to(value, shape)


def eye(size: int) -> Array:
    return jnp.where(jnp.eye(size, dtype=bool), 1.0, 0.0)


def diff(x: Array, axis: int | None) -> Array:
    return jnp.diff(x, axis=axis or 0)


def cumsum(x: Array, axis: int | None) -> Array:
    return jnp.cumsum(x, axis=axis or 0)


def concat(parts: Sequence[Array], axis: int) -> Array:
    return jnp.concatenate([jnp.atleast_1d(part) for part in parts], axis=axis)
