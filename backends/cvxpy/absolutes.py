"""Absolute values, which cvxpy writes as an unknown of its own and two rows: found again in a program without cones.

cvxpy writes w |c x| as w t with rows c x - t <= 0 and -c x - t <= 0. Where all that is left of a program are such rows,
it is a quadratic function and weighted absolute values, and needs no rows at all.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.cvxpy.cones import Vector
from declarative.backends.cvxpy.elimination import Defined
from declarative.backends.cvxpy.stuffing import Indices, Stuffed
from declarative.backends.jax.forms import Conic


class Absolutes(NamedTuple):
    """The unknown after the user's own that has the number i bounds |factors[i] x[unknowns[i]]|."""

    unknowns: Indices  # each once
    factors: Vector


def absolutes(form: Stuffed, own: Indices, out: Defined) -> Absolutes | None:
    """None where there is anything else."""
    cones, constant = form.cones, form.count
    others = np.setdiff1d(np.arange(form.n), np.concatenate([own, out.unknowns]))
    rows = np.setdiff1d(np.arange(form.m), out.rows)
    linear = cones.rows == cones.zero + cones.nonneg
    if not linear or cones.zero != out.rows.size or rows.size != 2 * others.size or not others.size:
        return None
    A = form.A
    here = np.isin(A.rows, rows)
    if here.sum() != 2 * rows.size or (A.params[here] != constant).any() or np.isin(form.b.rows, rows).any():
        return None
    if np.isin(np.concatenate([form.P.rows, form.P.columns]), others).any():
        return None
    matrix = np.zeros((form.m, form.n))
    np.add.at(matrix, (A.rows[here], A.columns[here]), A.factors[here])
    bounds, inner = matrix[np.ix_(rows, others)], matrix[np.ix_(rows, own)]
    pairs = ((bounds != 0).sum(0) == 2).all() and ((bounds != 0).sum(1) == 1).all()
    if not pairs or ((inner != 0).sum(1) != 1).any() or set(np.unique(bounds)) - {0.0, -1.0}:
        return None
    first, second = np.sort(
        np.argsort(np.argmax(bounds != 0, axis=1), kind="stable").reshape(-1, 2), axis=1
    ).T
    unknowns, factors = np.argmax(inner[first] != 0, axis=1), inner[first].sum(1)
    if (inner[first] != -inner[second]).any() or np.unique(unknowns).size < unknowns.size:
        return None
    return Absolutes(unknowns, factors)


def weights(data: Conic, found: Absolutes) -> Array:
    """Of the absolute values of the user's unknowns."""
    own = data.q.shape[0] - found.unknowns.size
    return jnp.zeros(own, data.q.dtype).at[found.unknowns].set(data.q[own:] * np.abs(found.factors))


def smooth(data: Conic, found: Absolutes) -> tuple[Array, Array]:
    """P and q of the quadratic function of the user's unknowns."""
    own = data.q.shape[0] - found.unknowns.size
    return data.P[:own, :own], data.q[:own]


def completed(found: Absolutes, x: Array) -> Array:
    """The unknowns with the bounds. The rows are cvxpy's own: nobody asks for their multipliers."""
    return jnp.concatenate([x, jnp.abs(jnp.asarray(found.factors, x.dtype) * x[found.unknowns])])
