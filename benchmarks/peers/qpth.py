"""qpth, the batched interior-point method of OptNet."""

from __future__ import annotations

from benchmarks.peers.frames import torch_run
from benchmarks.workload import Case, Contender, Prepared


def quadratic(case: Case) -> Prepared:
    import torch
    from qpth.qp import QPFunction

    order = list(case.inputs)
    solver = QPFunction(verbose=-1, check_Q_spd=False)

    def solve(*tensors: torch.Tensor) -> torch.Tensor:
        given = {
            # Of what it repeats over the batch itself, it gives the mean of the gradients.
            name: tensor.expand(case.batch, *tensor.shape) if name in case.shared else tensor
            for name, tensor in zip(order, tensors, strict=True)
        }
        return solver(*(given.get(name, torch.empty(0)) for name in ("P", "q", "G", "h", "A", "b")))

    return torch_run(solve, case)


CONTENDERS = (
    Contender(
        "qpth",
        ("torch", "qpth"),
        ("qpth", "torch"),
        dict.fromkeys(("qp", "mpc"), quadratic),
        "its defaults, without its check of P",
    ),
)
