"""The second-order cone, s[0] >= norm(s[1:]).

H = W^2 with the Nesterov-Todd scaling W = eta * [[w0, w1'], [w1, I + w1 w1' / (1 + w0)]]; its eigenvectors
are (1, u) and (1, -u), u = w1 / norm(w1), and what is orthogonal to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Seen, Term
from declarative.backends.jax.linalg import inner, reduced, total

LONG = 16  # rows from which a change of rank two is cheaper than whitening,
NARROW = 4  # if there are at most so many columns for each


class Scaling(NamedTuple):
    axis: Array  # [count, size - 1], u
    values: Array  # [3, count], eigenvalues of W along (1, u), along (1, -u), elsewhere
    squares: Array  # [3, count], of H + delta
    unit: Array  # [count, size], of determinant one: W z = W^-1 s = size * unit
    size: Array  # [count]
    along: Array  # [count], u'unit[1:]


class Moves(NamedTuple):
    """Directions of s and of z, scaled, f and g."""

    both: list[Array]  # [count, size] each
    along: list[Array]  # [count] each: u'f[1:], u'g[1:]
    products: list[Array]  # [count] each: unit[1:]'f[1:], unit[1:]'g[1:], f[1:]'g[1:]


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
        ss, zz, sz = reduced(*(total(v[:, 1:] * w[:, 1:]) for v, w in ((s, s), (z, z), (s, z))))
        a, b = _length(s[:, 0], ss), _length(z[:, 0], zz)
        sn, zn = s / a[:, None], z / b[:, None]
        gamma = jnp.sqrt((1 + (s[:, 0] * z[:, 0] + sz) / (a * b)) / 2)
        w1 = (sn[:, 1:] - zn[:, 1:]) / (2 * gamma[:, None])
        # The scaled point by its closed form (Vandenberghe's note on coneprog, 2010, section 4.2).
        head = gamma[:, None]
        s0, z0 = sn[:, :1], zn[:, :1]
        rest = ((head + z0) * sn[:, 1:] + (head + s0) * zn[:, 1:]) / (s0 + z0 + 2 * head)
        unit = jnp.concatenate([head, rest], axis=1)
        square, along = reduced(total(w1 * w1), total(w1 * rest))
        tail = jnp.sqrt(square)
        some = jnp.where(tail > 0, tail, 1)
        eta, stretch = jnp.sqrt(a / b), tail + jnp.sqrt(1 + square)
        values = jnp.stack([eta * stretch, eta / stretch, eta])
        return Scaling(w1 / some[:, None], values, values**2 + delta, unit, jnp.sqrt(a * b), along / some)

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
        head, tail = _parts(self._shaped(z))
        along, square = reduced(total(scaling.axis * tail), total(tail * tail))
        plus, minus, other = scaling.squares
        across = jnp.maximum(square - along**2, 0)
        return jnp.sum((plus * (head + along) ** 2 + minus * (head - along) ** 2) / 2 + other * across)

    def prepared(self, G: Array, seen: Seen) -> Prepared:
        if self.size < max(LONG, G.shape[1] / NARROW):
            return Prepared(G, None)
        blocks = G.reshape(self.count, self.size, -1)
        return Prepared(G, jax.vmap(linalg.gram)(blocks))

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
        """By W q + s, where q is the quotient of the scaled directions' product and the scaled point."""
        moves = self._scaled(scaling, ds, dz)
        (f, g), unit, (f_unit, g_unit, fg) = moves.both, scaling.unit, moves.products
        v0 = f[:, 0] * g[:, 0] + fg - target
        head = (unit[:, 0] * v0 - f[:, 0] * g_unit - g[:, 0] * f_unit)[:, None] / scaling.size[:, None]
        level = unit[:, :1] * scaling.size[:, None]
        rest = (f[:, :1] * g[:, 1:] + g[:, :1] * f[:, 1:]) / level - head / unit[:, :1] * unit[:, 1:]
        f_axis, g_axis = moves.along
        along = (f[:, 0] * g_axis + g[:, 0] * f_axis) / level[:, 0] - (head / unit[:, :1])[
            :, 0
        ] * scaling.along
        return s + _spectral(scaling.axis, scaling.values, head, rest, along).ravel()

    def steepest(self, scaling: Scaling, s: Array, z: Array, ds: Array, dz: Array) -> Array:
        moves, unit = self._scaled(scaling, ds, dz), scaling.unit
        # The inverse square root of the point, as a quadratic representation, takes it to the unit.
        heads, tails = [], []
        for v, product in zip(moves.both, moves.products, strict=False):
            head = v[:, 0] * unit[:, 0] - product
            pull = (head + v[:, 0]) / (1 + unit[:, 0])
            heads.append(head)
            tails.append(v[:, 1:] - pull[:, None] * unit[:, 1:])
        squares = reduced(*(total(tail * tail) for tail in tails))
        ends = [head - jnp.sqrt(square) for head, square in zip(heads, squares, strict=True)]
        return jnp.min(jnp.minimum(*ends) / scaling.size)

    def product(self, v: Array, w: Array) -> Array:
        return _product(self._shaped(v), self._shaped(w)).ravel()

    def outside(self, s: Array) -> Array:
        s = self._shaped(s)
        return jnp.max(jnp.maximum(_norm(s[:, 1:]) - s[:, 0], 0), initial=0)

    outside_dual = outside

    def _shaped(self, v: Array) -> Array:
        return v.reshape(self.count, self.size)

    def _along(self, scaling: Scaling, eigenvalues: Array, v: Array) -> Array:
        """The matrix of H's eigenvectors and these eigenvalues, times the rows of v [k, rows]."""
        head, tail = _parts(v.reshape(-1, self.count, self.size))
        along = jnp.stack(reduced(*(total(scaling.axis * row) for row in tail)))
        return _spectral(scaling.axis, eigenvalues, head[..., None], tail, along).reshape(v.shape)

    def _scaled(self, scaling: Scaling, ds: Array, dz: Array) -> Moves:
        """W^-1 ds and W dz."""
        parts = [_parts(self._shaped(v)) for v in (ds, dz)]
        along = reduced(*(total(scaling.axis * tail) for _, tail in parts))
        eigenvalues = 1 / scaling.values, scaling.values
        both = [
            _spectral(scaling.axis, each, head[:, None], tail, a)
            for each, (head, tail), a in zip(eigenvalues, parts, along, strict=True)
        ]
        (f, g), rest = (v[:, 1:] for v in both), scaling.unit[:, 1:]
        products = reduced(total(f * rest), total(g * rest), total(f * g))
        turned = [
            (plus * (head + a) - minus * (head - a)) / 2
            for (plus, minus, _), (head, _), a in zip(eigenvalues, parts, along, strict=True)
        ]
        return Moves(both, turned, products)


def _parts(v: Array) -> tuple[Array, Array]:
    return v[..., 0], v[..., 1:]


def _spectral(axis: Array, eigenvalues: Array, head: Array, tail: Array, along: Array) -> Array:
    """[..., count, size] from head [..., count, 1], tail and its products with the axis [..., count]."""
    plus, minus, other = eigenvalues
    a, b = plus * (head[..., 0] + along) / 2, minus * (head[..., 0] - along) / 2
    rest = other[..., None] * tail + axis * (a - b - other * along)[..., None]
    return jnp.concatenate([(a + b)[..., None], rest], axis=-1)


def _norm(v: Array) -> Array:
    return jnp.sqrt(inner(v, v))


def _length(head: Array, square: Array) -> Array:
    """The square root of the determinant."""
    tail = jnp.sqrt(square)
    return jnp.sqrt((head - tail) * (head + tail))


def _product(v: Array, w: Array) -> Array:
    return jnp.concatenate([inner(v, w)[:, None], v[:, :1] * w[:, 1:] + w[:, :1] * v[:, 1:]], axis=1)
