"""A traceable function, compiled on its first call, and whether it needs float64."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import jax

from declarative.layer.run import Result


class Traced:
    """`function(*arrays) -> Result`, with its compiled form; `wide` for solves in float64."""

    def __init__(self, function: Callable[..., Result], wide: bool):
        self.function = function
        self.wide = wide

    @cached_property
    def compiled(self) -> Callable[..., Result]:
        return jax.jit(self.function)

    def precision(self) -> AbstractContextManager[Any]:
        """float64 whatever JAX's flag says, where the solve needs it."""
        return jax.enable_x64(True) if self.wide and not jax.config.read("jax_enable_x64") else nullcontext()
