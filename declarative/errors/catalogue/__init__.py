"""The catalogue of diagnostics, one entry a code, one table a stage."""

from __future__ import annotations

from declarative.errors.catalogue import (
    d1_syntax,
    d2_names,
    d2_shapes,
    d2_statements,
    d3_meaning,
    d4_plan,
    d5_python,
    d6_call,
    d7_cvxpy,
)
from declarative.errors.catalogue.entry import Entry as Entry
from declarative.errors.diagnostic import Diagnostic, Fix, Label
from declarative.errors.span import NOWHERE, Span

CATALOGUE: dict[str, Entry] = {
    entry.code: entry
    for table in (
        d1_syntax,
        d2_names,
        d2_shapes,
        d2_statements,
        d3_meaning,
        d4_plan,
        d5_python,
        d6_call,
        d7_cvxpy,
    )
    for entry in table.ENTRIES
}


def also(code: str, span: Span, **fields: object) -> Label:
    """A further place of a diagnostic, with the catalogue's words for it."""
    return Label(span, CATALOGUE[code].also.format(**fields))


def diagnostic(
    code: str, span: Span | None, *more: Label, fix: Fix | None = None, **fields: object
) -> Diagnostic:
    """The catalogue's entry filled with `fields`, at `span`, with `more` secondary labels."""
    entry = CATALOGUE[code]
    primary = () if span is None or span is NOWHERE else (Label(span, entry.label.format(**fields)),)
    return Diagnostic(
        code=code,
        severity=entry.severity,
        message=entry.message.format(**fields),
        labels=(*primary, *more),
        help=entry.help.format(**fields),
        fix=fix,
    )
