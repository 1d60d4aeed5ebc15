"""JAX, NumPy and PyTorch in and out: each adapter calls one traceable function with its own arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from declarative.layer.adapters.traced import Traced as Traced
from declarative.layer.batches import Padding
from declarative.layer.run import Result
from declarative.layer.values import Kind

Adapter = Callable[[Traced, list[Any], Padding | None], Result]


def adapter(kind: Kind) -> Adapter:
    """The adapter of a kind; the one of PyTorch is imported only when a tensor comes."""
    if kind == "torch":
        from declarative.layer.adapters import torch as chosen

        return chosen.call
    from declarative.layer.adapters import arrays

    return arrays.call_numpy if kind == "numpy" else arrays.call_jax
