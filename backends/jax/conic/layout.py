"""Rows as users give them <-> rows as the interior point keeps them: equal cones side by side, matrices whole.

Inner products stay what they are. Everything is computed from the structure, outside of any trace.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.forms import Cones, Sparsity


class Layout(NamedTuple):
    """The user's rows `source`, times `factor`, are the kept rows; a user's row is the mean of the kept rows
    `first` and `second`, times `back`."""

    source: np.ndarray  # [kept] int
    factor: np.ndarray  # [kept], 1 / sqrt(2) for the entries of matrices off the diagonal
    first: np.ndarray  # [m] int
    second: np.ndarray  # [m] int
    back: np.ndarray  # [m], sqrt(2) where factor is its inverse
    plain: bool  # nothing to do


@cache
def layout(cones: Cones) -> Layout:
    rows: list[np.ndarray] = []
    factors: list[np.ndarray] = []
    singles = cones.zero + cones.nonneg

    def add(source: np.ndarray, factor: np.ndarray | float = 1.0) -> None:
        rows.append(source)
        factors.append(np.broadcast_to(factor, source.shape))

    for row in range(singles):
        add(np.array([row]))
    ends = singles + np.cumsum([0, *cones.soc, *(k * (k + 1) // 2 for k in cones.psd)])
    starts = dict(zip(range(len(cones.soc) + len(cones.psd)), ends[:-1], strict=True))
    for index in sorted(range(len(cones.soc)), key=lambda i: cones.soc[i]):
        add(np.arange(starts[index], starts[index] + cones.soc[index]))
    for index in sorted(range(len(cones.psd)), key=lambda i: cones.psd[i]):
        order, start = cones.psd[index], starts[len(cones.soc) + index]
        i, j = np.divmod(np.arange(order * order), order)
        low, high = np.minimum(i, j), np.maximum(i, j)
        add(start + low * order - low * (low - 1) // 2 + high - low, np.where(i == j, 1, np.sqrt(0.5)))
    for row in range(ends[-1], cones.rows, 3):
        add(np.arange(row, row + 3))

    source = np.concatenate([np.zeros(0, int), *rows]).astype(int)
    factor = np.concatenate([np.zeros(0), *factors])
    first, second = np.zeros(cones.rows, int), np.zeros(cones.rows, int)
    kept = np.arange(source.size)
    first[source[::-1]], second[source] = kept[::-1], kept  # of equal sources the first, and the last
    plain = source.size == cones.rows and bool(np.all(source == kept[: cones.rows]))
    # JAX takes indices of 32 bits whether or not it knows 64.
    source, first, second = (part.astype(np.int32) for part in (source, first, second))
    return Layout(source, factor, first, second, 1 / factor[first], plain)


def seen(cones: Cones, sparsity: Sparsity) -> np.ndarray:
    """[kept] int, of each kept row the only unknown that it sees, -1 where it may see others."""
    source = layout(cones).source
    return np.full(source.size, -1) if sparsity.single is None else np.asarray(sparsity.single, int)[source]


def widened(cones: Cones, v: Array) -> Array:
    """[m, ...] of the user -> [kept, ...]."""
    order = layout(cones)
    if order.plain:
        return v
    factor = jnp.asarray(order.factor, v.dtype)
    return v[order.source] * factor.reshape(-1, *[1] * (v.ndim - 1))


def narrowed(cones: Cones, v: Array) -> Array:
    """[kept] -> [m]."""
    order = layout(cones)
    if order.plain:
        return v
    return (v[order.first] + v[order.second]) / 2 * jnp.asarray(order.back, v.dtype)
