"""A problem equivalent to the user's, with the facts about it and the rewrites that led to it."""

from __future__ import annotations

from dataclasses import dataclass

from declarative.analyse import Facts
from declarative.ir import Binder, Expr, Problem


@dataclass(frozen=True)
class Factor:
    """By what the multiplier of a constraint with this label is multiplied, for each value of its quantifiers."""

    label: str
    value: Expr
    binders: tuple[Binder, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True)
class Back:
    """What is to be reported where it is not what is solved: the objective's value, and the multipliers of
    constraints with labels. Outputs are expressions anyway."""

    objective: Expr
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Variant:
    """Unknowns that a rewrite adds stand after the user's own."""

    problem: Problem
    facts: Facts
    steps: tuple[str, ...] = ()
    auxiliaries: int = 0  # how many unknowns the rewrites added
    back: Back | None = None
