"""Every code of the catalogue, provoked and rendered: tests/errors/golden."""

from __future__ import annotations

import linecache
import string
from pathlib import Path
from typing import Any

import pytest

from declarative.errors import CATALOGUE, Diagnostic, Source
from declarative.errors.render import render
from declarative.grammar import parse

GOLDEN = Path(__file__).parent / "golden"


def provoked(code: str) -> list[Diagnostic]:
    """The diagnostics of a code's golden file."""
    program, script = GOLDEN / f"{code}.decl", GOLDEN / f"{code}.py"
    if script.exists():
        return run(script)
    assert program.exists(), f"{code} has no golden file: add tests/errors/golden/{code}.decl or .py"
    text = program.read_text(encoding="utf-8")
    if code.startswith("D1"):
        return parse(Source(program.name, text))[1]
    import declarative

    return declarative.check(text, name=program.name)


def run(script: Path) -> list[Diagnostic]:
    text = script.read_text(encoding="utf-8")
    linecache.cache[script.name] = (len(text), None, text.splitlines(keepends=True), script.name)
    scope: dict[str, Any] = {"__name__": "golden"}
    try:
        exec(compile(text, script.name, "exec"), scope)
    except Exception as error:
        if not hasattr(error, "diagnostics"):
            raise
        return list(error.diagnostics)
    return list(scope["found"])


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_rendering(code: str, request: pytest.FixtureRequest) -> None:
    found = [one for one in provoked(code) if one.code == code]
    assert found, f"the golden file of {code} does not provoke it"
    text = "\n\n".join(render(one) for one in found) + "\n"
    expected = GOLDEN / f"{code}.txt"
    if request.config.getoption("--update-golden"):
        expected.write_text(text, encoding="utf-8")
    assert expected.exists(), f"run pytest tests/errors --update-golden, and read {expected.name}"
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_entry_is_whole(code: str) -> None:
    entry = CATALOGUE[code]
    assert entry.title
    assert entry.message
    assert entry.page
    assert entry.title[0].islower() or entry.title.split()[0].isupper() or not entry.title[0].isalpha()
    for template in (entry.message, entry.label, entry.help, entry.also):
        list(string.Formatter().parse(template))  # raises on unbalanced braces


def test_no_golden_file_without_a_code() -> None:
    codes = {path.stem for path in GOLDEN.iterdir() if path.suffix in (".decl", ".py", ".txt")}
    assert codes <= set(CATALOGUE)
