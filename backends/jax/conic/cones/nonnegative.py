"""The nonnegative orthant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class Scaling(NamedTuple):
    ratio: Array  # [rows], the diagonal of H
    root: Array  # [rows], that of N


@dataclass(frozen=True)
class Nonnegative:
    count: int

    @property
    def rows(self) -> int:
        return self.count

    @property
    def degree(self) -> int:
        return self.count

    def start(self, like: Array) -> tuple[Array, Array]:
        one = jnp.ones(self.count, like.dtype)
        return one, one

    def scaling(self, s: Array, z: Array, mu: Array, delta: Array) -> Scaling:
        ratio = s / z
        return Scaling(ratio, 1 / jnp.sqrt(ratio + delta))

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return scaling.root[:, None] * v

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return scaling.root[:, None] * v

    def shift(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array, target: Array) -> Array:
        return s + (ds * dz - target) / z

    def spectrum(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array) -> Array:
        return jnp.concatenate([ds / s, dz / z])

    def product(self, v: Array, w: Array) -> Array:
        return v * w

    def outside(self, s: Array) -> Array:
        return jnp.max(jnp.maximum(-s, 0), initial=0)

    outside_dual = outside
