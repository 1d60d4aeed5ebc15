"""What the command line prints: results on stdout, diagnostics and notes on stderr, coloured on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from declarative.errors import Diagnostic

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


@cache
def terminal(stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def out(text: str = "") -> None:
    """A result, as it is."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def error(text: str) -> None:
    _say("error", text)


def note(text: str) -> None:
    _say("note", text)


def _say(severity: str, text: str) -> None:
    if not sys.stderr.isatty():
        print(f"{severity}: {text}", file=sys.stderr)
        return
    from rich.text import Text

    terminal(True).print(Text.assemble((f"{severity}: ", COLOURS[severity]), text))


def diagnostics(found: Iterable[Diagnostic]) -> None:
    for one in found:
        if sys.stderr.isatty():
            _coloured(one)
        else:
            print(f"{one}\n", file=sys.stderr)


def _coloured(found: Diagnostic) -> None:
    from rich.text import Text

    head, *rest = str(found).splitlines()
    colour = COLOURS[found.severity]
    mark, _, message = head.partition(": ")
    lines = [Text.assemble((mark, colour), (f": {message}", "bold"))]
    for line in rest:
        stripped = line.strip()
        if stripped.startswith("| ") and set(stripped.removeprefix("| ").lstrip().split(" ")[0]) == {"^"}:
            lines.append(Text(line, colour))
        elif stripped.startswith("= "):
            lines.append(Text(line, "cyan"))
        else:
            lines.append(Text(line))
    terminal(True).print(Text("\n").join(lines), "\n")


def as_json(value: Any) -> None:
    out(json.dumps(value, indent=2, ensure_ascii=False))


def record(found: Diagnostic) -> dict[str, Any]:
    """A diagnostic for other programs: lines and columns count from 1, ends are exclusive."""
    places = []
    for label in found.labels:
        source, span = label.span.source, label.span
        line, column = source.position(span.start)
        end_line, end_column = source.position(span.end)
        places.append(
            {
                "file": source.name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "text": label.text,
            }
        )
    fix = None
    if found.fix is not None:
        fix = {"start": found.fix.span.start, "end": found.fix.span.end, "text": found.fix.text}
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "labels": places,
        "help": found.help,
        "fix": fix,
    }


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """A table on stdout: rich on a terminal, aligned columns elsewhere."""
    listed = [list(map(str, row)) for row in rows]
    if sys.stdout.isatty():
        from rich.table import Table
        from rich.text import Text

        shown = Table(*columns, title=title, title_justify="left")
        for row in listed:
            shown.add_row(*map(Text, row))
        terminal(False).print(shown)
        return
    widths = [max(map(len, column)) for column in zip(columns, *listed, strict=True)]
    for row in [list(columns), *listed]:
        out("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
