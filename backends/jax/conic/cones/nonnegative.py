"""The nonnegative orthant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.conic.cones.cone import Pair, Seen, Term
from declarative.backends.jax.linalg import least, reduced


class Scaling(NamedTuple):
    ratio: Array  # [rows], the diagonal of H + delta
    root: Array  # [rows], that of N


class Prepared(NamedTuple):
    squares: Array  # [single, n], of the rows that see one unknown: they add to its diagonal entry
    others: Array  # [others, n]
    single: np.ndarray  # int, which rows
    other: np.ndarray


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
        ratio = s / z + delta
        return Scaling(ratio, 1 / jnp.sqrt(ratio))

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return scaling.root[:, None] * v

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return scaling.root[:, None] * v

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        return v / scaling.ratio

    def times(self, scaling: Scaling, v: Array) -> Array:
        return v * scaling.ratio

    def coloured(self, scaling: Scaling, v: Array) -> Array:
        return v / scaling.root

    def energy(self, scaling: Scaling, z: Array) -> Array:
        return (scaling.ratio * z) @ z

    def prepared(self, G: Array, seen: Seen) -> Prepared:
        single, other = np.flatnonzero(seen >= 0), np.flatnonzero(seen < 0)
        return Prepared(G[single] ** 2, G[other], single, other)

    def term(self, scaling: Scaling, prepared: Prepared) -> Term:
        squares, others, single, other = prepared
        diagonal = (1 / scaling.ratio)[single] @ squares if single.size else None
        rows = scaling.root[other, None] * others if other.size else None
        return Term(diagonal=diagonal, rows=rows)

    def moves(self, scaling: Scaling, ds: Array, dz: Array) -> Pair:
        return ds, dz

    def shift(self, scaling: Scaling, s: Array, z: Array, moves: Pair, target: Array) -> Array:
        ds, dz = moves
        return s + (ds * dz - target) / z

    def steepest(self, scaling: Scaling, s: Array, z: Array, moves: Pair) -> Array:
        ds, dz = moves
        return jnp.minimum(*reduced(least(ds / s), least(dz / z)))

    def product(self, v: Array, w: Array) -> Array:
        return v * w

    def outside(self, s: Array) -> Array:
        return jnp.max(jnp.maximum(-s, 0), initial=0)

    outside_dual = outside
