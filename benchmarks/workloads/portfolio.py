"""Robust portfolios with planted optimal points: returns known up to an ellipsoid, long positions that sum to one.

maximise mu'w - kappa |S w|  where  w >= 0,  sum w = 1
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
        Point(f"portfolio-b{batch}", "portfolio", partial(case, 50, batch), batch == 8) for batch in (8, 64)
    ]


def case(n: int, batch: int) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([6, n, batch])
    inputs, start, face = planted(rng, n, batch)
    weights = rng.normal(size=(batch, n))
    made = Case(f"portfolio-b{batch}", "portfolio", inputs, weights)
    return made, implicit.answer(conditions, start, face, inputs, weights)


def planted(rng: np.random.Generator, n: int, batch: int) -> tuple[Arrays, Arrays, Arrays]:
    """Inputs, the optimal point, and which positions are held: between a fifth and three fifths of them."""
    S = rng.normal(size=(batch, n, n)) / np.sqrt(n)
    kappa = rng.uniform(0.5, 1.5, size=batch)
    count = rng.integers(max(n // 5, 1), 3 * n // 5 + 1, size=(batch, 1))
    held = rng.random((batch, n)).argsort(axis=1) < count
    w = held * rng.uniform(0.1, 1, size=(batch, n))
    w /= w.sum(axis=1, keepdims=True)
    risk = exact.times(S, w)
    slope = exact.times(S.swapaxes(1, 2), risk) / np.linalg.norm(risk, axis=1, keepdims=True)
    level = rng.normal(size=batch)
    missed = ~held * rng.uniform(0.1, 1, size=(batch, n))
    mu = kappa[:, None] * slope + level[:, None] - missed
    return {"mu": mu, "S": S, "kappa": kappa}, {"w": w, "level": level}, {"held": held}


def conditions(unknowns: Any, face: Any, given: Any) -> list[Any]:
    """The held positions have equal marginal value, which is the multiplier of the sum."""
    w, risk = unknowns["w"], given["S"] @ unknowns["w"]
    slope = given["mu"] - given["kappa"] * given["S"].T @ risk / jnp.linalg.norm(risk)
    return [jnp.where(face["held"] > 0, slope - unknowns["level"], w), w.sum() - 1]
