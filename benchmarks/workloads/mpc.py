"""Recorded sequences of control problems as batches: what a sequence repeats is shared by the batch.

The data are looked for in the folder that DECLARATIVE_DATA names, then in ../shared/data beside the repository.
One sequence is made here: a balancing robot with 50 inputs and 100 bounds, of which only q varies.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads import exact, qp

NAMED = os.environ.get("DECLARATIVE_DATA")
DATA = Path(NAMED) if NAMED else Path(__file__).parents[3] / "shared" / "data"
FAMILIES = {"LIPMWALK": "mpc", "WHLIPBAL": "mpc", "GNAR": "mpc_equality"}  # by the constraints there are


def points() -> list[Point]:
    """Of the sequences whose data are there, and of the one that is made."""
    return [
        Point(f"mpc-{name.lower()}", family, partial(case, name), quick=name == "LIPMWALK")
        for name, family in FAMILIES.items()
        if (DATA / "mpc" / f"{name}.npz").is_file()
    ] + [Point("mpc-balance", "mpc", balance)]


def case(name: str) -> tuple[Case, Outcome]:
    with np.load(DATA / "mpc" / f"{name}.npz") as file:
        stored = dict(file)
    order = [key for key in ("P", "q", "A", "b", "G", "h") if key in stored]
    inputs = {key: stored[key] for key in order}
    shared = frozenset(key for key in order if stored[f"{key}_shared"])
    weights = np.random.default_rng(0).normal(size=stored["x_opt"].shape)
    made = Case(f"mpc-{name.lower()}", FAMILIES[name], inputs, weights, shared, frozenset("P"))
    rows = stored["h"].shape[-1] if "h" in stored else 0
    active = stored["z_opt"][:, stored["z_opt"].shape[1] - rows :] > 1e-7
    if not rows:
        return made, qp.answer(inputs, weights, active)
    kept = active.copy()
    for element, mask in zip(kept, active, strict=True):
        element[mask] = exact.independent(stored["G"][mask])
    return made, defined(made, qp.answer(inputs, weights, kept), (kept == active).all(axis=1))


def balance(horizon: int = 50, steps: int = 30, limit: float = 10.0) -> tuple[Case, Outcome]:
    """A pendulum on wheels goes a metre forward: the programs of its control steps, inputs condensed and bounded."""
    step, gravity = 0.02, 9.81 / 0.6
    rates = np.zeros((4, 4))  # of position, angle, and their velocities
    rates[0, 2] = rates[1, 3] = 1
    rates[3, 1] = gravity
    A, B = np.eye(4) + step * rates, step * np.array([0, 0, 1, -1 / 0.6])
    powers = [np.linalg.matrix_power(A, t) for t in range(horizon + 1)]
    reach = np.zeros((horizon, 4, horizon))
    for t in range(horizon):
        for k in range(t + 1):
            reach[t, :, k] = powers[t - k] @ B
    weighted = np.array([10, 1, 0.1, 0.1])[:, None] * reach
    P = np.einsum("tik,til->kl", reach, weighted) + 1e-3 * np.eye(horizon)
    state, goal, rows, active = np.zeros(4), np.array([1.0, 0, 0, 0]), [], []
    for _ in range(steps):
        ahead = np.array(powers[1:]) @ state - goal
        rows.append(np.einsum("tik,ti->k", weighted, ahead))
        u, side = bounded(P, rows[-1], limit)
        active.append(np.concatenate([side > 0, side < 0]))
        for _ in range(2):
            state = A @ state + B * u[0]
    G = np.concatenate([np.eye(horizon), -np.eye(horizon)])
    inputs = {"P": P, "q": np.array(rows), "G": G, "h": np.full(2 * horizon, limit)}
    weights = np.random.default_rng(0).normal(size=(steps, horizon))
    made = Case("mpc-balance", "mpc", inputs, weights, frozenset("PGh"), frozenset("P"))
    return made, qp.answer(inputs, weights, np.array(active))


def bounded(P: np.ndarray, q: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """The minimum within bounds, and at which bound each entry is: the guess is mended until it repeats."""
    side = np.zeros(len(q), int)
    for _ in range(100):
        free, u = side == 0, limit * side.astype(float)
        u[free] = np.linalg.solve(P[np.ix_(free, free)], -q[free] - P[np.ix_(free, ~free)] @ u[~free])
        moved = u - (P @ u + q) / np.diag(P)
        last, side = side, (moved > limit).astype(int) - (moved < -limit)
        if (side == last).all():
            return u, side
    raise ArithmeticError("the active bounds do not settle")


def defined(case: Case, answer: Outcome, regular: np.ndarray) -> Outcome:
    """Without the gradients that do not exist: in G and h where active rows depend on one another."""
    gradients = dict(answer.gradients)
    if not regular.all():
        for name in ("G", "h"):
            if name in case.shared:
                del gradients[name]
            else:
                gradients[name][~regular] = np.nan
    return Outcome(answer.solution, gradients)
