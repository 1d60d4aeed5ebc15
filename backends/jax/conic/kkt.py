"""Solves with [P A'; A -H], H the scaling of the cones and zero on the zero rows.

By Cholesky of P + (NA)'NA for N'N = (H + delta)^-1, then of the zero rows' Schur complement, both lifted
by delta; refinement against the matrix itself takes the lifts out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Cone
from declarative.backends.jax.conic.product import join, mapped
from declarative.backends.jax.conic.scaling import Scaled

REFINEMENTS = 6
ENOUGH = 1e2  # refinement ends at so many eps

Solve = Callable[[Array, Array], tuple[Array, Array]]


def factorised(problem: Scaled, cones: tuple[Cone, ...], scalings: list[Any], delta: Array) -> Solve:
    """A function that solves for right-hand sides that are the rows of r [k, n] and t [k, kept]."""
    approximate = _regularised(problem, cones, scalings, delta)
    P, A, zero = problem.P, problem.A, problem.cones.zero
    M = jnp.concatenate([P, A])

    def left(r: Array, t: Array, x: Array, z: Array) -> tuple[Array, Array]:
        slope = jnp.concatenate([x, z], axis=1) @ M
        curved = [mapped(cones, lambda c, w, v: c.times(w, v), scalings, row[zero:]) for row in z]
        rows = t - x @ A.T
        return r - slope, rows.at[:, zero:].add(jnp.stack(curved)) if cones else rows

    def solve(r: Array, t: Array) -> tuple[Array, Array]:
        scale = jnp.maximum(jnp.max(jnp.abs(r), axis=1), jnp.max(jnp.abs(t), axis=1, initial=0))
        scale = jnp.where(scale > 0, scale, 1)[:, None]
        floor = ENOUGH * float(jnp.finfo(r.dtype).eps)

        def going(carry: Any) -> Array:
            step, _, _, error, previous = carry
            return (step < REFINEMENTS) & ~(error >= previous / 2) & (error > floor)

        def improve(carry: Any) -> Any:
            step, point, remains, error, _ = carry
            moved = tuple(map(jnp.add, point, approximate(*remains)))
            now = left(r, t, *moved)
            size = jnp.max(jnp.concatenate([jnp.abs(part / scale) for part in now], axis=1))
            better = (size < error) | (step == 0)
            keep = lambda new, old: tuple(jnp.where(better, a, b) for a, b in zip(new, old, strict=True))  # noqa: E731
            return step + 1, keep(moved, point), keep(now, remains), jnp.where(better, size, error), error

        one = jnp.ones_like(delta)
        start = jnp.asarray(0), (jnp.zeros_like(r), jnp.zeros_like(t)), (r, t), one, jnp.inf * one
        return lax.while_loop(going, improve, start)[1]

    return solve


def _regularised(problem: Scaled, cones: tuple[Cone, ...], scalings: list[Any], delta: Array) -> Solve:
    zero, n = problem.cones.zero, problem.P.shape[0]
    E, G = problem.A[:zero], problem.A[zero:]

    def whiten(v: Array) -> Array:
        return mapped(cones, lambda c, w, part: c.whitened(w, part), scalings, v)

    def unwhiten(v: Array) -> Array:
        return mapped(cones, lambda c, w, part: c.unwhitened(w, part), scalings, v)

    B = whiten(G)
    H = problem.P + delta * jnp.eye(n, dtype=delta.dtype) + B.T @ B
    if not zero:
        L = linalg.cholesky(H)

        def solve(r: Array, t: Array) -> tuple[Array, Array]:
            g = whiten(t.T)
            x = linalg.cholesky_solve(L, r.T + B.T @ g)
            return x.T, unwhiten(B @ x - g).T

        return solve

    # E'E does not change the solution and keeps the matrix definite in directions that only E sees.
    L = linalg.cholesky(H + E.T @ E)
    Y = linalg.forward(L, E.T)
    S = linalg.cholesky(Y.T @ Y + delta * jnp.eye(zero, dtype=delta.dtype))

    def solve_both(r: Array, t: Array) -> tuple[Array, Array]:
        a, g = t[:, :zero].T, whiten(t[:, zero:].T)
        lifted = linalg.forward(L, r.T + B.T @ g + E.T @ a)
        y = linalg.cholesky_solve(S, Y.T @ lifted - a)
        x = linalg.forward(L, lifted - Y @ y, transposed=True)
        return x.T, join([y, unwhiten(B @ x - g)], y).T

    return solve_both
