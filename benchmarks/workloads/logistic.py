"""Logistic regressions with labels -1 and 1: minimise sum(log(1 + exp(-y Xw))) + lam |w|^2."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads import exact


def points() -> list[Point]:
    return [Point("logistic", "logistic", case, quick=True)]


def case(m: int = 100, n: int = 20, batch: int = 8) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([3, m, n, batch])
    X, truth = rng.normal(size=(batch, m, n)), rng.normal(size=(batch, n))
    y = np.sign(exact.times(X, truth) + 2 * rng.normal(size=(batch, m)))
    lam, weights = np.array(0.5), rng.normal(size=(batch, n))
    made = Case("logistic", "logistic", {"X": X, "y": y, "lam": lam}, weights, frozenset({"lam"}))
    return made, answer(X, y, lam, weights)


def answer(X: np.ndarray, y: np.ndarray, lam: np.ndarray, weights: np.ndarray) -> Outcome:
    """By Newton's method from zero; the last steps have residuals in extended precision."""
    wide = X.astype(exact.Wide)
    w = np.zeros(weights.shape, exact.Wide)
    for _ in range(12):
        p, hessian = _moments(wide, y, lam, w)
        w += exact.solve(hessian, exact.times(wide.swapaxes(1, 2), y * p) - 2 * lam * w)
    p, hessian = _moments(wide, y, lam, w)
    u = exact.solve(hessian, weights)
    score, moved = exact.times(wide, w), exact.times(wide, u)
    curved = moved * p * (1 - p)
    gradients = {
        "X": np.einsum("bi,bj->bij", y * p, u) - np.einsum("bi,bj->bij", curved * y * y, w),
        "y": moved * p - curved * y * score,
        "lam": -2 * (u * w).sum(),
    }
    return Outcome(w.astype(float), {key: value.astype(float) for key, value in gradients.items()})


def _moments(X: np.ndarray, y: np.ndarray, lam: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the other label, and the Hessian."""
    p = 1 / (1 + np.exp(y * exact.times(X, w)))
    curvature = (p * (1 - p) * y * y)[:, :, None] * X
    return p, np.einsum("bki,bkj->bij", X, curvature) + 2 * lam * np.eye(X.shape[2])
