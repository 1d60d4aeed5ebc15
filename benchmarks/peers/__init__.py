"""Who runs the workloads: a module for each package says which it can run and how."""

from __future__ import annotations

from benchmarks.peers import moreau, ours, proxsuite, qpax, qpth
from benchmarks.workload import Contender

CONTENDERS: tuple[Contender, ...] = tuple(
    contender for module in (ours, moreau, proxsuite, qpth, qpax) for contender in module.CONTENDERS
)
