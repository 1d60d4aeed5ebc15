"""The power cone, s[0]^a * s[1]^(1 - a) >= abs(s[2]), and its dual, the same of z[0] / a, z[1] / (1 - a), z[2]."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.conic.cones.nonsymmetric import Threefold, Triple, _triple

ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Power(Threefold):
    alpha: Array = field(repr=False)  # [count], in (0, 1)

    def start(self, like: Array) -> tuple[Array, Array]:
        a = self.alpha
        point = jnp.stack([jnp.sqrt(1 + a), jnp.sqrt(2 - a), jnp.zeros_like(a)], axis=1).ravel()
        return point, point

    def dual_barrier(self, z: Triple) -> Array:
        a = self.alpha
        return -jnp.log(self._dual_depth(z)) - (1 - a) * jnp.log(z[0]) - a * jnp.log(z[1])

    def shadow(self, s: Triple) -> Triple:
        """By v in (0, 1), the part of the product that z[2] leaves; t = 1 / v."""
        a, (x, y, w) = self.alpha, s
        tiny = jnp.finfo(x.dtype).tiny ** 0.5
        size = 2 * (a * jnp.log(x) + (1 - a) * jnp.log(y))
        rest = _root(size - jnp.log(jnp.maximum(w * w, tiny)), a)
        t = -1 / jnp.expm1(-rest)
        return (
            (2 * a * t + 1 - a) / x,
            (2 * (1 - a) * t + a) / y,
            -2 * w / (jnp.maximum(w * w, tiny) * jnp.expm1(rest)),
        )

    def interior(self, s: Triple, z: Triple) -> Array:
        a = self.alpha
        primal, dual = (s[0] > 0) & (s[1] > 0), (z[0] > 0) & (z[1] > 0)
        primal &= _depth(s, a, jnp.ones_like(a), jnp.ones_like(a)) > 0
        return primal & dual & (self._dual_depth(z) > 0)

    def outside(self, s: Array) -> Array:
        return jnp.max(_distance(_triple(s), self.alpha), initial=0)

    def outside_dual(self, z: Array) -> Array:
        x, y, w = _triple(z)
        return jnp.max(_distance((x / self.alpha, y / (1 - self.alpha), w), self.alpha), initial=0)

    def _dual_depth(self, z: Triple) -> Array:
        return _depth(z, self.alpha, self.alpha, 1 - self.alpha)


def _depth(s: Triple, a: Array, first: Array, second: Array) -> Array:
    """(x / first)^2a (y / second)^2(1-a) - w^2, as a product that keeps its digits near zero."""
    x, y, w = s
    inner = (x > 0) & (y > 0)
    x, y = jnp.where(inner, x / first, 1), jnp.where(inner, y / second, 1)
    mean = jnp.exp(a * jnp.log(x) + (1 - a) * jnp.log(y))
    return jnp.where(inner, (mean - w) * (mean + w), -1)


def _root(depth: Array, a: Array) -> Array:
    """y > 0 with y + 2a log(1 + (1-a) v / 2a) + 2(1-a) log(1 + a v / 2(1-a)) = depth, v = 1 - exp(-y), by
    Newton's iteration from below: the function is concave, its slope between 1 and 2."""
    p, q = (1 - a) / (2 * a), a / (2 * (1 - a))

    def improve(_: int, y: Array) -> Array:
        v, e = -jnp.expm1(-y), jnp.exp(-y)
        value = y + 2 * a * jnp.log1p(p * v) + 2 * (1 - a) * jnp.log1p(q * v)
        slope = 1 + e * ((1 - a) / (1 + p * v) + a / (1 + q * v))
        return y + (depth - value) / slope

    return lax.fori_loop(0, ROUNDS, improve, depth / 2)


def _distance(s: Triple, a: Array) -> Array:
    """To the nearest of three points of the cone that differ in one entry, after negative ones are raised."""
    x, y, w = s
    below = jnp.maximum(jnp.maximum(-x, -y), 0)
    x, y, w = jnp.maximum(x, 0), jnp.maximum(y, 0), jnp.abs(w)
    lower = w - x**a * y ** (1 - a)
    right = jnp.where(y > 0, (w / jnp.where(y > 0, y, 1) ** (1 - a)) ** (1 / a) - x, jnp.inf)
    ahead = jnp.where(x > 0, (w / jnp.where(x > 0, x, 1) ** a) ** (1 / (1 - a)) - y, jnp.inf)
    return jnp.maximum(below, jnp.maximum(jnp.minimum(lower, jnp.minimum(right, ahead)), 0))
