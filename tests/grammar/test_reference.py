"""The programs in docs/language.md parse, and are in canonical layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from declarative.errors import CATALOGUE, Source
from declarative.grammar import format_file, parse

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "language.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```decl\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program_of_the_page(number: int) -> None:
    file, found = parse(Source("language.md", PROGRAMS[number]))
    assert file is not None, "\n".join(map(str, found))
    assert format_file(PROGRAMS[number]) == PROGRAMS[number]


def test_the_page_has_programs() -> None:
    assert len(PROGRAMS) >= 4


@pytest.mark.parametrize("code", sorted(code for code in CATALOGUE if code.startswith("D1")))
def test_programs_of_the_pages_of_codes(code: str) -> None:
    """What a page says to write instead parses, when it is a whole problem."""
    _, _, right = CATALOGUE[code].page.partition("but:")
    program = "\n".join(line.removeprefix("    ") for line in right.strip("\n").split("\n"))
    assert program.strip()
    if program.startswith("problem") and "minimize" in program:
        assert parse(Source(code, program))[1] == []
