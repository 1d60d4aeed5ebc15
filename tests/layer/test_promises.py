"""Promises on parameters are tested where asked, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import declarative as dc

EYE = np.eye(2)
CASES: dict[str, tuple[str, Any, Any]] = {
    "psd": ("psd real[n, n]", EYE, EYE - 1.5),
    "pd": ("pd real[n, n]", EYE, 0 * EYE),
    "symmetric": ("symmetric real[n, n]", EYE + 1, np.array([[1.0, 1.0], [0.0, 1.0]])),
    "skew": ("skew real[n, n]", np.array([[0.0, 1], [-1, 0]]), EYE),
    "diagonal": ("diagonal real[n, n]", EYE, EYE + 1),
    "nonneg": ("nonneg real[n]", np.zeros(2), np.array([0, -1e-3])),
    "positive": ("positive real[n]", np.ones(2), np.zeros(2)),
    "nonpos": ("nonpos real[n]", np.zeros(2), np.ones(2)),
    "negative": ("negative real[n]", -np.ones(2), np.zeros(2)),
    "simplex": ("real[n] in simplex", np.array([0.25, 0.75]), np.array([0.5, 0.6])),
    "interval": ("real[n] in [0, 2]", np.array([0.0, 2.0]), np.array([0.0, 2.1])),
    "ball": ("real[n] in ball(1)", np.array([0.6, 0.8]), np.array([1.0, 1.0])),
    "sphere": ("real[n] in sphere", np.array([0.6, 0.8]), np.array([0.5, 0.5])),
    "nan": ("nonneg real[n]", np.zeros(2), np.array([np.nan, 1.0])),
}


@pytest.mark.parametrize(("kind", "good", "bad"), CASES.values(), ids=CASES.keys())
def test_promise(kind: str, good: Any, bad: Any) -> None:
    layer = dc.compile(f"problem p\n given a: {kind}\n find x: real\n root x = sum(a)")
    assert layer.solve(good, check=True).ok
    layer.solve(bad)  # a promise is not tested unless asked
    with pytest.raises(dc.ArgumentError, match="D611"):
        layer.solve(bad, check=True)
    with pytest.raises(dc.ArgumentError, match=r"\(element 1 of the batch\)"):
        layer.solve(np.stack([good, bad]), check=True)
