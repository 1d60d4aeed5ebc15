"""The cone of positive semidefinite matrices; rows hold the whole matrix.

With s = L L', z = M M' and M'L = U diag(point) V', R = L V diag(point)^(-1/2) takes both to the diagonal:
R^-1 s R^-T = R'z R = diag(point), and H v = G v G for G = R R' (Nesterov and Todd, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Seen, Term


class Scaling(NamedTuple):
    """Matrices [count, k, k]. Of R and its inverse the transposes, too: a product with one would copy it each time."""

    R: Array
    turned: Array  # R'
    inverse: Array  # R^-1
    away: Array  # R^-T
    root: Array  # R R', of which H takes one on each side
    point: Array  # [count, k]
    shrink: Array  # 1 / sqrt(point_i point_j)


@dataclass(frozen=True)
class Semidefinite:
    count: int
    order: int

    @property
    def rows(self) -> int:
        return self.count * self.order**2

    @property
    def degree(self) -> int:
        return self.count * self.order

    def start(self, like: Array) -> tuple[Array, Array]:
        unit = jnp.tile(jnp.eye(self.order, dtype=like.dtype).ravel(), self.count)
        return unit, unit

    def scaling(self, s: Array, z: Array, mu: Array, delta: Array) -> Scaling:
        both = jax.vmap(linalg.cholesky)(jnp.concatenate([self._shaped(s), self._shaped(z)]))
        L, M = both[: self.count], both[self.count :]
        K = linalg.product(_t(M), L)
        # Near the central path K is nearly orthogonal up to a factor, so that its square loses nothing.
        squares, V = jax.vmap(linalg.eigh)(linalg.product(_t(K), K))
        point = jnp.sqrt(squares)
        root = jnp.sqrt(point)[:, None, :]
        R = linalg.product(L, V) / root
        inverse = _t(linalg.product(M, linalg.product(K, V)) / (point[:, None, :] * root))
        turned, away = lax.optimization_barrier((_t(R), _t(inverse)))
        shrink = 1 / (root * _t(root))
        return Scaling(R, turned, inverse, away, linalg.product(R, turned), point, shrink)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        """R^-1 v R^-T."""
        return self._congruent(scaling.away, v.T).T

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return self._congruent(scaling.inverse, v.T).T

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        # By the product of both one would lose the digits of the small eigenvalues.
        return self._congruent(scaling.inverse, self._congruent(scaling.away, v))

    def times(self, scaling: Scaling, v: Array) -> Array:
        return self._congruent(scaling.root, v)

    def coloured(self, scaling: Scaling, v: Array) -> Array:
        """R'v R."""
        return self._congruent(scaling.R, v)

    def energy(self, scaling: Scaling, z: Array) -> Array:
        root = self.coloured(scaling, z[None])
        return linalg.inner(root, root)[0]

    def prepared(self, G: Array, seen: Seen) -> Array:
        return G

    def term(self, scaling: Scaling, prepared: Array) -> Term:
        return Term(rows=self.whitened(scaling, prepared))

    def moves(self, scaling: Scaling, ds: Array, dz: Array) -> Array:
        """R^-1 ds R^-T and R'dz R, [2, count, k, k]."""
        Q = jnp.stack([scaling.away, scaling.R])
        return _congruent(Q, jnp.stack([ds, dz]).reshape(2, self.count, self.order, self.order))

    def shift(self, scaling: Scaling, s: Array, z: Array, moves: Array, target: Array) -> Array:
        v = _symmetric(linalg.product(moves[0], moves[1])) - target * jnp.eye(self.order, dtype=s.dtype)
        point = scaling.point
        quotient = 2 * v / (point[:, :, None] + point[:, None, :])
        return s + _congruent(scaling.turned, quotient).ravel()

    def steepest(self, scaling: Scaling, s: Array, z: Array, moves: Array) -> Array:
        scaled = moves * scaling.shrink
        return jnp.min(linalg.least_eigenvalue(scaled.reshape(-1, self.order, self.order)))

    def product(self, v: Array, w: Array) -> Array:
        return _symmetric(linalg.product(self._shaped(v), self._shaped(w))).ravel()

    def outside(self, s: Array) -> Array:
        least = linalg.least_eigenvalue(_symmetric(self._shaped(s)))
        return jnp.max(jnp.maximum(-least, 0), initial=0)

    outside_dual = outside

    def _shaped(self, v: Array) -> Array:
        return v.reshape(self.count, self.order, self.order)

    def _congruent(self, Q: Array, v: Array) -> Array:
        """Q'v Q, the rows of v [k, rows]."""
        return _congruent(Q, v.reshape(-1, self.count, self.order, self.order)).reshape(v.shape)


def _congruent(Q: Array, v: Array) -> Array:
    """Q'v Q of symmetric matrices. What rounding leaves beside the symmetric part would grow: no equation sees it."""
    return _symmetric(linalg.product(_t(linalg.product(v, Q)), Q))


def _t(v: Array) -> Array:
    return jnp.swapaxes(v, -1, -2)


def _symmetric(v: Array) -> Array:
    return (v + _t(v)) / 2
