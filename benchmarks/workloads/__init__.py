"""The workloads: one module each makes the cases and their exact answers."""

from __future__ import annotations

from benchmarks.workload import Point
from benchmarks.workloads import deq, logistic, mpc, pooling, psd, qp, ridge, sparsemax

POINTS: tuple[Point, ...] = tuple(
    point for module in (qp, mpc, sparsemax, ridge, logistic, psd, pooling, deq) for point in module.points()
)
