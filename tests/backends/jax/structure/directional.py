"""A solver and its parameters -> a number made of its solution, with two derivatives along a direction."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable


def two_orders(solver: Any, p: Any) -> Any:
    """Value, slope in reverse, and bend forward over reverse, along cosines in all parameters."""
    direction = jax.tree.map(
        lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape), p
    )
    solve = differentiable(solver, SolveOptions())

    def value(t: Any) -> Any:
        y = solve(jax.tree.map(lambda leaf, d: leaf + t * d, p, direction), None).y
        return jnp.concatenate(y) @ jnp.sin(jnp.arange(sum(map(len, y))) + 1.0)

    return jax.jit(lambda t: (value(t), jax.grad(value)(t), jax.jacfwd(jax.grad(value))(t)))(0.0)
