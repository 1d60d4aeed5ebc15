"""The function that gives a program's data, and the shapes of its arguments -> how its unknowns fall into blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from declarative.backends.jax.forms import Cones, Curvature, Quadratic
from declarative.backends.jax.structure import border, matrix
from declarative.backends.jax.structure.border import Border
from declarative.backends.jax.structure.matrix import Layout, Square
from declarative.backends.jax.structure.partition import (
    iteration_cost,
    partition,
    pivoting_cost,
    worthwhile,
)
from declarative.backends.jax.structure.pattern import pattern
from declarative.layer.contract import Params


class Found(NamedTuple):
    """Where the rows of a program stand, and those of its curvature, if it is given by rows."""

    rows: Layout
    cost: float
    """Operations of a solve."""
    curvature: Layout | None = None


class Detector:
    """Asks once for each signature of the parameters. `curvature` gives P of the data by rows."""

    def __init__(self, data: Callable[[Params], Any], curvature: Callable[[Params], Curvature] | None = None):
        self._data, self._curvature = data, curvature
        self._found = functools.cache(self._detected)

    def __call__(self, p: Params) -> Found | None:
        """None where dense matrices are cheaper."""
        leaves, tree = jax.tree.flatten(p)
        return self._found(tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves))

    def square(self, p: Params) -> Square:
        """P in its blocks, for parameters for which these are found."""
        found = self(p)
        assert found is not None
        if found.curvature is None:
            return matrix.square(self._data(p).P, found.rows)
        assert self._curvature is not None
        rest, rows, weights = self._curvature(p)
        return matrix.gram(matrix.square(rest, found.rows), matrix.rows((rows,), found.curvature), weights)

    def describe(self, p: Params) -> str:
        """In words: dense matrices, or blocks and what stands beside them."""
        found = self(p)
        if found is None:
            return "dense"
        layout = found.rows
        inner = layout.inner if isinstance(layout, Border) else layout
        kind = "block-tridiagonal" if inner.linked else "block-diagonal"
        words = "diagonal" if inner.diagonal else f"{kind}, {inner.count} blocks of {inner.size}"
        if isinstance(layout, Border):
            sides = [side for side in (layout, found.curvature) if isinstance(side, Border)]
            rows, columns = sum(side.dense.size for side in sides), layout.far.size
            beside = [_counted(rows, "dense row"), _counted(columns, "dense column")]
            words += ", beside " + " and ".join(filter(None, beside))
        return words

    def operations(self, p: Params) -> float:
        """Of a solve, in blocks or by dense matrices."""
        found = self(p)
        return _dense(jax.eval_shape(self._data, p)) if found is None else found.cost

    def _detected(self, tree: Any, leaves: tuple[tuple[tuple[int, ...], Any], ...]) -> Found | None:
        p = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
        shapes = jax.eval_shape(self._data, p)
        dense = _dense(shapes)
        if not worthwhile(dense):
            return None
        if self._curvature is None:
            found = pattern(self._data, p)
            E, cones = _rows(found)
            split = partition(found.P, E, dense, cones)
            return None if split is None else Found(border.layout(split, E, cones), split.cost)
        curvature = self._curvature
        found, (rest, rows, _) = pattern(lambda p: (self._data(p), curvature(p)), p)
        E, cones = _rows(found)
        m, k = len(E), len(rows)
        apart = (np.arange(m) if cones is None else cones, m + np.arange(k))
        split = partition(rest, np.concatenate([E, rows]), dense, np.concatenate(apart))
        if split is None:
            return None
        layout = border.layout(split, E, cones, [row for row in split.dense if row < m])
        dense_rows = [row - m for row in split.dense if row >= m]
        apart_rows = border.layout(split, rows, None, dense_rows) if dense_rows else None
        return Found(layout, split.cost, apart_rows)


def _counted(number: int, noun: str) -> str:
    return "" if not number else f"{number} {noun}" + "s" * (number > 1)


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
