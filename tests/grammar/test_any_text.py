"""Whatever the text, parsing answers with a tree or with diagnostics that can be shown; formatting keeps trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from declarative.errors import Source
from declarative.errors.render import render
from declarative.grammar import format_file, parse

PROGRAMS = [
    path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "programs").glob("*.decl"))
]
# Words and signs of the language, of its neighbours, and of nobody.
PIECES = (
    "problem p|def f(x) = |extern def |import |from a import b|given |find |let |minimize |maximize |fixed point |"
    "root |equilibrium|ode t in [0, 1]|subject to|such that|s.t.|assume |options |return |minimizes|over |for |in |"
    "where |if |then |else |and |or |not |true|x|y|real|psd|n|dual|λ₁|ℝ|∞|½|2|1.5|1e999|.5|1..n|(|)|[|]|||||‖|||_1|"
    "‖₂|||_*|'|ᵀ|²|⁻¹|^|**|*|·|/|@|+|-|−|==|!=|<=|≤|>=|<|>|⪰|>>|=|->|,|:|.|..|#|## doc|\n|\n  |\n\n| |\t|\r\n|;|{|}|"
    '"|_|$|&|\x00|\ufeff|宽|:='
).split("|")
FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def holds(text: str) -> None:
    source = Source("any.decl", text)
    file, found = parse(source)
    assert (file is None) == bool(found)
    for one in found:
        assert one.code.startswith("D1")
        assert one.labels
        for label in one.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text) + 1
        assert render(one)
    if file is None:
        return
    for style in (None, "ascii", "unicode"):
        once = format_file(text, style)
        assert parse(Source("once.decl", once))[0] == file
        assert format_file(once, style) == once


@FUZZ
@given(st.text(max_size=200))
@example("\x00")
@example("problem \ud800")
@example("||" * 50)
def test_any_characters(text: str) -> None:
    holds(text)


@FUZZ
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_pieces(text: str) -> None:
    holds(text)


@FUZZ
@given(
    st.sampled_from(PROGRAMS),
    st.lists(
        st.tuples(
            st.integers(0, 2000), st.integers(0, 12), st.one_of(st.sampled_from(PIECES), st.text(max_size=3))
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_any_change_of_a_program(text: str, changes: list[tuple[int, int, str]]) -> None:
    """A few characters of a good program, replaced by something else."""
    for at, length, piece in changes:
        at %= len(text) + 1
        text = text[:at] + piece + text[at + length :]
    holds(text)


@FUZZ
@given(st.sampled_from(PROGRAMS), st.randoms(use_true_random=False))
def test_any_order_of_lines(text: str, random: object) -> None:
    lines = text.split("\n")
    random.shuffle(lines)
    holds("\n".join(lines))


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "x" + ")" * 5000,
        "(" * 5000,
        "x" + " + x" * 5000,
        "x" + " ^ x" * 5000,
        "-" * 5000 + "x",
        "x" + "'" * 5000,
        "f(" * 5000 + "x" + ")" * 5000,
        "||" * 2000 + "x" + "||" * 2000,
        "if x > 0 then 1 else " * 3000 + "0",
        "9" * 100_000,
        "1e" + "9" * 5000,
        "x" * 100_000,
        "|" * 20_001,
        "[" * 5000 + "]" * 5000,
    ],
    ids=lambda text: text[:12],
)
def test_no_size_is_too_large(expression: str) -> None:
    holds(f"problem p\n  find x: real\n  minimize {expression}\n")


def test_many_errors_are_cut_short() -> None:
    _, found = parse(Source("many.decl", "problem p\n  subject to\n" + "    x = 1\n" * 1000))
    assert 1 < len(found) <= 25


def test_a_lone_carriage_return_and_other_line_ends() -> None:
    holds("problem p\r\n  find x: real\r\n  minimize x^2\r\n")
    holds("problem p\r  find x: real\r  minimize x^2\r")
    holds("problem p\u2028  find x: real\u2028  minimize x^2")
