"""Matrices in blocks beside a few dense rows and a few unknowns that see many blocks: products, sums and solves.

With inner unknowns x, border unknowns c, and y for dense rows D of weight w > 0, what is eliminated is

    [ T   B   D~' ] [x]
    [ B'  C   Dc~'] [c],    D~ = sqrt(w) D:
    [ D~  Dc~  -1 ] [y]

first T, which has blocks, then y by the positive definite 1 + D~ T^-1 D~', and c at last (the formulas of Woodbury
and of Schur). T must be definite by itself; the interior points' lifts see to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.structure import blocks, elimination
from declarative.backends.jax.structure.blocks import Layout, Rows, Symmetric
from declarative.backends.jax.structure.partition import Partition

Index: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Border:
    """Where everything stands; `unknowns` and `rows` are the lengths of vectors."""

    unknowns: int
    rows: int
    inner: Layout
    """Of the near unknowns and local rows, counted in their order."""
    near: Index
    """Unknowns in blocks, and those beside."""
    far: Index
    local: Index
    """Rows that see two neighbouring blocks, and those that see more."""
    dense: Index
    alone: bool
    """Whether no dense row is one of a cone of several."""

    @property
    def count(self) -> int:
        return self.inner.count

    @property
    def size(self) -> int:
        return self.inner.size


jax.tree_util.register_static(Border)


def layout(
    found: Partition, E: Index, cones: Index | None = None, dense: Iterable[int] | None = None
) -> Layout | Border:
    """See `blocks.layout`. `dense` are the rows of E that see much, by default those of the partition."""
    m, n = E.shape
    wide = np.asarray(found.dense if dense is None else dense, int)
    near = np.sort(np.concatenate([np.asarray(block, int) for block in found.blocks]))
    if not found.dense and near.size == n:
        return blocks.layout(found, E, cones)
    place = np.zeros(n, int)
    place[near] = np.arange(near.size)
    members = tuple(tuple(int(i) for i in place[list(block)]) for block in found.blocks)
    local, together = np.setdiff1d(np.arange(m), wide), np.arange(m) if cones is None else np.asarray(cones)
    kept = np.unique(together[local], return_inverse=True)[1]
    inner = blocks.layout(replace(found, blocks=members), E[local][:, near], kept)
    alone = bool((np.bincount(together, minlength=m + 1)[together[wide]] == 1).all())
    return Border(n, m, inner, near, np.setdiff1d(np.arange(n), near), local, wide, alone)


@cache
def reordered(given: Border, rows: tuple[int, ...]) -> Border:
    """That of a matrix of these rows, some of them twice."""
    index = np.asarray(rows, int)
    kept = np.zeros(given.rows, int)
    kept[given.local] = np.arange(len(given.local))
    there = np.isin(index, given.dense)
    local = np.flatnonzero(~there)
    inner = blocks.reordered(given.inner, tuple(int(kept[row]) for row in index[local]))
    dense = np.flatnonzero(there)
    return Border(given.unknowns, len(index), inner, given.near, given.far, local, dense, given.alone)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bordered:
    """[n, n]: blocks, the border unknowns' rows and corner, and rows' diag(weights) rows of a few `rows`."""

    inner: Symmetric
    side: Array  # [c, near]
    corner: Array  # [c, c]
    rows: Array  # [k, n]
    weights: Array  # [k], not negative
    layout: Border

    @property
    def shape(self) -> tuple[int, int]:
        return self.layout.unknowns, self.layout.unknowns

    @property
    def dtype(self) -> jnp.dtype:
        return self.corner.dtype

    def __matmul__(self, x: Array) -> Array:
        """x [n] or [n, columns]."""
        many = x if x.ndim == 2 else x[:, None]
        near, far = many[self.layout.near], many[self.layout.far]
        found = self.inner @ near
        if far.size:
            found = _unknowns(self.layout, found + self.side.T @ far, self.side @ near + self.corner @ far)
        found = found + self.rows.T @ (self.weights[:, None] * (self.rows @ many))
        return found if x.ndim == 2 else found[:, 0]

    def __rmatmul__(self, x: Array) -> Array:
        return (self @ x.T).T

    def scaled(self, columns: Array, factor: Array | float) -> Bordered:
        """factor * diag(columns) M diag(columns)."""
        near, far = columns[self.layout.near], columns[self.layout.far]
        side = factor * far[:, None] * self.side * near
        corner = factor * far[:, None] * self.corner * far
        weights = self.weights * factor
        return Bordered(
            self.inner.scaled(near, factor), side, corner, self.rows * columns, weights, self.layout
        )

    def column_sizes(self) -> Array:
        """The largest entry of each column; of the dense rows' product the diagonal, which bounds the others."""
        near = jnp.maximum(self.inner.column_sizes(), _tallest(self.side))
        far = jnp.maximum(_tallest(self.corner), _tallest(self.side.T))
        curved = self.weights @ self.rows**2
        return jnp.maximum(_unknowns(self.layout, near, far), curved)

    def factorised(self, lift: Array | float) -> Factor:
        """Of the matrix plus `lift` on its diagonal."""
        layout = self.layout
        inner = elimination.factorised(self.inner.blocks(lift))
        roots = jnp.sqrt(self.weights)
        rows = roots[:, None] * self.rows
        k, c = rows.shape[0], self.corner.shape[0]
        beside = jnp.concatenate([rows[:, layout.near], self.side])
        lifted = _eliminated(layout, inner, beside.T)
        crossed = beside @ lifted
        small = linalg.cholesky(jnp.eye(k, dtype=self.dtype) + crossed[:k, :k]) if k else crossed[:0, :0]
        mixed = rows[:, layout.far] - crossed[:k, k:]
        half = linalg.forward(small, mixed) if k and c else mixed
        corner = self.corner + lift * jnp.eye(c, dtype=self.dtype) - crossed[k:, k:] + half.T @ half
        last = linalg.cholesky(corner) if c else corner
        return Factor(inner, beside, lifted, small, mixed, last, roots, layout)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Factor:
    """See above; NaN where the matrix is not positive definite."""

    inner: elimination.Factor
    beside: Array  # [k + c, near]: D~ and B'
    lifted: Array  # [near, k + c]: T^-1 times the transpose of that
    small: Array  # [k, k], Cholesky of 1 + D~ T^-1 D~'
    mixed: Array  # [k, c]: Dc~ - D~ T^-1 B
    last: Array  # [c, c], Cholesky of what is left of C
    roots: Array  # [k], of the weights
    layout: Border

    def definite(self) -> Array:
        parts = self.inner.inverse, self.small, self.last
        return jnp.all(jnp.stack([jnp.all(jnp.isfinite(part)) for part in parts]))

    def solve(self, r: Array, t: Array | None = None) -> tuple[Array, Array]:
        """Columns x [n, columns] and sqrt(w) y [k, columns] of the system above, with right-hand sides r and
        sqrt(w) t of the last dense rows, zero of the others."""
        k, c = self.mixed.shape
        near, far = r[self.layout.near], r[self.layout.far]
        seen = self.lifted.T @ near
        wanted = seen[:k]
        if t is not None:
            first = k - t.shape[0]
            wanted = wanted.at[first:].add(-self.roots[first:, None] * t)
        if c:
            inner = linalg.cholesky_solve(self.small, wanted) if k else wanted
            beside = linalg.cholesky_solve(self.last, far - seen[k:] - self.mixed.T @ inner)
            wanted = wanted + self.mixed @ beside
        else:
            beside = far
        y = linalg.cholesky_solve(self.small, wanted) if k else wanted
        left = near - self.beside.T @ jnp.concatenate([y, beside])
        x = _unknowns(self.layout, _eliminated(self.layout, self.inner, left), beside)
        return x, self.roots[:, None] * y


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BorderedRows:
    """[m, n]."""

    inner: Rows  # [local, near]
    side: Array  # [local, c]
    dense: Array  # [k, n]
    layout: Border

    @property
    def shape(self) -> tuple[int, int]:
        return self.layout.rows, self.layout.unknowns

    @property
    def dtype(self) -> jnp.dtype:
        return self.dense.dtype

    def __matmul__(self, x: Array) -> Array:
        """x [n] or [n, columns]."""
        near = self.inner @ x[self.layout.near]
        if self.layout.far.size:
            near = near + self.side @ x[self.layout.far]
        return _rows(self.layout, near, self.dense @ x)

    def __rmatmul__(self, z: Array) -> Array:
        return (self.T @ z.T).T

    @property
    def T(self) -> Transposed:
        return Transposed(self)

    def scaled(self, rows: Array, columns: Array) -> BorderedRows:
        """diag(rows) M diag(columns)."""
        near, far = columns[self.layout.near], columns[self.layout.far]
        local, dense = rows[self.layout.local], rows[self.layout.dense]
        side = local[:, None] * self.side * far
        return BorderedRows(
            self.inner.scaled(local, near), side, dense[:, None] * self.dense * columns, self.layout
        )

    def row_sizes(self) -> Array:
        local = jnp.maximum(self.inner.row_sizes(), _tallest(self.side.T))
        return _rows(self.layout, local, _tallest(self.dense.T))

    def column_sizes(self) -> Array:
        inner = _unknowns(self.layout, self.inner.column_sizes(), _tallest(self.side))
        return jnp.maximum(inner, _tallest(self.dense))

    def turned(self, turn: Callable[[Array], Array], rows: tuple[int, ...] | None = None) -> BorderedRows:
        """See `blocks.Rows.turned`."""
        old = self.layout
        new = old if rows is None else reordered(old, rows)
        local = jnp.concatenate([self.inner.local(), self.side], axis=1)
        kept = turn(_rows(old, local, jnp.zeros((old.dense.size, local.shape[1]), self.dtype)))[new.local]
        width = local.shape[1] - self.side.shape[1]
        inner = blocks.from_local(kept[:, :width], new.inner)
        if old.alone:  # each is multiplied by a number
            here = jnp.zeros((old.rows, 1), self.dtype).at[old.dense].set(1)
            origin = old.dense if rows is None else np.asarray(rows)[new.dense]
            dense = turn(here)[new.dense] * self.dense[np.searchsorted(old.dense, origin)]
        else:
            none = jnp.zeros((old.local.size, old.unknowns), self.dtype)
            dense = turn(_rows(old, none, self.dense))[new.dense]
        return BorderedRows(inner, kept[:, width:], dense, new)

    def gram(self, weights: Array, beside: Bordered) -> Bordered:
        """`beside` + M' diag(weights) M."""
        local, dense = weights[self.layout.local], weights[self.layout.dense]
        side, corner = beside.side, beside.corner
        if corner.size:
            heavy = local[:, None] * self.side
            side, corner = side + (self.inner.T @ heavy).T, corner + heavy.T @ self.side
        return Bordered(
            self.inner.gram(local, beside.inner),
            side,
            corner,
            jnp.concatenate([beside.rows, self.dense]),
            jnp.concatenate([beside.weights, dense]),
            beside.layout,
        )


@dataclass(frozen=True)
class Transposed:
    of: BorderedRows

    def __matmul__(self, z: Array) -> Array:
        """z [m] or [m, columns]."""
        layout = self.of.layout
        local = z[layout.local]
        found = self.of.inner.T @ local
        if layout.far.size:
            found = _unknowns(layout, found, self.of.side.T @ local)
        return found + self.of.dense.T @ z[layout.dense]


def square(P: Array, layout: Border) -> Bordered:
    """From the whole matrix [n, n]."""
    near, far = layout.near, layout.far
    inner = blocks.symmetric(P, layout.inner, near)
    none = jnp.zeros((0, layout.unknowns), P.dtype)
    side = P[far]
    return Bordered(inner, side[:, near], side[:, far], none, none[:, 0], layout)


def rows(parts: Sequence[Array], layout: Border) -> BorderedRows:
    """From matrices [., n] one below the other."""
    inner = blocks.rows(parts, layout.inner, layout.local, layout.near)
    every = np.arange(layout.unknowns)
    side, dense = (
        blocks.entries(parts, down[None], across[None])[0]
        for down, across in ((layout.local, layout.far), (layout.dense, every))
    )
    return BorderedRows(inner, side, dense, layout)


def _unknowns(layout: Border, near: Array, far: Array) -> Array:
    """[near, ...] and [c, ...] -> [n, ...]."""
    return _merged(near, far, layout.near, layout.far)


def _rows(layout: Border, local: Array, dense: Array) -> Array:
    """[local, ...] and [k, ...] -> [m, ...]."""
    return _merged(local, dense, layout.local, layout.dense)


def _merged(first: Array, second: Array, here: Index, there: Index) -> Array:
    if not there.size:
        return first
    order = np.argsort(np.concatenate([here, there]), kind="stable")
    both = jnp.concatenate([first, second])
    return both if (np.diff(order) == 1).all() else both[order.astype(np.int32)]


def _eliminated(layout: Border, factor: elimination.Factor, rhs: Array) -> Array:
    """T^-1 for columns [near, k]."""
    return blocks.flat(layout.inner, elimination.solve(factor, blocks.placed(layout.inner, rhs)))


def _tallest(matrix: Array) -> Array:
    """The largest entry of each column."""
    return jnp.max(jnp.abs(matrix), axis=0, initial=0)
