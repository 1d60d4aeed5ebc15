"""The exponential cone, s[2] >= s[1] * exp(s[0] / s[1]), and its dual, z[2] >= -z[0] * exp(z[1] / z[0] - 1)."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.conic.cones.nonsymmetric import Threefold, Triple, _triple

CENTRAL = -1.051383945322714, 0.556409619469370, 1.258967884768947
"""The point that is its own shadow."""
ROUNDS = 6


@dataclass(frozen=True)
class Exponential(Threefold):
    def start(self, like: Array) -> tuple[Array, Array]:
        point = jnp.tile(jnp.asarray(CENTRAL, like.dtype), self.count)
        return point, point

    def dual_barrier(self, z: Triple) -> Array:
        return -jnp.log(_dual_depth(z)) - jnp.log(-z[0]) - jnp.log(z[2])

    def shadow(self, s: Triple) -> Triple:
        """By u with u + log(1 + u) = log(s[2] / s[1]) - s[0] / s[1]."""
        x, y, w = s
        u = _root(jnp.log(w / y) - x / y)
        return -1 / (u * y), (2 * u - 1 + x / y) / (u * y), (1 + u) / (u * w)

    def interior(self, s: Triple, z: Triple) -> Array:
        x, y, w = s
        safe = jnp.where((y > 0) & (w > 0), w / y, 1)
        primal = (y > 0) & (w > 0) & (y * jnp.log(safe) - x > 0)
        dual = (z[0] < 0) & (z[2] > 0)
        negative = jnp.where(dual, z[0], -1), z[1], jnp.where(dual, z[2], 1)
        return primal & dual & (_dual_depth(negative) > 0)

    def outside(self, s: Array) -> Array:
        return jnp.max(_distance(_triple(s)), initial=0)

    def outside_dual(self, z: Array) -> Array:
        x, y, w = _triple(z)
        return jnp.max(_distance((x - y, -x, w)), initial=0)


def _dual_depth(z: Triple) -> Array:
    x, y, w = z
    return y - x - x * jnp.log(-w / x)


def _root(depth: Array) -> Array:
    """u > 0 with u + log(1 + u) = depth, by Newton's iteration from below: the function is concave."""

    def improve(_: int, u: Array) -> Array:
        return u + (depth - u - jnp.log1p(u)) * (1 + u) / (2 + u)

    return lax.fori_loop(0, ROUNDS, improve, depth / 2)


def _distance(s: Triple) -> Array:
    """To the nearest of three points of the cone: above, before, and on its face s[1] = 0."""
    x, y, w = s
    inner = (y > 0) & (w > 0)
    y_, w_ = jnp.where(y > 0, y, 1), jnp.where(w > 0, w, 1)
    above = jnp.where(y > 0, y * jnp.exp(x / y_) - w, jnp.inf)
    before = jnp.where(inner, x - y * jnp.log(w_ / y_), jnp.inf)
    face = jnp.maximum(jnp.maximum(x, jnp.abs(y)), -w)
    return jnp.maximum(jnp.minimum(jnp.minimum(above, before), face), 0)
