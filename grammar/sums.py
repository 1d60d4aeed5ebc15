"""Signed terms -> their sum as a tree that stays shallow however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from declarative.errors import Span
from declarative.grammar import tree

Sign = Literal["+", "-"]
# Sums of up to this many terms are read from left to right, longer ones by halves down to groups of half as many:
# then a long sum that is written out with its groups in brackets reads back as the same tree.
_MOST_IN_A_ROW = 32


def balanced(terms: Sequence[tuple[Sign, tree.Expr]], at: Span | None = None) -> tree.Expr:
    """The sum of the terms, of which the first counts as positive; at one place, or each sum at its own."""
    most = _MOST_IN_A_ROW if len(terms) <= _MOST_IN_A_ROW else _MOST_IN_A_ROW // 2
    return _halved(terms, most, at)


def _halved(terms: Sequence[tuple[Sign, tree.Expr]], most: int, at: Span | None) -> tree.Expr:
    if len(terms) > most:
        half = len(terms) // 2
        sign = terms[half][0]
        rest = terms[half:] if sign == "+" else [(_opposite(one), term) for one, term in terms[half:]]
        return _binary(sign, _halved(terms[:half], most, at), _halved(rest, most, at), at)
    total = terms[0][1]
    for sign, term in terms[1:]:
        total = _binary(sign, total, term, at)
    return total


def _opposite(sign: Sign) -> Sign:
    return "-" if sign == "+" else "+"


def _binary(sign: Sign, left: tree.Expr, right: tree.Expr, at: Span | None) -> tree.Binary:
    return tree.Binary(sign, left, right, span=left.span.to(right.span) if at is None else at)
