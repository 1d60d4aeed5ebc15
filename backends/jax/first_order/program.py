"""Functions of the unknowns, affine or quadratic -> a program whose matrices are functions; and its residual.

minimise 1/2 x'Px + q'x   subject to   E x = d in the first `equalities` rows, E x <= d in the others,
                                       lower <= x <= upper
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

Linear = Callable[[Array], Array]


@dataclass(frozen=True)
class Program:
    """`curve` is None where P is zero. Rows that bound nothing (d = +inf) are zero rows with d = 1."""

    curve: Linear | None  # x [n] -> P x
    rows: Linear  # x [n] -> E x [k]
    back: Linear  # y [k] -> E'y
    q: Array  # [n]
    d: Array  # [k]
    lower: Array  # [n], may be -inf
    upper: Array  # [n], may be +inf
    equalities: int

    @property
    def inequality(self) -> Array:
        return jnp.arange(self.d.size) >= self.equalities

    def slope(self, x: Array, y: Array) -> Array:
        """Px + q + E'y, at an optimum the pull against the bounds."""
        pull = self.q + self.back(y)
        return pull if self.curve is None else pull + self.curve(x)


def program(
    rows: Callable[[Array], Array],
    equalities: int,
    cost: Callable[[Array], Array],
    linear: bool,
    lower: Array,
    upper: Array,
) -> Program:
    """`rows` is to be zero in the first `equalities` entries, at most zero in the others, where -inf stands for an
    absent row. `linear`: the cost has no curvature."""
    zero = jnp.zeros_like(lower)
    offset, product = jax.linearize(rows, zero)
    present = jnp.isfinite(offset)
    kept = lambda x: jnp.where(present, product(x), 0)  # noqa: E731
    transposed = jax.linear_transpose(kept, zero)
    q, curve = jax.linearize(jax.grad(cost), zero)
    d = jnp.where(present, -offset, 1)
    return Program(
        None if linear else curve, kept, lambda y: transposed(y)[0], q, d, lower, upper, equalities
    )
