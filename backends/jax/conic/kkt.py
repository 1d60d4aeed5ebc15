"""Solves with [P A'; A -(H + delta)], H the scaling of the cones and zero on the zero rows.

By a factor of the condensed matrix (see `normal`, `standard`), and refinement. On the cones' rows delta stays: it
is a proximal term on their multipliers, which does not move the solution (Friedlander and Orban, 2012). Elsewhere
refinement takes it out: those equations carry the feasibility of the next point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
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

REFINEMENTS = 6
ENOUGH = 16  # a residual of so many eps is as small as it gets


class Solution(NamedTuple):
    """One for each right-hand side."""

    x: Array  # [k, n]
    z: Array  # [k, kept]


Solve = Callable[[Array, Array, Array], Solution]
"""For right-hand sides that are the rows of r [k, n] and t [k, kept]. Refinement ends at a residual of the third
argument, relative to the size of the point."""


def prepared(problem: Scaled, cones: tuple[Cone, ...]) -> Callable[[list[Any], Array], Solve]:
    """What makes a solve of the scalings of a step and of delta; what all steps share is computed here."""
    if not isinstance(problem.A, Array):
        rows = problem.A
        return lambda scalings, delta: _in_blocks(problem, rows, cones, scalings, delta)
    zero, P = problem.cones.zero, problem.P
    E, G = problem.A[:zero], products(problem.A[zero:], seen(problem.cones, problem.sparsity)[zero:])
    own = standard.owners(problem, cones)
    factorised = normal.condensed(problem, cones, G) if own is None else standard.condensed(problem, own, G)

    def system(scalings: list[Any], delta: Array) -> Solve:
        begin, approximate = factorised(scalings, delta)

        def solve(r: Array, t: Array, accuracy: Array) -> Solution:
            a, size = t[:, :zero], jnp.max(jnp.abs(r), axis=1)

            def left_of(x: Array, z: Array) -> tuple[Array, Array]:
                slope, rest = r - z[:, :zero] @ E - G.back(z[:, zero:]), a - x @ E.T
                return slope - x @ P if problem.sparsity.curved else slope, rest

            def judged(x: Array, z: Array) -> tuple[Array, Array, Array]:
                """The residuals of the equations but the cones', and their size."""
                slope, rest = left_of(x, z)
                few = linalg.reduced(*map(linalg.largest, (*x, *slope)))
                many = linalg.reduced(*map(linalg.largest, z))
                scale = size + jnp.stack(few[: len(x)]) + jnp.stack(many)
                error = jnp.maximum(jnp.stack(few[len(x) :]), jnp.max(jnp.abs(rest), axis=1, initial=0))
                return slope, rest, jnp.max(error / scale)

            def going(carry: Any) -> Array:
                step, *_, error, previous = carry
                again = (step < REFINEMENTS) & ~(error >= previous / 2) & (error > floor)
                return (step == 0) | again

            def improve(carry: Any) -> Any:
                step, x, z, slope, rest, error, _ = carry
                # A multiplier as a sum of ever smaller steps: that of x as a whole is the difference of large numbers.
                point = tuple(map(jnp.add, (x, z), approximate(slope, rest)))
                new, old = (*point, *judged(*point)), (x, z, slope, rest, error)
                better = (new[-1] < error) | (step == 0)
                return step + 1, *jax.tree.map(lambda a, b: jnp.where(better, a, b), new, old), error

            floor = jnp.maximum(accuracy, ENOUGH * float(jnp.finfo(r.dtype).eps))
            one = jnp.ones_like(delta)
            start = begin(t[:, zero:])
            left = left_of(*start)
            carry = jnp.zeros_like(one, dtype=jnp.int32), *start, *left, one, jnp.inf * one
            return Solution(*lax.while_loop(going, improve, carry)[1:3])

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
    return lambda r, t, accuracy: Solution(*solve(r, t)[:2])
