"""Products with the cones' rows G, of which those that see one unknown, such as bounds, are numbers and places."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from declarative.backends.jax.conic.cones.cone import Seen

SHARE = 4  # one row in so many sees one unknown, at least
LEVELS = 4  # and no more of them see the same one


@dataclass(frozen=True)
class Product:
    """By `products`; vectors are rows."""

    others: Array  # [others, n]
    turned: Array  # [n, others]
    numbers: Array  # [single]
    columns: np.ndarray  # [single] int
    single: np.ndarray  # int, which rows
    other: np.ndarray
    order: np.ndarray  # of the rows in [others, single]
    levels: tuple[
        np.ndarray, ...
    ]  # [n] int each: of each unknown a row among the single ones, or their number

    def along(self, x: Array) -> Array:
        """G x, [k, rows] for [k, n]."""
        if not self.single.size:
            return x @ self.turned
        single = x[:, self.columns] * self.numbers
        return (
            jnp.concatenate([x @ self.turned, single], axis=1)[:, self.order] if self.other.size else single
        )

    def back(self, z: Array) -> Array:
        """G'z, [k, n] for [k, rows]."""
        if not self.single.size:
            return z @ self.others
        single = z[:, self.single] * self.numbers if self.other.size else z * self.numbers
        padded = jnp.pad(single, ((0, 0), (0, 1)))
        total = sum(padded[:, level] for level in self.levels)
        return total + z[:, self.other] @ self.others if self.other.size else jnp.asarray(total)


def products(G: Array, seen: Seen) -> Product:
    rows, n = G.shape
    repeated = int(np.max(np.bincount(seen[seen >= 0], minlength=1), initial=0))
    if np.sum(seen >= 0) * SHARE < rows or repeated > LEVELS:
        seen = np.full(rows, -1)
    single, other = np.flatnonzero(seen >= 0), np.flatnonzero(seen < 0)
    columns, places = seen[single], np.arange(single.size)
    levels = []
    while places.size:
        first, index = np.unique(columns[places], return_index=True)
        level = np.full(n, single.size)
        level[first] = places[index]
        levels.append(level)
        places = np.delete(places, index)
    order = np.argsort(np.concatenate([other, single]))
    others = G[other] if single.size else G
    turned = lax.optimization_barrier(others.T)
    return Product(others, turned, G[single, columns], columns, single, other, order, tuple(levels))
