"""The function that gives a conic program's data, and the shapes of its arguments -> which of its rows see one unknown.

Of small programs, whose matrices are dense: what the rows of a cone see decides what the cone adds to an equation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from declarative.backends.jax.forms import Conic, Sparsity
from declarative.backends.jax.structure.pattern import pattern
from declarative.layer.contract import Params


class Observer:
    """Asks once for each signature of the parameters."""

    def __init__(self, data: Callable[[Params], Conic]):
        self._data = data
        self._found = functools.cache(self._observed)

    def __call__(self, p: Params) -> Sparsity:
        leaves, tree = jax.tree.flatten(p)
        return self._found(tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves))

    def _observed(self, tree: Any, leaves: tuple[tuple[tuple[int, ...], Any], ...]) -> Sparsity:
        found = pattern(
            self._data, jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
        )
        return sparsity(found.P, found.A)


def sparsity(P: np.ndarray[Any, Any], A: np.ndarray[Any, Any]) -> Sparsity:
    """Of matrices [n, n] and [m, n] of bool: which entries may differ from zero."""
    if not A.shape[1]:
        return Sparsity()
    single = np.where(A.sum(axis=1) == 1, A.argmax(axis=1), -1)
    return Sparsity(tuple(single.tolist()), bool(P.any()))
