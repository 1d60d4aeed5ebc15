"""Names in sight: what each stands for, and where it was declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from declarative import ir
from declarative.dims import Dim
from declarative.errors import NOWHERE, Span

Kind = Literal["given", "unknown", "let", "index", "dimension", "constant", "argument", "time"]


@dataclass(frozen=True)
class Entry:
    """`value` is None for a name whose declaration is wrong: its uses are silent."""

    kind: Kind
    value: ir.Expr | None
    span: Span = NOWHERE


@dataclass
class Scope:
    """A table of names over another one; `used` collects what was looked up, here and above."""

    outer: Scope | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def find(self, name: str) -> Entry | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                scope.used.add(name)
                return scope.entries[name]
            scope = scope.outer
        return None

    def inner(self) -> Scope:
        return Scope(self)

    def names(self) -> Iterator[str]:
        scope: Scope | None = self
        while scope is not None:
            yield from scope.entries
            scope = scope.outer

    def dimension(self, name: str) -> Dim | None:
        entry = self.find(name)
        return entry.value.dim if entry is not None and isinstance(entry.value, ir.Size) else None
