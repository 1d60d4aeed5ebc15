"""Linear systems solved to the last bit of float64: float64 factors, residuals in extended precision."""

from __future__ import annotations

import numpy as np

Wide = np.longdouble


def solve(matrix: np.ndarray, right: np.ndarray, steps: int = 4) -> np.ndarray:
    """Batched systems with vectors on the right; extended precision out."""
    wide, inverse = matrix.astype(Wide), np.linalg.inv(matrix.astype(float))
    found = np.zeros(right.shape, Wide)
    for _ in range(steps):
        residual = right - times(wide, found)
        found += times(inverse, residual.astype(float))
    return found


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", matrix, vector)


def independent(rows: np.ndarray) -> np.ndarray:
    """Mask of a largest set of independent rows, greedily from the top."""
    kept = np.zeros(len(rows), bool)
    basis = np.zeros((0, rows.shape[1]))
    for index, row in enumerate(rows):
        rest = row - basis.T @ (basis @ row)
        rest -= basis.T @ (basis @ rest)
        if np.linalg.norm(rest) > 1e-9 * np.linalg.norm(row):
            kept[index] = True
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
    return kept
