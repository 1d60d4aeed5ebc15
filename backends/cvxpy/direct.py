"""Large cone programs with numbers in them -> solution, status and derivative, by sparse factorisations.

As `host.py`, on the same residual F(z, y) = (P z + q + A'y,  s - proj_K(s - y)), whose Jacobian J stays sparse
here and is factorised once at the solution: the forward and the reverse derivative solve with that factor.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from declarative.backends.cvxpy import host
from declarative.backends.cvxpy.cones import Cones, Vector, kinks, places, slopes
from declarative.backends.cvxpy.form import ConeProgram
from declarative.backends.cvxpy.host import Answer, Data
from declarative.layer.status import DerivativeStatus, Status

SMALL = 300  # unknowns and rows up to which dense matrices are quicker, and exactly least-norm
SHIFT = 1e-9  # added to the diagonal of the factorised matrix, and refined away
DAMPING = 1e-8  # of the least-norm solution, likewise
EXACT = 1e-10  # relative residual at which a system counts as solved
ROUNDS = 30
MOST = 64  # factors that are kept


def large(program: ConeProgram) -> bool:
    return program.n + program.m > SMALL


def numbers(program: ConeProgram, theta: Vector) -> Data:
    """The data, P and A in compressed columns; a row `... <= inf` becomes 0 <= 1."""
    A, b = program.A.sparse(theta), program.b.at(theta)[:, 0]
    absent = host.absent_rows(b, program.cones)
    if absent.any():
        A = sparse.csc_array(sparse.diags_array((~absent).astype(float)) @ A)
    q = program.q.at(theta)[:, 0]
    return Data(program.P.sparse(theta), q, A, np.where(absent, 1, b))


class Kept:
    """The last factors by number, for the derivatives that follow a solve; a factor that is gone is made again."""

    def __init__(self) -> None:
        self._factors: dict[int, Factor | None] = {}
        self._lock = Lock()
        self._count = 0

    def keep(self, factor: Factor | None) -> int:
        with self._lock:
            self._count += 1
            self._factors[self._count] = factor
            self._factors.pop(self._count - MOST, None)
            return self._count

    def find(self, number: int, program: ConeProgram, theta: Vector, z: Vector, y: Vector) -> Factor | None:
        if number in self._factors:
            return self._factors[number]
        return factor(program, theta, z, y)


class Factor:
    """Solves J x = b or J'x = b; the least-norm solution, or one of least squares, where J is singular."""

    def __init__(self, matrix: Any):
        self._matrix = matrix
        size = np.maximum(
            abs(matrix).max(axis=0).toarray().ravel(), abs(matrix).max(axis=1).toarray().ravel()
        )
        self._scale = 1 / np.sqrt(np.where(size > 0, size, 1))
        scale = sparse.diags_array(self._scale)
        self.scaled = sparse.csc_array(scale @ matrix @ scale)
        eye = sparse.eye_array(matrix.shape[0], format="csc")
        try:
            self._factor: Any = splu((self.scaled + SHIFT * eye).tocsc())
        except RuntimeError:  # exactly singular even so
            self._factor = None
        self._damped: Any = None

    def solve(self, b: Vector, transposed: bool = False) -> Vector:
        return self._scale * self._solved(self._scale * b, transposed)

    def null(self) -> Vector:
        """A vector that J maps to zero as far as there is one, else zero; found from one at random."""
        start = np.random.default_rng(0).normal(size=self.scaled.shape[0])
        image = self.scaled @ start
        found = start - self._refined(image, False)[0]
        if np.abs(found).max(initial=0) <= 1e-6:
            return 0 * start
        return self._scale * (start - self._least_norm(image, False))

    def _solved(self, b: Vector, transposed: bool) -> Vector:
        x, error = self._refined(b, transposed)
        return x if error <= EXACT else self._least_norm(b, transposed)

    def _refined(self, b: Vector, transposed: bool) -> tuple[Vector, float]:
        """By the shifted factor, and the relative residual that refinement leaves."""
        matrix = self.scaled.T if transposed else self.scaled
        x, left, error = np.zeros_like(b), b, 1.0
        if self._factor is None:
            return x, error
        size = np.abs(b).max(initial=0) or 1.0
        for _ in range(ROUNDS):
            moved = x + self._factor.solve(left, "T" if transposed else "N")
            now = b - matrix @ moved
            reached = float(np.abs(now).max(initial=0)) / size
            if not reached < error:
                break
            x, left, halved, error = moved, now, reached <= error / 2, reached
            if error <= 1e-15 or not halved:
                break
        return x, error

    def _least_norm(self, b: Vector, transposed: bool) -> Vector:
        """Tikhonov's, refined: each round takes the part of J'b that is left. Starts at 0, so no null vector enters."""
        if self._damped is None:
            eye = sparse.eye_array(b.size)
            self._damped = splu(
                sparse.block_array([[eye, self.scaled], [self.scaled.T, -DAMPING * eye]], format="csc")
            )
        matrix = self.scaled.T if transposed else self.scaled
        x, zero, last = np.zeros_like(b), np.zeros_like(b), np.inf
        for _ in range(ROUNDS):
            left = b - matrix @ x
            # [I J; J' -d] gives (J'J + d)^-1 J' r below for (r, 0), and (JJ' + d)^-1 J r above for (0, r).
            pair = (zero, left) if transposed else (left, zero)
            both = self._damped.solve(np.concatenate(pair))
            step = both[: b.size] if transposed else both[b.size :]
            length = float(np.abs(step).max(initial=0))
            if not length < 0.9 * last:  # rounding errors, which add up along the null space
                break
            x, last = x + step, length
            if length <= 1e-14 * np.abs(x).max(initial=1e-300):
                break
        return x


def solve(
    program: ConeProgram, theta: Vector, tol: float | None, max_iter: int | None
) -> tuple[Answer, Factor | None]:
    """Never raises: whatever goes wrong is a status. With the factor at the solution."""
    nothing = np.full(program.n, np.nan), np.full(program.m, np.nan)
    data, tol = numbers(program, theta), host.TOLERANCE if tol is None else tol
    parts = (data.P.data, data.q, data.A.data, data.b)
    if not all(np.isfinite(part).all() for part in parts):
        return Answer(*nothing, Status.INVALID_INPUT, 0, np.nan), None
    z, y, status, iterations = host.clarabel_point(data, program.cones, max_iter)
    if status in (Status.INFEASIBLE, Status.UNBOUNDED) or not (np.isfinite(z).all() and np.isfinite(y).all()):
        return Answer(
            *nothing, Status.DIVERGED if status is Status.SOLVED else status, iterations, np.inf
        ), None
    z, y, residual, factor = _sharpened(data, z, y, program.cones)
    y = host.without_dust(data, z, y, program.cones)
    return Answer(z, y, host.judged(status, residual, tol), iterations, residual), factor


def factor(program: ConeProgram, theta: Vector, z: Vector, y: Vector) -> Factor | None:
    """Of the Jacobian at (z, y); None where it is not finite."""
    data = numbers(program, theta)
    if not all(np.isfinite(part).all() for part in (data.P.data, data.A.data, data.b, z, y)):
        return None
    return Factor(_jacobian(data, z, y, program.cones)[1])


def regularity(
    program: ConeProgram, theta: Vector, z: Vector, y: Vector, found: Factor | None
) -> DerivativeStatus:
    """What the solution's derivative is worth; cvxpy's own variables may be as free as they like."""
    if found is None:
        return DerivativeStatus.SINGULAR
    data = numbers(program, theta)
    if kinks(data.b - data.A @ z - y, program.cones, host.TOLERANCE):
        return DerivativeStatus.WEAKLY_ACTIVE
    free = np.abs(found.null())
    if free[: program.unknowns].max(initial=0) > 1e-6:
        return DerivativeStatus.SINGULAR
    if free[z.size :].max(initial=0) > 1e-6:
        return DerivativeStatus.DEPENDENT_CONSTRAINTS
    return DerivativeStatus.REGULAR


def _jacobian(data: Data, z: Vector, y: Vector, cones: Cones) -> tuple[Vector, Any]:
    """F and dF at (z, y)."""
    s = data.b - data.A @ z
    point, entries = slopes(s - y, s, cones)
    slope = sparse.coo_array((entries, places(cones)), (s.size, s.size)).tocsc()
    residual = np.concatenate([data.P @ z + data.q + data.A.T @ y, s - point])
    lower = (slope - sparse.eye_array(s.size)) @ data.A
    return residual, sparse.block_array([[data.P, data.A.T], [lower, slope]], format="csc")


def _sharpened(data: Data, z: Vector, y: Vector, cones: Cones) -> tuple[Vector, Vector, float, Factor | None]:
    """Newton on F while it helps, and the factor of the last Jacobian."""
    n = z.size
    residual, matrix = _jacobian(data, z, y, cones)
    best, found = host.share(residual, data, z, y), None
    for _ in range(5):
        if not np.isfinite(matrix.data).all():
            return z, y, best, None
        found = Factor(matrix)
        if best <= 1e-15:
            break
        step = -found.solve(residual)
        next_z, next_y = z + step[:n], y + step[n:]
        next_residual, next_matrix = _jacobian(data, next_z, next_y, cones)
        error = host.share(next_residual, data, next_z, next_y)
        if not error < best:
            break
        halved = error <= best / 2
        z, y, residual, best = next_z, next_y, next_residual, error
        if (next_matrix != matrix).nnz:
            matrix, found = next_matrix, None
        elif not halved:
            break
    return z, y, best, found if found is not None else Factor(matrix)
