"""Ridge regressions: minimise |Xw - y|^2 + lam |w|^2, with one penalty for the batch."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads import exact


def points() -> list[Point]:
    return [Point("ridge", "ridge", case, quick=True)]


def case(m: int = 100, n: int = 50, batch: int = 16) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([2, m, n, batch])
    X, y = rng.normal(size=(batch, m, n)), rng.normal(size=(batch, m))
    lam, weights = np.array(1.5), rng.normal(size=(batch, n))
    made = Case("ridge", "ridge", {"X": X, "y": y, "lam": lam}, weights, frozenset({"lam"}))
    return made, answer(X, y, lam, weights)


def answer(X: np.ndarray, y: np.ndarray, lam: np.ndarray, weights: np.ndarray) -> Outcome:
    wide = X.astype(exact.Wide)
    turned = wide.swapaxes(1, 2)
    system = np.einsum("bki,bkj->bij", wide, wide) + lam * np.eye(X.shape[2])
    w = exact.solve(system, exact.times(turned, y))
    u = exact.solve(system, weights)
    rest, moved = y - exact.times(wide, w), exact.times(wide, u)
    gradients = {
        "X": np.einsum("bi,bj->bij", rest, u) - np.einsum("bi,bj->bij", moved, w),
        "y": moved,
        "lam": -(u * w).sum(),
    }
    return Outcome(w.astype(float), {key: value.astype(float) for key, value in gradients.items()})
