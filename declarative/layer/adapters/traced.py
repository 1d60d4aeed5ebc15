"""A traceable function, compiled on its first call, and how it is to be compiled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import jax

from declarative.layer.run import Result


class Traced:
    """`function(*arrays) -> Result`, with its compiled form; `wide` for solves in float64.

    It is traced once, however often it is called. `staged`: a function of the user's is being traced, in
    which nothing must be left but what the solve needs. Where a gradient is taken outside of `jit`, the
    compiled function must stay one call, or its transpose would run step by step.
    """

    def __init__(self, function: Callable[..., Result], wide: bool, staged: bool):
        self.function = function
        self.wide = wide
        self.staged = staged

    @cached_property
    def compiled(self) -> Callable[..., Result]:
        return jax.jit(self.function, inline=self.staged)

    def precision(self) -> AbstractContextManager[Any]:
        """float64 whatever JAX's flag says, where the solve needs it."""
        return jax.enable_x64(True) if self.wide and not jax.config.read("jax_enable_x64") else nullcontext()
