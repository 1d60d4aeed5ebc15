"""Deep equilibria z = tanh(W z + U x + b): W, U and b are shared by the batch, and W is a contraction."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads import exact


def points() -> list[Point]:
    return [Point("deq", "deq", case, quick=True)]


def case(d: int = 100, k: int = 100, batch: int = 128) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([6, d, k, batch])
    W = rng.normal(size=(d, d))
    W *= 0.9 / np.linalg.norm(W, 2)
    U, b = rng.normal(size=(d, k)) / np.sqrt(k), rng.normal(size=d) / 10
    x, weights = rng.normal(size=(batch, k)), rng.normal(size=(batch, d))
    inputs = {"W": W, "U": U, "b": b, "x": x}
    return Case("deq", "deq", inputs, weights, frozenset({"W", "U", "b"})), answer(W, U, b, x, weights)


def answer(W: np.ndarray, U: np.ndarray, b: np.ndarray, x: np.ndarray, weights: np.ndarray) -> Outcome:
    """By iteration, then Newton's method with residuals in extended precision."""
    wide = W.astype(exact.Wide)
    shift = x @ U.T + b
    z = np.zeros(weights.shape)
    for _ in range(100):
        z = np.tanh(z @ W.T + shift)
    shift = np.einsum("bk,dk->bd", x.astype(exact.Wide), U) + b
    z = z.astype(exact.Wide)
    for _ in range(3):
        image = np.tanh(np.einsum("bi,di->bd", z, wide) + shift)
        z += exact.solve(_system(image, wide), image - z, steps=2)
    slope = 1 - z**2
    v = slope * exact.solve(_system(z, wide).swapaxes(1, 2), weights)
    gradients = {
        "W": np.einsum("bi,bj->ij", v, z),
        "U": np.einsum("bi,bj->ij", v, x),
        "b": v.sum(axis=0),
        "x": np.einsum("bd,dk->bk", v, U),
    }
    return Outcome(z.astype(float), {key: value.astype(float) for key, value in gradients.items()})


def _system(z: np.ndarray, W: np.ndarray) -> np.ndarray:
    return np.eye(len(W)) - (1 - z**2)[:, :, None] * W
