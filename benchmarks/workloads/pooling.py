"""Robust pooling: the u that minimises the sum of sqrt(1 + (x - u)^2) - 1 over a patch with outliers."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads.exact import Wide


def points() -> list[Point]:
    return [Point("pooling", "pooling", case, quick=True)]


def case(side: int = 16, batch: int = 128) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([5, side, batch])
    shape = (batch, side, side)
    x = rng.normal(size=shape) + 10 * (rng.random(shape) < 0.1) + rng.normal(size=(batch, 1, 1))
    weights = rng.normal(size=batch)
    return Case("pooling", "pooling", {"x": x}, weights), answer(x, weights)


def answer(x: np.ndarray, weights: np.ndarray) -> Outcome:
    """By Newton's method from the median, in extended precision."""
    u = np.median(x, axis=(1, 2), keepdims=True).astype(Wide)
    for _ in range(30):
        rest = x - u
        u += (rest / np.sqrt(1 + rest**2)).sum(axis=(1, 2), keepdims=True) / _curvature(rest).sum(
            axis=(1, 2), keepdims=True
        )
    curvature = _curvature(x - u)
    gradient = weights[:, None, None] * curvature / curvature.sum(axis=(1, 2), keepdims=True)
    return Outcome(u[:, 0, 0].astype(float), {"x": gradient.astype(float)})


def _curvature(rest: np.ndarray) -> np.ndarray:
    return (1 + rest**2) ** Wide(-1.5)
