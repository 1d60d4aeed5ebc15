"""A function of many small operations -> the same function as one kernel on the CPU.

XLA starts each operation of a program by itself, for some 50 nanoseconds: more than a vector of a
hundred entries takes to compute. A call that carries these two attributes is compiled as a whole, as
XLA does of its own accord with loops on a kilobyte of data. It may hold loops, reductions and
elementwise operations, but no product, sort or factorisation, which XLA refuses to compile there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from declarative.layer.devices import by_platform

F = TypeVar("F", bound=Callable[..., Any])

KNOWN = jax.__version_info__ < (0, 13)
"""Whether this was tried with the installed JAX: the attributes are XLA's own and may change."""


def one_kernel(function: F) -> F:
    """Arguments and results are arrays, or trees of them."""
    compiled = jax.jit(function)
    plain = jax.jit(function, inline=True)

    def whole(*args: Any) -> Any:
        return set_xla_metadata(compiled(*args), inlineable="false", xla_cpu_small_call="true")

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return by_platform(*args, cpu=whole if KNOWN else plain, default=plain)

    return call  # type: ignore[return-value]
