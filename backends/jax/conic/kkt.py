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
from declarative.backends.jax.structure.blocks import Rows

REFINEMENTS = 6
ENOUGH = 16  # refinement ends at a residual of so many eps


class Solution(NamedTuple):
    """One for each right-hand side."""

    x: Array  # [k, n]
    z: Array  # [k, kept]
    energy: Array  # [k], z'(H + delta) z


class Residual(NamedTuple):
    slope: Array  # [k, n]
    zero: Array  # [k, zero]


def factorised(
    problem: Scaled, cones: tuple[Cone, ...], scalings: list[Any], delta: Array
) -> Callable[[Array, Array], Solution]:
    """A function that solves for right-hand sides that are the rows of r [k, n] and t [k, kept]."""
    zero, n = problem.cones.zero, problem.q.shape[0]

    def whiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.whitened(scaling, part), scalings, v)

    def unwhiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.unwhitened(scaling, part), scalings, v)

    if isinstance(problem.A, Rows):
        blocks = blockwise.factorised(problem.P, problem.A, zero, delta, whiten, unwhiten)
        return lambda r, t: Solution(*blocks(r, t))
    assert isinstance(problem.P, Array)
    M = jnp.concatenate([problem.P, problem.A])
    E, G = problem.A[:zero], problem.A[zero:]
    B = whiten(G)
    # E'E does not change the solution and keeps the matrix definite in directions that only E sees.
    H = problem.P + delta * jnp.eye(n, dtype=delta.dtype) + B.T @ B
    L = linalg.cholesky(H + E.T @ E if zero else H)
    Y = linalg.forward(L, E.T) if zero else E.T
    S = linalg.cholesky(Y.T @ Y + delta * jnp.eye(zero, dtype=delta.dtype)) if zero else H

    def approximate(rhs: Residual) -> tuple[Array, Array]:
        """Columns (x, multipliers of the zero rows)."""
        r, a = rhs.slope.T, rhs.zero.T
        if not zero:
            return linalg.cholesky_solve(L, r), a
        lifted = linalg.forward(L, r + E.T @ a)
        y = linalg.cholesky_solve(S, Y.T @ lifted - a)
        return linalg.forward(L, lifted - Y @ y, transposed=True), y

    def solve(r: Array, t: Array) -> Solution:
        a, g = t[:, :zero], whiten(t[:, zero:].T)

        def completed(x: Array, y: Array) -> tuple[Solution, Residual, Array]:
            """The multipliers of the cones' rows, the residuals of the other equations, and their size."""
            whitened = B @ x - g
            z = jnp.concatenate([y, unwhiten(whitened)]).T
            left = Residual(r - jnp.concatenate([x.T, z], axis=1) @ M, a - x.T @ E.T)
            scale = _largest(r) + _largest(x.T) + _largest(z)
            size = jnp.max(jnp.maximum(_largest(left.slope), _largest(left.zero)) / scale)
            return Solution(x.T, z, jnp.sum(whitened * whitened, axis=0)), left, size

        def going(carry: Any) -> Array:
            step, _, _, _, error, previous = carry
            return (step < REFINEMENTS) & ~(error >= previous / 2) & (error > floor)

        def improve(carry: Any) -> Any:
            step, (x, y), solution, left, error, _ = carry
            dx, dy = approximate(left)
            moved = x + dx, y + dy
            found = completed(*moved)
            new, old = (moved, *found), ((x, y), solution, left, error)
            better = (found[2] < error) | (step == 0)
            kept = jax.tree.map(lambda one, other: jnp.where(better, one, other), new, old)
            return step + 1, *kept, error

        floor = ENOUGH * float(jnp.finfo(r.dtype).eps)
        one = jnp.ones_like(delta)
        empty = Solution(jnp.zeros_like(r), jnp.zeros_like(t), jnp.zeros_like(r[:, 0]))
        first = Residual(r + (B.T @ g).T, a)
        point = jnp.zeros_like(r.T), jnp.zeros_like(a.T)
        carry = jnp.zeros_like(one, dtype=jnp.int32), point, empty, first, one, jnp.inf * one
        return lax.while_loop(going, improve, carry)[2]

    return solve


def _largest(rows: Array) -> Array:
    return jnp.max(jnp.abs(rows), axis=1, initial=0)
