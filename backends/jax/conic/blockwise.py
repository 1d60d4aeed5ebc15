"""Conic programs whose unknowns stand in blocks: their rows in each order, and the solves of an iteration.

All rows of a cone see the same two blocks, so that what turns a cone's rows turns their entries there.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import groups
from declarative.backends.jax.conic.frame import Basis, turned
from declarative.backends.jax.conic.layout import layout as kept_layout
from declarative.backends.jax.conic.layout import widened
from declarative.backends.jax.forms import Cones, Conic
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.blocks import Rows
from declarative.backends.jax.structure.border import BorderedRows
from declarative.backends.jax.structure.matrix import Layout, Square, Wide

REFINEMENTS = 6
ROUNDED = 16  # refinement ends at a residual of so many eps
PENALTY = 0.45  # the power of eps that lifts the zero rows, which are eliminated
Solve = Callable[[Array, Array], tuple[Array, Array, Array]]


def split(data: Conic, P: Square, layout: Layout) -> Conic:
    """The program with its matrices in blocks; P is that of the data."""
    return data._replace(P=P, A=matrix.rows((data.A,), layout))  # type: ignore[arg-type]


def widened_rows(cones: Cones, A: Wide) -> Wide:
    """See `layout.widened`."""
    if isinstance(A, Array):
        return widened(cones, A)
    source = tuple(int(row) for row in kept_layout(cones).source)
    return A.turned(lambda columns: widened(cones, columns), source)


def turned_rows(cones: Cones, basis: Basis, A: Wide) -> Wide:
    """See `frame.turned`."""
    if isinstance(A, Array):
        return turned(cones, basis, A)
    order = [np.ravel(part) for part in groups.parts(cones, np.arange(A.shape[0]))]  # type: ignore[arg-type]
    rows = tuple(int(row) for row in np.concatenate(order))
    return A.turned(lambda columns: turned(cones, basis, columns), rows)


def factorised(
    P: Square,
    A: Rows | BorderedRows,
    zero: int,
    delta: Array,
    whiten: Callable[[Array], Array],
    unwhiten: Callable[[Array], Array],
) -> Solve:
    """See `kkt.factorised`: a function of r [k, n] and t [k, kept] that gives x, z and their energies.

    The zero rows are eliminated, too: a Schur complement would fill in.
    """
    dtype = delta.dtype
    rho = jnp.maximum(float(jnp.finfo(dtype).eps) ** PENALTY, delta)
    B = A.turned(lambda columns: jnp.concatenate([columns[:zero], whiten(columns[zero:])]))
    cone = (jnp.arange(A.shape[0]) >= zero)[:, None]
    lift = jnp.where(cone, 1, rho)
    weights = 1 / lift[:, 0]
    factor = matrix.factorised(matrix.gram(P, B, weights), delta)

    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, w = point
        return P @ x + B.T @ w, B @ x - jnp.where(cone, w, 0)

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        return matrix.solve_with_rows(factor, B, weights, *rhs)

    def solve(r: Array, t: Array) -> tuple[Array, Array, Array]:
        right = jnp.concatenate([t.T[:zero], whiten(t.T[zero:])])
        (x, w), _ = linalg.refined(exact, approximate, (r.T, right), REFINEMENTS, ROUNDED)
        z = jnp.concatenate([w[:zero], unwhiten(w[zero:])])
        return x.T, z.T, jnp.sum(w[zero:] ** 2, axis=0)

    return solve
