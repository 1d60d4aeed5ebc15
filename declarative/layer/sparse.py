"""Sparse matrices as arguments: a pattern, which is structure, and its entries, which are data.

`scipy.sparse` matrices and `jax.experimental.sparse.BCOO` come in; programs see a `Sparse`, which knows
products, sums of them, multiples and its transpose. What needs more is given the dense matrix instead.
"""

from __future__ import annotations

import sys
from functools import cached_property
from hashlib import sha256
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Indices = np.ndarray[Any, np.dtype[np.int32]]


class Pattern:
    """Where the entries of a matrix stand. Two patterns are one if they are alike: a part of compilations' keys."""

    def __init__(self, rows: Any, columns: Any, shape: tuple[int, ...]):
        self.rows: Indices = np.ascontiguousarray(rows, np.int32)
        self.columns: Indices = np.ascontiguousarray(columns, np.int32)
        self.shape = int(shape[0]), int(shape[1])

    @cached_property
    def key(self) -> tuple[Any, ...]:
        return self.shape, sha256(self.rows.tobytes() + self.columns.tobytes()).digest()

    @cached_property
    def transposed(self) -> Pattern:
        return Pattern(self.columns, self.rows, self.shape[::-1])

    @cached_property
    def sorted(self) -> bool:
        return bool(np.all(self.rows[1:] >= self.rows[:-1]))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Pattern) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)


@jax.tree_util.register_pytree_node_class
class Sparse:
    """A matrix [m, n] with entries `data` [nnz] at the places of `pattern`; repeated places add."""

    __array_priority__ = 200  # NumPy leaves `x @ A` to it

    def __init__(self, data: Any, pattern: Pattern):
        self.data, self.pattern = data, pattern

    def tree_flatten(self) -> tuple[tuple[Any], Pattern]:
        return (self.data,), self.pattern

    @classmethod
    def tree_unflatten(cls, pattern: Pattern, data: Any) -> Sparse:
        return cls(data[0], pattern)

    @property
    def shape(self) -> tuple[int, int]:
        return self.pattern.shape

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def T(self) -> Sparse:
        return Sparse(self.data, self.pattern.transposed)

    def __matmul__(self, x: Any) -> Any:
        """Times a vector [n] or a matrix [n, k]."""
        if isinstance(x, Sparse):
            return self @ x.dense()
        x = jnp.asarray(x)
        # Unsigned: indices that cannot be negative need no wrapping around.
        picked = x.at[self.pattern.columns.astype(np.uint32)].get(mode="promise_in_bounds")
        weights = self.data if x.ndim == 1 else self.data[:, None]
        return jax.ops.segment_sum(
            weights * picked,
            self.pattern.rows.astype(np.uint32),
            self.shape[0],
            indices_are_sorted=self.pattern.sorted,
            mode="promise_in_bounds",
        )

    def __rmatmul__(self, x: Any) -> Any:
        return (self.T @ jnp.asarray(x).T).T

    def __neg__(self) -> Sparse:
        return Sparse(-self.data, self.pattern)

    def __mul__(self, number: Any) -> Sparse:
        return Sparse(self.data * number, self.pattern)

    __rmul__ = __mul__

    def __truediv__(self, number: Any) -> Sparse:
        return Sparse(self.data / number, self.pattern)

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """All entries, where `data` [..., nnz] is an array of NumPy."""
        whole = np.zeros((*self.data.shape[:-1], *self.shape), self.data.dtype)
        places: Any = (..., self.pattern.rows, self.pattern.columns)
        np.add.at(whole, places, self.data)
        return whole

    def dense(self) -> Array:
        """All entries, where `data` [..., nnz] is an array of JAX."""
        whole = jnp.zeros((*self.data.shape[:-1], *self.shape), self.data.dtype)
        return whole.at[..., self.pattern.rows, self.pattern.columns].add(self.data)


def read(value: Any) -> Sparse | None:
    """The matrix of an argument, with NumPy or JAX entries; None if it is no sparse matrix.

    Raises `TypeError` where the places of the entries are traced: they are structure.
    """
    if isinstance(value, Sparse):
        return value
    name = type(value).__module__.partition(".")[0]
    if name == "scipy" and "scipy.sparse" in sys.modules and sys.modules["scipy.sparse"].issparse(value):
        if value.ndim != 2:
            return None
        matrix = value.tocsr(copy=True)
        matrix.sum_duplicates()
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return Sparse(matrix.data, Pattern(rows, matrix.indices, matrix.shape))
    if name == "jax" and type(value).__name__ == "BCOO":
        if isinstance(value.indices, jax.core.Tracer):
            raise TypeError("the places of its entries are traced")
        if value.n_sparse != 2 or value.n_dense or value.indices.ndim != 2:
            return None
        # Padding stands outside of the matrix.
        indices = np.asarray(value.indices)
        inside = (indices < np.array(value.shape[-2:])).all(axis=1)
        data = value.data if inside.all() else value.data[..., np.flatnonzero(inside)]
        rows, columns = indices[inside].T
        return Sparse(data, Pattern(rows, columns, value.shape[-2:]))
    return None
