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

from declarative.backends.jax.conic.cones.cone import Pair, Seen, Term

FAR = 10.0
Triple = tuple[Array, Array, Array]  # [count] each


class Scaling(NamedTuple):
    root: Array  # [3, 3, count], N
    basis: Array  # [3, 3, count], that H is the sum of squares of
    delta: Array
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
        root, basis = _roots(s, z, -slope, jnp.stack(self.shadow((s[0], s[1], s[2]))), hessian)
        return Scaling(_regularised(root, delta), basis, delta, -slope, hessian)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return _blockwise(scaling.root, v)

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return _blockwise(jnp.swapaxes(scaling.root, 0, 1), v)

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        return self.unwhitened(scaling, self.whitened(scaling, v.T)).T

    def energy(self, scaling: Scaling, z: Array) -> Array:
        parts = _apply(scaling.basis, _split(z))
        return jnp.sum(parts * parts) + scaling.delta * (z @ z)

    def prepared(self, G: Array, seen: Seen) -> Array:
        return G

    def term(self, scaling: Scaling, prepared: Array) -> Term:
        return Term(rows=self.whitened(scaling, prepared))

    def moves(self, scaling: Scaling, ds: Array, dz: Array) -> Pair:
        return ds, dz

    def shift(self, scaling: Scaling, s: Array, z: Array, moves: Pair, target: Array) -> Array:
        ds, dz = moves
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


def _roots(s: Array, z: Array, s_: Array, z_: Array, hessian: Array) -> tuple[Array, Array]:
    """N with N'N = H^-1, and its inverse transposed, for the pair (s, z) and its shadows (s_, z_), all [3, count].

    H = s s' / s'z + a a' / a'y + t c c', H y = a, c orthogonal to z and y; its dual basis is N, and keeps all
    digits. (y, a) are the parts of z_ and s_ that s and z do not see; where these nearly vanish, H is mu f*'' in
    the direction of its largest diagonal entry.
    """
    own, other = _dot(s, z) / 3, _dot(s_, z_) / 3
    flat = hessian - _outer(s_, s_) / 3  # f*'' without the direction z
    steep = jnp.argmax(jnp.stack([flat[i, i] for i in range(3)]), axis=0) == jnp.arange(3)[:, None]
    step = steep.astype(s.dtype)
    far = own * other - 1 > jnp.finfo(s.dtype).eps ** 0.5
    y = jnp.where(far, z - own * z_, step - z * _dot(s, step) / (3 * own))
    bent = _apply(flat, y)
    spread = _dot(y, bent)
    a = jnp.where(far, s - own * s_, own * bent)
    rest = flat - _outer(bent, bent) / spread
    size = own * jnp.sqrt(jnp.sum(rest * rest, axis=(0, 1)))
    axis, across = jnp.cross(z, y, axis=0), jnp.cross(s, a, axis=0)
    length = jnp.sqrt(_dot(axis, axis))
    first, second, third = jnp.sqrt(3 * own), jnp.sqrt(_dot(a, y)), jnp.sqrt(size)
    dual = across * length / _dot(axis, across)
    return (
        jnp.stack([z / first, y / second, dual / third]),
        jnp.stack([s / first, a / second, axis * (third / length)]),
    )


def _regularised(root: Array, delta: Array) -> Array:
    """(I + delta N N')^-1/2 N, whose square is (H + delta)^-1."""
    gram = jnp.sum(root[:, None] * root[None], axis=2)
    lower = _inverse_factor(delta * gram + jnp.eye(3, dtype=root.dtype)[:, :, None])
    return jnp.sum(lower[:, :, None] * root[None], axis=1)


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


def _inverse_factor(H: Array) -> Array:
    """C^-1 for H = C C', C lower."""
    a = jnp.sqrt(H[0, 0])
    b, c = H[1, 0] / a, H[2, 0] / a
    d = jnp.sqrt(H[1, 1] - b * b)
    e = (H[2, 1] - b * c) / d
    f = jnp.sqrt(H[2, 2] - c * c - e * e)
    zero = jnp.zeros_like(a)
    rows = (
        (1 / a, zero, zero),
        (-b / (a * d), 1 / d, zero),
        ((b * e - c * d) / (a * d * f), -e / (d * f), 1 / f),
    )
    return jnp.stack([jnp.stack(row) for row in rows])
