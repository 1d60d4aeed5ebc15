"""Recorded sequences of control problems as batches: what a sequence repeats is shared by the batch.

The data are looked for in the folder that DECLARATIVE_DATA names, then in ../shared/data beside the repository.
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
    """Of the sequences whose data are there."""
    return [
        Point(f"mpc-{name.lower()}", family, partial(case, name), quick=name == "LIPMWALK")
        for name, family in FAMILIES.items()
        if (DATA / "mpc" / f"{name}.npz").is_file()
    ]


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
