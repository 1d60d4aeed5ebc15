"""Interior-point iteration on the homogeneous self-dual embedding of a scaled quadratic program.

    P x + E'z + q tau = 0,   E x + s = d tau,   kappa + x'Px / tau + q'x + d'z = 0,
    s, z >= 0 on inequalities, s = 0 on equalities,   tau, kappa >= 0.

tau > 0 in the limit gives the solution x / tau; tau -> 0 gives a ray that proves that the problem is
infeasible (z) or unbounded (x). Mehrotra's predictor and corrector, one step length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.qp.scaling import Scaled
from declarative.backends.jax.structure import matrix

REFINEMENTS = 6
SHORT_STEP = 1e-6  # below it the iteration has stalled
STALLS = 3  # short steps in a row before giving up
PATIENCE = 20  # steps without a better point before giving up,
ENOUGH = 2  # and where the tolerance is met
ROUNDED = 16  # refinement ends at a residual of so many eps
PENALTY = 0.45  # the power of eps that lifts equalities where they are eliminated
FAIR = 1e-8  # residual of a certificate that is believed where there is no solution


Solve = Callable[[Array, Array], tuple[Array, Array]]
Approximate = Callable[[tuple[Array, Array]], tuple[Array, Array]]


class Iterate(NamedTuple):
    x: Array  # [n]
    z: Array  # [k]
    s: Array  # [k]
    tau: Array
    kappa: Array


class State(NamedTuple):
    now: Iterate
    best: Iterate
    error: Array  # of `best`
    steps: Array
    stalls: Array  # short steps in a row
    waiting: Array  # steps since `best`
    delta: Array  # regularisation, raised where a factorisation fails
    infeasible: Array  # how well `now` proves it: the residual of the certificate, inf where it is none
    unbounded: Array


class Result(NamedTuple):
    best: Iterate
    steps: Array
    infeasible: Array
    unbounded: Array


def iterate(problem: Scaled, equalities: int, tol: Array, target: Array, max_iter: Array) -> Result:
    """Runs until `best` meets the target, or the tolerance and no longer improves, or a certificate is
    found, or no progress is made."""
    eps = float(jnp.finfo(problem.q.dtype).eps)
    inequality = jnp.arange(problem.d.shape[0]) >= equalities
    delta = jnp.full_like(problem.cost, eps**0.575)
    sharp = eps**0.6

    def going(state: State) -> Array:
        done = (state.error < target) | (state.infeasible < sharp) | (state.unbounded < sharp)
        patience = jnp.where(state.error < tol, ENOUGH, PATIENCE)
        stuck = (state.stalls >= STALLS) | (state.waiting >= patience)
        return (state.steps < max_iter) & ~stuck & ~done

    def body(state: State) -> State:
        return _advance(problem, inequality, equalities, state)

    one = jnp.ones_like(problem.cost)
    ahead = jnp.where(inequality, one, 0)
    start = Iterate(jnp.zeros_like(problem.q), ahead, ahead, one, one)
    never, count = jnp.inf * one, jnp.zeros_like(one, dtype=jnp.int32)
    last = lax.while_loop(going, body, State(start, start, never, count, count, count, delta, never, never))
    # Where neither a solution nor a sharp certificate was reached, a fair one tells why.
    limit = jnp.where(last.error > tol, max(FAIR, sharp), sharp)
    return Result(last.best, last.steps, last.infeasible < limit, last.unbounded < limit)


# ---- one step ----------------------------------------------------------------------------------


def _advance(problem: Scaled, inequality: Array, equalities: int, state: State) -> State:
    moved, length = _step(problem, inequality, equalities, state.now, state.delta)
    healthy = jnp.isfinite(length) & jnp.all(jnp.isfinite(moved.x)) & jnp.all(jnp.isfinite(moved.z))
    now = _choose(healthy, moved, state.now)
    error = _error(problem, now)
    improved = error < state.error
    short = healthy & (length < SHORT_STEP)
    scale = 1 / jnp.maximum(now.tau, now.kappa)
    now = Iterate(*(scale * part for part in now))
    infeasible, unbounded = _certificates(problem, inequality, now)
    return State(
        now=now,
        best=_choose(improved, now, state.best),
        error=jnp.where(improved, error, state.error),
        steps=state.steps + 1,
        stalls=jnp.where(short, state.stalls + 1, jnp.where(healthy, 0, state.stalls)),
        waiting=jnp.where(improved | ~healthy, 0, state.waiting + 1),
        delta=jnp.where(healthy, state.delta, 100 * state.delta),
        infeasible=infeasible,
        unbounded=unbounded,
    )


def _step(
    problem: Scaled, inequality: Array, equalities: int, now: Iterate, delta: Array
) -> tuple[Iterate, Array]:
    P, q, E, d = problem.P, problem.q, problem.E, problem.d
    x, z, s, tau, kappa = now
    positive = jnp.where(inequality, z, 1)
    ratio = jnp.where(inequality, s / positive, 0)
    solve = _kkt(problem, ratio, equalities, delta)
    mu = (s @ z + tau * kappa) / (jnp.sum(inequality) + 1)
    xi, curved = x / tau, P @ (x / tau)
    r_x = P @ x + E.T @ z + q * tau
    r_z = E @ x + s - d * tau
    r_tau = kappa + curved @ x + q @ x + d @ z

    def turn(number: Array, carry: tuple[Any, Array, Array, Array, Iterate]) -> Any:
        """First how the point moves with tau. Then the direction that leaves `keep` of the residuals and takes s * z by
        sz, tau * kappa by tk, and what the corrector is to do after it."""
        (x2, z2), keep, sz, tk, _ = carry
        first = number == 0
        t = jnp.where(first, d, -keep * r_z + jnp.where(inequality, sz / positive, 0))
        x1, z1 = solve(jnp.where(first, -q, -keep * r_x), t)
        fall = -((x2 - xi) @ P @ (x2 - xi)) - z2 @ (ratio * z2) - kappa / tau
        # Both are the same where the system is solved; they differ where it is singular, along an
        # unknown that only the objective sees: there x2 is long, and tau must fall.
        fall = jnp.minimum(fall, (2 * curved + q) @ x2 + d @ z2 - xi @ curved - kappa / tau)
        d_tau = (-keep * r_tau + tk / tau - (2 * curved + q) @ x1 - d @ z1) / fall
        dx, dz = x1 + d_tau * x2, z1 + d_tau * z2
        ds = jnp.where(inequality, -(sz + s * dz) / positive, 0)
        move = Iterate(dx, dz, ds, d_tau, -(tk + kappa * d_tau) / tau)
        sigma = (1 - jnp.minimum(1, _longest(now, move, inequality))) ** 3
        ahead = (
            1 - sigma,
            s * z - sigma * mu + move.s * move.z,
            tau * kappa - sigma * mu + move.tau * move.kappa,
        )
        after = jax.tree.map(lambda old, new: jnp.where(first, old, new), (keep, sz, tk), ahead)
        with_tau = jnp.where(first, x1, x2), jnp.where(first, z1, z2)
        return with_tau, *after, move

    # Predictor and corrector as one loop body: it halves the time to compile.
    first = (jnp.zeros_like(x), jnp.zeros_like(z)), jnp.ones_like(tau), s * z, tau * kappa, now
    move = lax.fori_loop(0, 3, turn, first)[4]
    length = jnp.minimum(1, 0.99 * _longest(now, move, inequality))
    return Iterate(*(part + length * change for part, change in zip(now, move, strict=True))), length


def _longest(now: Iterate, move: Iterate, inequality: Array) -> Array:
    """How far `move` can go until a variable that must stay positive reaches zero."""

    def reach(value: Array, change: Array, where: Array | bool) -> Array:
        falling = where & (change < 0)
        return jnp.min(jnp.where(falling, -value / jnp.where(falling, change, -1), jnp.inf), initial=jnp.inf)

    ends = reach(now.z, move.z, inequality), reach(now.s, move.s, inequality)
    return jnp.minimum(
        jnp.minimum(*ends), jnp.minimum(reach(now.tau, move.tau, True), reach(now.kappa, move.kappa, True))
    )


def _kkt(problem: Scaled, ratio: Array, equalities: int, delta: Array) -> Solve:
    """Solves [P E'; E -ratio] (x, z) = (r, t); refinement removes the regularisation."""
    whole = isinstance(problem.E, Array)
    approximate = (_regularised if whole else _penalised)(problem, ratio, equalities, delta)

    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, z = point
        return problem.P @ x + problem.E.T @ z, problem.E @ x - ratio[:, None] * z

    def solve(r: Array, t: Array) -> tuple[Array, Array]:
        x, z = linalg.refined(exact, approximate, (r[:, None], t[:, None]), REFINEMENTS, ROUNDED)[0]
        return x[:, 0], z[:, 0]

    return solve


def _regularised(problem: Scaled, ratio: Array, equalities: int, delta: Array) -> Approximate:
    """Cholesky of P + G'G/ratio, then of A's Schur complement, both lifted by `delta`."""
    P, E = problem.P, problem.E
    assert isinstance(P, Array)
    assert isinstance(E, Array)
    A, G = E[:equalities], E[equalities:]
    weight = 1 / (ratio[equalities:] + delta)
    n = P.shape[0]
    # A'A does not change the solution and keeps the matrix definite in directions that only A sees.
    H = P + delta * jnp.eye(n, dtype=P.dtype) + G.T @ (weight[:, None] * G) + A.T @ A
    L = linalg.cholesky(H)
    Y = linalg.forward(L, A.T)
    S = linalg.cholesky(Y.T @ Y + delta * jnp.eye(equalities, dtype=P.dtype))

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        r, t = rhs
        a, g = t[:equalities], t[equalities:]
        lifted = linalg.forward(L, r + G.T @ (weight[:, None] * g) + A.T @ a)
        y = linalg.cholesky_solve(S, Y.T @ lifted - a)
        x = linalg.forward(L, lifted - Y @ y, transposed=True)
        return x, jnp.concatenate([y, weight[:, None] * (G @ x - g)])

    return approximate


def _penalised(problem: Scaled, ratio: Array, equalities: int, delta: Array) -> Approximate:
    """The same where the Schur complement would fill in: A's rows are lifted by more, and their multipliers
    eliminated, too."""
    P, E = problem.P, problem.E
    rho = jnp.maximum(float(jnp.finfo(problem.q.dtype).eps) ** PENALTY, delta)
    weight = 1 / (ratio + jnp.where(jnp.arange(ratio.shape[0]) < equalities, rho, delta))
    factor = matrix.factorised(matrix.gram(P, E, weight), delta)

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        return matrix.solve_with_rows(factor, E, weight, *rhs)

    return approximate


# ---- errors, certificates -------------------------------------------------------------------------------


def _error(problem: Scaled, now: Iterate) -> Array:
    """Largest relative residual of x / tau in the unscaled problem: primal, dual, gap."""
    P, q, E, d, columns, rows, cost = problem
    x, z, s = now.x / now.tau, now.z / now.tau, now.s / now.tau
    Px, Ez, Ex = P @ x, E.T @ z, E @ x
    dual = 1 / (columns * cost)
    primal_size = 1 + jnp.max(jnp.maximum(jnp.abs(d), jnp.abs(s)) / rows, initial=0)
    dual_size = 1 + jnp.max(dual * jnp.maximum(jnp.abs(q), jnp.maximum(jnp.abs(Px), jnp.abs(Ez))))
    quadratic, linear, bound = x @ Px, q @ x, d @ z
    gap = jnp.abs(quadratic + linear + bound) / cost
    value = jnp.minimum(jnp.abs(quadratic / 2 + linear), jnp.abs(quadratic / 2 + bound)) / cost
    return jnp.maximum(
        jnp.maximum(
            jnp.max(jnp.abs(Ex + s - d) / rows, initial=0) / primal_size,
            jnp.max(dual * jnp.abs(Px + q + Ez)) / dual_size,
        ),
        gap / (1 + value),
    )


def _certificates(problem: Scaled, inequality: Array, now: Iterate) -> tuple[Array, Array]:
    """How well z proves that no point is feasible, and x that the objective falls without end.

    Farkas: z >= 0 on inequalities, E'z = 0, d'z < 0. Ray: P x = 0, E x + s = 0, s >= 0, q'x < 0. The
    residual of the equations relative to the decrease, in the scaled or the unscaled problem.
    """
    P, q, E, d, columns, rows, _ = problem
    x, z, s = now.x, jnp.where(inequality, jnp.maximum(now.z, 0), now.z), now.s

    def quality(decrease: Array, noise: Array, *residuals: Array) -> Array:
        size = jnp.max(jnp.abs(jnp.concatenate(residuals)))
        sound = (decrease > 10 * jnp.finfo(q.dtype).eps * noise) & (now.tau < now.kappa)
        return jnp.where(sound, size / jnp.where(sound, decrease, 1), jnp.inf)

    Ez, Px, Ex = E.T @ z, P @ x, E @ x + s
    infeasible = quality(-(d @ z), jnp.abs(d) @ jnp.abs(z), Ez, Ez / columns)
    unbounded = quality(-(q @ x), jnp.abs(q) @ jnp.abs(x), Px, Px / columns, Ex, Ex / rows)
    return infeasible, unbounded


def _choose(first: Array, a: Iterate, b: Iterate) -> Iterate:
    return Iterate(*(jnp.where(first, new, old) for new, old in zip(a, b, strict=True)))
