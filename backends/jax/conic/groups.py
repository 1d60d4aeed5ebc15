"""The rows of a product of cones as blocks of equal cones: [m, ...] <-> [count, size, ...] each."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.forms import Cones

ZERO, NONNEG, SOC, PSD, EXP, POWER = "zero", "nonneg", "soc", "psd", "exp", "power"


@dataclass(frozen=True)
class Group:
    """Cones of one kind and `size` rows each; `starts` are their first rows."""

    kind: str
    size: int
    starts: tuple[int, ...]
    order: int = 1  # of the matrices of a semidefinite cone

    @property
    def count(self) -> int:
        return len(self.starts)

    @property
    def solid(self) -> bool:
        """Of three rows, and not symmetric."""
        return self.kind in (EXP, POWER)


@functools.cache
def groups(cones: Cones) -> tuple[Group, ...]:
    """In the order of their first cones. A cone of one row is a half-line."""
    sizes = [(ZERO, 1, 1)] * cones.zero + [(NONNEG, 1, 1)] * cones.nonneg
    sizes += [(SOC, size, 1) if size > 1 else (NONNEG, 1, 1) for size in cones.soc]
    sizes += [(PSD, k * (k + 1) // 2, k) if k > 1 else (NONNEG, 1, 1) for k in cones.psd]
    sizes += [(EXP, 3, 1)] * cones.exp + [(POWER, 3, 1)] * cones.power
    found: dict[tuple[str, int, int], list[int]] = {}
    row = 0
    for key in sizes:
        found.setdefault(key, []).append(row)
        row += key[1]
    rows = tuple(Group(kind, size, tuple(starts), order) for (kind, size, order), starts in found.items())
    return rows or (Group(ZERO, 1, ()),)


def parts(cones: Cones, v: Array) -> list[Array]:
    """[m, ...] -> [count, size, ...] for each group."""
    return [_taken(group, v) for group in groups(cones)]


def cut(cones: Cones, v: Array) -> list[Array]:
    """[m, ...] in the order of the groups -> [count, size, ...] for each."""
    found, row = [], 0
    for group in groups(cones):
        rows = group.count * group.size
        found.append(v[row : row + rows].reshape(group.count, group.size, *v.shape[1:]))
        row += rows
    return found


def joined(cones: Cones, blocks: Sequence[Array]) -> Array:
    """The inverse of `parts`."""
    v = jnp.concatenate([block.reshape(-1, *block.shape[2:]) for block in blocks])
    order = np.concatenate([_rows(group) for group in groups(cones)])
    return v if (np.diff(order) == 1).all() else v[np.argsort(order).astype(np.int32)]


def _taken(group: Group, v: Array) -> Array:
    rows = _rows(group)
    first = rows[0] if rows.size else 0
    kept = v[first : first + rows.size] if (np.diff(rows) == 1).all() else v[rows]
    return kept.reshape(group.count, group.size, *v.shape[1:])


def _rows(group: Group) -> np.ndarray[Any, Any]:
    # JAX takes indices of 32 bits whether or not it knows 64.
    return np.ravel(np.asarray(group.starts)[:, None] + np.arange(group.size)).astype(np.int32)


# ---- symmetric matrices ------------------------------------------------------------------------


def triangle(order: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Columns and rows of the entries of the lower triangle, column by column."""
    column, row = np.triu_indices(order)
    return column.astype(np.int32), row.astype(np.int32)


def matrices(v: Array, order: int) -> Array:
    """[..., k (k + 1) / 2] -> [..., k, k]."""
    column, row = triangle(order)
    index = np.zeros((order, order), np.int32)
    index[row, column] = index[column, row] = np.arange(row.size)
    scale = np.where(np.eye(order, dtype=bool), 1, np.sqrt(0.5))
    return v[..., index] * scale.astype(v.dtype)


def vectors(matrix: Array) -> Array:
    """[..., k, k], symmetric -> [..., k (k + 1) / 2]: columns of the lower triangle."""
    column, row = triangle(matrix.shape[-1])
    scale = np.where(row == column, 1, np.sqrt(2)).astype(matrix.dtype)
    return matrix[..., row, column] * scale
