"""Two forms of a computation, for CPUs and for accelerators -> the one that is needed, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array, lax


def by_platform(*operands: Array, cpu: Callable[..., Any], default: Callable[..., Any]) -> Any:
    """`lax.platform_dependent`; but where JAX knows nothing but CPUs the other form is not even traced, which
    would take longer than tracing all the rest."""
    if jax.default_backend() == "cpu" and jax.config.values["jax_platforms"] in (None, "", "cpu"):
        return cpu(*operands)
    return lax.platform_dependent(*operands, cpu=cpu, default=default)
