"""Source text and the places in it that trees, the IR and diagnostics point at."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, eq=False)
class Source:
    """A text with a name; `first_line` is not 1 for text that stands inside a Python file."""

    name: str
    text: str
    first_line: int = 1

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        return (0, *(i + 1 for i, char in enumerate(self.text) if char == "\n"))

    def position(self, offset: int) -> tuple[int, int]:
        """Line (as shown, from `first_line`) and column (from 1) of an offset."""
        row = bisect_right(self.line_starts, offset) - 1
        return self.first_line + row, offset - self.line_starts[row] + 1

    def line(self, number: int) -> str:
        """The text of a shown line number, without its end."""
        row = number - self.first_line
        return self.text[self.line_starts[row] :].split("\n", 1)[0].rstrip("\r")


@dataclass(frozen=True)
class Span:
    """Half-open range of offsets in a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The smallest span that covers both."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))


NOWHERE = Span(Source("<none>", ""), 0, 0)
