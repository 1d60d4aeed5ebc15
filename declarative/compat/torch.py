"""`from declarative.compat.torch import CvxpyLayer`, where `from cvxpylayers.torch import CvxpyLayer` was."""

from __future__ import annotations

from typing import Any

import torch

from declarative.compat.layer import CvxpyLayer as Core
from declarative.layer.solution import Solution


class CvxpyLayer(torch.nn.Module):
    """`declarative.compat.CvxpyLayer` as a module of PyTorch, with the same arguments."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        self.layer = Core(*args, **kwargs)

    def forward(self, *params: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The values of the variables, a tuple."""
        return self.layer(*params, **kwargs)

    def solve(self, *params: Any) -> Solution:
        """The values of the variables by name, with statuses and multipliers; nothing is raised."""
        return self.layer.solve(*params)

    def extra_repr(self) -> str:
        return self.layer.layer.signature
