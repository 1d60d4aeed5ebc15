"""Files named on the command line -> sources, checked problems and layers."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from declarative import files
from declarative.errors import DeclError, Source, diagnostic

if TYPE_CHECKING:
    from declarative import ir
    from declarative.compiler import Host
    from declarative.layer.layer import Layer


def source(path: str) -> Source:
    """The text of a file; `-` is standard input."""
    if path != "-":
        return files.read(path)
    try:
        return Source("<stdin>", sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is no UTF-8 text"
        raise DeclError([diagnostic("D619", None, path="<stdin>", reason=reason)]) from None


def loader(path: str, roots: list[str]) -> files.Loader:
    return files.loader(*([] if path == "-" else [files.folder(path)]), *roots)


def add_file(command: argparse.ArgumentParser, problem: bool = True) -> None:
    command.add_argument("file", metavar="FILE", help="a .decl file, or - for standard input")
    if problem:
        command.add_argument(
            "problem", metavar="PROBLEM", nargs="?", help="needed where the file holds several"
        )
    add_path(command)


def add_path(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--path",
        metavar="FOLDER",
        action="append",
        default=[],
        help="where `import` looks besides the file's folder",
    )


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backend", choices=("jax", "cvxpy"), help="which backend solves (the plan chooses)"
    )
    command.add_argument("--engine", metavar="NAME", help="which engine solves (the plan chooses)")
    command.add_argument("--tol", type=float, metavar="X", help="tolerance of the solve")


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("backend", "engine", "tol", "on_fail")
    asked = {name: getattr(arguments, name, None) for name in names}
    return {name: value for name, value in asked.items() if value is not None}


def problems(arguments: argparse.Namespace) -> tuple[dict[str, ir.Problem], Host]:
    """Every problem of the file, checked; raises `DeclError`."""
    from declarative import compiler

    host = compiler.Host(options=options(arguments), loader=loader(arguments.file, arguments.path))
    return compiler.checked(compiler.parsed(source(arguments.file)), host), host


def problem(arguments: argparse.Namespace) -> tuple[ir.Problem, Host]:
    from declarative import compiler

    known, host = problems(arguments)
    return compiler.pick(known, arguments.problem), host


def layer(arguments: argparse.Namespace) -> Layer:
    """The named problem, compiled; host functions cannot be bound here."""
    from declarative import compiler
    from declarative.layer.layer import Layer

    found, host = problem(arguments)
    if found.externs:
        extern = found.externs[0]
        raise DeclError([diagnostic("D659", None, problem=found.name, name=extern.name)])
    made = compiler.compile_problem(found, host)
    assert isinstance(made, Layer)
    return made
