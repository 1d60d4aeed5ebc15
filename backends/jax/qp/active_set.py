"""A point near the solution of a scaled quadratic program -> its active rows and the exact solution for them.

Primal-dual active-set method: solve with the active rows as equations, let rows with a negative
multiplier go and violated rows in, until the set repeats. Where a row is missing that a linear objective needs, the
solution of the others lies far out, beyond rows that have nothing to do with it: of the violated ones only those come
in that the way there meets first, as in a primal active-set method (Nocedal and Wright, Numerical Optimization,
2nd ed., section 16.5).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.qp.scaling import Scaled
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Factor

ROUNDS = 10
REFINEMENTS = 8
SOON = 10.0  # times the way to the first row met: rows up to there come in together


class Polished(NamedTuple):
    x: Array  # [n]
    z: Array  # [k], exactly zero on rows that are not active
    active: Array  # [k] bool, True on equalities
    error: Array  # largest violation of the optimality conditions, scaled


def polish(problem: Scaled, equalities: int, x: Array, z: Array, s: Array) -> Polished:
    """The best point met, the given one included."""
    inequality = jnp.arange(problem.d.shape[0]) >= equalities
    guess = ~inequality | (z > s)
    kept = jnp.where(guess, z, 0)
    first = Polished(x, kept, guess, violation(problem, inequality, x, kept))
    none = jnp.zeros_like(problem.cost, dtype=jnp.int32)
    settled = jnp.zeros_like(problem.cost, dtype=bool)

    def going(carry: tuple[Polished, Array, Array, Array]) -> Array:
        return (carry[2] < ROUNDS) & ~carry[3]

    def body(carry: tuple[Polished, Array, Array, Array]) -> tuple[Polished, Array, Array, Array]:
        best, active, rounds, _ = carry
        factor = factorised(problem, active)
        moved_x, moved_z = _solve(problem, active, factor, best.x, jnp.where(active, best.z, 0))
        before, after = problem.d - problem.E @ best.x, problem.d - problem.E @ moved_x
        new = ~inequality | jnp.where(active, moved_z >= 0, _met(before, after, ~active & (after < 0)))
        z = jnp.where(inequality, jnp.maximum(moved_z, 0), moved_z)
        error = violation(problem, inequality, moved_x, z)
        found = Polished(moved_x, z, active, error)
        better = error < best.error
        best = Polished(*(jnp.where(better, a, b) for a, b in zip(found, best, strict=True)))
        same = jnp.all(new == active) | ~jnp.isfinite(error)
        return best, new, rounds + 1, same

    return lax.while_loop(going, body, (first, guess, none, settled))[0]


def _met(before: Array, after: Array, violated: Array) -> Array:
    """Which of the violated rows, whose slacks are given at both ends of a step, are met early on it."""
    before = jnp.maximum(before, 0)
    way = jnp.where(violated, before / jnp.where(violated, before - after, 1), jnp.inf)
    return violated & (way <= SOON * jnp.min(way, initial=jnp.inf))


def violation(problem: Scaled, inequality: Array, x: Array, z: Array) -> Array:
    """Largest entry of the scaled residuals: stationarity, feasibility, complementarity."""
    P, q, E, d = problem.P, problem.q, problem.E, problem.d
    slack = d - E @ x
    infeasible = jnp.where(inequality, jnp.maximum(-slack, 0), jnp.abs(slack))
    loose = jnp.where(inequality, jnp.minimum(jnp.abs(slack), jnp.abs(z)), 0)
    parts = jnp.abs(P @ x + q + E.T @ z), infeasible, loose
    return jnp.max(jnp.stack([jnp.max(part, initial=0) for part in parts]))


def _solve(problem: Scaled, active: Array, factor: Factor, x: Array, z: Array) -> tuple[Array, Array]:
    """Newton's correction of (x, z) towards the solution with the given rows as equations."""
    P, q, E, d = problem.P, problem.q, problem.E, problem.d
    r = -(P @ x + q + E.T @ z)
    t = jnp.where(active, d - E @ x, 0)
    (dx, dz), _ = solve(problem, active, factor, (r[:, None], t[:, None]))
    return x + dx[:, 0], z + dz[:, 0]


# ---- the matrix [P E_a'; E_a 0] ----------------------------------------------------------------


def weights(dtype: jnp.dtype) -> tuple[float, float]:
    """Proximal terms on x and on the multipliers; refinement takes them out."""
    eps = float(jnp.finfo(dtype).eps)
    return eps**0.5, eps**0.375


def factorised(problem: Scaled, active: Array) -> Factor:
    """Of P + delta + E_a'E_a / rho, which solves [P + delta, E_a'; E_a, -rho]."""
    delta, rho = weights(problem.q.dtype)
    heavy = jnp.where(active, 1 / rho, 0).astype(problem.q.dtype)
    return matrix.factorised(matrix.gram(problem.P, problem.E, heavy), delta)


def solve(
    problem: Scaled, active: Array, factor: Factor, rhs: tuple[Array, Array]
) -> tuple[tuple[Array, Array], Array]:
    """[P E_a'; E_a 0] (x, z) = rhs for columns, z zero on other rows, and the relative residual left."""
    P, E = problem.P, problem.E
    _, rho = weights(problem.q.dtype)
    kept = active[:, None]
    heavy = jnp.where(active, 1 / rho, 0).astype(problem.q.dtype)

    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, z = point
        return P @ x + E.T @ z, jnp.where(kept, E @ x, 0)

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        return matrix.solve_with_rows(factor, E, heavy, *rhs)

    return linalg.refined(exact, approximate, rhs, REFINEMENTS)
