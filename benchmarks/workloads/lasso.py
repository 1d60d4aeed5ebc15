"""Least squares with few weights, LASSO and elastic net: one penalty for the batch.

minimise |Xw - y|^2 + lam |w|_1 [+ mu |w|^2]
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.workload import Arrays, Case, Outcome, Point
from benchmarks.workloads import exact, implicit

PENALTIES = {"lasso": {"lam": 20.0}, "elastic_net": {"lam": 20.0, "mu": 10.0}}
SHARED = frozenset({"lam", "mu"})


def points() -> list[Point]:
    return [
        Point(f"{family}-b{batch}", family, partial(case, family, 100, 50, batch), batch == 8)
        for family in PENALTIES
        for batch in (8, 64)
    ]


def case(family: str, m: int, n: int, batch: int) -> tuple[Case, Outcome]:
    """A fifth of the true weights are not zero."""
    rng = np.random.default_rng([7, m, n, batch])
    X, truth = rng.normal(size=(batch, m, n)), rng.normal(size=(batch, n)) * (np.arange(n) < n / 5)
    y = exact.times(X, truth) + 0.5 * rng.normal(size=(batch, m))
    penalties = {name: np.array(value * m / 100) for name, value in PENALTIES[family].items()}
    inputs, weights = {"X": X, "y": y, **penalties}, rng.normal(size=(batch, n))
    made = Case(f"{family}-b{batch}", family, inputs, weights, SHARED & inputs.keys())
    return made, answer(inputs, weights)


def answer(inputs: Arrays, weights: np.ndarray) -> Outcome:
    w = descent(inputs)
    shared = SHARED & inputs.keys()
    return implicit.answer(conditions, {"w": w}, {"sign": np.sign(w)}, inputs, weights, shared)


def descent(inputs: Arrays, sweeps: int = 500) -> np.ndarray:
    """A weight at a time is put to its best value, for the whole batch at once: the signs settle."""
    X, y, lam, mu = inputs["X"], inputs["y"], inputs["lam"], inputs.get("mu", 0.0)
    gram, right = X.swapaxes(1, 2) @ X, exact.times(X.swapaxes(1, 2), y)
    w = np.zeros(right.shape)
    for _ in range(sweeps):
        for k in range(w.shape[1]):
            pull = 2 * (right[:, k] - (gram[:, k] * w).sum(axis=1) + gram[:, k, k] * w[:, k])
            w[:, k] = np.sign(pull) * np.maximum(np.abs(pull) - lam, 0) / (2 * (gram[:, k, k] + mu))
    return w


def conditions(unknowns: Any, face: Any, given: Any) -> list[Any]:
    w, sign = unknowns["w"], face["sign"]
    slope = 2 * given["X"].T @ (given["X"] @ w - given["y"]) + 2 * given.get("mu", 0.0) * w
    return [jnp.where(sign != 0, slope + given["lam"] * sign, w)]
