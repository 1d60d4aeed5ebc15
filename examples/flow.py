"""Flows on a grid of roads: a sparse incidence matrix, solved by products and by sparse factorisations.

    python examples/flow.py [--side 12]

The matrix is given as `scipy.sparse`. Both engines that keep it sparse find the same flows, tolls and derivatives:
what one more unit of a road's cost does to the whole bill is the flow on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

import declarative as dc

PROGRAM = Path(__file__).with_name("flow.decl")


def grid(side: int) -> scipy.sparse.csr_array:
    """Incidence of a square grid with roads both ways; the last node's balance follows from the others."""
    nodes = np.arange(side * side).reshape(side, side)
    pairs = [(nodes[:, :-1], nodes[:, 1:]), (nodes[:-1], nodes[1:])]
    ends = np.concatenate([np.stack([a.ravel(), b.ravel()]) for a, b in pairs], axis=1)
    ends = np.concatenate([ends, ends[::-1]], axis=1)
    edges = np.arange(ends.shape[1])
    signs = np.repeat([1.0, -1.0], edges.size)
    incidence = scipy.sparse.coo_array((signs, (ends.ravel(), np.tile(edges, 2))))
    return incidence.tocsr()[:-1]


def main(side: int = 6) -> dict[str, float]:
    A, rng = grid(side), np.random.default_rng(0)
    demand = np.zeros(A.shape[0])
    demand[0] = 1.0  # all leaves the first node, for the last
    cost, limit = rng.uniform(0.5, 1.5, A.shape[1]), np.full(A.shape[1], 0.6)

    by_products = dc.load(PROGRAM, engine="first_order").flow
    by_factors = dc.load(PROGRAM, backend="cvxpy").flow
    found, other = by_products.solve(A, demand, cost, limit), by_factors.solve(A, demand, cost, limit)
    with jax.enable_x64(True):
        bill = jax.jit(lambda cost: by_products.solve(A, demand, cost, limit).objective)
        slope = np.asarray(jax.grad(bill)(jnp.asarray(cost)))
    size = f"{A.shape[1]} roads, {A.nnz} entries"
    print(f"{size}: {found.status}, {int(found.iterations)} steps, bill {found.objective:.4f}")
    print(f"{int(np.sum(found.toll > 1e-9))} roads are full")
    return {
        "imbalance": float(np.abs(A @ found.x - demand).max()),
        "difference": float(np.abs(found.x - other.x).max()),
        "bill's slope": float(np.abs(slope - found.x).max()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=12)
    for what, value in main(parser.parse_args().side).items():
        print(f"{what:14} {value:.1e}")
