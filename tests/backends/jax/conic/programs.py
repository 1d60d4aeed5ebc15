"""Random conic programs whose answer is known, and points inside of cones, in the rows' order of users."""

from __future__ import annotations

import numpy as np

from declarative.backends.jax.forms import Cones, Conic

ALL = Cones(zero=2, nonneg=4, soc=(4, 2, 4), psd=(3, 2), exp=2, power=2)
N = 9


def svec(matrix: np.ndarray) -> np.ndarray:
    order = len(matrix)
    parts = [matrix[j:, j] * np.where(np.arange(j, order) == j, 1, np.sqrt(2)) for j in range(order)]
    return np.concatenate(parts)


def smat(vector: np.ndarray, order: int) -> np.ndarray:
    matrix = np.zeros((order, order))
    rows, columns = np.tril_indices(order)
    by_column = np.lexsort((rows, columns))
    rows, columns = rows[by_column], columns[by_column]
    matrix[rows, columns] = vector / np.where(rows == columns, 1, np.sqrt(2))
    return np.tril(matrix) + np.tril(matrix, -1).T


def blocks(cones: Cones) -> list[tuple[str, slice]]:
    """The rows of each kind."""
    triangles = sum(order * (order + 1) // 2 for order in cones.psd)
    counts = [cones.zero, cones.nonneg, sum(cones.soc), triangles, 3 * cones.exp, 3 * cones.power]
    ends = np.cumsum([0, *counts])
    kinds = ["zero", "nonneg", "soc", "psd", "exp", "power"]
    return [(kind, slice(*ends[i : i + 2])) for i, kind in enumerate(kinds)]


def interior(cones: Cones, alpha: np.ndarray, rng: np.random.Generator, dual: bool) -> np.ndarray:
    """A point inside of K, or of K*."""
    parts = [
        rng.standard_normal(cones.zero) if dual else np.zeros(cones.zero),
        rng.uniform(0.1, 2, cones.nonneg),
    ]
    for size in cones.soc:
        tail = rng.standard_normal(size - 1)
        parts.append(np.array([np.linalg.norm(tail) + rng.uniform(0.1, 1), *tail]))
    for order in cones.psd:
        root = rng.standard_normal((order, order))
        parts.append(svec(root @ root.T / order + 0.1 * np.eye(order)))
    for _ in range(cones.exp):
        slope, y, gap = rng.standard_normal(), rng.uniform(0.2, 2), rng.uniform(0.1, 1)
        height = y * np.exp(slope - dual) + gap
        parts.append(np.array([-y, -slope * y, height] if dual else [slope * y, y, height]))
    for a in alpha:
        x, y = rng.uniform(0.2, 2, 2)
        z = rng.uniform(-0.9, 0.9) * x**a * y ** (1 - a)
        parts.append(np.array([a * x, (1 - a) * y, z] if dual else [x, y, z]))
    return np.concatenate(parts)


def feasible(cones: Cones, n: int, rng: np.random.Generator, curved: bool) -> Conic:
    """Both problems have points inside, so both are solved."""
    alpha = rng.uniform(0.2, 0.8, cones.power)
    s, z = (interior(cones, alpha, rng, dual) for dual in (False, True))
    A, x = rng.standard_normal((cones.rows, n)), rng.standard_normal(n)
    root = rng.standard_normal((n // 2, n)) * curved
    P = root.T @ root
    return Conic(P, -P @ x - A.T @ z, A, A @ x + s, alpha, cones)


def infeasible(cones: Cones, n: int, rng: np.random.Generator, kind: str) -> Conic:
    """The rows of one kind alone prove it, by a point inside of their dual."""
    program = feasible(cones, n, rng, True)
    z = _only(cones, interior(cones, program.alpha, rng, True), kind)
    A = program.A - np.outer(z, z @ program.A) / (z @ z)
    return program._replace(A=A, b=program.b - z * (z @ program.b + 1) / (z @ z))


def unbounded(cones: Cones, n: int, rng: np.random.Generator, kind: str) -> Conic:
    """Along a direction that moves inside of the cones of one kind alone."""
    program = feasible(cones, n, rng, False)
    s, inside = (interior(cones, program.alpha, rng, False) for _ in range(2))
    s, (x, point) = _only(cones, s, kind), rng.standard_normal((2, n))
    A = program.A - np.outer(program.A @ x + s, x) / (x @ x)
    q = program.q - x * (program.q @ x + 1) / (x @ x)
    return program._replace(A=A, b=A @ point + inside, q=q)


def _only(cones: Cones, v: np.ndarray, kind: str) -> np.ndarray:
    kept = np.zeros_like(v)
    for name, rows in blocks(cones):
        if name == kind:
            kept[rows] = v[rows]
    return kept


def clarabel(program: Conic) -> tuple[str, float]:
    """Status and objective of Clarabel, which stores upper triangles by columns: lower ones by rows."""
    import clarabel as solver
    import scipy.sparse as sparse

    cones = program.cones
    order = np.arange(cones.rows)
    start = cones.zero + cones.nonneg + sum(cones.soc)
    for size in cones.psd:
        rows, columns = np.tril_indices(size)
        order[start : start + rows.size] = (
            start + columns * size - columns * (columns - 1) // 2 + rows - columns
        )
        start += rows.size
    kinds = [solver.ZeroConeT(cones.zero), solver.NonnegativeConeT(cones.nonneg)]
    kinds += [solver.SecondOrderConeT(size) for size in cones.soc]
    kinds += [solver.PSDTriangleConeT(size) for size in cones.psd]
    kinds += [solver.ExponentialConeT() for _ in range(cones.exp)]
    kinds += [solver.PowerConeT(float(a)) for a in program.alpha]
    settings = solver.DefaultSettings()
    settings.verbose = False
    P, A = sparse.csc_matrix(np.triu(program.P)), sparse.csc_matrix(program.A[order])
    found = solver.DefaultSolver(P, program.q, A, program.b[order], kinds, settings).solve()
    return str(found.status), found.obj_val
