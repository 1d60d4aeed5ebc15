"""The cone of positive semidefinite matrices; rows hold the whole matrix.

With s = L L', z = M M' and M'L = U diag(point) V', R = L V diag(point)^(-1/2) takes both to the diagonal:
R^-1 s R^-T = R'z R = diag(point), and H v = G v G for G = R R' (Nesterov and Todd, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Seen, Term


class Scaling(NamedTuple):
    R: Array  # [count, k, k]
    inverse: Array  # [count, k, k], of R
    point: Array  # [count, k]


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
        K = _t(M) @ L
        # Near the central path K is nearly orthogonal up to a factor, so that its square loses nothing.
        squares, V = jax.vmap(linalg.eigh)(_t(K) @ K)
        point = jnp.sqrt(squares)
        root = jnp.sqrt(point)[:, None, :]
        R = (L @ V) / root
        inverse = _t(M @ (K @ V) / (point[:, None, :] * root))
        return Scaling(R, inverse, point)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        """R^-1 v R^-T."""
        return self._turned(scaling.inverse, v).reshape(v.shape)

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        turned = self._turned(_t(scaling.inverse), v)
        # What rounding leaves beside the symmetric part would grow: no equation sees it.
        return ((turned + jnp.swapaxes(turned, 1, 2)) / 2).reshape(v.shape)

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        # By the product of both one would lose the digits of the small eigenvalues.
        return self._congruent(_t(scaling.inverse), self._congruent(scaling.inverse, v))

    def times(self, scaling: Scaling, v: Array) -> Array:
        return self._congruent(scaling.R @ _t(scaling.R), v)

    def coloured(self, scaling: Scaling, v: Array) -> Array:
        """R'v R."""
        return self._turned(_t(scaling.R), v).reshape(v.shape)

    def energy(self, scaling: Scaling, z: Array) -> Array:
        root = (_t(scaling.R) @ self._shaped(z) @ scaling.R).ravel()
        return linalg.inner(root, root)

    def prepared(self, G: Array, seen: Seen) -> Array:
        return G

    def term(self, scaling: Scaling, prepared: Array) -> Term:
        return Term(rows=self.whitened(scaling, prepared))

    def shift(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array, target: Array) -> Array:
        first, second = self._scaled(scaling, ds, dz)
        v = _symmetric(first @ second) - target * jnp.eye(self.order, dtype=s.dtype)
        point = scaling.point
        quotient = 2 * v / (point[:, :, None] + point[:, None, :])
        return s + (scaling.R @ quotient @ _t(scaling.R)).ravel()

    def steepest(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array) -> Array:
        root = jnp.sqrt(scaling.point)
        both = jnp.concatenate(self._scaled(scaling, ds, dz))
        weights = jnp.tile(root[:, :, None] * root[:, None, :], (2, 1, 1))
        return jnp.min(linalg.least_eigenvalue(_symmetric(both / weights)))

    def product(self, v: Array, w: Array) -> Array:
        return _symmetric(self._shaped(v) @ self._shaped(w)).ravel()

    def outside(self, s: Array) -> Array:
        values = jax.vmap(linalg.eigh)(_symmetric(self._shaped(s)))[0]
        return jnp.max(jnp.maximum(-values, 0), initial=0)

    outside_dual = outside

    def _shaped(self, v: Array) -> Array:
        return v.reshape(self.count, self.order, self.order)

    def _scaled(self, scaling: Scaling, ds: Array, dz: Array) -> tuple[Array, Array]:
        """R^-1 ds R^-T and R'dz R."""
        R, inverse = scaling.R, scaling.inverse
        return inverse @ self._shaped(ds) @ _t(inverse), _t(R) @ self._shaped(dz) @ R

    def _congruent(self, Q: Array, v: Array) -> Array:
        """Q v Q' of symmetric matrices, the rows of v."""
        turned = Q @ v.reshape(-1, self.count, self.order, self.order) @ _t(Q)
        # What rounding leaves beside the symmetric part would grow: no equation sees it.
        return _symmetric(turned).reshape(v.shape)

    def _turned(self, Q: Array, v: Array) -> Array:
        """Q v Q' for the columns of v, [count, k, k, columns]."""
        half = Q @ v.reshape(self.count, self.order, -1)
        blocks = half.reshape(self.count, self.order, self.order, -1)
        return jnp.einsum("cijn,clj->ciln", blocks, Q)


def _t(v: Array) -> Array:
    return jnp.swapaxes(v, -1, -2)


def _symmetric(v: Array) -> Array:
    return (v + _t(v)) / 2
