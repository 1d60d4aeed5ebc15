"""The record of one diagnostic: every word a user reads about it stands here."""

from __future__ import annotations

from dataclasses import dataclass

from declarative.errors.diagnostic import Severity


@dataclass(frozen=True)
class Entry:
    """`message`, `label` and `help` are `str.format` templates, filled by `diagnostic(code, span, **fields)`."""

    code: str
    title: str
    message: str
    label: str = ""
    help: str = ""
    page: str = ""  # what `decl explain CODE` prints: why it is an error, an example, its mend
    severity: Severity = "error"
    also: str = ""  # what stands at each further place
