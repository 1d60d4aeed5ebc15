"""Diagnostic -> text with the source line, a caret, labels, help and fix, in the manner of rustc.

error[D115]: two expressions side by side
 --> model.decl:4:12
  |
4 |   minimize A x
  |            ^^^ no sign between `A` and `x`
  = help: ...
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from declarative.errors.diagnostic import Diagnostic, Fix, Label
from declarative.errors.span import Source

_TAB = 4
_WIDTH = 100
# A span over more lines than this shows its first and its last.
_MOST_LINES = 4
_LONGEST = 120


def render(found: Diagnostic) -> str:
    """The diagnostic as plain text; the command line colours it."""
    margin = max((len(str(last_line(label))) for label in found.labels), default=1)
    lines = [f"{found.severity}[{found.code}]: {found.message}"]
    for source, labels in _by_source(found.labels):
        line, column = source.position(labels[0].span.start)
        lines.append(f"{' ' * margin}--> {source.name}:{line}:{column}")
        lines += _snippets(source, labels, found.labels[0], margin)
    if found.help:
        lines += _note("help", found.help, margin)
    if found.fix is not None:
        lines += _note("fix", _fix(found.fix), margin)
    return "\n".join(lines)


def last_line(label: Label) -> int:
    """The shown number of the line on which a label's span ends."""
    span = label.span
    return span.source.position(max(span.start, span.end - 1))[0]


def _by_source(labels: Sequence[Label]) -> list[tuple[Source, list[Label]]]:
    """The labels grouped by file, in the order in which the files come up."""
    groups: list[tuple[Source, list[Label]]] = []
    for label in labels:
        same = [group for source, group in groups if source is label.span.source]
        if same:
            same[0].append(label)
        else:
            groups.append((label.span.source, [label]))
    return groups


def _snippets(source: Source, labels: Sequence[Label], primary: Label, margin: int) -> list[str]:
    """The lines that the labels point at, each shown once, from top to bottom."""
    bar = f"{' ' * margin} |"
    shown: dict[int, list[str]] = {}
    for label in labels:
        sign = "^" if label is primary else "-"
        for number, underline in _underlines(source, label, sign):
            shown.setdefault(number, []).append(underline)
    result = [bar]
    before = None
    for number in sorted(shown):
        if before is not None and number == before + 2:
            result += _cropped(source.line(number - 1), [], f"{number - 1:>{margin}} |", bar)
        elif before is not None and number > before + 2:
            result.append("...")
        result += _cropped(source.line(number), shown[number], f"{number:>{margin}} |", bar)
        before = number
    return result


def _cropped(text: str, underlines: Sequence[str], head: str, bar: str) -> list[str]:
    """A line and what stands under it; of a very long line, the part around the first underline."""
    text = _expanded(text)
    starts = [len(underline) - len(underline.lstrip()) for underline in underlines]
    cut = 0
    if len(text) > _LONGEST:
        cut = max(0, min(starts, default=0) - _LONGEST // 2)
        text = ("…" if cut else "") + text[cut + (cut > 0) : cut + _LONGEST] + "…"
    return [f"{head} {text}".rstrip(), *(f"{bar} {underline[cut:]}".rstrip() for underline in underlines)]


def _underlines(source: Source, label: Label, sign: str) -> list[tuple[int, str]]:
    """For each line of a label its underline; the words stand behind the last."""
    first, column = source.position(label.span.start)
    last = last_line(label)
    result: list[tuple[int, str]] = []
    for number in range(first, last + 1):
        if first + 1 < number < last and last - first >= _MOST_LINES:
            continue
        text = source.line(number)
        start = column - 1 if number == first else len(text) - len(text.lstrip())
        end = len(text.rstrip())
        if number == last:
            end = label.span.end - source.line_starts[number - source.first_line]
        length = max(1, display_width(text[start:end], display_width(text[:start])))
        words = f" {label.text}" if number == last and label.text else ""
        result.append((number, " " * display_width(text[:start]) + sign * length + words))
    return result


def _expanded(text: str) -> str:
    """A line as it is shown: tabs as spaces, and nothing that moves the cursor."""
    parts: list[str] = []
    width = 0
    for char in text:
        shown = " " * (_TAB - width % _TAB) if char == "\t" else char if char.isprintable() else "\ufffd"
        parts.append(shown)
        width += sum(map(_columns, shown))
    return "".join(parts)


def display_width(text: str, start: int = 0) -> int:
    """How many columns a piece of a line takes in a terminal that begins in column `start`."""
    width = start
    for char in text:
        if char == "\t":
            width += _TAB - width % _TAB
        else:
            width += _columns(char) if char.isprintable() else 1
    return width - start


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _fix(fix: Fix) -> str:
    if not fix.text.strip():
        return f"take `{fix.span.text.strip()}` away"
    return f"write `{fix.text.strip()}`"


def _note(kind: str, text: str, margin: int) -> list[str]:
    head = f"{' ' * margin} = {kind}: "
    wrapped = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, _WIDTH - len(head), break_long_words=False, break_on_hyphens=False)
        or [""]
    ]
    return [(head if index == 0 else " " * len(head)) + part for index, part in enumerate(wrapped)]
