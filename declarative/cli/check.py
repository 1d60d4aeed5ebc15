"""`decl check FILE...`: every diagnostic of every file; exit 1 if one is an error."""

from __future__ import annotations

import argparse

from declarative.cli import console, programs
from declarative.errors import DeclError, Diagnostic


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", metavar="FILE", nargs="+", help="a .decl file, or - for standard input")
    command.add_argument("--json", action="store_true", help="diagnostics as JSON on stdout")
    programs.add_path(command)


def run(arguments: argparse.Namespace) -> int:
    from declarative.compiler import Host, diagnose

    found: list[Diagnostic] = []
    for path in arguments.files:
        try:
            source = programs.source(path)
            found += diagnose(source, Host(loader=programs.loader(path, arguments.path)))
        except DeclError as error:
            found += error.diagnostics
    errors = sum(one.severity == "error" for one in found)
    if arguments.json:
        console.as_json([console.record(one) for one in found])
    else:
        console.diagnostics(found)
        console.out(_summary(len(arguments.files), errors, len(found) - errors))
    return 1 if errors else 0


def _summary(files: int, errors: int, others: int) -> str:
    def count(number: int, word: str) -> str:
        return f"{number} {word}{'' if number == 1 else 's'}"

    return f"{count(files, 'file')} checked: {count(errors, 'error')}, {count(others, 'warning')}"
