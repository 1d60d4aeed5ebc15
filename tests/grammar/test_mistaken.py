"""Programs with a slip in their text: the right code at the right line, and nothing besides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from declarative.errors import Source
from declarative.grammar import parse

MISTAKEN = sorted((Path(__file__).parent / "mistaken").glob("*.decl"))


def expected(text: str) -> list[tuple[str, int]]:
    """`# expect: D108 at line 6`, one a line at the head of the file."""
    return [
        (code, int(line))
        for code, line in re.findall(r"^# expect: (D\d+) at line (\d+)$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("path", MISTAKEN, ids=lambda path: path.stem)
def test_mistake_is_named_at_its_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    file, found = parse(Source(path.name, text))
    assert file is None
    assert expected(text)
    assert [(one.code, one.line) for one in found] == expected(text)


def test_there_are_enough_of_them() -> None:
    assert len(MISTAKEN) >= 25


@pytest.mark.parametrize("path", MISTAKEN, ids=lambda path: path.stem)
def test_fixes_help(path: Path) -> None:
    """Where a diagnostic offers a fix, the text with it has one error of that kind less."""
    source = Source(path.name, path.read_text(encoding="utf-8"))
    for one in parse(source)[1]:
        if one.fix is None:
            continue
        start, end = one.fix.span.start, one.fix.span.end
        mended = Source(path.name, source.text[:start] + one.fix.text + source.text[end:])
        left = [other for other in parse(mended)[1] if (other.code, other.line) == (one.code, one.line)]
        assert not left
