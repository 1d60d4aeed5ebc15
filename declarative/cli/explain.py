"""`decl explain CODE` prints a code's page; `decl explain FILE [PROBLEM]` what a problem is and who solves it."""

from __future__ import annotations

import argparse
import re

from declarative.cli import console, programs
from declarative.errors import DeclError


def arguments(command: argparse.ArgumentParser) -> None:
    programs.add_file(command)
    command.add_argument("--backend", choices=("jax", "cvxpy"), help="ask the engines of one backend only")


def run(arguments: argparse.Namespace) -> int:
    if re.fullmatch(r"[dD]\d+", arguments.file) and arguments.problem is None:
        from declarative import api

        console.out(api.explain(arguments.file))
        return 0
    known, host = programs.problems(arguments)
    from declarative import compiler
    from declarative.plan import describe, explain

    chosen = (
        [compiler.pick(known, arguments.problem)] if arguments.problem or len(known) == 1 else known.values()
    )
    code = 0
    for i, problem in enumerate(chosen):
        if i:
            console.out()
        try:
            console.out(explain(compiler.compile_problem(problem, host, "plan")))
        except DeclError as error:
            console.out(
                f"problem {problem.name}\n{describe(compiler.compile_problem(problem, host, 'analyse'))}"
            )
            console.diagnostics(error.diagnostics)
            code = 1
    return code
