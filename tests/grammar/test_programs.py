"""Every program of the language's page and of the corpus, and more in their style: parse, format, print back."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative.errors import Source
from declarative.grammar import format_file, parse, tree

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.decl"))
STYLES = [None, "ascii", "unicode"]


def parsed(text: str) -> tree.File:
    file, found = parse(Source("program.decl", text))
    assert file is not None, "\n".join(map(str, found))
    assert not found
    return file


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program_parses(path: Path) -> None:
    assert parsed(path.read_text(encoding="utf-8")).items


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_format_keeps_the_tree_and_is_idempotent(path: Path, style: str | None) -> None:
    text = path.read_text(encoding="utf-8")
    once = format_file(text, style)
    assert parsed(once) == parsed(text)
    assert format_file(once, style) == once


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_spellings_convert_back(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    ascii_text = format_file(text, "ascii")
    code = "\n".join(line.split("#")[0] for line in ascii_text.split("\n"))
    assert code.isascii()
    assert format_file(format_file(text, "unicode"), "ascii") == ascii_text


def test_there_are_enough_of_them() -> None:
    own = [path for path in PROGRAMS if not path.stem.startswith(("corpus", "language"))]
    assert len(own) >= 20


def test_every_statement_and_expression_occurs() -> None:
    """The programs cover the tree: each class of node that a file can hold."""
    seen: set[type] = set()
    for path in PROGRAMS:
        pending: list[tree.Node] = [parsed(path.read_text(encoding="utf-8"))]
        while pending:
            node = pending.pop()
            seen.add(type(node))
            pending.extend(tree.children(node))
    all_nodes = {cls for cls in vars(tree).values() if isinstance(cls, type) and issubclass(cls, tree.Node)}
    missing = all_nodes - seen - {tree.Node, tree.Boolean}
    assert not missing


def test_the_shared_corpus_is_the_one_here() -> None:
    corpus = Path(__file__).parents[3] / "shared" / "corpus"
    if not corpus.exists():
        pytest.skip("the shared corpus is not at hand")
    for path in corpus.glob("*.decl"):
        copy = Path(__file__).parent / "programs" / f"corpus_{path.name}"
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
