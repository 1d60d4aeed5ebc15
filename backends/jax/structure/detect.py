"""The function that gives a program's data, and the shapes of its arguments -> how its unknowns fall into blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from declarative.backends.jax.forms import Cones, Quadratic
from declarative.backends.jax.structure.blocks import Layout, layout
from declarative.backends.jax.structure.partition import (
    iteration_cost,
    partition,
    pivoting_cost,
    worthwhile,
)
from declarative.backends.jax.structure.pattern import pattern
from declarative.layer.contract import Params


class Detector:
    """Asks once for each signature of the parameters."""

    def __init__(self, data: Callable[[Params], Any]):
        self._data = data
        self._found = functools.cache(self._detected)

    def __call__(self, p: Params) -> Layout | None:
        """None where dense matrices are cheaper."""
        leaves, tree = jax.tree.flatten(p)
        return self._found(tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves))

    def describe(self, p: Params) -> str:
        """In words: dense matrices, or blocks."""
        found = self(p)
        if found is None:
            return "dense"
        return f"block-tridiagonal, {found.count} blocks of {found.size}"

    def _detected(self, tree: Any, leaves: tuple[tuple[tuple[int, ...], Any], ...]) -> Layout | None:
        p = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
        shapes = jax.eval_shape(self._data, p)
        dense = _dense(shapes)
        if not worthwhile(dense):
            return None
        found = pattern(self._data, p)
        E, cones = _rows(found)
        split = partition(found.P, E, dense, cones)
        return None if split is None else layout(split, E, cones)


def _dense(data: Any) -> float:
    n, m = data.q.shape[0], sum(side.shape[0] for side in _sides(data))
    return pivoting_cost(n, m) if isinstance(data, Quadratic) else iteration_cost(n, m)


def _sides(data: Any) -> tuple[Any, ...]:
    return (data.A, data.G) if isinstance(data, Quadratic) else (data.A,)


def _rows(data: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """All rows, and for each the number of its cone, where that has others."""
    if isinstance(data, Quadratic):
        return np.concatenate(_sides(data)), None
    cones: Cones = data.cones
    triangles = [order * (order + 1) // 2 for order in cones.psd]
    sizes = [1] * (cones.zero + cones.nonneg) + [*cones.soc, *triangles] + [3] * (cones.exp + cones.power)
    return data.A, np.repeat(np.arange(len(sizes)), sizes)
