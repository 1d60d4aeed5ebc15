"""Diagnostics: what happened, where, why, and what to do; and the exceptions that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from declarative.errors.span import Span

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Label:
    """A place in the source and the words that stand under its caret."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Fix:
    """Replace the span by the text and the program says what its author probably meant."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding. The first label is the primary one: its line is the diagnostic's line."""

    code: str
    severity: Severity
    message: str
    labels: tuple[Label, ...] = ()
    help: str = ""
    fix: Fix | None = None

    @property
    def line(self) -> int:
        return self.labels[0].span.line if self.labels else 0

    def __str__(self) -> str:
        from declarative.errors.render import render

        return render(self)


class DeclError(Exception):
    """A program that cannot be compiled. `.diagnostics` holds every finding."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]):
        self.diagnostics = list(diagnostics)
        super().__init__("\n\n".join(map(str, self.diagnostics)))


class ArgumentError(ValueError):
    """A call whose arguments do not fit the declaration. `.diagnostics` holds the finding."""

    def __init__(self, *diagnostics: Diagnostic):
        self.diagnostics = list(diagnostics)
        super().__init__("\n\n".join(map(str, self.diagnostics)))


class SolveError(RuntimeError):
    """Elements of a batch that did not solve, raised on request (`on_fail="raise"`)."""
