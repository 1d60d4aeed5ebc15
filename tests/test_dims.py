"""Symbolic dimensions: one form each, and equations between patterns and dimensions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative.dims import Clash, Dim, bind, determined

m, n, k = Dim.of("m"), Dim.of("n"), Dim.of("k")


def test_equal_dimensions_are_equal_objects():
    assert (n + 1) * (n + 1) == n * n + n + n + 1
    assert n - n == Dim.of(0)
    assert hash(n + m) == hash(m + n)


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (n + 1, "n + 1"),
        (n * 2 - m, "-m + 2*n"),
        (Dim.of(0), "0"),
        (Dim.of(7), "7"),
        (-n, "-n"),
        (n * m, "m*n"),
    ],
)
def test_text(dim: Dim, text: str):
    assert str(dim) == text


def test_patterns_are_solved():
    known, clashes = bind([(n, k), (n + 1, k + 1), (m * 2, k * 4)])
    assert not clashes
    assert known == {"n": k, "m": k * 2}


def test_a_pattern_variable_may_be_spelt_like_a_dimension():
    assert bind([(n, m), (m, n)])[0] == {"n": m, "m": n}


def test_simultaneous_equations():
    known, clashes = bind([(m + n, Dim.of(7)), (m - n, Dim.of(3))])
    assert not clashes
    assert known == {"m": Dim.of(5), "n": Dim.of(2)}


def test_products_once_a_factor_is_a_number():
    known, clashes = bind([(m * n, Dim.of(6)), (m, Dim.of(2))])
    assert known == {"m": Dim.of(2), "n": Dim.of(3)}
    assert not clashes


def test_clashes_name_the_equation():
    assert bind([(n, k), (n, m)])[1] == [Clash(1, k, m)]
    assert bind([(n * 2, Dim.of(5))])[1] == [Clash(0, None, Dim.of(5))]


def test_determined_names():
    assert determined([n + 1]) == {"n"}
    assert determined([m + n]) == frozenset()
    assert determined([m + n, m - n]) == {"m", "n"}
    assert determined([m * n], ["m"]) == {"m", "n"}
    assert determined([m * n, m + n]) == frozenset()


@given(st.lists(st.integers(-3, 3), min_size=6, max_size=6), st.integers(1, 9), st.integers(1, 9))
def test_bound_values_solve_their_equations(factors: list[int], a: int, b: int):
    p, q, c, r, s, d = factors
    patterns = [m * p + n * q + c, m * r + n * s + d]
    sizes = {"m": a, "n": b}
    equations = [(pattern, Dim.of(pattern.value(sizes))) for pattern in patterns]
    known, clashes = bind(equations)
    assert not clashes
    assert all(known[name].constant == sizes[name] for name in known)
    if p * s != q * r:
        assert set(known) == {"m", "n"} == determined(patterns)
