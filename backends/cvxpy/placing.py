"""Tensors that are linear in parameters -> JAX functions of the parameters, by slices and padding where possible.

No array of size parameters x data is made, and what does not depend on a parameter stays constant: a batch
shares it. Gathers and scatters, some 40 ns an entry on the CPU, remain for irregular places only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from declarative.backends.cvxpy.cones import Matrix, Vector
from declarative.backends.cvxpy.stuffing import Indices, Tensor

Shape = tuple[int, int]
Step = Callable[[Array], Array]

DENSE = 8
"""A matrix that has one entry in so many is multiplied as a dense one."""


@dataclass(frozen=True, eq=False)
class Source:
    """One array that entries are taken from: a parameter, its logarithm, or its symmetric part."""

    param: int
    shape: tuple[int, ...]
    log: bool = False
    symmetric: bool = False

    def of(self, params: tuple[Any, ...], kind: Any) -> Array:
        value = jnp.asarray(params[self.param]).astype(kind)
        if self.symmetric:
            value = (value + jnp.swapaxes(value, -1, -2)) / 2
        return jnp.log(value) if self.log else value

    @property
    def same(self) -> Indices:
        """For each entry the number of the first one that is equal to it."""
        grid = np.arange(int(np.prod(self.shape))).reshape(self.shape)
        return np.ravel(np.minimum(grid, np.swapaxes(grid, -1, -2)) if self.symmetric else grid)


@dataclass(frozen=True, eq=False)
class Affine:
    """`constant + sum of place(pick(source))`, of one shape."""

    constant: Matrix
    terms: tuple[tuple[int, Step, Step], ...]  # place among the sources, pick, place

    def __call__(self, sources: list[Array], kind: Any) -> Array:
        total = jnp.asarray(self.constant, kind)
        for source, pick, place in self.terms:
            total = total + place(pick(sources[source]))
        return total


def affine(tensor: Tensor, sources: list[Source], of: Indices, entry: Indices) -> Affine:
    """`of` and `entry` tell for each of the tensor's parameters which entry of which source it is.

    Parameters from `of.size` on are the 1 that stands for constants.
    """
    still = tensor.params >= of.size
    constant = np.zeros(tensor.shape)
    np.add.at(constant, (tensor.rows[still], tensor.columns[still]), tensor.factors[still])
    moving = ~still
    places = tensor.rows[moving] * tensor.shape[1] + tensor.columns[moving]
    params, factors = tensor.params[moving], tensor.factors[moving]
    terms = []
    for number, source in enumerate(sources):
        mine = of[params] == number
        if mine.any():
            found = _merged(places[mine], source.same[entry[params[mine]]], factors[mine])
            terms += [(number, *step) for step in _steps(*found, source, tensor.shape)]
    return Affine(constant, tuple(terms))


def _merged(places: Indices, entries: Indices, factors: Vector) -> tuple[Indices, Indices, Vector]:
    """In the order of places, each pair once."""
    pairs, inverse = np.unique(np.stack([places, entries]), axis=1, return_inverse=True)
    total = np.zeros(pairs.shape[1])
    np.add.at(total, np.ravel(inverse), factors)
    kept = total != 0
    return pairs[0, kept], pairs[1, kept], total[kept]


def _steps(
    places: Indices, entries: Indices, factors: Vector, source: Source, shape: Shape
) -> list[tuple[Step, Step]]:
    where, number = np.unique(places, return_inverse=True)
    if where.size == places.size:
        return [(_picked(entries, factors, source), _placed(where, shape))]
    used, column = np.unique(entries, return_inverse=True)
    if where.size * used.size <= DENSE * places.size:
        matrix, pick = np.zeros((where.size, used.size)), _picked(used, np.ones(used.size), source)
        matrix[number, column] = factors
        return [(lambda x: jnp.asarray(matrix, x.dtype) @ pick(x), _placed(where, shape))]
    size, index = shape[0] * shape[1], np.asarray(places, np.int32)
    return [
        (
            _picked(entries, factors, source),
            lambda v: jnp.zeros(size, v.dtype).at[index].add(v).reshape(shape),
        )
    ]


def _picked(entries: Indices, factors: Vector, source: Source) -> Step:
    """The entries of a source, times their factors, as a vector."""
    same, index = source.same, np.asarray(entries, np.int32)  # which both of JAX's precisions take
    straight = np.array_equal(entries, same)
    turned = np.array_equal(entries, np.ravel(same.reshape(source.shape).T))
    scale: Any = factors[0] if np.all(factors == factors[0]) else factors

    def pick(x: Array) -> Array:
        taken = jnp.ravel(x) if straight else jnp.ravel(x.T) if turned else jnp.ravel(x)[index]
        return taken if np.all(scale == 1) else jnp.asarray(scale, x.dtype) * taken

    return pick


def _placed(where: Indices, shape: Shape) -> Step:
    """A vector at these places, in their order, of a matrix of zeros."""
    size, index = shape[0] * shape[1], np.asarray(where, np.int32)
    rows, columns = np.unique(where // shape[1]), np.unique(where % shape[1])
    whole = np.array_equal(where, np.ravel(rows[:, None] * shape[1] + columns))
    down, across, along = _stride(rows, shape[0]), _stride(columns, shape[1]), _stride(where, size)

    def place(v: Array) -> Array:
        zero = jnp.zeros((), v.dtype)
        if whole and down is not None and across is not None:
            return lax.pad(v.reshape(rows.size, columns.size), zero, (down, across))
        if along is not None:
            return lax.pad(v, zero, (along,)).reshape(shape)
        empty = jnp.zeros(size, v.dtype)
        return empty.at[index].set(v, unique_indices=True, indices_are_sorted=True).reshape(shape)

    return place


def _stride(places: Indices, length: int) -> tuple[int, int, int] | None:
    """What `lax.pad` wants, where the places are evenly spaced."""
    steps = np.unique(np.diff(places))
    if steps.size > 1:
        return None
    step = int(steps[0]) if steps.size else 1
    return int(places[0]), int(length - 1 - places[-1]), step - 1
