"""ProxQP's QPLayer."""

from __future__ import annotations

from benchmarks.peers.frames import cores, torch_run
from benchmarks.workload import Case, Contender, Prepared


def quadratic(case: Case) -> Prepared:
    import torch
    from proxsuite.torch.qplayer import QPFunction

    order = list(case.inputs)
    solver = QPFunction(omp_parallel=cores() > 1)

    def solve(*tensors: torch.Tensor) -> torch.Tensor:
        given = dict(zip(order, tensors, strict=True))
        n = given["P"].shape[-1]
        A, b = given.get("A", torch.empty(0, n)), given.get("b", torch.empty(0))
        G, h = given.get("G", torch.empty(0, n)), given.get("h", torch.empty(0))
        return solver(given["P"], given["q"], A, b, G, torch.full_like(h, -1e20), h)[0]

    return torch_run(solve, case)


CONTENDERS = (
    Contender(
        "QPLayer",
        ("torch", "proxsuite"),
        ("proxsuite", "torch"),
        dict.fromkeys(("qp", "mpc"), quadratic),
        "its defaults (forward 1e-9, backward 1e-4), torch in float64",
    ),
)
