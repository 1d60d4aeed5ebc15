"""Semidefinite programs with planted optimal pairs: unique, nondegenerate and strictly complementary.

    minimise <C, X>  where  <A_k, X> = b_k,  X positive semidefinite

X has rank 3 of 10 and there are 10 equalities: 6 <= 10 <= 27 are the bounds of a generic problem (Alizadeh, Haeberly
and Overton 1997, "Complementarity and nondegeneracy in semidefinite programming").
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks.workload import Arrays, Case, Outcome, Point
from benchmarks.workloads import implicit

SYMMETRIC = frozenset("CA")


def points() -> list[Point]:
    return [Point(f"sdp-b{batch}", "sdp", partial(case, 10, 10, batch), batch == 8) for batch in (8, 64)]


def case(n: int, p: int, batch: int) -> tuple[Case, Outcome]:
    rng = np.random.default_rng([9, n, p, batch])
    inputs, start = planted(rng, n, p, batch)
    weights = rng.normal(size=(batch, n, n))
    made = Case(f"sdp-b{batch}", "sdp", inputs, weights, symmetric=SYMMETRIC)
    return made, implicit.answer(conditions, start, {}, inputs, weights)


def planted(rng: np.random.Generator, n: int, p: int, batch: int) -> tuple[Arrays, Arrays]:
    """Inputs, and the optimal X with its multipliers. Eigenvalues that are not zero are at least 0.2."""
    A, frame = symmetric(rng.normal(size=(batch, p, n, n))), np.linalg.qr(rng.normal(size=(batch, n, n)))[0]
    values, kept = rng.uniform(0.2, 1, size=(batch, 1, n)), np.arange(n) < round(0.3 * n)
    X, Z = ((frame * (values * mask)) @ frame.swapaxes(1, 2) for mask in (kept, ~kept))
    nu = rng.normal(size=(batch, p))
    C, b = Z - np.einsum("bk,bkij->bij", nu, A), np.einsum("bkij,bij->bk", A, X)
    return {"C": C, "A": A, "b": b}, {"X": X, "nu": nu, "Z": Z}


def conditions(unknowns: Any, face: Any, given: Any) -> list[Any]:
    """Symmetrised complementarity, of which the derivative is regular at such pairs; X and Z stay symmetric."""
    X, nu, Z = unknowns["X"], unknowns["nu"], unknowns["Z"]
    A = symmetric(given["A"])
    slope = symmetric(given["C"]) + jnp.einsum("k,kij->ij", nu, A) - Z
    product = X @ Z + Z @ X
    upper = jnp.triu(jnp.ones_like(X), 1) > 0
    return [slope, jnp.where(upper, X - X.T, product), jnp.einsum("kij,ij->k", A, X) - given["b"]]


def symmetric(matrix: Any) -> Any:
    return (matrix + matrix.swapaxes(-1, -2)) / 2
