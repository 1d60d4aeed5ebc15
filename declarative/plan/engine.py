"""What the plan asks of an engine: whether it takes a problem, at what cost, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from declarative.analyse import Facts
from declarative.ir import Problem


@dataclass(frozen=True)
class Variant:
    """A problem equivalent to the user's, the facts about it, and the rewrites that led to it."""

    problem: Problem
    facts: Facts
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accept:
    """`cost` orders the engines: a rough estimate of one solve, least wins."""

    cost: float
    why: str


@dataclass(frozen=True)
class Refuse:
    why: str


class Engine(Protocol):
    """`form` names what the backend must emit for it (see `backends/jax/forms`)."""

    name: str
    backend: str
    form: str

    def accepts(self, variant: Variant) -> Accept | Refuse: ...
