"""Dense quadratic programs with planted optimal points: n/10 equalities, n inequalities, every array a batch.

    minimise 1/2 x'Px + q'x  where  Ax = b,  Gx <= h

With a margin, multipliers of active rows and slacks of the others are at least 0.1; without, they are drawn from
(0, 1) and some nearly vanish together, which is hard for whoever has to tell active rows from the others.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.workload import Arrays, Case, Outcome, Point
from benchmarks.workloads import exact


def points() -> list[Point]:
    return [
        Point(name(n, batch, margin), "qp", partial(case, n, batch, margin), quick=n == 50 and batch == 16)
        for n in (10, 50, 100)
        for batch in (1, 16, 128)
        for margin in (True, False)
    ]


def name(n: int, batch: int, margin: bool) -> str:
    return f"qp-n{n}-b{batch}-{'margin' if margin else 'thin'}"


def case(n: int, batch: int, margin: bool, seed: int = 0) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([seed, n, batch, margin])
    inputs, active = planted(rng, n, batch, 0.1 if margin else 0.0)
    weights = rng.normal(size=(batch, n))
    made = Case(name(n, batch, margin), "qp", inputs, weights, symmetric=frozenset("P"))
    return made, answer(inputs, weights, active)


def planted(rng: np.random.Generator, n: int, batch: int, least: float) -> tuple[Arrays, np.ndarray]:
    """The arrays, and which inequalities are active: between a fifth and three fifths of them."""
    p, m = n // 10, n
    factor = rng.normal(size=(batch, n, n))
    P = factor @ factor.swapaxes(1, 2) / n + 0.1 * np.eye(n)
    A, G = rng.normal(size=(batch, p, n)), rng.normal(size=(batch, m, n))
    x, nu = rng.normal(size=(batch, n)), rng.normal(size=(batch, p))
    count = rng.integers(m // 5, 3 * m // 5 + 1, size=(batch, 1))
    active = rng.random((batch, m)).argsort(axis=1) < count
    positive = rng.uniform(least, 1, size=(batch, m))
    multiplier, slack = np.where(active, positive, 0), np.where(active, 0, positive)
    times = exact.times
    q = -(times(P, x) + times(A.swapaxes(1, 2), nu) + times(G.swapaxes(1, 2), multiplier))
    return {"P": P, "q": q, "A": A, "b": times(A, x), "G": G, "h": times(G, x) + slack}, active


def answer(inputs: Arrays, weights: np.ndarray, active: np.ndarray) -> Outcome:
    """Solution and gradients from the optimality system of the active rows; arrays without batch are shared.

    An inactive row says that its multiplier is zero, so that all elements have systems of one size.
    """
    batch, n = weights.shape
    empty = {"A": np.zeros((0, n)), "b": np.zeros(0), "G": np.zeros((0, n)), "h": np.zeros(0)}
    rank = {"P": 2, "q": 1, "A": 2, "b": 1, "G": 2, "h": 1}
    full = {
        key: np.broadcast_to(value, (batch, *value.shape[-rank[key] :]))
        for key, value in (empty | dict(inputs)).items()
    }
    P, q, A, b, G, h = (full[key] for key in ("P", "q", "A", "b", "G", "h"))
    p, m = A.shape[1], G.shape[1]
    held = active[:, :, None] * G
    system = np.zeros((batch, n + p + m, n + p + m))
    system[:, :n, :n] = P
    system[:, n : n + p, :n], system[:, :n, n : n + p] = A, A.swapaxes(1, 2)
    system[:, n + p :, :n], system[:, :n, n + p :] = held, held.swapaxes(1, 2)
    rows = np.arange(n + p, n + p + m)
    system[:, rows, rows] = ~active

    found = exact.solve(system, np.concatenate([-q, b, active * h], axis=1))
    adjoint = exact.solve(system, np.concatenate([weights, np.zeros((batch, p + m))], axis=1))
    x, nu, multiplier = np.split(found, [n, n + p], axis=1)
    ux, unu, ulam = np.split(adjoint, [n, n + p], axis=1)
    outer = np.einsum("bi,bj->bij", ux, x)
    gradients = {
        "P": -(outer + outer.swapaxes(1, 2)) / 2,
        "q": -ux,
        "A": -(np.einsum("bi,bj->bij", nu, ux) + np.einsum("bi,bj->bij", unu, x)),
        "b": unu,
        "G": -(np.einsum("bi,bj->bij", multiplier, ux) + np.einsum("bi,bj->bij", ulam, x)),
        "h": ulam,
    }
    return Outcome(
        x.astype(float),
        {
            key: (gradients[key] if value.ndim > rank[key] else gradients[key].sum(axis=0)).astype(float)
            for key, value in inputs.items()
        },
    )
