"""JAX and NumPy arrays through a compiled function; inside a transformation both stay traced."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from declarative.layer.adapters.traced import Traced
from declarative.layer.run import Result


def call_jax(traced: Traced, arrays: list[Any]) -> Result:
    with traced.precision():
        return traced.compiled(*arrays)


def call_numpy(traced: Traced, arrays: list[Any]) -> Result:
    return jax.tree.map(_numpy, call_jax(traced, arrays))


def _numpy(value: Any) -> Any:
    """A NumPy array, or a NumPy number where there is no axis."""
    return value if isinstance(value, jax.core.Tracer) else np.array(value)[()]
