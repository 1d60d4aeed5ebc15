"""The second-order cone, s[0] >= norm(s[1:]).

H = W^2 with the Nesterov-Todd scaling W = eta * [[w0, w1'], [w1, I + w1 w1' / (1 + w0)]]; its eigenvectors
are (1, u) and (1, -u), u = w1 / norm(w1), and what is orthogonal to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax


class Scaling(NamedTuple):
    axis: Array  # [count, size - 1], u
    eta: Array  # [count]
    stretch: Array  # [count], w0 + norm(w1): the eigenvalues of W are eta * (stretch, 1, 1 / stretch)
    roots: Array  # [3, count], eigenvalues of N
    point: Array  # [count, size], W z = W^-1 s
    determinant: Array  # [count], of `point`


@dataclass(frozen=True)
class SecondOrder:
    count: int
    size: int

    @property
    def rows(self) -> int:
        return self.count * self.size

    @property
    def degree(self) -> int:
        return self.count

    def start(self, like: Array) -> tuple[Array, Array]:
        unit = jnp.zeros((self.count, self.size), like.dtype).at[:, 0].set(1).ravel()
        return unit, unit

    def scaling(self, s: Array, z: Array, mu: Array, delta: Array) -> Scaling:
        s, z = self._shaped(s), self._shaped(z)
        a, b = _length(s), _length(z)
        sn, zn = s / a[:, None], z / b[:, None]
        gamma = jnp.sqrt((1 + jnp.sum(sn * zn, axis=1)) / 2)
        w1 = (sn[:, 1:] - zn[:, 1:]) / (2 * gamma[:, None])
        tail = jnp.sqrt(jnp.sum(w1 * w1, axis=1))
        axis = w1 / jnp.where(tail > 0, tail, 1)[:, None]
        eta, stretch = jnp.sqrt(a / b), tail + jnp.sqrt(1 + tail * tail)
        roots = lax.rsqrt(_eigenvalues(eta, stretch) ** 2 + delta)
        # The scaled point by its closed form (Vandenberghe's note on coneprog, 2010, section 4.2).
        head = gamma[:, None]
        s0, z0 = sn[:, :1], zn[:, :1]
        rest = ((head + z0) * sn[:, 1:] + (head + s0) * zn[:, 1:]) / (s0 + z0 + 2 * head)
        point = jnp.sqrt(a * b)[:, None] * jnp.concatenate([head, rest], axis=1)
        return Scaling(axis, eta, stretch, roots, point, a * b)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        blocks = v.reshape(self.count, self.size, -1)
        return _spectral(scaling.axis, scaling.roots, blocks).reshape(v.shape)

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return self.whitened(scaling, v)

    def shift(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array, target: Array) -> Array:
        first, second = self._scaled(scaling, ds, dz)
        v = _product(first, second) - target * _unit(first)
        quotient = _quotient(scaling.point, scaling.determinant, v)
        return s + self._along(scaling, _eigenvalues(scaling.eta, scaling.stretch), quotient)

    def spectrum(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array) -> Array:
        point, size = scaling.point, jnp.sqrt(scaling.determinant)[:, None]
        unit = point / size
        both = jnp.stack(self._scaled(scaling, ds, dz)) / size  # [2, count, size]
        # The inverse square root of the point, as a quadratic representation, takes it to the unit.
        head = both[..., 0] * unit[:, 0] - jnp.sum(both[..., 1:] * unit[:, 1:], axis=-1)
        pull = (head + both[..., 0]) / (1 + unit[:, 0])
        tail = both[..., 1:] - pull[..., None] * unit[:, 1:]
        radius = jnp.sqrt(jnp.sum(tail * tail, axis=-1))
        return jnp.concatenate([(head - radius).ravel(), (head + radius).ravel()])

    def product(self, v: Array, w: Array) -> Array:
        return _product(self._shaped(v), self._shaped(w)).ravel()

    def outside(self, s: Array) -> Array:
        s = self._shaped(s)
        return jnp.max(jnp.maximum(_norm(s[:, 1:]) - s[:, 0], 0), initial=0)

    outside_dual = outside

    def _shaped(self, v: Array) -> Array:
        return v.reshape(self.count, self.size)

    def _along(self, scaling: Scaling, eigenvalues: Array, v: Array) -> Array:
        """The matrix of H's eigenvectors and these eigenvalues, times a vector."""
        blocks = v.reshape(self.count, self.size, 1)
        return _spectral(scaling.axis, eigenvalues, blocks).ravel()

    def _scaled(self, scaling: Scaling, ds: Array, dz: Array) -> tuple[Array, Array]:
        """W^-1 ds and W dz."""
        values = _eigenvalues(scaling.eta, scaling.stretch)
        return (
            self._shaped(self._along(scaling, 1 / values, ds)),
            self._shaped(self._along(scaling, values, dz)),
        )


def _eigenvalues(eta: Array, stretch: Array) -> Array:
    """Of W, [3, count]: along (1, u), along (1, -u), elsewhere."""
    return jnp.stack([eta * stretch, eta / stretch, eta])


def _spectral(axis: Array, eigenvalues: Array, v: Array) -> Array:
    """v is [count, size, columns]."""
    plus, minus, other = eigenvalues[:, :, None]
    head, tail = v[:, 0], v[:, 1:]
    along = jnp.sum(axis[:, :, None] * tail, axis=1)
    a, b = plus * (head + along) / 2, minus * (head - along) / 2
    return jnp.concatenate(
        [(a + b)[:, None], other[:, None] * tail + axis[:, :, None] * (a - b - other * along)[:, None]],
        axis=1,
    )


def _norm(v: Array) -> Array:
    return jnp.sqrt(jnp.sum(v * v, axis=-1))


def _length(v: Array) -> Array:
    """The square root of the determinant."""
    tail = _norm(v[:, 1:])
    return jnp.sqrt((v[:, 0] - tail) * (v[:, 0] + tail))


def _unit(v: Array) -> Array:
    return jnp.zeros_like(v).at[:, 0].set(1)


def _product(v: Array, w: Array) -> Array:
    head, tail = jnp.sum(v * w, axis=1, keepdims=True), v[:, :1] * w[:, 1:] + w[:, :1] * v[:, 1:]
    return jnp.concatenate([head, tail], axis=1)


def _quotient(point: Array, determinant: Array, v: Array) -> Array:
    """w with point o w = v."""
    inner = jnp.sum(point[:, 1:] * v[:, 1:], axis=1)
    head = ((point[:, 0] * v[:, 0] - inner) / determinant)[:, None]
    return jnp.concatenate([head, (v[:, 1:] - head * point[:, 1:]) / point[:, :1]], axis=1)
