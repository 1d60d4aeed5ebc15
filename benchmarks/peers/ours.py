"""This package on the programs of benchmarks/programs, and the hand-written JAX that it is held to."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from benchmarks.peers.frames import jax_run
from benchmarks.workload import Case, Contender, Prepared

PROGRAMS = Path(__file__).parents[1] / "programs"
STRUCTURED = ("sparsemax", "ridge", "logistic", "psd", "pooling", "deq")
CONIC = ("portfolio", "lasso", "elastic_net", "logistic_constrained", "sdp", "maxent")
FAMILIES = ("qp", "mpc", "mpc_equality", *STRUCTURED, *CONIC)


def declared(case: Case) -> Prepared:
    import declarative as dc

    return jax_run(dc.load(PROGRAMS / f"{case.family}.decl")[case.family], case)


def written(case: Case) -> Prepared:
    return jax_run(import_module(f"benchmarks.reference.{case.family}").solve, case)


CONTENDERS = (
    Contender(
        "declarative",
        ("jax", "declarative"),
        ("declarative-layers", "jax", "jaxlib"),
        dict.fromkeys(FAMILIES, declared),
        "the layer of benchmarks/programs inside jit",
        peer=False,
    ),
    Contender(
        "hand-written",
        ("jax",),
        ("jax", "jaxlib"),
        dict.fromkeys((*STRUCTURED, "lasso", "elastic_net"), written),
        "benchmarks/reference",
        peer=False,
    ),
)
