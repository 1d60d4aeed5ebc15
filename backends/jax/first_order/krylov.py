"""MINRES: a symmetric linear system by products with its matrix, indefinite or singular as it may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

Product = Callable[[Array], Array]


class Solution(NamedTuple):
    """`settled`: the residual is small, or what is left of it no product reaches, as where the matrix is singular."""

    x: Array
    residual: Array  # b - A x
    settled: Array


class _State(NamedTuple):
    x: Array
    size: Array  # of A, as far as seen
    v: Array  # Lanczos vectors, this one and the last
    older: Array
    w: Array  # directions, the last two
    wider: Array
    beta: Array
    c: Array
    s: Array
    delta: Array
    epsilon: Array
    phi: Array
    step: Array
    stuck: Array


def minres(product: Product, b: Array, limit: int, tol: float) -> Solution:
    """x with A x = b to `tol` of the norm of b, least squares where there is none (Paige and Saunders, 1975).

    Two refinements follow, each of which starts from the true residual.
    """
    x, left = jnp.zeros_like(b), b
    some = jax.random.normal(jax.random.key(1), b.shape, b.dtype)
    norm = jnp.linalg.norm(product(some)) / jnp.linalg.norm(some)
    for turn in range(3):
        moved = x + _once(product, left, jnp.linalg.norm(b), norm, limit, tol)
        now = b - product(moved)
        # Where a part of b is out of reach, a start from it would only run along the null space.
        better = (jnp.linalg.norm(now) < 0.5 * jnp.linalg.norm(left)) | (turn == 0)
        x, left = jnp.where(better, moved, x), jnp.where(better, now, left)
    size, near = jnp.linalg.norm(left), jnp.linalg.norm(product(left))
    scale = jnp.linalg.norm(b)
    reached = size <= max(10 * tol, 1e-9 if b.dtype == jnp.float64 else 1e-4) * scale
    settled = reached | (near <= 1e-6 * norm * size)
    # What is left lies in the null space then: x is the shorter without its part along it.
    along = jnp.where(settled & ~reached, (left @ x) / jnp.where(size > 0, size, 1) ** 2, 0)
    return Solution(x - along * left, left, settled)


def _once(product: Product, b: Array, scale: Array, size: Array, limit: int, tol: float) -> Array:
    zero, one = jnp.zeros_like(b), jnp.ones((), b.dtype)
    length = jnp.linalg.norm(b)
    tiny = jnp.finfo(b.dtype).tiny
    flat = float(jnp.finfo(b.dtype).eps) ** 0.45

    def advance(s: _State) -> _State:
        image = product(s.v) - s.beta * s.older
        alpha = image @ s.v
        image = image - alpha * s.v
        beta = jnp.linalg.norm(image)
        # Givens rotations of the tridiagonal matrix.
        delta = s.c * s.delta + s.s * alpha
        gamma = s.s * s.delta - s.c * alpha
        epsilon, onward = s.s * beta, -s.c * beta
        radius = jnp.maximum(jnp.hypot(gamma, beta), tiny)
        c, sine = gamma / radius, beta / radius
        direction = (s.v - s.epsilon * s.wider - delta * s.w) / radius
        size = jnp.maximum(s.size, jnp.maximum(jnp.abs(alpha), beta))
        # Below this the step goes along the null space, or |A r| of the residual r vanishes: no r is smaller.
        done = jnp.minimum(radius, jnp.hypot(gamma, onward)) <= flat * size
        return _State(
            jnp.where(done, s.x, s.x + c * s.phi * direction), size, image / jnp.maximum(beta, tiny), s.v,
            direction, s.w, beta, c, sine, onward, epsilon, sine * s.phi, s.step + 1,
            done | (beta <= flat * size),
        )  # fmt: skip

    def going(s: _State) -> Array:
        return (s.step < limit) & ~s.stuck & (s.phi > tol * scale)

    start = _State(
        zero, size, b / jnp.maximum(length, tiny), zero, zero, zero, 0 * one, -one, 0 * one, 0 * one, 0 * one,
        length, jnp.int32(0), length <= tol * scale,
    )  # fmt: skip
    return lax.while_loop(going, advance, start).x
