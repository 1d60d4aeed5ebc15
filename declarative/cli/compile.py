"""`decl compile FILE [PROBLEM] --emit FORM`: the generated code as text."""

from __future__ import annotations

import argparse
from pathlib import Path

from declarative.cli import console, programs
from declarative.errors import DeclError, diagnostic

FORMS = ("jax", "cvxpy", "latex", "ir")


def arguments(command: argparse.ArgumentParser) -> None:
    programs.add_file(command)
    command.add_argument("--emit", choices=FORMS, default="jax", help="what to print (jax)")
    command.add_argument("--engine", metavar="NAME", help="which engine the code is for (the plan chooses)")
    command.add_argument("--out", metavar="FILE", help="write to a file instead of standard output")


def run(arguments: argparse.Namespace) -> int:
    text = _text(arguments).rstrip("\n") + "\n"
    if arguments.out is None:
        console.out(text)
        return 0
    try:
        Path(arguments.out).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise DeclError([diagnostic("D661", None, path=arguments.out, reason=reason, help="")]) from None
    return 0


def _text(arguments: argparse.Namespace) -> str:
    from declarative import compiler, show

    if arguments.emit in ("jax", "cvxpy"):
        arguments.backend = arguments.emit
    problem, host = programs.problem(arguments)
    if arguments.emit == "latex":
        return show.latex(problem)
    if arguments.emit == "ir":
        return show.tree(problem)
    source = compiler.compile_problem(problem, host, "emit")
    assert isinstance(source, str)
    return source
