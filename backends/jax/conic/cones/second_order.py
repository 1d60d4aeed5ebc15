"""The second-order cone, s[0] >= norm(s[1:]).

H = W^2 with the Nesterov-Todd scaling W = eta * [[w0, w1'], [w1, I + w1 w1' / (1 + w0)]]; its eigenvectors
are (1, u) and (1, -u), u = w1 / norm(w1), and what is orthogonal to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.conic.cones.cone import Seen, Term
from declarative.backends.jax.linalg import inner

LONG = 16  # rows from which a change of rank two is cheaper than whitening,
NARROW = 4  # if there are at most so many columns for each


class Scaling(NamedTuple):
    axis: Array  # [count, size - 1], u
    values: Array  # [3, count], eigenvalues of W along (1, u), along (1, -u), elsewhere
    squares: Array  # [3, count], of H + delta
    point: Array  # [count, size], W z = W^-1 s
    determinant: Array  # [count], of `point`


class Prepared(NamedTuple):
    rows: Array  # [rows, n]
    grams: Array | None  # [count, n, n]


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
        gamma = jnp.sqrt((1 + inner(sn, zn)) / 2)
        w1 = (sn[:, 1:] - zn[:, 1:]) / (2 * gamma[:, None])
        tail = _norm(w1)
        axis = w1 / jnp.where(tail > 0, tail, 1)[:, None]
        eta, stretch = jnp.sqrt(a / b), tail + jnp.sqrt(1 + tail * tail)
        values = jnp.stack([eta * stretch, eta / stretch, eta])
        # The scaled point by its closed form (Vandenberghe's note on coneprog, 2010, section 4.2).
        head = gamma[:, None]
        s0, z0 = sn[:, :1], zn[:, :1]
        rest = ((head + z0) * sn[:, 1:] + (head + s0) * zn[:, 1:]) / (s0 + z0 + 2 * head)
        point = jnp.sqrt(a * b)[:, None] * jnp.concatenate([head, rest], axis=1)
        return Scaling(axis, values, values**2 + delta, point, a * b)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, lax.rsqrt(scaling.squares), v.T).T

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return self.whitened(scaling, v)

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, 1 / scaling.squares, v)

    def times(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, scaling.squares, v)

    def coloured(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, jnp.sqrt(scaling.squares), v.T).T

    def energy(self, scaling: Scaling, z: Array) -> Array:
        root = self._along(scaling, jnp.sqrt(scaling.squares), z)
        return root @ root

    def prepared(self, G: Array, seen: Seen) -> Prepared:
        if self.size < max(LONG, G.shape[1] / NARROW):
            return Prepared(G, None)
        blocks = G.reshape(self.count, self.size, -1)
        return Prepared(G, jnp.einsum("cin,cim->cnm", blocks, blocks))

    def term(self, scaling: Scaling, prepared: Prepared) -> Term:
        """Of few long cones: a multiple of the rows' gram, and a change of rank two.

        Along (1, u) that is a difference. What it loses is less than the rounding of the term along (1, -u), which
        is larger still.
        """
        if prepared.grams is None:
            return Term(rows=self.whitened(scaling, prepared.rows))
        blocks = prepared.rows.reshape(self.count, self.size, -1)
        head, tail = blocks[:, 0], jnp.einsum("ci,cin->cn", scaling.axis, blocks[:, 1:])
        plus, minus, other = 1 / scaling.squares[:, :, None, None]
        g, h = head + tail, head - tail
        change = (plus - other) / 2 * (g[:, :, None] * g[:, None]) + (minus - other) / 2 * (
            h[:, :, None] * h[:, None]
        )
        return Term(matrix=jnp.sum(other * prepared.grams + change, axis=0))

    def shift(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array, target: Array) -> Array:
        first, second = self._scaled(scaling, ds, dz)
        v = _product(first, second) - target * _unit(first)
        quotient = _quotient(scaling.point, scaling.determinant, v)
        return s + self._along(scaling, scaling.values, quotient.ravel())

    def spectrum(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array) -> Array:
        point, size = scaling.point, jnp.sqrt(scaling.determinant)[:, None]
        unit = point / size
        both = self._scaled(scaling, ds, dz) / size
        # The inverse square root of the point, as a quadratic representation, takes it to the unit.
        head = both[..., 0] * unit[:, 0] - inner(both[..., 1:], unit[:, 1:])
        pull = (head + both[..., 0]) / (1 + unit[:, 0])
        tail = both[..., 1:] - pull[..., None] * unit[:, 1:]
        radius = _norm(tail)
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
        """The matrix of H's eigenvectors and these eigenvalues, times the rows of v [..., rows]."""
        blocks = v.reshape(*v.shape[:-1], self.count, self.size)
        return _spectral(scaling.axis, eigenvalues, blocks).reshape(v.shape)

    def _scaled(self, scaling: Scaling, ds: Array, dz: Array) -> Array:
        """W^-1 ds and W dz, [2, count, size]."""
        both = jnp.stack([self._shaped(ds), self._shaped(dz)])
        values = jnp.stack([1 / scaling.values, scaling.values], axis=1)
        return _spectral(scaling.axis, values, both)


def _spectral(axis: Array, eigenvalues: Array, v: Array) -> Array:
    """v is [..., count, size]; eigenvalues are [3, count] or [3, ..., count]."""
    plus, minus, other = eigenvalues
    head, tail = v[..., 0], v[..., 1:]
    along = inner(tail, axis)
    a, b = plus * (head + along) / 2, minus * (head - along) / 2
    rest = other[..., None] * tail + axis * (a - b - other * along)[..., None]
    return jnp.concatenate([(a + b)[..., None], rest], axis=-1)


def _norm(v: Array) -> Array:
    return jnp.sqrt(inner(v, v))


def _length(v: Array) -> Array:
    """The square root of the determinant."""
    tail = _norm(v[:, 1:])
    return jnp.sqrt((v[:, 0] - tail) * (v[:, 0] + tail))


def _unit(v: Array) -> Array:
    return jnp.zeros_like(v).at[:, 0].set(1)


def _product(v: Array, w: Array) -> Array:
    return jnp.concatenate([inner(v, w)[:, None], v[:, :1] * w[:, 1:] + w[:, :1] * v[:, 1:]], axis=1)


def _quotient(point: Array, determinant: Array, v: Array) -> Array:
    """w with point o w = v."""
    head = ((point[:, 0] * v[:, 0] - inner(point[:, 1:], v[:, 1:])) / determinant)[:, None]
    return jnp.concatenate([head, (v[:, 1:] - head * point[:, 1:]) / point[:, :1]], axis=1)
