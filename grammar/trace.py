"""The record of one traced function: its statements so far, the names in use, and the files met."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from declarative.errors import DeclError, Span, diagnostic
from declarative.grammar import tree
from declarative.grammar.places import Files


@dataclass
class Trace:
    """What a function has said; `python.py` makes the problem of it."""

    files: Files = field(default_factory=Files)
    names: set[str] = field(default_factory=set)
    unknowns: list[tree.Declaration] = field(default_factory=list)
    bindings: list[tree.Binding] = field(default_factory=list)
    goals: list[tree.Statement] = field(default_factory=list)
    equations: dict[str, list[tree.Equation]] = field(default_factory=lambda: {"fixed_point": [], "root": []})
    constraints: list[tree.Constraint] = field(default_factory=list)
    facts: list[tree.Compare | tree.Membership] = field(default_factory=list)
    settings: list[tree.Setting] = field(default_factory=list)
    binders: list[tree.Binder] | None = None  # of the generator that runs; None outside one

    def here(self) -> Span:
        return self.files.here()[1]

    def fresh(self, wanted: str) -> str:
        """A name that nothing has yet, this one if it is free."""
        name, number = wanted, 2
        while name in self.names:
            name, number = f"{wanted}{number}", number + 1
        self.names.add(name)
        return name

    @contextmanager
    def binding(self) -> Iterator[list[tree.Binder]]:
        """Collect the binders that a generator opens while it runs."""
        opened: list[tree.Binder] = []
        outer, self.binders = self.binders, opened
        try:
            yield opened
        finally:
            self.binders = outer

    @contextmanager
    def active_here(self) -> Iterator[None]:
        token = _ACTIVE.set(self)
        try:
            yield
        finally:
            _ACTIVE.reset(token)

    @staticmethod
    def active() -> Trace | None:
        return _ACTIVE.get()


_ACTIVE: ContextVar[Trace | None] = ContextVar("declarative_trace", default=None)


def current() -> Trace:
    """The trace under way; words of the language have no meaning outside one."""
    trace = _ACTIVE.get()
    if trace is None:
        raise DeclError([diagnostic("D512", Files().here()[1])])
    return trace
