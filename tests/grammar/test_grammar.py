"""decl.lark itself: no conflicts, no colliding terminals, and a cache that may be missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from declarative.grammar import tokens

REPOSITORY = Path(__file__).parents[2]


def test_strict_mode_finds_no_conflict() -> None:
    """lark's strict mode raises on shift/reduce conflicts and on terminals that match the same text."""
    strict = tokens.language(strict=True)
    assert strict.options.strict
    assert len(strict.rules) > 100


def test_every_terminal_of_the_layout_is_in_the_grammar() -> None:
    declared = {terminal.name for terminal in tokens.language().terminals} | {"OPEN_BARS", "CLOSE_BARS"}
    used = (
        tokens.STATEMENTS
        | tokens.LISTS
        | tokens.OPERANDS
        | set(tokens.CLOSERS)
        | set(tokens.CLOSERS.values())
    )
    assert used <= declared


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PARSE = """
from declarative.errors import Source
from declarative.grammar import parse
print(len(parse(Source("p", "problem p\\n  find x: real\\n  minimize x^2"))[0].items))
"""


def test_cache_is_written_once_and_read(tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    assert python(PARSE, **home).strip() == "1"
    (file,) = (tmp_path / "declarative").glob("grammar-*.lark")
    written = file.stat().st_mtime_ns
    assert python(PARSE, **home).strip() == "1"
    assert file.stat().st_mtime_ns == written


def test_spoiled_cache_does_no_harm(tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    python(PARSE, **home)
    (file,) = (tmp_path / "declarative").glob("grammar-*.lark")
    file.write_bytes(file.read_bytes()[:200])
    assert python(PARSE, **home).strip() == "1"


def test_no_cache_folder_does_no_harm(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert python(PARSE, XDG_CACHE_HOME=str(blocked), LOCALAPPDATA=str(blocked)).strip() == "1"


def test_grammar_imports_nothing_heavy() -> None:
    heavy = (
        "import sys; import declarative.grammar.python; print({'jax', 'numpy', 'sympy'} & set(sys.modules))"
    )
    assert python(heavy).strip() == "set()"


def test_parsing_is_quick_from_a_warm_cache() -> None:
    """Processor time of a whole run, so that other work on the machine does not count."""
    python(PARSE)
    before = os.times()
    python(PARSE)
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    assert spent < 0.5
