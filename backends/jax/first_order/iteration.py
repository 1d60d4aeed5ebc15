"""A scaled program -> a primal-dual point by restarted Halpern iteration of primal-dual hybrid gradients.

The operator is that of Chambolle and Pock, with a gradient step in the quadratic part (Condat, 2013; Vu,
2013); Halpern's iteration of its reflection, anchored at the last restart, restarts when the fixed-point
residual has fallen enough, where the weight between primal and dual steps is set anew (Lu and Yang,
"Restarted Halpern PDHG for linear programming", 2024; Applegate et al., PDLP, 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.first_order import scaling
from declarative.backends.jax.first_order.inspection import Look, Point
from declarative.backends.jax.first_order.program import Program

ROUND = 40  # steps between two looks at the residuals
ENOUGH, SOME, LONG = 0.2, 0.8, 0.36  # of the fixed-point residual, twice, and of all steps so far
STEP = 0.99


class State(NamedTuple):
    now: Point
    anchor: Point
    best: Point
    look: Look  # its error is that of `best`
    weight: Array  # between primal and dual: steps are step / weight and step * weight
    inner: Array  # steps since the restart
    steps: Array
    first: Array  # fixed-point residual at the restart
    last: Array  # and at the last look


def iterate(
    program: Program, start: Point, inspect: Callable[[Point, Point], Look], tol: Array, limit: Array
) -> State:
    """Until `inspect(point, drift).error <= tol`, or a ray is found, or `limit` steps are made. `drift` is where the
    iterates tend to: the direction of the ray if there is no solution."""
    size = scaling.norm(program.rows, program.back, program.q)
    size = jnp.where(size > 0, size, 1)
    if program.curve is None:
        steepness, reflection = jnp.zeros_like(size), 1.0
    else:
        steepness = scaling.norm(program.curve, program.curve, program.q)
        reflection = 0.5
    inequality = program.inequality

    def moved(point: Point, weight: Array) -> Point:
        """One application of the operator."""
        x, y = point
        step = STEP / (weight * size + STEP * steepness)
        next_x = jnp.clip(x - step * program.slope(x, y), program.lower, program.upper)
        next_y = y + (STEP * weight / size) * (program.rows(2 * next_x - x) - program.d)
        return Point(next_x, jnp.where(inequality, jnp.maximum(next_y, 0), next_y))

    def turn(carry: tuple[Point, Array], anchor: Point, weight: Array) -> tuple[Point, Array]:
        point, inner = carry
        image = moved(point, weight)
        share = 1 / (inner + 2).astype(size.dtype)

        def halpern(old: Array, new: Array, home: Array) -> Array:
            return old + (1 - share) * (1 + reflection) * (new - old) + share * (home - old)

        return jax.tree.map(halpern, point, image, anchor), inner + 1

    def advance(state: State) -> State:
        weight, anchor = state.weight, state.anchor
        point, inner = lax.fori_loop(
            0, ROUND, lambda _, carry: turn(carry, anchor, weight), (state.now, state.inner)
        )
        image = moved(point, weight)
        residual = _length(image, point, weight)
        steps = state.steps + ROUND
        look = inspect(image, Point(image.x - point.x, image.y - point.y))
        better = look.error < state.look.error
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), image, state.best)
        restart = (
            (residual <= ENOUGH * state.first)
            | ((residual <= SOME * state.first) & (residual > state.last))
            | (inner >= LONG * steps)
        )
        now = jax.tree.map(lambda a, b: jnp.where(restart, a, b), image, point)
        return State(
            now,
            jax.tree.map(lambda a, b: jnp.where(restart, a, b), image, anchor),
            best,
            look._replace(error=jnp.minimum(look.error, state.look.error)),
            jnp.where(restart, _weight(image, anchor, weight), weight),
            jnp.where(restart, 0, inner),
            steps,
            jnp.where(restart, residual, state.first),
            residual,
        )

    def going(state: State) -> Array:
        look = state.look
        return (look.error > tol) & ~look.infeasible & ~look.unbounded & (state.steps < limit)

    none, infinite = jnp.asarray(False), jnp.full_like(size, jnp.inf)
    first = State(
        start, start, start, Look(infinite, none, none), _ratio(program.q, program.d, 1.0),
        jnp.int32(0), jnp.int32(0), infinite, infinite,
    )  # fmt: skip
    return lax.while_loop(going, advance, first)


def _length(a: Point, b: Point, weight: Array) -> Array:
    return jnp.sqrt(weight * jnp.sum((a.x - b.x) ** 2) + jnp.sum((a.y - b.y) ** 2) / weight)


def _weight(a: Point, b: Point, weight: Array) -> Array:
    """The geometric mean of the old one and of the ratio of the ways that both went."""
    return jnp.sqrt(weight * _ratio(a.y - b.y, a.x - b.x, weight))


def _ratio(top: Array, bottom: Array, otherwise: Array | float) -> Array:
    a, b = jnp.linalg.norm(top), jnp.linalg.norm(bottom)
    fine = (a > 1e-30) & (b > 1e-30)
    return jnp.where(fine, jnp.where(fine, a, 1) / jnp.where(fine, b, 1), otherwise)
