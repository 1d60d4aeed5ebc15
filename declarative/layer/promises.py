"""Promises on parameters (`psd`, `nonneg`, `in simplex`, ...) tested on the values of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from declarative import ir
from declarative.errors import ArgumentError, diagnostic
from declarative.layer.bind import Bound

Array = np.ndarray[Any, Any]
Test = Callable[[Array], Array]  # [..., core axes] -> how far from the promise, per element; 0 keeps it


def _largest(excess: Array, rank: int) -> Array:
    flat = excess.reshape(*excess.shape[: excess.ndim - rank], -1)
    return flat.max(axis=-1) if flat.shape[-1] else np.zeros(flat.shape[:-1])


def _scale(x: Array, rank: int) -> Array:
    return 1 + _largest(np.abs(x), rank)


def _asymmetry(x: Array) -> Array:
    return _largest(np.abs(x - np.swapaxes(x, -1, -2)), 2) / _scale(x, 2)


def _negativity(x: Array) -> Array:
    values = np.linalg.eigvalsh((x + np.swapaxes(x, -1, -2)) / 2)
    return -values.min(axis=-1, initial=0) / _scale(x, 2)


def tests(rank: int) -> Mapping[str, Test]:
    """Properties by name, for arrays with `rank` declared axes."""
    return {
        "nonneg": lambda x: _largest(np.maximum(-x, 0), rank),
        "nonpos": lambda x: _largest(np.maximum(x, 0), rank),
        "positive": lambda x: _largest(np.where(x > 0, 0.0, 1.0), rank),
        "negative": lambda x: _largest(np.where(x < 0, 0.0, 1.0), rank),
        "symmetric": _asymmetry,
        "skew": lambda x: _largest(np.abs(x + np.swapaxes(x, -1, -2)), 2) / _scale(x, 2),
        "diagonal": lambda x: _largest(np.abs(x * (1 - np.eye(x.shape[-1]))), 2),
        "psd": lambda x: np.maximum(_asymmetry(x), _negativity(x)),
        "pd": lambda x: np.maximum(_asymmetry(x), np.where(_smallest(x) > 0, 0.0, 1.0)),
        "simplex": lambda x: np.maximum(_largest(np.maximum(-x, 0), 1), np.abs(x.sum(-1) - 1)),
        "unit_interval": lambda x: _largest(np.maximum(-x, x - 1), rank),
        "sphere": lambda x: np.abs(np.linalg.norm(x, axis=-1) - 1),
        "monotone": lambda x: _largest(np.maximum(-np.diff(x), 0), 1),
        "birkhoff": lambda x: np.max(
            [_largest(np.maximum(-x, 0), 2), *(_largest(np.abs(x.sum(a) - 1), 1) for a in (-1, -2))], axis=0
        ),
        "stiefel": _departure_from_orthonormal,
        "SO": lambda x: np.maximum(_departure_from_orthonormal(x), np.abs(np.linalg.det(x) - 1)),
    }


def _smallest(x: Array) -> Array:
    return np.linalg.eigvalsh((x + np.swapaxes(x, -1, -2)) / 2).min(axis=-1)


def _departure_from_orthonormal(x: Array) -> Array:
    return _largest(np.abs(np.swapaxes(x, -1, -2) @ x - np.eye(x.shape[-1])), 2)


def check_promises(problem: ir.Problem, found: Mapping[str, Any], bound: Bound) -> None:
    """`ArgumentError` for the first promise that a value breaks."""
    for param in problem.params:
        if param.name not in found:
            continue
        value = found[param.name]
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        table = tests(len(param.type.shape))
        for promise in sorted(param.properties):
            if promise in table:
                _require(param, promise, table[promise](array), array)
        if param.within is not None:
            _check_set(param, param.within, array, table)


def _check_set(param: ir.Parameter, within: ir.Set, array: Array, table: Mapping[str, Test]) -> None:
    numbers = [arg.value for arg in within.args if isinstance(arg, ir.Const)]
    rank = len(param.type.shape)
    promise = within.span.text or within.name
    if within.name == "box" and len(numbers) == len(within.args) == 2:
        low, high = numbers
        _require(param, promise, _largest(np.maximum(low - array, array - high), rank), array)
    elif within.name == "ball" and len(numbers) == len(within.args) and numbers:
        order = numbers[1] if len(numbers) > 1 else 2
        _require(param, promise, np.linalg.norm(array, ord=order, axis=-1) - numbers[0], array)
    elif within.name in table:
        _require(param, promise, table[within.name](array), array)


def _require(param: ir.Parameter, promise: str, distance: Array, array: Array) -> None:
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(float)
    broken = np.argwhere(~(np.asarray(distance) <= np.sqrt(np.finfo(kind).eps)))  # NaN breaks it, too
    if not len(broken):
        return
    at = tuple(int(i) for i in broken[0])
    where = f" (element {at[0] if len(at) == 1 else at} of the batch)" if at else ""
    worst = float(np.max(distance))
    advice = f"it is off by {worst:.3g}" if np.isfinite(worst) else "it holds NaN"
    raise ArgumentError(
        diagnostic("D611", param.span, name=param.name, promise=promise, where=where, help=advice)
    )
