"""One cone program with numbers in it -> its solution by Clarabel, sharpened by Newton, with a status.

The residual F(z, y) = (P z + q + A'y,  s - proj_K(s - y)) with s = b - A z is zero exactly at the
solutions; its Jacobian is what Newton's method here and the derivative of the layer are made of.
Interior-point solutions are right to about 1e-9; a few steps of Newton give the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from declarative.backends.cvxpy.cones import Cones, Matrix, Vector, kinks, project
from declarative.backends.cvxpy.form import ConeProgram
from declarative.layer.status import DerivativeStatus, Status

TOLERANCE = 1e-8
ACCURATE_ENOUGH = 1e-5  # up to here a point that missed the tolerance is still `inaccurate`
RANK = 1e-9  # singular values below this share of the largest count as zero


class Data(NamedTuple):
    """Arrays of NumPy here, of JAX in the layer."""

    P: Any
    q: Any
    A: Any
    b: Any


class Answer(NamedTuple):
    z: Vector
    y: Vector
    status: Status
    iterations: int
    residual: float


def solve(program: ConeProgram, theta: Vector, tol: float | None, max_iter: int | None) -> Answer:
    """Never raises: whatever goes wrong is a status."""
    nothing = np.full(program.n, np.nan), np.full(program.m, np.nan)
    data, tol = _numbers(program, theta), TOLERANCE if tol is None else tol
    if not all(np.isfinite(part).all() for part in data):
        return Answer(*nothing, Status.INVALID_INPUT, 0, np.nan)
    z, y, status, iterations = clarabel_point(data, program.cones, max_iter)
    if status in (Status.INFEASIBLE, Status.UNBOUNDED) or not (np.isfinite(z).all() and np.isfinite(y).all()):
        return Answer(*nothing, Status.DIVERGED if status is Status.SOLVED else status, iterations, np.inf)
    z, y, residual = _sharpen(data, z, y, program.cones)
    y = without_dust(data, z, y, program.cones)
    return Answer(z, y, judged(status, residual, tol), iterations, residual)


def judged(status: Status, residual: float, tol: float) -> Status:
    """The status of a point by what it leaves of the optimality conditions."""
    if residual <= tol:
        return Status.SOLVED
    if residual <= max(ACCURATE_ENOUGH, 10 * tol):
        return Status.INACCURATE
    return Status.DIVERGED if status in (Status.SOLVED, Status.INACCURATE) else status


def inverse(program: ConeProgram, theta: Vector, z: Vector, y: Vector) -> Matrix:
    """The inverse of dF, or a generalised inverse where dF is singular."""
    matrix = _jacobian(_numbers(program, theta), z, y, program.cones)[1]
    if not np.isfinite(matrix).all():
        return np.full_like(matrix, np.nan)
    scale = np.abs(matrix).max(axis=1, initial=1e-300, keepdims=True)
    left, values, right = np.linalg.svd(matrix / scale)
    kept = values > RANK * values.max(initial=0)
    return (right[kept].T / values[kept]) @ left[:, kept].T / scale.T


def regularity(program: ConeProgram, theta: Vector, z: Vector, y: Vector) -> DerivativeStatus:
    """What the solution's derivative is worth; cvxpy's own variables may be as free as they like."""
    data = _numbers(program, theta)
    matrix = _jacobian(data, z, y, program.cones)[1]
    if not np.isfinite(matrix).all():
        return DerivativeStatus.SINGULAR
    if kinks(data.b - data.A @ z - y, program.cones, TOLERANCE):
        return DerivativeStatus.WEAKLY_ACTIVE
    _, values, right = np.linalg.svd(matrix / np.abs(matrix).max(axis=1, initial=1e-300, keepdims=True))
    free = right[values <= RANK * values.max(initial=0)]
    if np.abs(free[:, : program.unknowns]).max(initial=0) > 1e-6:
        return DerivativeStatus.SINGULAR
    if np.abs(free[:, z.size :]).max(initial=0) > 1e-6:
        return DerivativeStatus.DEPENDENT_CONSTRAINTS
    return DerivativeStatus.REGULAR


def _numbers(program: ConeProgram, theta: Vector) -> Data:
    """The data; a row `... <= inf` says nothing, and becomes 0 <= 1."""
    A, b = program.A.at(theta), program.b.at(theta)[:, 0]
    absent = absent_rows(b, program.cones)
    A[absent], b[absent] = 0, 1
    return Data(program.P.at(theta), program.q.at(theta)[:, 0], A, b)


def absent_rows(b: Any, cones: Cones) -> Any:
    """Inequalities whose right-hand side is +inf; an array of NumPy or JAX."""
    rows = np.arange(cones.rows)
    return (b == np.inf) & (rows >= cones.zero) & (rows < cones.zero + cones.nonneg)


def _jacobian(data: Data, z: Vector, y: Vector, cones: Cones) -> tuple[Vector, Matrix]:
    """F and dF at (z, y)."""
    s = data.b - data.A @ z
    point, slope = project(s - y, s, cones)
    residual = np.concatenate([data.P @ z + data.q + data.A.T @ y, s - point])
    lower = (slope - np.eye(s.size)) @ data.A
    return residual, np.block([[data.P, data.A.T], [lower, slope]])


def share(residual: Vector, data: Data, z: Vector, y: Vector) -> float:
    """The residual as a share of the terms it is the difference of."""
    n = z.size
    dual = max(1.0, *(float(np.abs(t).max(initial=0)) for t in (data.P @ z, data.q, data.A.T @ y)))
    primal = max(1.0, *(float(np.abs(t).max(initial=0)) for t in (data.b, data.A @ z)))
    return max(
        float(np.abs(residual[:n]).max(initial=0)) / dual, float(np.abs(residual[n:]).max(initial=0)) / primal
    )


def _sharpen(data: Data, z: Vector, y: Vector, cones: Cones) -> tuple[Vector, Vector, float]:
    """Newton on F while it helps."""
    n = z.size
    residual, matrix = _jacobian(data, z, y, cones)
    best = share(residual, data, z, y)
    for _ in range(5):
        if best <= 1e-15 or not np.isfinite(matrix).all():
            break
        step = -np.linalg.lstsq(matrix, residual, rcond=1e-13)[0]
        next_z, next_y = z + step[:n], y + step[n:]
        next_residual, next_matrix = _jacobian(data, next_z, next_y, cones)
        error = share(next_residual, data, next_z, next_y)
        if not error < best:
            break
        z, y, residual, matrix, best = next_z, next_y, next_residual, next_matrix, error
    return z, y, best


def without_dust(data: Data, z: Vector, y: Vector, cones: Cones) -> Vector:
    """Multipliers of inequalities that are not active are exactly 0."""
    active = (data.b - data.A @ z) < y
    rows = np.arange(y.size)
    return np.where((rows < cones.zero) | (rows >= cones.zero + cones.nonneg) | active, y, 0.0)


def clarabel_point(data: Data, cones: Cones, max_iter: int | None) -> tuple[Vector, Vector, Status, int]:
    import clarabel
    from scipy import sparse

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    settings.max_iter = 200 if max_iter is None else max_iter
    order, kinds = _clarabel_rows(cones)
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(sparse.triu(sparse.csc_matrix(data.P))),
        data.q,
        sparse.csc_matrix(data.A[order]),
        data.b[order],
        kinds,
        settings,
    )
    found = solver.solve()
    y = np.empty(data.b.size)
    y[order] = found.z
    return np.array(found.x), y, _STATUS.get(str(found.status), Status.DIVERGED), found.iterations


_STATUS = {
    "Solved": Status.SOLVED,
    "AlmostSolved": Status.INACCURATE,
    "InsufficientProgress": Status.INACCURATE,
    "NumericalError": Status.INACCURATE,
    "PrimalInfeasible": Status.INFEASIBLE,
    "AlmostPrimalInfeasible": Status.INFEASIBLE,
    "DualInfeasible": Status.UNBOUNDED,
    "AlmostDualInfeasible": Status.UNBOUNDED,
    "MaxIterations": Status.MAX_ITERATIONS,
}


def _clarabel_rows(cones: Cones) -> tuple[Vector, list[Any]]:
    """Clarabel stores the upper triangle by columns where SCS stores the lower one."""
    import clarabel

    make = {
        "zero": lambda size, _: clarabel.ZeroConeT(size),
        "nonneg": lambda size, _: clarabel.NonnegativeConeT(size),
        "soc": lambda size, _: clarabel.SecondOrderConeT(size),
        "psd": lambda _, order: clarabel.PSDTriangleConeT(order),
        "exp": lambda *_: clarabel.ExponentialConeT(),
        "power": lambda _, alpha: clarabel.PowerConeT(alpha),
    }
    order, kinds = [np.zeros(0, int)], []
    for kind, rows, setting in cones.blocks():
        place = np.arange(rows.start, rows.stop)
        if kind == "psd":
            grid = np.zeros((setting, setting), int)
            columns, lines = np.triu_indices(setting)
            grid[lines, columns] = grid[columns, lines] = place
            place = grid.T[np.tril_indices(setting)]
        order.append(place)
        kinds.append(make[kind](rows.stop - rows.start, setting))
    return np.concatenate(order), kinds
