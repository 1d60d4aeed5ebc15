"""A point near the solution -> the exact solution for its active rows, and what the derivative needs of them.

Newton's method with the active inequalities as equations; rows with a negative multiplier go and violated
ones come, until the set repeats (as in `qp/active_set.py`). The last factor serves the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.smooth import kkt
from declarative.backends.jax.smooth.program import Local, Program, residual
from declarative.layer.contract import Point
from declarative.layer.linear import solve_equilibrated

ROUNDS = 12
REFINEMENTS = 2
CLOSE = 1e-6  # relative size of a last correction up to which the point is exact to rounding

Map = Callable[[Point], Point]


class Fixed(NamedTuple):
    """What the derivative holds constant."""

    active: Array  # [m] bool
    factor: kkt.Factor  # of the active rows, near the solution


class Polished(NamedTuple):
    y: Point
    fixed: Fixed
    error: Array


class _State(NamedTuple):
    best: Polished
    y: Point  # where the next round starts
    active: Array
    rounds: Array
    moving: Array


def polish(program: Program, y: Point, s: Array, error: Array) -> Polished:
    """The best point met, the given one included, which has the given residual."""
    n, dtype = y.z.size, y.z.dtype
    active = y.ineq > s
    guess = Polished(y, Fixed(active, _empty(program, y, active)), error)
    enough = 10 * n * jnp.finfo(dtype).eps

    def going(state: _State) -> Array:
        return state.moving & (state.rounds < ROUNDS)

    def body(state: _State) -> _State:
        moved, factor = _corrected(program, state.y, state.active)
        local = program.at(moved.z)
        new = jnp.where(state.active, moved.ineq >= 0, local.ineq > 0)
        right = moved._replace(ineq=jnp.maximum(moved.ineq, 0))
        error = residual(local, *right)
        error = jnp.where(jnp.isfinite(error), error, jnp.inf)
        best = state.best
        better = error < best.error
        found = Polished(right, Fixed(state.active, factor), error)
        # The first factor is kept in any case: the given point has none.
        kept = best._replace(
            fixed=best.fixed._replace(
                factor=jax.tree.map(
                    lambda a, b: jnp.where(state.rounds == 0, a, b), factor, best.fixed.factor
                )
            )
        )
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), found, kept)
        same = jnp.all(new == state.active)
        done = (same & ((error <= enough) | ~better)) | ~jnp.isfinite(error)
        return _State(best, right, new, state.rounds + 1, ~done)

    return lax.while_loop(going, body, _State(guess, y, active, jnp.int32(0), error >= 0)).best


def _corrected(program: Program, y: Point, active: Array) -> tuple[Point, kkt.Factor]:
    """Newton's correction with the given rows as equations."""
    local = program.at(y.z)
    z = jnp.where(active, y.ineq, 0)
    H, E = program.curvature(y.z, z), _kept(local, active)
    factor = _factorised(H, E)
    r = -(local.slope + jnp.concatenate([y.eq, z]) @ E)
    t = -jnp.concatenate([local.eq, jnp.where(active, local.ineq, 0)])
    dx, dual, _ = kkt.refined(H, E, jnp.zeros_like(t), factor, r, t, REFINEMENTS)
    p = y.eq.size
    return Point(y.z + dx, y.eq + dual[:p], jnp.where(active, z + dual[p:], 0)), factor


def _kept(local: Local, active: Array) -> Array:
    p = local.eq.size
    if not active.size:
        return local.E
    return jnp.concatenate([local.E[:p], jnp.where(active[:, None], local.E[p:], 0)])


def _factorised(H: Array, E: Array) -> kkt.Factor:
    eps = float(jnp.finfo(E.dtype).eps)
    return kkt.factorised(H, E, jnp.zeros_like(E[:, 0]), jnp.asarray(eps**0.5, E.dtype))


def _empty(program: Program, y: Point, active: Array) -> kkt.Factor:
    shapes = jax.eval_shape(lambda: _corrected(program, y, active)[1])
    return jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes)


# ---- the derivative ----------------------------------------------------------------------------


def linear(program: Program, y: Point, fixed: Fixed) -> tuple[Map, Map]:
    """Solves with the Jacobian of the conditions of the active rows, and with its transpose.

    By the factor from nearby, refined; where that does not converge, densely, least-norm if singular.
    """
    active, p = fixed.active, y.eq.size
    local = program.at(y.z)
    H, E = program.curvature(y.z, y.ineq), _kept(local, active)
    rows = local.E[p:]

    def solve(rhs: Point, transposed: bool) -> Point:
        """Rows of inactive constraints give their unknown; what is left is symmetric.

        Transposed, their part is the adjoint of residuals that no parameter moves: it is left at zero.
        """
        r, t = rhs.z, rhs.eq
        if active.size:  # XLA loses the interface of a factorisation beside operations on empty arrays
            t = jnp.concatenate([t, jnp.where(active, rhs.ineq, 0)])
        if active.size and not transposed:
            r = r - jnp.where(active, 0, rhs.ineq) @ rows
        x, dual, last = kkt.refined(H, E, jnp.zeros_like(t), fixed.factor, r, t, REFINEMENTS)
        rough, point = ~(last <= CLOSE), jnp.concatenate([x, dual])
        point = linalg.lazily(rough, _whole_each, point, rough, H, E, r, t, point)
        x, eq, ineq = jnp.split(point, [r.size, r.size + p])
        return Point(x, eq, jnp.where(active, ineq, 0 if transposed else rhs.ineq))

    return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)


@linalg.elementwise
def _whole_each(needed: Array, H: Array, E: Array, r: Array, t: Array, point: Array) -> Array:
    return linalg.lazily(needed, _whole, point, H, E, r, t)


def _whole(H: Array, E: Array, r: Array, t: Array) -> Array:
    idle = jnp.diag(jnp.where(jnp.any(E != 0, axis=1), 0, 1).astype(E.dtype))
    matrix = jnp.block([[jnp.diag(H) if H.ndim == 1 else H, E.T], [E, idle]])
    return solve_equilibrated(matrix, jnp.concatenate([r, t]), transposed=False)
