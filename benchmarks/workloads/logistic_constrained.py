"""Logistic regressions with planted optimal points that bind two constraints, one of which wants exponential cones.

minimise sum(log(1 + exp(e)))  where  |w|_1 <= r,  log(sum(exp(e))) <= t,  e = -y * Xw
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workload import Arrays, Case, Outcome, Point
from benchmarks.workloads import exact, implicit

FAMILY = "logistic_constrained"


def points() -> list[Point]:
    return [
        Point(f"logistic-constrained-b{batch}", FAMILY, partial(case, 100, 20, batch), batch == 8)
        for batch in (8, 64)
    ]


def case(m: int, n: int, batch: int) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([8, m, n, batch])
    inputs, start, face = planted(rng, m, n, batch)
    weights = rng.normal(size=(batch, n))
    made = Case(f"logistic-constrained-b{batch}", FAMILY, inputs, weights)
    return made, implicit.answer(conditions, start, face, inputs, weights)


def planted(rng: np.random.Generator, m: int, n: int, batch: int) -> tuple[Arrays, Arrays, Arrays]:
    """Inputs, the optimal point with its multipliers, and the signs of w: half of its entries are zero.

    Random features are moved by a matrix of rank two, the least that gives the scores and the stationarity wanted.
    """
    y = rng.choice([-1.0, 1.0], size=(batch, m))
    count = np.full((batch, 1), (n + 1) // 2)
    sign = (rng.random((batch, n)).argsort(axis=1) < count) * rng.choice([-1.0, 1.0], size=(batch, n))
    w = sign * rng.uniform(0.1, 1, size=(batch, n))
    r = np.abs(w).sum(axis=1)
    error = rng.normal(-1, 1.0, size=(batch, m))  # negative where the label is predicted
    top = np.exp(error)
    soft = rng.uniform(1, 3, size=batch)
    pull = 1 / (1 + 1 / top) + soft[:, None] * top / top.sum(axis=1, keepdims=True)
    # w times the stationarity of w: this is the multiplier of |w|_1 <= r, positive where most labels are predicted.
    size = -(pull * error).sum(axis=1) / r
    slope = np.where(sign != 0, sign, rng.uniform(-0.9, 0.9, size=(batch, n)))

    X, row = rng.normal(size=(batch, m, n)), -y * pull
    X += _outer(-y * error - exact.times(X, w), w) / _squares(w)
    gap = -size[:, None] * slope - exact.times(X.swapaxes(1, 2), row)
    X += _outer(row, gap) / _squares(row)  # gap is orthogonal to w: the scores stay
    inputs = {"X": X, "y": y, "r": r, "t": np.log(top.sum(axis=1))}
    return inputs, {"w": w, "size": size, "soft": soft}, {"sign": sign}


def conditions(unknowns: Any, face: Any, given: Any) -> list[Any]:
    w, sign = unknowns["w"], face["sign"]
    error = -given["y"] * (given["X"] @ w)
    pull = jax.nn.sigmoid(error) + unknowns["soft"] * jax.nn.softmax(error)
    slope = -given["X"].T @ (given["y"] * pull) + unknowns["size"] * sign
    bound = jax.nn.logsumexp(error) - given["t"]
    return [jnp.where(sign != 0, slope, w), jnp.sum(sign * w) - given["r"], bound]


def _outer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left[:, :, None] * right[:, None, :]


def _squares(vector: np.ndarray) -> np.ndarray:
    return (vector**2).sum(axis=1)[:, None, None]
