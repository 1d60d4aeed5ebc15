"""What a compiled problem is to its layer: the user's problem, and a module loaded from emitted text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jax import Array

from declarative import ir
from declarative.layer.contract import Params, Point, Solver


class Emitted(Protocol):
    """The names of an emitted module that a layer uses; each function is of one element."""

    SOLVER: Solver
    size: Callable[[Params], int]
    outputs: Callable[[Point, Params], tuple[Array, ...]]
    duals: Callable[[Point, Params], dict[str, Any]]
    objective: Callable[[tuple[Array, ...], Params], Array]  # of minimisations only
    unpack: Callable[[Array, Params], tuple[Array, ...]]


@dataclass(frozen=True)
class Program:
    """`load(static)` gives the module for values of the static parameters; the rest is for people."""

    problem: ir.Problem
    solved: ir.Problem  # the variant that the engine solves
    backend: str
    engine: str
    source: str
    load: Callable[[Mapping[str, Any]], Emitted]
    explain: Callable[[], str]
    latex: Callable[[], str]
    info: Mapping[str, Any]
    static: Mapping[str, Any]
    defaults: Mapping[str, Any]  # numbers, of parameters that have one
    sparse: frozenset[str] = frozenset()  # parameters that the engine takes as sparse matrices
    dense: bool = False  # the plan chose an engine of dense matrices: another may be better for a large call
    blocks: str | None = None  # or this one, if it finds blocks

    @property
    def given(self) -> tuple[ir.Parameter, ...]:
        """The parameters of a call: all but the static ones that were fixed at compilation."""
        return tuple(p for p in self.problem.params if p.name not in self.static)
