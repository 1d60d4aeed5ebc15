"""Problems from text, for tests of the middle of the compiler."""

from __future__ import annotations

from declarative import ir
from declarative.check import check
from declarative.errors import Source
from declarative.grammar import parse


def problem(text: str, name: str | None = None) -> ir.Problem:
    """The only problem of a text, or the one of this name; the text must have no error."""
    file, found = parse(Source("p.decl", text))
    assert file is not None, "\n".join(map(str, found))
    problems, more = check(file)
    errors = [one for one in (*found, *more) if one.severity == "error"]
    assert not errors, "\n".join(map(str, errors))
    return problems[name] if name is not None else next(iter(problems.values()))
