"""The linear system of a conic program about complementary pairs, by one Cholesky factor and refinement.

    P x + B'D w = r,   B x - (1 - D) w = t,   D = diag(weight), B = U'A:

Newton's system for the pairs of `frame`, w the step of z - s in the basis U. Rows of weight 1 are equations, rows
of weight 0 give their own w, those between add the curvature of their cone's boundary to P.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.border import BorderedRows
from declarative.backends.jax.structure.matrix import Factor, Square, Wide
from declarative.layer.linear import solve_equilibrated

REFINEMENTS = 8


class System(NamedTuple):
    """From a scaled program, whose entries are of size one."""

    P: Square  # [n, n]
    B: Wide  # [m, n]
    weight: Array  # [m]
    factor: Factor  # [n, n], of the matrix that `approximate` inverts, or of one near it


def factorised(P: Square, B: Wide, weight: Array) -> System:
    delta, rho = _lifts(P.dtype)
    H = matrix.gram(P, B, _penalty(weight, rho))
    return System(P, B, weight, matrix.factorised(H, delta))


def solve(system: System, r: Array, t: Array, accuracy: float = 0.0) -> tuple[tuple[Array, Array], Array]:
    """Columns (x, w), and the largest relative residual left, of which `accuracy` is enough."""
    P, B, weight, factor = system
    _, rho = _lifts(P.dtype)
    weight = weight[:, None]
    rest = 1 - weight + rho * weight
    enough = max(0.25, accuracy / float(jnp.finfo(P.dtype).eps))
    few = isinstance(B, Array) and r.shape[1] == 1
    times: Callable[[Any, Array], Array] = linalg.times if few else operator.matmul

    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, w = point
        return times(P, x) + times(B.T, weight * w), times(B, x) - (1 - weight) * w

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        r, t = rhs
        if isinstance(B, BorderedRows):
            x, z = matrix.solve_with_rows(factor, B, (weight / rest)[:, 0], r, t)
            return x, jnp.where(weight > 0, z / jnp.where(weight > 0, weight, 1), B @ x - t)
        x = matrix.solve(factor, r + times(B.T, weight / rest * t))
        return x, (times(B, x) - t) / rest

    return linalg.refined(exact, approximate, (r, t), REFINEMENTS, enough)


def least_norm(system: System, r: Array, t: Array) -> tuple[Array, Array]:
    """The same for a singular system: the whole matrix, symmetric in x and the steps of z."""
    P, B, weight, _ = system
    assert isinstance(P, Array)
    assert isinstance(B, Array)
    n = P.shape[0]
    moving = weight > 0
    rest = jnp.where(moving, (1 - weight) / jnp.where(moving, weight, 1), 1)
    rows = jnp.where(moving[:, None], B, 0)
    whole = jnp.block([[P, rows.T], [rows, -jnp.diag(rest)]])
    rhs = jnp.concatenate([r, jnp.where(moving[:, None], t, 0)])
    point = jax.vmap(lambda b: solve_equilibrated(whole, b, False), in_axes=1, out_axes=1)(rhs)
    x, z = point[:n], point[n:]
    idle = B @ x - t
    return x, jnp.where(moving[:, None], z / jnp.where(moving, weight, 1)[:, None], idle)


def _penalty(weight: Array, rho: float) -> Array:
    return weight / (1 - weight + rho * weight)


def _lifts(dtype: jnp.dtype) -> tuple[float, float]:
    """Proximal terms on x and on active rows; refinement takes them out."""
    eps = float(jnp.finfo(dtype).eps)
    return eps**0.5, eps**0.375
