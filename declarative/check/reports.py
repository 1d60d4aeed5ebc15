"""The diagnostics of one run: collected, never raised, each said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from declarative.errors import CATALOGUE, Diagnostic, Fix, Label, Span, diagnostic


class Reports:
    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self._seen: set[tuple[str, str, int, int]] = set()
        self._calls: list[Span] = []
        self.expansions = 0

    def add(self, code: str, span: Span, *more: Label | Span, fix: Fix | None = None, **fields: Any) -> None:
        """Notes a finding; a bare span in `more` gets the words of the catalogue's `also`."""
        key = (code, span.source.name, span.start, span.end)
        if key in self._seen:
            return
        self._seen.add(key)
        also = CATALOGUE[code].also
        labels = [
            place if isinstance(place, Label) else Label(place, also.format(**fields)) for place in more
        ]
        if self._calls:
            labels.append(Label(self._calls[0], "while expanding this call"))
        self.found.append(diagnostic(code, span, *labels, fix=fix, **fields))

    @contextmanager
    def inside_call(self, span: Span) -> Iterator[None]:
        """Findings in the body of a `def` also show the call that expanded it."""
        self._calls.append(span)
        try:
            yield
        finally:
            self._calls.pop()

    @property
    def errors(self) -> int:
        return sum(found.severity == "error" for found in self.found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    candidates = sorted(set(known))
    same = [other for other in candidates if other.lower() == name.lower()]
    close = same or get_close_matches(name, candidates, n=1, cutoff=0.6 if len(name) > 3 else 0.5)
    return close[0] if close else None


def one_of(words: Iterable[str]) -> str:
    """A sentence that lists what is known."""
    return f"it is one of {', '.join(words)}"


def excerpt(span: Span, longest: int = 40) -> str:
    """The text of a place on one line, shortened."""
    text = " ".join(span.text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
