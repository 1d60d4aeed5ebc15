"""Imports: names from other files, aliases, circles, and what is not there."""

from __future__ import annotations

from declarative import ir
from declarative.check import check
from declarative.errors import DeclError, Diagnostic, Source
from declarative.grammar import parse, tree

RIDGE = "problem ridge\n  given X: real[m, d], y: real[m]\n  find w: real[d]\n  minimize ||X @ w - y||^2"
CALLER = """{line}
problem tune
  given X: real[m, d], y: real[m], v: real[d]
  find s: real
  let w = {name}(X, s * y)
  minimize ||w - v||^2
"""


def run(text: str, **files: str) -> tuple[dict[str, ir.Problem], list[Diagnostic]]:
    read: dict[str, tree.File] = {}

    def parsed(name: str, content: str) -> tree.File:
        file, found = parse(Source(name, content))
        if file is None:
            raise DeclError(found)
        return file

    def load(path: tuple[str, ...], importer: Source) -> tree.File | None:
        name = "_".join(path)
        if name in files and name not in read:
            read[name] = parsed(name, files[name])
        return read.get(name)

    return check(parsed("main", text), load)


def codes(text: str, **files: str) -> list[str]:
    return [one.code for one in run(text, **files)[1]]


def test_whole_file():
    problems, found = run(CALLER.format(line="import models", name="ridge"), models=RIDGE)
    assert not found
    assert list(problems) == ["tune"]


def test_names_and_aliases():
    assert (
        codes(CALLER.format(line="from lib.models import ridge as fit", name="fit"), lib_models=RIDGE) == []
    )
    assert codes(CALLER.format(line="from models import lasso", name="lasso"), models=RIDGE) == [
        "D212",
        "D202",
    ]


def test_missing_file():
    assert codes(CALLER.format(line="import models", name="ridge")) == ["D211", "D202"]


def test_definitions_see_their_own_file():
    library = "def half(r) = r / 2\ndef loss(r) = sum(half(r)^2)"
    text = (
        "from library import loss\nproblem p\n  given y: real[n]\n  find x: real[n]\n  minimize loss(x - y)"
    )
    assert codes(text, library=library) == []
    assert codes(text.replace("loss(x - y)", "sum(half(x - y))"), library=library) == ["D202"]


def test_circles_of_imports():
    other = "import main_file\ndef g(r) = f(r) + 1"
    text = (
        "import other\ndef f(r) = 2 * r\nproblem p\n  given y: real\n  find x: real\n  minimize (g(x) - y)^2"
    )
    assert codes(text, other=other, main_file="import other\ndef f(r) = 3 * r") == []


def test_errors_of_an_imported_file_are_shown():
    assert codes(CALLER.format(line="import models", name="ridge"), models="problem p\n  minimize") != []


def test_an_error_in_an_imported_problem_is_shown_once_at_its_place():
    broken = RIDGE.replace("- y", "- z")
    problems, found = run(CALLER.format(line="import models", name="ridge"), models=broken)
    assert [(one.code, one.labels[0].span.source.name) for one in found if one.severity == "error"] == [
        ("D201", "models")
    ]
    assert not problems
