"""What programs of the language fall into, at the sizes of a call; nothing is solved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import declarative as dc

EXAMPLE = Path(__file__).parents[4] / "examples" / "mpc.decl"
RNG = np.random.default_rng(2)


def described(layer: dc.Layer, *args: Any, **kwargs: Any) -> str:
    name, words = layer.explain(*args, **kwargs).splitlines()[-1].split(maxsplit=1)
    assert name == "matrices"
    return words


def test_control_is_a_chain_of_steps() -> None:
    """Convex though its forms are in comprehensions, in blocks once the horizon is long; a batch changes nothing."""
    A, B, x0 = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=(3, 4))
    given = A, B, np.eye(4), np.eye(2), x0
    short, long = (dc.load(EXAMPLE, static={"T": T}).horizon for T in (4, 80))
    assert "convex          certified" in long.explain()
    assert described(short, *given, umax=1.0) == "dense"
    assert described(long, *given, umax=1.0).startswith("block-tridiagonal, ")


@pytest.mark.parametrize(
    ("rows", "start", "end"),
    [
        ("x[i + 1] - x[i] <= c for i in n - 1", "block-tridiagonal", ""),
        ("x[i + 2] - x[i] <= c for i in n - 2\n    ||x[0:2]|| <= c", "block-tridiagonal", ""),
        ("sum(x) <= c\n    x[i + 1] - x[i] <= c for i in n - 1", "block-tridiagonal", "beside 1 dense row"),
        ("x[i + 1] - x[i] <= x[0] for i in n - 1", "block-tridiagonal", "beside 1 dense column"),
        ("sum(x) <= c\n    A[0] @ x <= c\n    x <= 1", "diagonal", "beside 2 dense rows"),
        ("sum(x[0:400]) <= c\n    ||x[0:2]|| <= c\n    x <= 1", "block-diagonal", "beside 1 dense row"),
        ("A @ x <= c", "dense", ""),
    ],
)
def test_rows_couple_what_they_see(rows: str, start: str, end: str) -> None:
    text = f"""problem p
  given a: real[n], A: real[n, n], c: positive real
  find x: real[n]
  minimize ||x - a||^2
  subject to
    {rows}
"""
    layer = dc.compile(text, engine="conic" if "||x[" in rows else "interior_point")
    words = described(layer, np.ones(600), np.ones((600, 600)), 1.0)
    assert words.startswith(start)
    assert words.endswith(end)
