"""qpax, an interior-point method in JAX with a relaxed derivative."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.peers.frames import jax_mapped
from benchmarks.workload import Case, Contender, Prepared


def quadratic(case: Case, **options: Any) -> Prepared:
    import jax.numpy as jnp
    import qpax

    order, n = list(case.inputs), case.inputs["P"].shape[-1]

    def solve(*arrays: Any) -> Any:
        given = {"A": jnp.zeros((0, n)), "b": jnp.zeros(0)} | dict(zip(order, arrays, strict=True))
        return qpax.solve_qp_primal(*(given[name] for name in ("P", "q", "A", "b", "G", "h")), **options)

    return jax_mapped(solve, case)


TIGHT: dict[str, Any] = {"solver_tol": 1e-10, "target_kappa": 1e-10}

CONTENDERS = (
    Contender(
        "qpax",
        ("jax", "qpax"),
        ("qpax", "jax"),
        dict.fromkeys(("qp", "mpc"), partial(quadratic, backend="i", **TIGHT)),
        "implicit backend, solver_tol=1e-10, target_kappa=1e-10",
    ),
    Contender(
        "qpax, explicit",
        ("jax", "qpax"),
        ("qpax", "jax"),
        dict.fromkeys(("qp", "mpc"), partial(quadratic, backend="e", **TIGHT)),
        "its default backend, as tight: the gradient in G has a multiplier too many",
    ),
    Contender(
        "qpax, defaults",
        ("jax", "qpax"),
        ("qpax", "jax"),
        dict.fromkeys(("qp", "mpc"), quadratic),
        "its defaults: gradients are those of a smoothed problem",
    ),
)
