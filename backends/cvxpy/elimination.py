"""Unknowns of cvxpy's that an equality defines: taken out of a program before it is solved, and put back after.

cvxpy writes a term f(A x - b) as f(t) with rows t = A x - b. Where t is free otherwise and enters the quadratic term
only, the program is smaller, and often without equalities, in terms of x: t = M x + c, in place of P its congruence
with (I, M). The rows' multipliers follow from the derivative in t.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.cvxpy.cones import Vector
from declarative.backends.cvxpy.stuffing import Indices, Stuffed
from declarative.backends.jax.forms import Cones, Conic


class Defined(NamedTuple):
    """Unknown `unknowns[i]` stands in `rows[i]` only, with the constant factor `factors[i]`."""

    unknowns: Indices
    rows: Indices
    factors: Vector


def defined(form: Stuffed, own: Indices) -> Defined:
    """Of the unknowns that are none of the user's `own`, those that an equality defines; at most one a row."""
    n, A, P = form.n, form.A, form.P
    free = np.ones(n, bool)
    free[own] = False
    count = np.bincount(A.columns, minlength=n)  # an entry of several terms counts as several
    single = (count[A.columns] == 1) & free[A.columns] & (A.rows < form.cones.zero)
    found = np.flatnonzero(single & (A.params == form.count) & (A.factors != 0))
    _, first = np.unique(A.rows[found], return_index=True)
    found = found[first]
    taken = np.zeros(n, bool)
    taken[A.columns[found]] = True
    mixed = taken[P.rows] != taken[P.columns]  # with an unknown that stays
    taken[P.rows[mixed]] = taken[P.columns[mixed]] = False
    found = found[taken[A.columns[found]]]
    joined = taken[P.rows] != taken[P.columns]
    if joined.any():  # taking some back has parted others: rare, and not worth a second round
        found = found[:0]
    return Defined(A.columns[found], A.rows[found], A.factors[found])


def reduced(data: Conic, factors: Vector, diagonal: Vector | None = None) -> Conic:
    """The program without its last unknowns and its first rows, as many as there are factors.

    `diagonal` is that of their block of P where it is diagonal and known before the data.
    """
    k = factors.size
    if not k:
        return data
    n, cones = data.q.shape[0] - k, data.cones
    M, c = _map(data, factors)
    inner = data.P[n:, n:]
    P = data.P[:n, :n] + M.T @ (
        inner @ M if diagonal is None else jnp.asarray(diagonal[:, None], M.dtype) * M
    )
    q = data.q[:n] + M.T @ (inner @ c + data.q[n:])
    fewer = Cones(cones.zero - k, cones.nonneg, cones.soc, cones.psd, cones.exp, cones.power)
    return Conic(P, q, data.A[k:, :n], data.b[k:], data.alpha, fewer)


def restored(data: Conic, factors: Vector, z: Array, y: Array) -> tuple[Array, Array]:
    """The unknowns and the multipliers of the whole program."""
    k = factors.size
    if not k:
        return z, y
    n = z.shape[0]
    M, c = _map(data, factors)
    t = M @ z + c
    slope = data.P[n:, n:] @ t + data.q[n:]
    return jnp.concatenate([z, t]), jnp.concatenate([-slope / jnp.asarray(factors, z.dtype), y])


def _map(data: Conic, factors: Vector) -> tuple[Array, Array]:
    k, scale = factors.size, jnp.asarray(factors, data.q.dtype)
    return -data.A[:k, : data.q.shape[0] - k] / scale[:, None], data.b[:k] / scale
