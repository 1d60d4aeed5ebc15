"""A point near the solution of a conic program -> the solution to rounding error.

Newton's method on P x + q + A'z = 0, A x + s = b over the manifold of complementary pairs: every iterate has s
in the cone, z in its dual and s'z = 0, so that stationarity and the rows are all that is left. On half-lines it is
the primal-dual active-set method.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import complementarity, system
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.program import Program
from declarative.backends.jax.conic.system import Constant, System

ROUNDS = 12
PATIENCE = 3
ACCURACY = 1e-7, 1e-3  # of a step: the error of its start, between these; the next step mends the rest
ROUNDED = 128  # an error below so many eps is rounding


class Polished(NamedTuple):
    x: Array  # [n]
    pairs: Pairs
    error: Array  # largest violation, scaled


class _Point(NamedTuple):
    x: Array
    pairs: Pairs
    error: Array


class _State(NamedTuple):
    best: _Point
    now: _Point
    missed: tuple[Array, Array]  # the residuals there
    rounds: Array
    slow: Array  # rounds that did not halve the least error


def polish(problem: Program, x: Array, s: Array, z: Array) -> Polished:
    """The best point met, the complementary pairs next to (s, z) included."""
    floor = ROUNDED * jnp.finfo(x.dtype).eps
    constant = system.constant(problem)

    def at(x: Array, s: Array, z: Array) -> tuple[_Point, tuple[Array, Array]]:
        pairs = complementarity.nearest(problem.cones, problem.alpha, s, z)
        missed = residuals(problem, x, pairs)
        return _Point(x, pairs, linalg.extent(jnp.concatenate(missed))), missed

    def body(state: _State) -> _State:
        best, (x, pairs, error) = state.best, state.now
        linear = linearised(problem, constant, pairs)
        dx, ds, dz = step(linear, state.missed, accuracy(error))
        new, missed = at(x + dx, pairs.s + ds, pairs.z + dz)
        slow = jnp.where(new.error < best.error / 2, 0, state.slow + 1)
        best = jax.tree.map(lambda a, b: jnp.where(new.error < best.error, a, b), new, best)
        return _State(best, new, missed, state.rounds + 1, slow)

    def going(state: _State) -> Array:
        done = (state.best.error <= floor) | ~jnp.isfinite(state.now.error) | (state.slow >= PATIENCE)
        return (state.rounds < ROUNDS) & ~done

    (start, missed), none = at(x, s, z), jnp.int32(0)
    return Polished(*lax.while_loop(going, body, _State(start, start, missed, none, none)).best)


def linearised(problem: Program, constant: Constant, pairs: Pairs) -> System:
    return system.factorised(problem, constant, pairs.frame.basis, pairs.frame.weight)


def step(linear: System, missed: tuple[Array, Array], accuracy: Array | float) -> tuple[Array, Array, Array]:
    """Newton's step (dx, ds, dz) from a point of these residuals."""
    r, t = missed
    (x, s, z), _ = system.solve(linear, -r[:, None], -t[:, None], accuracy)
    return x[:, 0], s[:, 0], z[:, 0]


def accuracy(error: Array) -> Array:
    return jnp.clip(error, *ACCURACY)


def residuals(problem: Program, x: Array, pairs: Pairs) -> tuple[Array, Array]:
    P, q, A, b = problem[:4]
    slope = q + pairs.z @ A
    return P @ x + slope if problem.sparsity.curved else slope, A @ x + pairs.s - b
