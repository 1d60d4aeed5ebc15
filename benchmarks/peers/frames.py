"""How a function of JAX or torch becomes a run: forward and backward of sum(weights * solution), in float64.

JAX has been told so by the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Case, Outcome, Prepared


def jax_run(solve: Callable[..., Any], case: Case) -> Prepared:
    """`solve` takes the inputs in order, the whole batch, and can be traced."""
    import jax
    import jax.numpy as jnp

    inputs = tuple(jnp.asarray(value) for value in case.inputs.values())
    weights = jnp.asarray(case.weights)

    def loss(*arrays: Any) -> tuple[Any, Any]:
        solution = solve(*arrays)
        return (weights * solution).sum(), solution

    compiled = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(len(inputs))), has_aux=True))

    def read(result: Any) -> Outcome:
        (_, solution), gradients = result
        return Outcome(np.asarray(solution), named(case, gradients))

    return Prepared(lambda: jax.block_until_ready(compiled(*inputs)), read)


def jax_mapped(solve: Callable[..., Any], case: Case) -> Prepared:
    """`solve` takes the inputs of one element."""
    import jax

    axes = tuple(None if name in case.shared else 0 for name in case.inputs)
    return jax_run(jax.vmap(solve, in_axes=axes), case)


def torch_run(solve: Callable[..., Any], case: Case) -> Prepared:
    """`solve` takes the inputs in order, the whole batch, as tensors that want a gradient."""
    import torch

    torch.set_default_dtype(torch.float64)
    inputs = [torch.tensor(value, requires_grad=True) for value in case.inputs.values()]
    weights = torch.tensor(case.weights)

    def run() -> Any:
        solution = solve(*inputs)
        return solution, torch.autograd.grad((weights * solution).sum(), inputs)

    def read(result: Any) -> Outcome:
        solution, gradients = result
        return Outcome(solution.detach().numpy(), named(case, [each.numpy() for each in gradients]))

    return Prepared(run, read)


def named(case: Case, gradients: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in zip(case.inputs, gradients, strict=True)}


def cores() -> int:
    """How many this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
