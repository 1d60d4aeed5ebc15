"""A point near the solution of a conic program -> the solution to rounding error, and its linear system.

Newton's method on P x + q + A'z = 0, A x + s = b over the manifold of complementary pairs: every iterate has s
in the cone, z in its dual and s'z = 0, so that stationarity and the rows are all that is left. On half-lines it is
the primal-dual active-set method.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.conic import complementarity, layout, scaling, system
from declarative.backends.jax.conic.blockwise import rotated_rows
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.frame import rotated, unrotated
from declarative.backends.jax.conic.system import System
from declarative.backends.jax.forms import Cones, Conic
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Factor, Square, Wide

ROUNDS = 12
PATIENCE = 3
ACCURACY = 1e-7  # of a step: the next one mends the rest
ROUNDED = 128  # an error below so many eps is rounding


class Program(NamedTuple):
    """A conic program with rows and columns of size near one, in the order of the rows as given."""

    P: Square  # [n, n]
    q: Array  # [n]
    A: Wide  # [m, n]
    b: Array  # [m]
    alpha: Array  # [power]
    cones: Cones
    scales: Scales


class Scales(NamedTuple):
    columns: Array  # [n]: unscaled x = columns * x
    rows: Array  # [m]: unscaled s = s / rows, unscaled z = rows * z / cost
    cost: Array


class Polished(NamedTuple):
    x: Array  # [n]
    pairs: Pairs
    factor: Factor  # of the linear system there, or one step before
    error: Array  # largest violation, scaled


class _State(NamedTuple):
    best: Polished
    now: Polished
    rounds: Array
    slow: Array  # rounds that did not halve the least error


def scales(problem: scaling.Scaled) -> Scales:
    return Scales(problem.columns, problem.rows[layout.layout(problem.cones).first], problem.cost)


def program(data: Conic, scales: Scales) -> Program:
    A, b = scaling.present(data)
    columns, rows, cost = scales
    P, A = matrix.scaled_square(data.P, columns, cost), matrix.scaled_rows(rows, A, columns)
    return Program(P, cost * columns * data.q, A, rows * b, data.alpha, data.cones, scales)


def polish(problem: Program, x: Array, s: Array, z: Array) -> Polished:
    """The best point met, the complementary pairs next to (s, z) included."""
    floor = ROUNDED * jnp.finfo(x.dtype).eps

    def at(x: Array, s: Array, z: Array, factor: Factor) -> Polished:
        pairs = complementarity.nearest(problem.cones, problem.alpha, s, z)
        return Polished(x, pairs, factor, violation(problem, x, pairs))

    def body(state: _State) -> _State:
        best, now = state.best, state.now
        linear = linearised(problem, now.pairs)
        dx, ds, dz = step(problem, linear, now.x, now.pairs)
        new = at(now.x + dx, now.pairs.s + ds, now.pairs.z + dz, linear.factor)
        slow = jnp.where(new.error < best.error / 2, 0, state.slow + 1)
        # The factor at hand is that of the best point, or of the one before it.
        newer = now.error <= best.error
        factor = jax.tree.map(lambda a, b: jnp.where(newer, a, b), linear.factor, best.factor)
        best = best._replace(factor=factor)
        best = jax.tree.map(lambda a, b: jnp.where(new.error < best.error, a, b), new, best)
        return _State(best, new, state.rounds + 1, slow)

    def going(state: _State) -> Array:
        done = (state.best.error <= floor) | ~jnp.isfinite(state.now.error) | (state.slow >= PATIENCE)
        return (state.rounds < ROUNDS) & (~done | (state.rounds == 0))

    start = at(x, s, z, matrix.nothing(problem.P, problem.A))
    none = jnp.int32(0)
    return lax.while_loop(going, body, _State(start, start, none, none)).best


def linearised(problem: Program, pairs: Pairs) -> System:
    B = rotated_rows(problem.cones, pairs.frame.basis, problem.A)
    return system.factorised(problem.P, B, pairs.frame.weight)


def step(problem: Program, linear: System, x: Array, pairs: Pairs) -> tuple[Array, Array, Array]:
    """Newton's step (dx, ds, dz)."""
    r, t = residuals(problem, x, pairs)
    turn = rotated(problem.cones, pairs.frame.basis, t)
    (dx, dw), _ = system.solve(linear, -r[:, None], -turn[:, None], ACCURACY)
    dw, weight = dw[:, 0], pairs.frame.weight
    moves = unrotated(problem.cones, pairs.frame.basis, jnp.stack([-(1 - weight) * dw, weight * dw], 1))
    return dx[:, 0], moves[:, 0], moves[:, 1]


def residuals(problem: Program, x: Array, pairs: Pairs) -> tuple[Array, Array]:
    P, q, A, b = problem[:4]
    return P @ x + q + A.T @ pairs.z, A @ x + pairs.s - b


def violation(problem: Program, x: Array, pairs: Pairs) -> Array:
    return jnp.max(jnp.abs(jnp.concatenate(residuals(problem, x, pairs))))
