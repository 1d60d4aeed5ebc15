"""`decl fmt FILE...`: canonical layout, in place; `-` goes from standard input to standard output."""

from __future__ import annotations

import argparse
from pathlib import Path

from declarative.cli import console, programs
from declarative.errors import DeclError, Source, diagnostic


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", metavar="FILE", nargs="+", help="a .decl file, or - for standard input")
    command.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file would change")
    spelling = command.add_mutually_exclusive_group()
    spelling.add_argument(
        "--ascii", action="store_const", const="ascii", dest="style", help="x <= y, ||x||^2"
    )
    spelling.add_argument(
        "--unicode", action="store_const", const="unicode", dest="style", help="x ≤ y, ‖x‖²"
    )


def run(arguments: argparse.Namespace) -> int:
    wrong = 0
    for path in arguments.files:
        try:
            wrong |= _one(path, arguments.style, arguments.check)
        except DeclError as error:
            console.diagnostics(error.diagnostics)
            wrong = 1
    return wrong


def _one(path: str, style: str | None, check: bool) -> int:
    source = programs.source(path)
    text = _formatted(source, style)
    if path == "-" and not check:
        console.out(text)
    elif text != source.text:
        if check:
            console.out(f"{source.name} would change")
            return 1
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            reason = error.strerror or "it cannot be written"
            raise DeclError([diagnostic("D661", None, path=path, reason=reason, help="")]) from None
        console.out(f"{source.name} formatted")
    return 0


def _formatted(source: Source, style: str | None) -> str:
    """Only text that parses is set anew."""
    from declarative.grammar import format_file, parse

    file, found = parse(source)
    errors = [one for one in found if one.severity == "error"]
    if file is None or errors:
        raise DeclError(errors or found)
    return format_file(source.text, style)  # type: ignore[arg-type]
