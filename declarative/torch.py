"""`dc.torch.Layer`: a layer as a PyTorch module that owns some of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from declarative.layer import learn as learning
from declarative.layer.layer import Layer as Core


class Layer(torch.nn.Module):
    """`Layer(layer, learn=["W", "b"])`: the named parameters are learned, the others are arguments.

    `learn` may map names to first values. Other shapes come from `sizes` or from the first call. Positive,
    nonneg, psd and symmetric parameters stay so: what is learned is a free value that is mapped onto them.
    """

    def __init__(
        self, layer: Core, learn: learning.Learn = (), sizes: Mapping[str, int] | None = None, seed: int = 0
    ):
        super().__init__()
        self.layer = layer
        self._owned, self._first = learning.learnable(layer, learn)
        self._sizes = dict(sizes or {})
        self._rng = np.random.default_rng(seed)
        for name in self._owned:
            self.register_parameter(name, None)
        known = {**learning.sizes_of_first(layer, self._first), **self._sizes}
        self._make(known, partly=True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of the layer for the arguments that are not learned."""
        if any(getattr(self, name) is None for name in self._owned):
            found = learning.sizes_of(self.layer, self._first, args, kwargs, self._owned)
            like = next((a for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor)), None)
            self._make({**self._sizes, **found}, partly=False, like=like)
        names = [p.name for p in self.layer.given if p.name not in self._owned]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        return self.layer(**given, **self.parameters_of_layer())

    def parameters_of_layer(self) -> dict[str, torch.Tensor]:
        """The learned parameters as the layer sees them, their promises kept."""
        return {
            name: learning.constrained(param, getattr(self, name), torch)
            for name, param in self._owned.items()
        }

    def _make(self, sizes: Mapping[str, int], partly: bool, like: torch.Tensor | None = None) -> None:
        for name, param in self._owned.items():
            if getattr(self, name) is not None:
                continue
            if name in self._first:
                raw = learning.raw_value(param, self._first[name])
            elif partly and any(dim.names - sizes.keys() for dim in param.type.shape):
                continue
            else:
                raw = learning.first_value(param, sizes, self._rng)
            given = self._first.get(name)
            model = given if isinstance(given, torch.Tensor) else like
            dtype = model.dtype if model is not None else torch.get_default_dtype()
            dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
            value = torch.as_tensor(raw, dtype=dtype, device=None if model is None else model.device)
            setattr(self, name, torch.nn.Parameter(value))

    def extra_repr(self) -> str:
        return f"{self.layer.signature}, learn={list(self._owned)}"
