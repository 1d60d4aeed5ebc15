"""Mistaken programs give the diagnostics that their first lines expect, and nothing besides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from declarative.check import check
from declarative.errors import Source
from declarative.grammar import parse

PROGRAMS = sorted((Path(__file__).parent / "mistaken").glob("*.decl"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_code_and_line(path: Path):
    text = path.read_text(encoding="utf-8")
    expected = re.findall(r"^# expect: (D\d+) at line (\d+)$", text, re.MULTILINE)
    assert expected, "the first line says what to expect"
    file, found = parse(Source(path.name, text))
    assert file is not None, "\n".join(map(str, found))
    _, found = check(file)
    wanted = [(code, int(line)) for code, line in expected]
    assert [(one.code, one.line) for one in found] == wanted, "\n".join(map(str, found))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_problem_with_an_error_is_not_given(path: Path):
    file, _ = parse(Source(path.name, path.read_text(encoding="utf-8")))
    assert file is not None
    problems, found = check(file)
    spans = {item.name.name: item.span for item in reversed(file.items) if item.name.name in problems}
    errors = [one.labels[0].span for one in found if one.severity == "error"]
    for name, span in spans.items():
        following = [other.span.start for other in file.items if other.span.start > span.start]
        end = min(following, default=len(span.source.text))
        assert not any(span.start < error.start < end for error in errors), name


def test_there_are_enough_of_them():
    assert len(PROGRAMS) >= 30
