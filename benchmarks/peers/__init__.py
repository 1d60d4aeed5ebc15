"""Who runs the workloads: a module for each package says which it can run and how."""

from __future__ import annotations

from benchmarks.peers import (
    cvxpylayers,
    entmax,
    jaxopt,
    moreau,
    optimistix,
    ours,
    plain,
    proxsuite,
    qpax,
    qpth,
    torchdeq,
)
from benchmarks.workload import Contender

MODULES = (ours, moreau, proxsuite, qpth, qpax, jaxopt, optimistix, torchdeq, entmax, plain, cvxpylayers)
CONTENDERS: tuple[Contender, ...] = tuple(each for module in MODULES for each in module.CONTENDERS)
