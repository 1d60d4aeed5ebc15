"""entmax: sparsemax in torch, by sorting and by bisection."""

from __future__ import annotations

from functools import partial

from benchmarks.peers.frames import torch_run
from benchmarks.workload import Case, Contender, Prepared


def sparsemax(case: Case, function: str) -> Prepared:
    import entmax

    return torch_run(partial(getattr(entmax, function), dim=-1), case)


CONTENDERS = (
    Contender(
        "entmax",
        ("torch", "entmax"),
        ("entmax", "torch"),
        {"sparsemax": partial(sparsemax, function="sparsemax")},
        "by sorting",
    ),
    Contender(
        "entmax, bisection",
        ("torch", "entmax"),
        ("entmax", "torch"),
        {"sparsemax": partial(sparsemax, function="sparsemax_bisect")},
        "by bisection",
    ),
)
