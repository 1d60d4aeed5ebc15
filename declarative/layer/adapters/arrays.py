"""JAX and NumPy arrays through a compiled function; inside a transformation both stay traced."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from declarative.layer.adapters.traced import Traced
from declarative.layer.batches import Padding
from declarative.layer.run import Result


def call_jax(traced: Traced, arrays: list[Any], padding: Padding | None) -> Result:
    with traced.precision():
        if padding is None:
            return traced.compiled(*arrays)
        result = traced.compiled(*padding.fill(arrays, lengthened))
        return Result(*jax.tree.map(lambda value: _shortened(value, padding.size), tuple(result)))


def call_numpy(traced: Traced, arrays: list[Any], padding: Padding | None) -> Result:
    with traced.precision():
        result = traced.compiled(*(arrays if padding is None else padding.fill(arrays, lengthened)))
    size = None if padding is None else padding.size
    return jax.tree.map(lambda value: _numpy(value, size), result)


def lengthened(array: Any, extra: int) -> Any:
    """The array with its last element repeated; on the CPU by NumPy, which has nothing to compile."""
    if _on_host(array):
        host = np.asarray(array)
        return _placed(np.concatenate([host, np.repeat(host[-1:], extra, axis=0)]), array)
    return jnp.concatenate([array, jnp.repeat(array[-1:], extra, axis=0)])


def _shortened(array: jax.Array, size: int) -> jax.Array:
    if not _on_host(array):
        return array[:size]
    return _placed(jax.device_put(np.asarray(array)[:size]), array)


def _placed(array: Any, like: Any) -> Any:
    """On the device that the user chose for `like`, if any."""
    chosen = isinstance(like, jax.Array) and like.committed
    return jax.device_put(array, like.sharding) if chosen else array


def _on_host(array: Any) -> bool:
    return not isinstance(array, jax.Array) or next(iter(array.devices())).platform == "cpu"


def _numpy(value: Any, size: int | None) -> Any:
    """A NumPy array, or a NumPy number where there is no axis."""
    if isinstance(value, jax.core.Tracer):
        return value
    return np.array(value)[()] if size is None else np.array(np.asarray(value)[:size])
