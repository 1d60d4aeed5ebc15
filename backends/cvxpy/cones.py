"""Points near their projection on a product of cones -> the exact projection and its derivative.

    v = s - y with s in K and y in K*  gives  s = proj_K(v)

The order of rows is that of SCS: zero, nonneg, second-order, semidefinite (lower triangle by columns,
off-diagonal entries times sqrt 2), exponential, power. diffcp has these derivatives, too, but its
exponential cone is exact to 1e-7 only and its power cone is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float64]]
Matrix = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.int64]]
Surface = Callable[[Vector], tuple[float, Vector, Matrix]]
"""g, its gradient and its Hessian, where g = 0 is the curved boundary of a cone {g <= 0}."""

KINK = 1e-7  # relative distance within which a point counts as lying on a face


@dataclass(frozen=True)
class Cones:
    zero: int
    nonneg: int
    soc: tuple[int, ...] = ()
    psd: tuple[int, ...] = ()
    exp: int = 0
    power: tuple[float, ...] = ()

    def blocks(self) -> Iterator[tuple[str, slice, Any]]:
        """Kind, rows and setting (the order of a matrix, the exponent of a power) of each cone."""
        kinds: list[tuple[str, int, Any]] = [("zero", self.zero, None), ("nonneg", self.nonneg, None)]
        kinds += [("soc", size, None) for size in self.soc]
        kinds += [("psd", order * (order + 1) // 2, order) for order in self.psd]
        kinds += [("exp", 3, None)] * self.exp
        kinds += [("power", 3, alpha) for alpha in self.power]
        start = 0
        for kind, size, setting in kinds:
            if size:
                yield kind, slice(start, start + size), setting
            start += size

    @property
    def rows(self) -> int:
        return sum(rows.stop - rows.start for _, rows, _ in self.blocks())

    @property
    def polyhedral(self) -> bool:
        """Whether the projection is piecewise linear, so that its second derivative is zero."""
        return not (self.soc or self.psd or self.exp or self.power)


def project(v: Vector, s: Vector, cones: Cones) -> tuple[Vector, Matrix]:
    """proj_K(v) and its derivative; `s` is an approximation of the projection."""
    point, derivative = np.zeros_like(v), np.zeros((v.size, v.size))
    for rows, (part, slope) in _parts(v, s, cones):
        point[rows] = part
        derivative[rows, rows] = np.diag(slope) if slope.ndim == 1 else slope
    return point, derivative


def places(cones: Cones) -> tuple[Indices, Indices]:
    """Rows and columns of the entries of the derivative that may differ from zero."""
    rows, columns = [np.zeros(0, int)], [np.zeros(0, int)]
    for kind, block, _ in cones.blocks():
        own = np.arange(block.start, block.stop)
        if kind == "nonneg":
            rows.append(own)
            columns.append(own)
        elif kind != "zero":
            rows.append(np.repeat(own, own.size))
            columns.append(np.tile(own, own.size))
    return np.concatenate(rows), np.concatenate(columns)


def slopes(v: Vector, s: Vector, cones: Cones) -> tuple[Vector, Vector]:
    """proj_K(v) and the entries of its derivative at `places`."""
    point, entries = np.zeros_like(v), [np.zeros(0)]
    for rows, (part, slope) in _parts(v, s, cones):
        point[rows] = part
        entries.append(slope.ravel())
    return point, np.concatenate(entries)


def _parts(v: Vector, s: Vector, cones: Cones) -> Iterator[tuple[slice, tuple[Vector, Matrix]]]:
    """Projection and derivative of each cone but the zero cone, the derivative as a vector if it is diagonal."""
    for kind, rows, setting in cones.blocks():
        if kind == "nonneg":
            yield rows, (np.maximum(v[rows], 0), (v[rows] > 0).astype(v.dtype))
        elif kind == "soc":
            yield rows, _second_order(v[rows])
        elif kind == "psd":
            yield rows, _semidefinite(v[rows], setting)
        elif kind == "exp":
            yield rows, _curved(v[rows], s[rows], _exponential)
        elif kind == "power":
            yield rows, _curved(v[rows], s[rows], _power(setting))


def kinks(v: Vector, cones: Cones, tol: float) -> bool:
    """Whether the projection has a kink within `tol` of v, relative to the size of each block."""
    for kind, rows, setting in cones.blocks():
        block = v[rows]
        if kind == "nonneg":
            near = np.abs(block) <= tol * (1 + np.abs(v).max())
        elif kind == "soc":
            norm, scale = np.linalg.norm(block[1:]), 1 + np.abs(block).max()
            near = np.abs([block[0] - norm, block[0] + norm]) <= tol * scale
        elif kind == "psd":
            values = np.linalg.eigvalsh(unvec(block, setting))
            near = np.abs(values) <= tol * (1 + np.abs(values).max())
        else:
            near = np.abs(block).max(keepdims=True) <= tol
        if kind != "zero" and near.any():
            return True
    return False


def unvec(x: Vector, order: int) -> Matrix:
    """The symmetric matrix of a scaled lower triangle, stored by columns."""
    columns, rows = np.triu_indices(order)
    matrix = np.zeros((order, order))
    matrix[rows, columns] = matrix[columns, rows] = x / np.where(rows == columns, 1, np.sqrt(2))
    return matrix


def _vec(matrix: Matrix) -> Vector:
    columns, rows = np.triu_indices(matrix.shape[-1])
    return matrix[..., rows, columns] * np.where(rows == columns, 1, np.sqrt(2))


def _second_order(v: Vector) -> tuple[Vector, Matrix]:
    t, z, eye = v[0], v[1:], np.eye(v.size)
    norm = float(np.linalg.norm(z))
    if norm <= t:
        return v, eye
    if norm <= -t:
        return np.zeros_like(v), 0 * eye
    unit = z / norm
    derivative = np.empty_like(eye)
    derivative[0, 0], derivative[0, 1:], derivative[1:, 0] = 1, unit, unit
    derivative[1:, 1:] = (1 + t / norm) * np.eye(z.size) - t / norm * np.outer(unit, unit)
    return (t + norm) / 2 * np.concatenate([[1], unit]), derivative / 2


def _semidefinite(v: Vector, order: int) -> tuple[Vector, Matrix]:
    values, vectors = np.linalg.eigh(unvec(v, order))
    plus = np.maximum(values, 0)
    gap = values[:, None] - values[None, :]
    same = np.abs(gap) < 1e-12 * (1 + np.abs(values).max())
    ratio = np.where(same, (values > 0)[:, None], (plus[:, None] - plus[None, :]) / np.where(same, 1, gap))
    basis = np.stack([unvec(e, order) for e in np.eye(v.size)])
    moved = vectors @ (ratio * (vectors.T @ basis @ vectors)) @ vectors.T
    return _vec((vectors * plus) @ vectors.T), _vec(moved).T


def _curved(v: Vector, s: Vector, surface: Surface) -> tuple[Vector, Matrix]:
    """Projection on a three-dimensional cone: inside, at its apex, on its flat face or curved boundary."""
    y, scale, eye = s - v, np.abs(v).max() + 1e-300, np.eye(3)
    if np.abs(y).max() <= KINK * scale:
        return v, eye
    if np.abs(s).max() <= KINK * scale:
        return np.zeros(3), 0 * eye
    if abs(s[1]) <= KINK * scale:  # the face x <= 0, y = 0, z >= 0 of the exponential cone
        keep = np.array([1.0, 0.0, float(v[2] > 0)])
        return keep * v, np.diag(keep)
    # Newton on s - v + mu * g'(s) = 0, g(s) = 0, from the solver's s; its last matrix has the derivative.
    _, slope, _ = surface(s)
    mu = max(float(-y @ slope / (slope @ slope)), 0.0)
    for _ in range(8):
        value, slope, bend = surface(s)
        system = np.block([[eye + mu * bend, slope[:, None]], [slope[None, :], np.zeros((1, 1))]])
        step = np.linalg.solve(system, np.append(v - s - mu * slope, -value))
        if not np.isfinite(step).all() or s[1] + step[1] <= 0:
            break
        s, mu = s + step[:3], mu + step[3]
        if np.abs(step[:3]).max() <= 1e-15 * scale:
            break
    _, slope, bend = surface(s)
    system = np.block([[eye + mu * bend, slope[:, None]], [slope[None, :], np.zeros((1, 1))]])
    return s, np.linalg.solve(system, np.eye(4, 3))[:3]


def _exponential(s: Vector) -> tuple[float, Vector, Matrix]:
    """y * exp(x / y) - z."""
    x, y, z = s
    e, r = np.exp(x / y), x / y
    bend = np.zeros((3, 3))
    bend[:2, :2] = e / y * np.array([[1, -r], [-r, r * r]])
    return y * e - z, np.array([e, (1 - r) * e, -1.0]), bend


def _power(alpha: float) -> Surface:
    """|z| - x^alpha * y^(1 - alpha)."""

    def surface(s: Vector) -> tuple[float, Vector, Matrix]:
        x, y, z = s
        mean = x**alpha * y ** (1 - alpha)
        slope = np.array([-alpha * mean / x, -(1 - alpha) * mean / y, np.sign(z)])
        bend = np.zeros((3, 3))
        curve = alpha * (1 - alpha) * mean
        bend[:2, :2] = curve * np.array([[1 / x**2, -1 / (x * y)], [-1 / (x * y), 1 / y**2]])
        return abs(z) - mean, slope, bend

    return surface
