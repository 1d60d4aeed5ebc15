"""Matrices of a program whose unknowns stand in blocks, of which only neighbours are coupled: products and sums.

They take and give vectors in the program's own order. A row sees one block, or two neighbours where blocks are
coupled; one that sees a single unknown (a bound) is kept by its one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.structure.elimination import Tridiagonal
from declarative.backends.jax.structure.partition import Partition

Index: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything stands; `unknowns` and `rows` are the lengths of vectors."""

    unknowns: int
    rows: int
    place: Index
    """[count, b], the unknown there; `unknowns` where there is none."""
    spot: Index
    """[unknowns], its place in the flat blocks."""
    wide: Index
    """[count, r], the row there, seen by this block and the next; `rows` where there is none."""
    wide_rows: Index
    """Rows that see more than one unknown, and their places in the flat `wide`."""
    wide_spots: Index
    single_rows: Index
    """Rows that see one unknown, or none."""
    single_columns: Index
    first: Index
    """[rows], the first block that a row sees."""
    linked: bool
    """Whether blocks are coupled at all."""

    @property
    def diagonal(self) -> bool:
        return self.size == 1 and not self.linked

    @property
    def count(self) -> int:
        return int(self.place.shape[0])

    @property
    def size(self) -> int:
        return int(self.place.shape[1])

    @property
    def pairs(self) -> Index:
        """[count, width], the unknowns of each block, and of the next where these are coupled."""
        if not self.linked:
            return self.place
        after = np.concatenate([self.place[1:], np.full_like(self.place[:1], self.unknowns)])
        return np.concatenate([self.place, after], axis=1)

    @property
    def single_spots(self) -> Index:
        """Where rows of one unknown have their entry among those of their block."""
        return self.spot[self.single_columns] - self.size * self.first[self.single_rows]


jax.tree_util.register_static(Layout)


def layout(found: Partition, E: Index, cones: Index | None = None) -> Layout:
    """E [m, n] says what may differ from zero; rows with the same number in `cones` stand side by side."""
    m, n = E.shape
    count, size = len(found.blocks), found.size
    place, block = np.full((count, size), n), np.zeros(n, int)
    for k, members in enumerate(found.blocks):
        place[k, : len(members)] = members
        block[list(members)] = k
    together = np.arange(m) if cones is None else np.asarray(cones)
    seen = np.where(E, block, count)
    first = np.full(m + 1, count)
    np.minimum.at(first, together, seen.min(axis=1, initial=count))
    first = np.where(first[together] < count, first[together], 0)
    alone = (E.sum(axis=1) <= 1) & (np.bincount(together, minlength=m + 1)[together] == 1)
    columns = np.where(E.any(axis=1), E.argmax(axis=1), place[0, 0])
    return _arranged(n, place, first, alone, columns, found.linked)


@cache
def reordered(given: Layout, rows: tuple[int, ...]) -> Layout:
    """That of a matrix of these rows, some of them twice, none or all of a cone."""
    columns, alone = np.zeros(given.rows, int), np.zeros(given.rows, bool)
    columns[given.single_rows], alone[given.single_rows] = given.single_columns, True
    index = np.asarray(rows, int)
    seen = given.first[index], alone[index], columns[index]
    return _arranged(given.unknowns, given.place, *seen, given.linked)


def _arranged(n: int, place: Index, first: Index, alone: Index, columns: Index, linked: bool) -> Layout:
    """Each row by the first block it sees, and if it sees one unknown alone, by that."""
    count, m = place.shape[0], len(first)
    spot = np.zeros(n, int)
    spot[place[place < n]] = np.flatnonzero(place.ravel() < n)
    wide_rows, single_rows = np.flatnonzero(~alone), np.flatnonzero(alone)
    order = wide_rows[np.argsort(first[wide_rows], kind="stable")]
    counts = np.bincount(first[order], minlength=count)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    wide = np.full((count, int(counts.max(initial=0))), m)
    wide[first[order], np.arange(len(order)) - starts[first[order]]] = order
    spots = np.zeros(m + 1, int)
    spots[wide.ravel()] = np.arange(wide.size)
    singles = single_rows, columns[single_rows]
    return Layout(n, m, place, spot, wide, wide_rows, spots[wide_rows], *singles, first, linked)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Symmetric:
    """[n, n]: its entries on and right of the diagonal blocks."""

    right: Array  # [count, b, width]
    layout: Layout

    @property
    def shape(self) -> tuple[int, int]:
        return self.layout.unknowns, self.layout.unknowns

    @property
    def dtype(self) -> jnp.dtype:
        return self.right.dtype

    def __matmul__(self, x: Array) -> Array:
        """x [n] or [n, columns]."""
        b = self.layout.size
        parts = _paired(self.layout, x)
        here = _times(self.right, parts)
        if not self.layout.linked:
            return flat(self.layout, here)
        before = _times(jnp.swapaxes(self.right[:, :, b:], 1, 2), parts[:, :b])
        return flat(self.layout, here.at[1:].add(before[:-1]))

    def __rmatmul__(self, x: Array) -> Array:
        return (self @ x.T).T

    def scaled(self, columns: Array, factor: Array | float) -> Symmetric:
        """factor * diag(columns) M diag(columns)."""
        right = _paired(self.layout, columns)
        left = factor * right[:, : self.layout.size]
        return Symmetric(left[:, :, None] * self.right * right[:, None, :], self.layout)

    def column_sizes(self) -> Array:
        """The largest entry of each column."""
        b = self.layout.size
        sizes = jnp.abs(self.right)
        here = jnp.maximum(jnp.max(sizes, axis=2), jnp.max(sizes[:, :, :b], axis=1))
        if not self.layout.linked:
            return flat(self.layout, here)
        before = jnp.max(sizes[:, :, b:], axis=1)
        return flat(self.layout, here.at[1:].max(before[:-1]))

    def blocks(self, lift: Array | float = 0.0) -> Tridiagonal:
        """The matrix plus `lift` on its diagonal; the identity where there is no unknown."""
        b, place = self.layout.size, self.layout.place
        diagonal = jnp.where(place < self.layout.unknowns, lift, 1).astype(self.dtype)
        here = self.right[:, :, :b] + diagonal[:, :, None] * jnp.eye(b, dtype=self.dtype)
        if not self.layout.linked:
            return Tridiagonal(here, None)
        below = jnp.swapaxes(self.right[:, :, b:], 1, 2)
        return Tridiagonal(here, jnp.concatenate([jnp.zeros_like(below[:1]), below[:-1]]))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """[m, n]."""

    wide: Array  # [count, r, width]
    single: Array
    layout: Layout

    @property
    def shape(self) -> tuple[int, int]:
        return self.layout.rows, self.layout.unknowns

    @property
    def dtype(self) -> jnp.dtype:
        return self.single.dtype

    def __matmul__(self, x: Array) -> Array:
        """x [n] or [n, columns]."""
        many = x if x.ndim == 2 else x[:, None]
        found = jnp.zeros((self.layout.rows, many.shape[1]), many.dtype)
        wide = _times(self.wide, _paired(self.layout, many)).reshape(-1, many.shape[1])
        found = found.at[self.layout.wide_rows].set(wide[self.layout.wide_spots])
        found = found.at[self.layout.single_rows].set(self.single[:, None] * many[self.layout.single_columns])
        return found if x.ndim == 2 else found[:, 0]

    def __rmatmul__(self, z: Array) -> Array:
        return (self.T @ z.T).T

    @property
    def T(self) -> Transposed:
        return Transposed(self)

    def scaled(self, rows: Array, columns: Array) -> Rows:
        spread = _taken(rows, self.layout.wide)
        wide = spread[:, :, None] * self.wide * _paired(self.layout, columns)[:, None, :]
        single = rows[self.layout.single_rows] * self.single * columns[self.layout.single_columns]
        return Rows(wide, single, self.layout)

    def local(self) -> Array:
        """[m, width]: each row's entries at the blocks that it sees."""
        layout, width = self.layout, self.wide.shape[2]
        found = jnp.zeros((layout.rows, width), self.dtype)
        found = found.at[layout.wide_rows].set(self.wide.reshape(-1, width)[layout.wide_spots])
        return found.at[layout.single_rows, layout.single_spots].set(self.single)

    def row_sizes(self) -> Array:
        sizes = jnp.max(jnp.abs(self.wide), axis=2, initial=0).ravel()
        found = (
            jnp.zeros(self.layout.rows, self.dtype)
            .at[self.layout.wide_rows]
            .set(sizes[self.layout.wide_spots])
        )
        return found.at[self.layout.single_rows].set(jnp.abs(self.single))

    def column_sizes(self) -> Array:
        sizes = jnp.max(jnp.abs(self.wide), axis=1, initial=0)
        if self.layout.linked:
            b = self.layout.size
            sizes = sizes[:, :b].at[1:].max(sizes[:-1, b:])
        found = flat(self.layout, sizes)
        return found.at[self.layout.single_columns].max(jnp.abs(self.single))

    def turned(self, turn: Callable[[Array], Array], rows: tuple[int, ...] | None = None) -> Rows:
        """`turn` takes columns [m, k] to columns of as many rows, or of `rows`, and mixes none but those of a cone."""
        return from_local(turn(self.local()), self.layout if rows is None else reordered(self.layout, rows))

    def gram(self, weights: Array, beside: Symmetric) -> Symmetric:
        """`beside` + M' diag(weights) M."""
        layout, b = self.layout, self.layout.size
        spread = _taken(weights, layout.wide)
        product = jnp.swapaxes(self.wide, 1, 2) @ (spread[:, :, None] * self.wide)  # [count, width, width]
        right = beside.right + product[:, :b]
        if layout.linked:
            right = right.at[1:, :, :b].add(product[:-1, b:, b:])
        alone = jnp.zeros(layout.unknowns, self.dtype)
        alone = alone.at[layout.single_columns].add(weights[layout.single_rows] * self.single**2)
        diagonal = placed(layout, alone)
        eye = jnp.eye(b, right.shape[2], dtype=self.dtype)
        return Symmetric(right + diagonal[:, :, None] * eye, beside.layout)


@dataclass(frozen=True)
class Transposed:
    of: Rows

    def __matmul__(self, z: Array) -> Array:
        """z [m] or [m, columns]."""
        layout, b = self.of.layout, self.of.layout.size
        many = z if z.ndim == 2 else z[:, None]
        pairs = _times(jnp.swapaxes(self.of.wide, 1, 2), _taken(many, layout.wide))
        if layout.linked:
            pairs = pairs[:, :b].at[1:].add(pairs[:-1, b:])
        found = flat(layout, pairs)
        found = found.at[layout.single_columns].add(self.of.single[:, None] * many[layout.single_rows])
        return found if z.ndim == 2 else found[:, 0]


def symmetric(P: Array, layout: Layout, near: Index | None = None) -> Symmetric:
    """From a matrix [n, n], or from its rows and columns `near`."""
    places = np.append(np.arange(layout.unknowns) if near is None else near, len(P))
    return Symmetric(entries((P,), places[layout.place], places[layout.pairs]), layout)


def rows(
    parts: Sequence[Array], layout: Layout, local: Index | None = None, near: Index | None = None
) -> Rows:
    """From matrices [., n] one below the other, or from their rows `local` and columns `near`."""
    m, n = sum(map(len, parts)), parts[0].shape[1]
    down = np.append(np.arange(layout.rows) if local is None else local, m)
    across = np.append(np.arange(layout.unknowns) if near is None else near, n)
    alone = down[layout.single_rows][:, None], across[layout.single_columns][:, None]
    return Rows(
        entries(parts, down[layout.wide], across[layout.pairs]), entries(parts, *alone)[:, 0, 0], layout
    )


def from_local(local: Array, layout: Layout) -> Rows:
    return Rows(_taken(local, layout.wide), local[layout.single_rows, layout.single_spots], layout)


def placed(layout: Layout, x: Array) -> Array:
    """[n, ...] -> [count, b, ...], zero where there is no unknown."""
    return _taken(x, layout.place)


def entries(parts: Sequence[Array], rows: Index, columns: Index) -> Array:
    """[count, r], [count, c] -> [count, r, c] of matrices one below the other, zero where there is no row or no column.

    Each is read for itself: the whole would be made first.
    """
    found, first = jnp.zeros((*rows.shape, columns.shape[1]), parts[0].dtype), 0
    for part in parts:
        last = first + len(part)
        there = ((rows >= first) & (rows < last))[:, :, None] & (columns < part.shape[1])[:, None, :]
        if there.any():
            down = np.clip(rows - first, 0, len(part) - 1).astype(np.int32)
            across = np.minimum(columns, part.shape[1] - 1).astype(np.int32)
            read = part[down[:, :, None], across[:, None, :]]
            found = read if there.all() else jnp.where(there, read, found)
        first = last
    return found


def _taken(v: Array, places: Index) -> Array:
    """v at places, zero at those past its end."""
    if places.size == v.shape[0] and (places.ravel() == np.arange(places.size)).all():
        return v.reshape(*places.shape, *v.shape[1:])
    return jnp.concatenate([v, jnp.zeros_like(v[:1], shape=(1, *v.shape[1:]))])[places]


def _paired(layout: Layout, x: Array) -> Array:
    """[n, ...] -> [count, width, ...], see `Layout.pairs`."""
    return _taken(x, layout.pairs)


def flat(layout: Layout, blocks: Array) -> Array:
    """[count, b, ...] -> [n, ...]."""
    entries = blocks.reshape(layout.place.size, *blocks.shape[2:])
    return (
        entries
        if (np.diff(layout.spot) == 1).all() and layout.spot.size == layout.place.size
        else entries[layout.spot]
    )


def _times(matrix: Array, x: Array) -> Array:
    """Products [count, r, c] x [count, c], or [count, c, columns]."""
    if matrix.shape[2] == 1:
        return matrix * x if x.ndim == 3 else matrix[:, :, 0] * x
    return matrix @ x if x.ndim == 3 else (matrix @ x[:, :, None])[:, :, 0]
