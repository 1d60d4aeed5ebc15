"""Vectors of all the cones' rows, in parts for each: sums, extremes and joined vectors of what the cones give."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.conic.cones.cone import Cone, Symmetric

Cones = tuple[Cone, ...]
T = TypeVar("T", Array, np.ndarray[Any, Any])


def split(cones: Cones, v: T) -> list[T]:
    return [v[start:stop] for start, stop in _ends(cones)]


def split_rows(cones: Cones, v: Array) -> list[Array]:
    """Each of the rows of v [k, rows]."""
    return [v[:, start:stop] for start, stop in _ends(cones)]


def _ends(cones: Cones) -> Iterator[tuple[int, int]]:
    return itertools.pairwise(np.cumsum([0, *(cone.rows for cone in cones)]).tolist())


def join(parts: list[Array], like: Array) -> Array:
    """`like` has the dtype and the trailing axes where there are no parts."""
    if len(parts) == 1:
        return parts[0]
    return jnp.concatenate(parts) if parts else jnp.zeros_like(like[:0])


def mapped(cones: Cones, method: Callable[..., Array], scalings: list[Any], *vectors: Array) -> Array:
    """`method(cone, scaling, part, ...)` of each cone, joined."""
    pieces = zip(*(split(cones, v) for v in vectors), strict=True)
    return join(
        [method(cone, scaling, *piece) for cone, scaling, piece in zip(cones, scalings, pieces, strict=True)],
        vectors[0],
    )


def inverse(cones: Cones, scalings: list[Any], v: Array) -> Array:
    """(H + delta)^-1 of the rows of v [k, rows]."""
    return _by_rows(cones, [cone.inverse for cone in cones], scalings, v)


def times(cones: tuple[Symmetric, ...], scalings: list[Any], v: Array) -> Array:
    """H + delta times the rows of v [k, rows]."""
    return _by_rows(cones, [cone.times for cone in cones], scalings, v)


def coloured(cones: tuple[Symmetric, ...], scalings: list[Any], v: Array) -> Array:
    """N'^-1 of the rows of v [k, rows], whose products are those with H + delta between."""
    return _by_rows(cones, [cone.coloured for cone in cones], scalings, v)


def _by_rows(cones: Cones, methods: list[Callable[..., Array]], scalings: list[Any], v: Array) -> Array:
    given = zip(methods, scalings, split_rows(cones, v), strict=True)
    parts = [method(scaling, part) for method, scaling, part in given]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)
