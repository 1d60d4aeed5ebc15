"""Distributions of largest entropy with given moments, planted by their multipliers.

maximise -sum(x log x)  where  Ax = b,  sum x = 1,  x >= 0
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.workload import Arrays, Case, Outcome, Point
from benchmarks.workloads import exact, implicit


def points() -> list[Point]:
    return [
        Point(f"maxent-b{batch}", "maxent", partial(case, 50, 10, batch), batch == 8) for batch in (8, 64)
    ]


def case(n: int, p: int, batch: int) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([10, n, p, batch])
    inputs, start = planted(rng, n, p, batch)
    weights = rng.normal(size=(batch, n))
    made = Case(f"maxent-b{batch}", "maxent", inputs, weights)
    return made, implicit.answer(conditions, start, {}, inputs, weights)


def planted(rng: np.random.Generator, n: int, p: int, batch: int) -> tuple[Arrays, Arrays]:
    """Inputs, and the optimal point with its multipliers."""
    A, nu = rng.normal(size=(batch, p, n)), rng.normal(size=(batch, p)) / np.sqrt(p)
    x = np.exp(exact.times(A.swapaxes(1, 2), nu))
    total = x.sum(axis=1)
    x /= total[:, None]
    return {"A": A, "b": exact.times(A, x)}, {"x": x, "nu": nu, "level": 1 - np.log(total)}


def conditions(unknowns: Any, face: Any, given: Any) -> list[Any]:
    x, A = unknowns["x"], given["A"]
    return [A.T @ unknowns["nu"] + unknowns["level"] - 1 - jnp.log(x), A @ x - given["b"], x.sum() - 1]
