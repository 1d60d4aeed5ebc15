"""Solves P x + A'z = r, A x + s = e, s + (H + delta) z = -d, with H the scaling of the cones; s = 0 on zero rows.

By a factor of the condensed matrix (see `normal`, `standard`), and refinement. On the cones' rows delta stays: it
is a proximal term on their multipliers, which does not move the solution (Friedlander and Orban, 2012). Elsewhere
refinement takes it out: those equations carry the feasibility of the next point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import blockwise, normal, standard
from declarative.backends.jax.conic.cones.cone import Cone
from declarative.backends.jax.conic.layout import seen
from declarative.backends.jax.conic.product import mapped
from declarative.backends.jax.conic.rows import products
from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.structure.blocks import Rows
from declarative.backends.jax.structure.border import BorderedRows

REFINEMENTS = 30  # where the matrix is nearly singular, each takes out little, but the last steps need it
ENOUGH = 16  # a residual of so many eps is as small as it gets


Solve: TypeAlias = Callable[[Array, Array, Array, Array], Array]
"""For right-hand sides that are the rows of r [k, n], e [k, kept] and d [k, rows]. Refinement ends at a residual of
the fourth argument, relative to the size of the point. The rows of the result are x, z and s, side by side."""


def prepared(problem: Scaled, cones: tuple[Cone, ...]) -> Callable[[list[Any], Array], Solve]:
    """What makes a solve of the scalings of a step and of delta; what all steps share is computed here."""
    if not isinstance(problem.A, Array):
        rows = problem.A
        return lambda scalings, delta: _in_blocks(problem, rows, cones, scalings, delta)
    zero, P, n, kept = problem.cones.zero, problem.P, problem.q.shape[0], problem.b.shape[0]
    A = products(problem.A, seen(problem.cones, problem.sparsity))
    own = standard.owners(problem, cones)
    factorised = normal.condensed(problem, cones, A) if own is None else standard.condensed(problem, own, A)

    def system(scalings: list[Any], delta: Array) -> Solve:
        begin, approximate = factorised(scalings, delta)

        def solve(r: Array, e: Array, d: Array, accuracy: Array) -> Array:
            """The residuals are those of the first equation and of the zero rows, s itself: the linear equation
            and the cones' hold always. A multiplier is a sum of ever smaller steps: that of x as a whole would be
            the difference of large numbers. Ends where a step no longer helps, and leaves that one out."""
            size = linalg.extent(r)
            floor = jnp.maximum(accuracy, ENOUGH * float(jnp.finfo(r.dtype).eps))

            def slope(point: Array) -> Array:
                left = r - A.back(point[:, n : n + kept])
                return left - point[:, :n] @ P if problem.sparsity.curved else left

            def rest(point: Array) -> Array:
                return point[:, n + kept : n + kept + zero]

            def going(carry: Any) -> Array:
                error, previous, step = carry[-1]
                return (step == 0) | (step < REFINEMENTS) & ~(error >= previous) & (error > floor)

            def improve(carry: Any) -> Any:
                _, point, left, score = carry
                x, z = approximate(left, rest(point))
                new = point + jnp.concatenate([x, z, -A.along(x)], axis=1)
                left = slope(new)
                largest = jnp.maximum(linalg.extent(left), jnp.max(jnp.abs(rest(new)), axis=1, initial=0))
                error = jnp.max(largest / (size + linalg.extent(new)))
                return point, new, left, jnp.stack([error, score[0], score[2] + 1])

            start = jnp.concatenate(begin(e, d), axis=1)
            first = jnp.stack([jnp.inf, jnp.inf, 0]).astype(r.dtype)
            carry = start, start, slope(start), first
            before, last, _, (error, previous, step) = lax.while_loop(going, improve, carry)
            return jnp.where((error >= previous) & (step > 1), before, last)

        return solve

    return system


def _in_blocks(
    problem: Scaled, A: Rows | BorderedRows, cones: tuple[Cone, ...], scalings: list[Any], delta: Array
) -> Solve:
    def whiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.whitened(scaling, part), scalings, v)

    def unwhiten(v: Array) -> Array:
        return mapped(cones, lambda cone, scaling, part: cone.unwhitened(scaling, part), scalings, v)

    solve = blockwise.factorised(problem.P, A, problem.cones.zero, delta, whiten, unwhiten)

    def solved(r: Array, e: Array, d: Array, accuracy: Array) -> Array:
        x, z, _ = solve(r, e + jnp.pad(d, ((0, 0), (problem.cones.zero, 0))))
        return jnp.concatenate([x, z, e - (A @ x.T).T], axis=1)

    return solved
