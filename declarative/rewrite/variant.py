"""A problem equivalent to the user's, with the facts about it and the rewrites that led to it."""

from __future__ import annotations

from dataclasses import dataclass

from declarative.analyse import Facts
from declarative.ir import Problem


@dataclass(frozen=True)
class Variant:
    """Unknowns that a rewrite adds stand after the user's own."""

    problem: Problem
    facts: Facts
    steps: tuple[str, ...] = ()
    auxiliaries: int = 0  # how many unknowns the rewrites added
