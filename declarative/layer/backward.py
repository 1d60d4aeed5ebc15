"""Ways to differentiate a solve: the implicit rule, or an approximation where the engine offers it."""

from __future__ import annotations

from collections.abc import Callable

from jax import Array

from declarative.layer import implicit
from declarative.layer.contract import Params, Root, Solver, SolveOptions
from declarative.layer.options import Backward


def differentiable(
    way: Backward, solver: Solver, options: SolveOptions, keep_failed: bool
) -> Callable[[Params, Array | None], Root]:
    """`(p, start) -> Root` for one element, differentiable in p in the chosen way."""
    return implicit.differentiable(solver, options, keep_failed)
