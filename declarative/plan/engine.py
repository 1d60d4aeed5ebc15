"""What the plan asks of an engine: whether it takes a problem, at what cost, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from declarative.rewrite.variant import Variant as Variant


@dataclass(frozen=True)
class Accept:
    """`cost` orders the engines: a rough estimate of one solve, least wins.

    Usual costs: 1 a formula, 5 a formula with one factorisation, 10 a dense method of a few
    factorisations, 20 a general iteration, 1000 a backend that leaves the device.
    """

    cost: float
    why: str


@dataclass(frozen=True)
class Refuse:
    why: str


class Engine(Protocol):
    """`form` names what the backend must emit for it (see `backends/jax/forms`).

    An engine may also have `methods: tuple[str, ...]`, names of its ways to iterate: a user's
    `engine = anderson` chooses the engine that lists it, and reaches it as `SolveOptions.variant`;
    and `backwards: tuple[str, ...]`, the backward modes it offers besides "implicit".
    """

    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def form(self) -> str: ...

    def accepts(self, variant: Variant) -> Accept | Refuse: ...
