"""`decl COMMAND ...`: arguments -> exit code. 0 good, 1 bad program or data, 2 wrong usage, 3 a solve failed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module

from declarative.errors import ArgumentError, DeclError, SolveError

COMMANDS = {
    "check": "find every mistake in programs, without running them",
    "run": "solve a problem with data from files or values",
    "explain": "say what a problem is and which engine runs it, or what a code means",
    "fmt": "set programs in canonical layout",
    "compile": "print the generated code",
    "grad": "compare a layer's derivatives with differences",
    "doctor": "list versions, devices and backends",
}
GOOD, WRONG, USAGE, FAILED = range(4)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Whatever the input, the answer is an exit code and words, never a traceback."""
    from declarative.cli import console

    try:
        arguments = _parser(list(sys.argv[1:] if argv is None else argv)).parse_args(argv)
        code = import_module(f"declarative.cli.{arguments.command}").run(arguments)
        sys.stdout.flush()
        return int(code)
    except SystemExit as stop:  # argparse: 0 after --help, 2 after wrong usage
        return int(stop.code or 0)
    except (DeclError, ArgumentError) as error:
        console.diagnostics(error.diagnostics)
        return WRONG
    except SolveError as error:
        console.error(str(error))
        return FAILED
    except BrokenPipeError:  # `decl ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except KeyboardInterrupt:
        console.error("interrupted")
        return 130
    except RecursionError:
        console.error("the program is nested too deeply")
        return WRONG
    except Exception as error:
        if os.environ.get("DECL_TRACEBACK"):
            raise
        console.error(f"internal error: {type(error).__name__}: {error}")
        console.note("this is a mistake in `decl`, not in your program; DECL_TRACEBACK=1 shows where")
        return WRONG


def script() -> None:
    _keep_compilations()
    sys.exit(main())


def _keep_compilations() -> None:
    """A second `decl run` of a program compiles nothing; where the user has set JAX's variable, that counts."""
    from declarative.grammar.tokens import cache_folder

    folder = cache_folder()
    if folder is not None:
        # What is compiled is for this processor, and a home folder may be shared by several machines.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / f"compiled-{platform.node()}"))


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    from declarative import __version__

    parser = argparse.ArgumentParser(
        prog="decl", description="Differentiable layers from declarative programs.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"decl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((word for word in argv if word in COMMANDS), None)
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words.capitalize() + ".")
        if name == named:  # the others are only listed: their modules stay unloaded
            import_module(f"declarative.cli.{name}").arguments(command)
    return parser
