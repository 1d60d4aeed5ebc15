"""The workloads: one module each makes the cases and their exact answers."""

from __future__ import annotations

from benchmarks.workload import Point
from benchmarks.workloads import (
    deq,
    lasso,
    logistic,
    logistic_constrained,
    maxent,
    mpc,
    pooling,
    portfolio,
    psd,
    qp,
    ridge,
    sdp,
    sparsemax,
)

MODULES = (qp, mpc, sparsemax, ridge, logistic, psd, pooling, deq)
CONIC = (portfolio, lasso, logistic_constrained, sdp, maxent)

POINTS: tuple[Point, ...] = tuple(point for module in MODULES + CONIC for point in module.points())
