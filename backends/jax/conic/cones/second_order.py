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
    values: Array  # [3, 2, count], eigenvalues of W^-1 and of W along (1, u), along (1, -u), elsewhere
    squares: Array  # [3, count], of H + delta
    unit: Array  # [count, size], of determinant one: W z = W^-1 s = size * unit
    size: Array  # [count]
    along: Array  # [count], u'unit[1:]


class Moves(NamedTuple):
    """Directions of s and of z, scaled: f and g."""

    heads: Array  # [2, count]
    tails: Array  # [2, count, size - 1]
    along: Array  # [2, count]: u'f[1:], u'g[1:]
    products: Array  # [2, count]: unit[1:]'f[1:], unit[1:]'g[1:]
    inner: Array  # [count], f[1:]'g[1:]
    least: Array  # [2, count], eigenvalues of f and g where the scaled point over its size is the unit


class Prepared(NamedTuple):
    rows: Array  # [rows, n]
    tails: Array  # [count, size - 1, n]
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
        heads, tails = _parts(self._both(s, z))
        squares, (sz, _) = reduced(total(tails * tails), total(tails * tails[::-1]))
        lengths = _length(heads, squares)
        inverse, product = 1 / lengths, lengths[0] * lengths[1]
        # The scaled point by its closed form (Vandenberghe's note on coneprog, 2010, section 4.2).
        (s0, z0), (sn, zn) = heads * inverse, tails * inverse[..., None]
        gamma = jnp.sqrt((1 + (heads[0] * heads[1] + sz) / product) / 2)
        w1 = (sn - zn) / (2 * gamma)[:, None]
        rest = (gamma + z0)[:, None] * sn + (gamma + s0)[:, None] * zn
        unit = jnp.concatenate([gamma[:, None], rest / (s0 + z0 + 2 * gamma)[:, None]], axis=1)
        square, along = reduced(total(w1 * w1), total(w1 * unit[:, 1:]))
        tail = jnp.sqrt(square)
        some = jnp.where(tail > 0, tail, 1)
        eta, stretch = jnp.sqrt(lengths[0] / lengths[1]), tail + jnp.sqrt(1 + square)
        values = jnp.stack([eta * stretch, eta / stretch, eta])
        both = jnp.stack([1 / values, values], axis=1)
        return Scaling(w1 / some[:, None], both, values**2 + delta, unit, jnp.sqrt(product), along / some)

    def whitened(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, lax.rsqrt(scaling.squares), v.T).T

    def unwhitened(self, scaling: Scaling, v: Array) -> Array:
        return self.whitened(scaling, v)

    def inverse(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, 1 / scaling.squares, v)

    def times(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, scaling.squares, v)

    def coloured(self, scaling: Scaling, v: Array) -> Array:
        return self._along(scaling, jnp.sqrt(scaling.squares), v)

    def energy(self, scaling: Scaling, z: Array) -> Array:
        head, tail = _parts(self._shaped(z))
        along, square = reduced(total(scaling.axis * tail), total(tail * tail))
        plus, minus, other = scaling.squares
        across = jnp.maximum(square - along**2, 0)
        return jnp.sum((plus * (head + along) ** 2 + minus * (head - along) ** 2) / 2 + other * across)

    def prepared(self, G: Array, seen: Seen) -> Prepared:
        blocks = G.reshape(self.count, self.size, -1)
        tails = lax.optimization_barrier(blocks[:, 1:])
        if self.size < max(LONG, G.shape[1] / NARROW):
            return Prepared(G, tails, None)
        return Prepared(G, tails, jax.vmap(linalg.gram)(blocks))

    def term(self, scaling: Scaling, prepared: Prepared) -> Term:
        """Of few long cones: a multiple of the rows' gram, and a change of rank two.

        Along (1, u) that is a difference. What it loses is less than the rounding of the term along (1, -u), which
        is larger still.
        """
        if prepared.grams is None:
            return Term(rows=self.whitened(scaling, prepared.rows))
        head = prepared.rows[:: self.size]
        tail = jnp.einsum("ci,cin->cn", scaling.axis, prepared.tails)
        plus, minus, other = 1 / scaling.squares[:, :, None, None]
        g, h = head + tail, head - tail
        change = (plus - other) / 2 * (g[:, :, None] * g[:, None]) + (minus - other) / 2 * (
            h[:, :, None] * h[:, None]
        )
        return Term(matrix=jnp.sum(other * prepared.grams + change, axis=0))

    def moves(self, scaling: Scaling, ds: Array, dz: Array) -> Moves:
        """W^-1 ds and W dz."""
        (head, tail), unit = _parts(self._both(ds, dz)), scaling.unit
        along, products = reduced(total(scaling.axis * tail), total(unit[:, 1:] * tail))
        heads, tails = _spectral(scaling.axis, scaling.values, head, tail, along)
        a, b, other = _ends(scaling.values, head, along)
        products = other * (products - scaling.along * along) + scaling.along * (a - b)
        # The inverse square root of the point, as a quadratic representation, takes it to the unit.
        turned = heads * unit[:, 0] - products
        pulled = tails - ((turned + heads) / (1 + unit[:, 0]))[..., None] * unit[:, 1:]
        squares, (inner, _) = reduced(total(pulled * pulled), total(tails * tails[::-1]))
        return Moves(heads, tails, a - b, products, inner, turned - jnp.sqrt(squares))

    def shift(self, scaling: Scaling, s: Array, z: Array, moves: Moves, target: Array) -> Array:
        """By W q + s, where q is the quotient of the scaled directions' product and the scaled point."""
        (f, g), unit = moves.heads, scaling.unit[:, 0]

        def crossed(v: Array) -> Array:
            """f v(g) + g v(f)."""
            turn = (-1,) + (1,) * (v.ndim - 2)
            return g.reshape(turn) * v[0] + f.reshape(turn) * v[1]

        head = (unit * (f * g + moves.inner - target) - crossed(moves.products)) / scaling.size
        level, pull = unit * scaling.size, head / unit
        rest = crossed(moves.tails) / level[:, None] - pull[:, None] * scaling.unit[:, 1:]
        along = crossed(moves.along) / level - pull * scaling.along
        return s + _joined(*_spectral(scaling.axis, scaling.values[:, 1], head, rest, along)).ravel()

    def steepest(self, scaling: Scaling, s: Array, z: Array, moves: Moves) -> Array:
        return jnp.min(moves.least / scaling.size)

    def product(self, v: Array, w: Array) -> Array:
        return _product(self._shaped(v), self._shaped(w)).ravel()

    def outside(self, s: Array) -> Array:
        s = self._shaped(s)
        return jnp.max(jnp.maximum(_norm(s[:, 1:]) - s[:, 0], 0), initial=0)

    outside_dual = outside

    def _shaped(self, v: Array) -> Array:
        return v.reshape(self.count, self.size)

    def _both(self, s: Array, z: Array) -> Array:
        return jnp.stack([s, z]).reshape(2, self.count, self.size)

    def _along(self, scaling: Scaling, eigenvalues: Array, v: Array) -> Array:
        """The matrix of H's eigenvectors and these eigenvalues, times the rows of v [k, rows]."""
        head, tail = _parts(v.reshape(-1, self.count, self.size))
        along = jnp.stack(reduced(*(total(scaling.axis * row) for row in tail)))
        return _joined(*_spectral(scaling.axis, eigenvalues[:, None], head, tail, along)).reshape(v.shape)


def _parts(v: Array) -> tuple[Array, Array]:
    return v[..., 0], v[..., 1:]


def _joined(head: Array, tail: Array) -> Array:
    return jnp.concatenate([head[..., None], tail], axis=-1)


def _ends(eigenvalues: Array, head: Array, along: Array) -> tuple[Array, Array, Array]:
    """What stands along (1, u) and along (1, -u), and the eigenvalue elsewhere."""
    plus, minus, other = eigenvalues
    return plus * (head + along) / 2, minus * (head - along) / 2, other


def _spectral(axis: Array, eigenvalues: Array, head: Array, tail: Array, along: Array) -> tuple[Array, Array]:
    """Head [..., count] and tail [..., count, size - 1] of a product with a matrix of these eigenvalues [3, ...];
    `along` is the tail's product with the axis."""
    a, b, other = _ends(eigenvalues, head, along)
    return a + b, other[..., None] * tail + axis * (a - b - other * along)[..., None]


def _norm(v: Array) -> Array:
    return jnp.sqrt(inner(v, v))


def _length(head: Array, square: Array) -> Array:
    """The square root of the determinant."""
    tail = jnp.sqrt(square)
    return jnp.sqrt((head - tail) * (head + tail))


def _product(v: Array, w: Array) -> Array:
    return jnp.concatenate([inner(v, w)[:, None], v[:, :1] * w[:, 1:] + w[:, :1] * v[:, 1:]], axis=1)
