"""The workloads: one module each makes the cases and their exact answers."""

from __future__ import annotations

from benchmarks.workload import Point
from benchmarks.workloads import mpc, qp

POINTS: tuple[Point, ...] = (*qp.points(), *mpc.points())
