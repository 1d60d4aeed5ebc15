"""`dc.nn.Layer`: a layer as an Equinox module that owns some of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.layer import learn as learning
from declarative.layer.layer import Layer as Core


class Layer(eqx.Module):
    """`Layer(layer, learn={"W": W0})` or `Layer(layer, learn=["W"], sizes={"n": 4})`.

    The learned parameters are the leaves `raw`; positive, nonneg, psd and symmetric ones stay so, since what
    is learned is a free value that is mapped onto them.
    """

    raw: dict[str, Array]
    layer: Core = eqx.field(static=True)

    def __init__(
        self, layer: Core, learn: learning.Learn = (), sizes: Mapping[str, int] | None = None, seed: int = 0
    ):
        owned, first = learning.learnable(layer, learn)
        known = {**learning.sizes_of_first(layer, first), **(sizes or {})}
        rng = np.random.default_rng(seed)
        self.layer = layer
        self.raw = {
            name: jnp.asarray(
                learning.raw_value(param, first[name])
                if name in first
                else learning.first_value(param, known, rng)
            )
            for name, param in owned.items()
        }

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the layer for the arguments that are not learned."""
        names = [p.name for p in self.layer.given if p.name not in self.raw]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        return self.layer(**given, **self.learned)

    @property
    def learned(self) -> dict[str, Array]:
        """The learned parameters as the layer sees them, their promises kept."""
        params = {p.name: p for p in self.layer.given}
        return {name: learning.constrained(params[name], raw, jnp) for name, raw in self.raw.items()}
