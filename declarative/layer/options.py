"""How a layer solves: settings that change no meaning. The plan has checked them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from declarative.layer.contract import SolveOptions


@dataclass(frozen=True)
class Backward:
    """A backward mode and its numbers: `truncated(5)` is Backward("truncated", (5.0,))."""

    mode: str = "implicit"
    args: tuple[float, ...] = ()


@dataclass(frozen=True)
class Options:
    tol: float | None = None
    max_iter: int | None = None
    method: str | None = None  # of the engine, such as "anderson"
    backward: Backward = Backward()
    on_fail: str = "nan"
    precision: str | None = None  # "float64": whatever the arguments' dtype, outside of transformations
    start: Mapping[str, Any] = field(default_factory=dict, compare=False)  # by unknown
    start_from: tuple[int, str] | None = None  # a parameter's place, and the unknown that it starts

    @property
    def solve(self) -> SolveOptions:
        return SolveOptions(self.tol, self.max_iter, self.method)
