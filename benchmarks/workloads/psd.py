"""Nearest positive semidefinite matrices of symmetric ones."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Case, Outcome, Point


def points() -> list[Point]:
    return [Point("psd", "psd", case, quick=True)]


def case(n: int = 10, batch: int = 8) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([4, n, batch])
    V, weights = rng.normal(size=(batch, n, n)), rng.normal(size=(batch, n, n))
    V = (V + V.swapaxes(1, 2)) / 2
    made = Case("psd", "psd", {"V": V}, weights, symmetric=frozenset({"V"}))
    return made, answer(V, weights)


def answer(V: np.ndarray, weights: np.ndarray) -> Outcome:
    """From eigenvalues; the derivative by the divided differences of max(., 0). Right to about 1e-15."""
    values, vectors = np.linalg.eigh(V)
    turned = vectors.swapaxes(1, 2)
    kept = np.maximum(values, 0)
    quotients = (kept[:, :, None] + kept[:, None, :]) / (
        np.abs(values)[:, :, None] + np.abs(values)[:, None, :]
    )
    middle = turned @ ((weights + weights.swapaxes(1, 2)) / 2) @ vectors
    return Outcome((vectors * kept[:, None, :]) @ turned, {"V": vectors @ (quotients * middle) @ turned})
