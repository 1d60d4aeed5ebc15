"""A problem equivalent to the user's, with the facts about it and the rewrites that led to it."""

from __future__ import annotations

from dataclasses import dataclass

from declarative.analyse import Facts
from declarative.ir import Expr, Problem


@dataclass(frozen=True)
class Back:
    """What is to be reported where it is not what is solved: the objective's value, and for each constraint
    with a label by what its multiplier is to be multiplied. Outputs are expressions anyway."""

    objective: Expr
    factors: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Variant:
    """Unknowns that a rewrite adds stand after the user's own."""

    problem: Problem
    facts: Facts
    steps: tuple[str, ...] = ()
    auxiliaries: int = 0  # how many unknowns the rewrites added
    back: Back | None = None
