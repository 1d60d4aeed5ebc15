"""Spellings: every letter that a name may have stands for ASCII, and the tables are each other's inverse."""

from __future__ import annotations

import re
import sys

from declarative.grammar import tokens, words


def test_every_name_is_ascii_in_the_tree() -> None:
    (terminal,) = (one for one in tokens.language().terminals if one.name == "NAME")
    pattern = re.compile(terminal.pattern.to_regexp())
    letters = [chr(code) for code in range(sys.maxunicode) if pattern.fullmatch(chr(code))]
    behind = [chr(code) for code in range(sys.maxunicode) if pattern.fullmatch("a" + chr(code))]
    assert len(letters) > 100
    for text in [*letters, *("a" + char for char in behind)]:
        name = words.ascii_name(text)
        assert name.isascii()
        assert name.isidentifier()


def test_greek_and_back() -> None:
    for name in ("lam", "alpha_1", "x_mu", "real", "inf", "Sigma", "omega"):
        assert words.ascii_name(words.unicode_name(name)) == name
    assert words.unicode_name("lam_max") == "λ_max"
    assert words.unicode_name("lambda") == "lambda"


def test_superscripts_and_kinds() -> None:
    assert words.superscript_value(words.superscript("-12")) == "-12"
    for kind in ("1", "2", "10", "inf", "F", "*", "1.5"):
        assert words.norm_kind(words.unicode_bars(f"||_{kind}")) == kind
        assert words.norm_kind(words.ascii_bars(f"‖_{kind}")) == kind
    assert words.norm_kind("||") is None
