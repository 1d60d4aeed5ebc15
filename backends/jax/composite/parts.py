"""What stands beside the smooth function for each unknown, by the names of `analyse.facts.Part`."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.composite.pivots import Kinks

INF = float("inf")


class Part(NamedTuple):
    name: str
    size: int
    args: tuple[Any, ...] = ()
    shift: Any = 0.0

    @property
    def still(self) -> bool:
        """Whether no parameter moves its kinks."""
        static = isinstance(self.shift, float) and self.shift == 0
        return static and (
            self.name in ("free", "nonneg") or (self.name == "soft_threshold" and len(self.args) == 1)
        )


def kinks_of(parts: tuple[Part, ...], dtype: jnp.dtype) -> Kinks:
    """Of parts that are all entry by entry, in the order of the flat unknowns."""
    columns = [_kinks(part, dtype) for part in parts]
    return Kinks(*(jnp.concatenate(rows) for rows in zip(*columns, strict=True)))


def _kinks(part: Part, dtype: jnp.dtype) -> tuple[Array, ...]:
    weight, lower, upper = 0.0, -INF, INF
    match part.name, part.args:
        case "nonneg", _:
            lower = 0.0
        case "box", (lower, upper):
            pass
        case "soft_threshold", (weight,):
            pass
        case "soft_threshold", (weight, lower, upper):
            pass

    def filled(value: Any) -> Array:
        return jnp.broadcast_to(jnp.ravel(jnp.asarray(value)).astype(dtype), (part.size,))

    return tuple(map(filled, (weight, lower, upper, part.shift)))
