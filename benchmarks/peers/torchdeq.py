"""torchdeq: deep equilibria in torch. Its default gradient is a one-step one; here it solves for the right one."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.peers.frames import torch_run
from benchmarks.workload import Case, Contender, Prepared


def deq(case: Case, solver: str, exact: bool = True) -> Prepared:
    import torch
    from torchdeq import get_deq

    options: dict[str, Any] = {"f_solver": solver, "f_max_iter": 500, "f_tol": 1e-10, "f_stop_mode": "rel"}
    if exact:
        options |= {"ift": True, "b_solver": solver, "b_max_iter": 500, "b_tol": 1e-10, "b_stop_mode": "rel"}
    model = get_deq(**options)

    def solve(W: torch.Tensor, U: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        shift = x @ U.T + b
        return model(lambda z: torch.tanh(z @ W.T + shift), torch.zeros_like(shift))[0][-1]

    return torch_run(solve, case)


def _contender(name: str, settings: str, **options: Any) -> Contender:
    prepare = {"deq": partial(deq, **options)}
    return Contender(f"torchdeq, {name}", ("torch", "torchdeq"), ("torchdeq", "torch"), prepare, settings)


CONTENDERS = (
    _contender("Picard", "implicit gradient, both to 1e-10", solver="fixed_point_iter"),
    _contender("Anderson", "implicit gradient, both to 1e-10", solver="anderson"),
    _contender("Broyden", "implicit gradient, both to 1e-10", solver="broyden"),
    _contender("defaults", "one-step gradient, forward to 1e-10", solver="fixed_point_iter", exact=False),
)
