"""Cones of three rows that are not symmetric, by the barrier f* of the dual cone and its shadow map.

The primal-dual scaling has H z = s and H z~ = s~ for the shadows s~ = -grad f*(z) and z~ = -grad f(s)
(Tuncel, 2001), as the BFGS update of mu times the Hessian of f* (Dahl and Andersen, 2022; Goulart and Chen,
arXiv 2405.12762). The corrector is of third order, from the third derivative of f*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

FAR = 10.0
Triple = tuple[Array, Array, Array]  # [count] each


class Scaling(NamedTuple):
    H: Array  # [3, 3, count]
    inverse: Array  # [3, 3, count], lower: N = C^-1 for the Cholesky factor C of H + delta
    shadow: Array  # [3, count], s~
    hessian: Array  # [3, 3, count], of f* at z


@dataclass(frozen=True)
class Threefold(ABC):
    count: int

    @property
    def rows(self) -> int:
        return 3 * self.count

    @property
    def degree(self) -> int:
        return 3 * self.count

    @abstractmethod
    def dual_barrier(self, z: Triple) -> Array:
        """f*, [count]."""

    @abstractmethod
    def shadow(self, s: Triple) -> Triple:
        """z with -grad f*(z) = s."""

    @abstractmethod
    def interior(self, s: Triple, z: Triple) -> Array:
        """[count] bool."""

    # ---- scaling -----------------------------------------------------------------------------------

    def scaling(self, s: Array, z: Array, mu: Array, delta: Array) -> Scaling:
        s, z = _split(s), _split(z)
        slope, hessian = self._derivatives(z)
        other, mirrored = -slope, jnp.stack(self.shadow(tuple(s)))
        H = _primal_dual(s, z, other, mirrored, hessian, mu)
        return Scaling(H, _inverse_root(H, delta), other, hessian)

    def times(self, scaling: Scaling, v: Array) -> Array:
        return _joined(_apply(scaling.H, _split(v)))

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return _blockwise(scaling.inverse, v)

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return _blockwise(jnp.swapaxes(scaling.inverse, 0, 1), v)

    def shift(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array, target: Array) -> Array:
        bend = self._third(_split(z), _split(dz), _solve(scaling.hessian, _split(ds)))
        return s - _joined(target * scaling.shadow + bend / 2)

    def _gradient(self, z: Array) -> Array:
        return jax.grad(lambda z: jnp.sum(self.dual_barrier((z[0], z[1], z[2]))))(z)

    def _derivatives(self, z: Array) -> tuple[Array, Array]:
        """Gradient [3, count] and Hessian [3, 3, count] of f*."""
        basis = jnp.broadcast_to(jnp.eye(3, dtype=z.dtype)[:, :, None], (3, *z.shape))
        slope, push = jax.linearize(self._gradient, z)
        return slope, jax.vmap(push)(basis)

    def _third(self, z: Array, u: Array, v: Array) -> Array:
        """The third derivative of f* in the directions u and v."""
        along = lambda z: jax.jvp(self._gradient, (z,), (u,))[1]  # noqa: E731
        return jax.jvp(along, (z,), (v,))[1]

    # ---- the interior ----------------------------------------------------------------------------------

    def inside(self, s: Array, z: Array, mu: Array) -> Array:
        """The product of the shadows is 3 / mu on the path; a cone whose product is much larger is left behind."""
        s_, z_ = _triple(s), _triple(z)
        far = mu * _dot(-self._gradient(_split(z)), jnp.stack(self.shadow(s_))) > 3 * FAR
        return jnp.all(self.interior(s_, z_) & ~far)


def _primal_dual(s: Array, z: Array, s_: Array, z_: Array, hessian: Array, mu: Array) -> Array:
    """H of the pair (s, z) and its shadows (s_, z_), all [3, count]; mu f*'' where the two nearly agree."""
    eps = jnp.finfo(s.dtype).eps
    own, other = _dot(s, z) / 3, _dot(s_, z_) / 3
    ds, dz = s - own * s_, z - own * z_
    bent = _apply(hessian, z_) - other * s_
    spread = _dot(z_, _apply(hessian, z_)) - 3 * other**2
    apart = _dot(ds, dz)
    sound = (jnp.abs(own * other - 1) > jnp.sqrt(eps)) & (spread > eps) & (apart > 0) & (own > 0)
    rest = hessian - _outer(s_, s_) / 3 - _outer(bent, bent) / jnp.where(sound, spread, 1)
    size = own * jnp.sqrt(jnp.sum(rest * rest, axis=(0, 1)))
    axis = jnp.cross(z, z_, axis=0)
    axis = axis / jnp.where(sound, jnp.sqrt(_dot(axis, axis)), 1)
    H = (
        _outer(s, s) / jnp.where(sound, 3 * own, 1)
        + _outer(ds, ds) / jnp.where(sound, apart, 1)
        + size * _outer(axis, axis)
    )
    return jnp.where(sound, H, mu * hessian)


# ---- matrices of order three, one for each cone ------------------------------------------------------------


def _split(v: Array) -> Array:
    return v.reshape(-1, 3).T


def _joined(v: Array) -> Array:
    return v.T.ravel()


def _triple(v: Array) -> Triple:
    x, y, z = _split(v)
    return x, y, z


def _dot(v: Array, w: Array) -> Array:
    return jnp.sum(v * w, axis=0)


def _outer(v: Array, w: Array) -> Array:
    return v[:, None] * w[None]


def _apply(H: Array, v: Array) -> Array:
    return jnp.sum(H * v[None], axis=1)


def _blockwise(N: Array, v: Array) -> Array:
    """N times each block of three rows of a matrix."""
    blocks = v.reshape(-1, 3, v.shape[1])
    product = sum(N[:, j].T[:, :, None] * blocks[:, j, None] for j in range(3))
    return jnp.reshape(product, v.shape)


def _solve(H: Array, v: Array) -> Array:
    """H^-1 v by Cramer's rule for the columns of the adjugate."""
    a, b, c = jnp.cross(H[1], H[2], axis=0), jnp.cross(H[2], H[0], axis=0), jnp.cross(H[0], H[1], axis=0)
    return (a * v[0] + b * v[1] + c * v[2]) / _dot(H[0], a)


def _inverse_root(H: Array, delta: Array) -> Array:
    """C^-1 for H + delta = C C', C lower."""
    a = jnp.sqrt(H[0, 0] + delta)
    b, c = H[1, 0] / a, H[2, 0] / a
    d = jnp.sqrt(H[1, 1] + delta - b * b)
    e = (H[2, 1] - b * c) / d
    f = jnp.sqrt(H[2, 2] + delta - c * c - e * e)
    zero = jnp.zeros_like(a)
    rows = (
        (1 / a, zero, zero),
        (-b / (a * d), 1 / d, zero),
        ((b * e - c * d) / (a * d * f), -e / (d * f), 1 / f),
    )
    return jnp.stack([jnp.stack(row) for row in rows])
