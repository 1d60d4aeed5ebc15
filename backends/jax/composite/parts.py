"""What stands beside the smooth function for each unknown, by the names of `analyse.facts.Part`.

Some parts are kinks entry by entry: of the entries of the unknown, or of its first entry and its differences.
For the others there is a proximal map, in the two steps of `projections.py`: a case, then a smooth formula.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.composite.pivots import Kinks
from declarative.backends.jax.proximal import MAPS

INF = float("inf")
ENTRYWISE = frozenset({"free", "nonneg", "box", "soft_threshold", "fused_threshold"})
THRESHOLDS = frozenset({"soft_threshold", "group_threshold", "singular_threshold"})
"""Functions, whose first argument the step multiplies; the others are sets."""
WEIGHTED = THRESHOLDS | {"fused_threshold"}
"""Functions with a weight, which is the first argument."""


class Part(NamedTuple):
    name: str
    size: int
    args: tuple[Any, ...] = ()
    shift: Any = 0.0

    @property
    def still(self) -> bool:
        """Whether no parameter moves its kinks."""
        fixed = {"free": True, "nonneg": True, "fused_threshold": True, "soft_threshold": len(self.args) == 1}
        return isinstance(self.shift, float) and self.shift == 0 and fixed.get(self.name, False)


class Parts(NamedTuple):
    """In the order of the flat unknowns."""

    each: tuple[Part, ...]

    @property
    def entrywise(self) -> bool:
        return all(part.name in ENTRYWISE for part in self.each)

    @property
    def still(self) -> bool:
        return all(part.still for part in self.each)

    def split(self, z: Array) -> list[Array]:
        return jnp.split(z, np.cumsum([part.size for part in self.each])[:-1])

    # ---- kinks entry by entry -----------------------------------------------------------------

    def kinks(self, dtype: jnp.dtype) -> Kinks:
        columns = [_kinks(part, dtype) for part in self.each]
        return Kinks(*(jnp.concatenate(rows) for rows in zip(*columns, strict=True)))

    @property
    def straight(self) -> bool:
        """Whether the kinks are those of the entries themselves."""
        return all(part.name != "fused_threshold" for part in self.each)

    def taken_apart(self, z: Array) -> Array:
        """The numbers that have kinks: the entries, or the first one and the differences."""
        return self._each(z, lambda v: jnp.diff(v, prepend=0))

    def put_together(self, w: Array) -> Array:
        """The inverse of `taken_apart`."""
        return self._each(w, jnp.cumsum)

    def pulled(self, slope: Array) -> Array:
        """The transpose of `put_together`."""
        return self._each(slope, lambda v: jnp.cumsum(v[::-1])[::-1])

    def _each(self, z: Array, change: Any) -> Array:
        if self.straight:
            return z
        pieces = zip(self.each, self.split(z), strict=True)
        return jnp.concatenate([change(v) if part.name == "fused_threshold" else v for part, v in pieces])

    # ---- proximal maps ------------------------------------------------------------------------

    def prox(self, v: Array, step: Array) -> Array:
        return self.formula(v, self.case(v, step), step)

    def case(self, v: Array, step: Array) -> tuple[Any, ...]:
        return tuple(
            MAPS[part.name].case(u - _flat(part.shift), _stepped(part, step))
            for part, u in zip(self.each, self.split(v), strict=True)
        )

    def formula(self, v: Array, case: tuple[Any, ...], step: Array) -> Array:
        """The proximal map, smooth where the case stays."""
        return jnp.concatenate(
            [
                _flat(part.shift) + MAPS[part.name].formula(u - _flat(part.shift), c, _stepped(part, step))
                for part, u, c in zip(self.each, self.split(v), case, strict=True)
            ]
        )

    def edge(self, v: Array, case: tuple[Any, ...], step: Array, tol: Array) -> Array:
        """Whether v lies on the border of two cases."""
        pieces = zip(self.each, self.split(v), case, strict=True)
        found = [
            MAPS[part.name].edge(u - _flat(part.shift), c, _stepped(part, step), tol) for part, u, c in pieces
        ]
        return jnp.any(jnp.stack(found))

    @property
    def concave(self) -> Array:
        """Whether a weight is negative."""
        weighted = [part.args[0] for part in self.each if part.name in WEIGHTED]
        return jnp.any(jnp.stack([jnp.any(jnp.asarray(weight) < 0) for weight in (0.0, *weighted)]))

    @property
    def empty(self) -> Array:
        """Whether a set has no point, or a weight is negative."""
        return jnp.any(jnp.stack([jnp.any(MAPS[part.name].empty(part.args)) for part in self.each]))


def _flat(shift: Any) -> Any:
    return jnp.ravel(shift) if isinstance(shift, Array) and shift.ndim > 1 else shift


def _stepped(part: Part, step: Array) -> tuple[Any, ...]:
    if part.name not in THRESHOLDS:
        return part.args
    return (step * part.args[0], *part.args[1:])


def _kinks(part: Part, dtype: jnp.dtype) -> tuple[Array, ...]:
    weight: Any = 0.0
    lower, upper = -INF, INF
    match part.name, part.args:
        case "nonneg", _:
            lower = 0.0
        case "box", (lower, upper):
            pass
        case "soft_threshold", (weight,):
            pass
        case "fused_threshold", (weight,):
            weight = jnp.where(jnp.arange(part.size) == 0, 0, weight)
        case "soft_threshold", (weight, lower, upper):
            pass

    def filled(value: Any) -> Array:
        return jnp.broadcast_to(jnp.ravel(jnp.asarray(value)).astype(dtype), (part.size,))

    return tuple(map(filled, (weight, lower, upper, part.shift)))
