"""Solves with [P A'; A -(H + delta)], H the scaling of the cones and zero on the zero rows.

By Cholesky of P + (NA)'NA for N'N = (H + delta)^-1, then of the zero rows' Schur complement. On the cones'
rows delta stays: it is a proximal term on their multipliers, which does not move the solution (Friedlander
and Orban, 2012). Elsewhere refinement takes it out: those equations carry the feasibility of the next point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import blockwise
from declarative.backends.jax.conic.cones.cone import Cone
from declarative.backends.jax.conic.product import mapped
from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.linalg import times
from declarative.backends.jax.structure.blocks import Rows
from declarative.backends.jax.structure.border import BorderedRows

REFINEMENTS = 6
ENOUGH = 16  # a residual of so many eps is as small as it gets


class Solution(NamedTuple):
    """One for each right-hand side."""

    x: Array  # [k, n]
    z: Array  # [k, kept]
    energy: Array  # [k], z'(H + delta) z


class _Point(NamedTuple):
    """Columns."""

    x: Array  # [n, k]
    whitened: Array  # [kept - zero, k], N'^-1 z
    z: Array  # [kept, k]


class Residual(NamedTuple):
    slope: Array  # [k, n]
    zero: Array  # [k, zero]


def factorised(
    problem: Scaled, cones: tuple[Cone, ...], scalings: list[Any], delta: Array, accuracy: Array
) -> Callable[[Array, Array], Solution]:
    """A function that solves for right-hand sides that are the rows of r [k, n] and t [k, kept].

    Refinement ends at a residual of `accuracy`, relative to the size of the point.
    """
    zero, n = problem.cones.zero, problem.q.shape[0]

    def whiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.whitened(scaling, part), scalings, v)

    def unwhiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.unwhitened(scaling, part), scalings, v)

    if isinstance(problem.A, Rows | BorderedRows):
        blocks = blockwise.factorised(problem.P, problem.A, zero, delta, whiten, unwhiten)
        return lambda r, t: Solution(*blocks(r, t))
    assert isinstance(problem.P, Array)
    P, A = problem.P, problem.A
    E, G = A[:zero], A[zero:]
    B = whiten(G)
    # E'E does not change the solution and keeps the matrix definite in directions that only E sees.
    H = P + delta * jnp.eye(n, dtype=delta.dtype) + linalg.gram(B)
    L = linalg.cholesky(H + linalg.gram(E) if zero else H)
    Y = linalg.forward(L, E.T) if zero else E.T
    S = linalg.cholesky(linalg.gram(Y) + delta * jnp.eye(zero, dtype=delta.dtype)) if zero else H

    def approximate(rhs: Residual) -> tuple[Array, Array]:
        """Columns (x, multipliers of the zero rows)."""
        r, a = rhs.slope.T, rhs.zero.T
        if not zero:
            return linalg.cholesky_solve(L, r), a
        lifted = linalg.forward(L, r + times(E.T, a))
        y = linalg.cholesky_solve(S, times(Y.T, lifted) - a)
        return linalg.forward(L, lifted - times(Y, y), transposed=True), y

    def solve(r: Array, t: Array) -> Solution:
        a, g = t[:, :zero], whiten(t[:, zero:].T)

        def judged(point: _Point) -> tuple[Residual, Array]:
            """The residuals of the equations but the cones', and their size."""
            x, z = point.x, point.z
            left = Residual(r - times(P, x).T - times(A.T, z).T, a - times(E, x).T)
            scale = _largest(r) + _largest(x.T) + _largest(z.T)
            return left, jnp.max(jnp.maximum(_largest(left.slope), _largest(left.zero)) / scale)

        def going(carry: Any) -> Array:
            step, _, _, error, previous = carry
            return (step < REFINEMENTS) & ~(error >= previous / 2) & (error > floor)

        def improve(carry: Any) -> Any:
            step, point, left, error, _ = carry
            dx, dy = approximate(left)
            dw = times(B, dx)
            # A multiplier as a sum of ever smaller steps: that of x as a whole is the difference of large numbers.
            dz = jnp.concatenate([dy, unwhiten(dw)])
            moved = _Point(point.x + dx, point.whitened + dw, point.z + dz)
            new, old = (moved, *judged(moved)), (point, left, error)
            better = (new[2] < error) | (step == 0)
            return step + 1, *jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old), error

        floor = jnp.maximum(accuracy, ENOUGH * float(jnp.finfo(r.dtype).eps))
        one = jnp.ones_like(delta)
        start = _Point(jnp.zeros_like(r.T), -g, jnp.concatenate([jnp.zeros_like(a.T), -unwhiten(g)]))
        first = Residual(r + times(B.T, g).T, a)
        carry = jnp.zeros_like(one, dtype=jnp.int32), start, first, one, jnp.inf * one
        point = lax.while_loop(going, improve, carry)[1]
        return Solution(point.x.T, point.z.T, jnp.sum(point.whitened * point.whitened, axis=0))

    return solve


def _largest(rows: Array) -> Array:
    return jnp.max(jnp.abs(rows), axis=1, initial=0)
