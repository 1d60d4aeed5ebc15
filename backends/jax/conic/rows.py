"""Products with rows A, of which those that see one unknown, such as bounds, are numbers and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from declarative.backends.jax.conic.cones.cone import Seen

Places: TypeAlias = np.ndarray[Any, Any]

SHARE = 4  # one row in so many sees one unknown, at least
LEVELS = 4  # and no more of them see the same one
RUNS = 8  # fewer runs of places are slices: on the CPU what uses them reads them in place


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
        """A x, [k, rows] for [k, n]."""
        if not self.single.size:
            return x @ self.turned
        single = _taken(x, self.columns) * self.numbers
        if not self.other.size:
            return single
        both = _taken(jnp.concatenate([x @ self.turned, single], axis=1), self.order)
        return lax.optimization_barrier(both)  # else those who use parts of it join them anew

    def back(self, z: Array) -> Array:
        """A'z, [k, n] for [k, rows]."""
        if not self.single.size:
            return z @ self.others
        padded = jnp.pad(_taken(z, self.single) * self.numbers, ((0, 0), (0, 1)))
        total = jnp.asarray(sum(_taken(padded, level) for level in self.levels))
        return total + _taken(z, self.other) @ self.others if self.other.size else total


def _taken(v: Array, places: Places) -> Array:
    """v[:, places]."""
    runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
    if len(runs) > RUNS:
        return v[:, places]
    parts = [v[:, run[0] : run[-1] + 1] for run in runs]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)


def products(A: Array, seen: Seen) -> Product:
    rows, n = A.shape
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
    others = A[other] if single.size else A
    turned = lax.optimization_barrier(others.T)
    return Product(others, turned, A[single, columns], columns, single, other, order, tuple(levels))
