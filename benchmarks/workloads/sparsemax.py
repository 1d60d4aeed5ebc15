"""Sparsemax: the nearest point of the simplex, a row an element."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads.exact import Wide


def points() -> list[Point]:
    return [Point("sparsemax", "sparsemax", case, quick=True)]


def case(n: int = 100, batch: int = 128) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([1, n, batch])
    v, weights = rng.normal(size=(batch, n)), rng.normal(size=(batch, n))
    return Case("sparsemax", "sparsemax", {"v": v}, weights), answer(v, weights)


def answer(v: np.ndarray, weights: np.ndarray) -> Outcome:
    """By sorting: the threshold of the largest k entries, for the last k that keeps all of them positive."""
    falling = -np.sort(-v.astype(Wide), axis=1)
    count = np.arange(1, v.shape[1] + 1)
    thresholds = (np.cumsum(falling, axis=1) - 1) / count
    last = (falling > thresholds).sum(axis=1, keepdims=True) - 1
    x = np.maximum(v - np.take_along_axis(thresholds, last, axis=1), 0)
    support = x > 0
    mean = (weights * support).sum(axis=1, keepdims=True) / support.sum(axis=1, keepdims=True)
    return Outcome(x.astype(float), {"v": support * (weights - mean)})
