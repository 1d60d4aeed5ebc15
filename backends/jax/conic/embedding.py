"""Interior-point iteration on the homogeneous self-dual embedding of a scaled conic program.

    P x + A'z + q tau = 0,   A x + s = b tau,   kappa + x'Px / tau + q'x + b'z = 0,
    s in K, z in K*, s = 0 on zero rows,   tau, kappa >= 0.

tau > 0 in the limit gives the solution x / tau; tau -> 0 gives a ray that proves that the problem is
infeasible (z) or unbounded (x). After Goulart and Chen, "Clarabel" (arXiv 2405.12762): Mehrotra's predictor
and corrector, one step length, a neighbourhood of the central path where a cone is not symmetric.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.conic import kkt
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.cones.cone import Cone, Nonsymmetric, Symmetric
from declarative.backends.jax.conic.product import join, split
from declarative.backends.jax.conic.progress import Iterate, Progress, flat, parts, plus, progress
from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.conic.start import start
from declarative.backends.jax.linalg import inner

SHORT_STEP = 1e-6  # below it the iteration has stalled
STALLS = 3  # short or failed steps in a row before giving up
PATIENCE = 20  # steps without a better point before giving up,
ENOUGH = 2  # and where the tolerance is met
FAIR = 1e-8  # residual of a certificate that is believed where there is no solution
FRACTION = 0.99  # of the way to the boundary
ACCURACY = (1e-2, 1e-6), (1e-4, 1e-7)  # above an error, that of a direction, relative to it;
SHARP = 1e-8  # elsewhere
SHRINK = 0.9
TRIES = 100


System = Callable[[list[Any], Array], kkt.Solve]


class State(NamedTuple):
    now: Array  # see `progress.flat`
    progress: Progress  # of `now`
    best: Array
    error: Array  # of `best`
    counts: Array  # [3] int: steps; short or failed steps in a row; steps since `best`
    delta: Array  # regularisation, raised where a factorisation fails


class Result(NamedTuple):
    """A point of the scaled problem, divided by tau: A x + s = b, s in K, z in K* (see `scaling.restored`)."""

    x: Array  # [n]
    z: Array  # [kept]
    s: Array  # [kept]
    steps: Array
    infeasible: Array  # bool: a checked certificate says so
    unbounded: Array
    error: Array  # largest relative residual of the point in the unscaled problem: primal, dual, gap


def iterate(problem: Scaled, tol: Array, target: Array, max_iter: Array) -> Result:
    """Runs until the best point meets the target, or the tolerance and no longer improves, or a certificate
    is found, or no progress is made."""
    return result(problem, run(problem, begin(problem), tol, target, max_iter), tol)


def begin(problem: Scaled) -> State:
    one = jnp.ones_like(problem.cost)
    delta = float(jnp.finfo(problem.q.dtype).eps) ** 0.575 * one
    first, counts = start(problem, delta), jnp.zeros_like(one, shape=3, dtype=jnp.int32)
    return State(flat(first), progress(problem, first), flat(first), jnp.inf * one, counts, delta)


def run(problem: Scaled, state: State, tol: Array, target: Array, max_iter: Array) -> State:
    """From where the state stands; see `iterate`."""
    cones = grouped(problem.cones, problem.alpha)
    sharp = _sharp(problem)

    system = kkt.prepared(problem, cones)

    def going(state: State) -> Array:
        done = (state.error < target) | jnp.any(state.progress.proofs < sharp)
        patience = jnp.where(state.error < tol, ENOUGH, PATIENCE)
        steps, stalls, waiting = state.counts
        return (steps < max_iter) & (stalls < STALLS) & (waiting < patience) & ~done

    return lax.while_loop(going, lambda state: _advance(problem, cones, system, state), state)


def result(problem: Scaled, last: State, tol: Array) -> Result:
    # Where neither a solution nor a sharp certificate was reached, a fair one tells why.
    sharp = _sharp(problem)
    limit = jnp.where(last.error > tol, max(FAIR, sharp), sharp)
    x, z, s, tau, _ = parts(problem, last.best)
    infeasible, unbounded = last.progress.proofs < limit
    return Result(x / tau, z / tau, s / tau, last.counts[0], infeasible, unbounded, last.error)


def _sharp(problem: Scaled) -> float:
    return float(jnp.finfo(problem.q.dtype).eps) ** 0.6


# ---- one step ----------------------------------------------------------------------------------


def _advance(problem: Scaled, cones: tuple[Cone, ...], system: System, state: State) -> State:
    move, length = _step(problem, cones, system, state, _accuracy(state.error))
    healthy = jnp.isfinite(length)
    moved = state.now + length * move
    # Scaled: the larger of tau and kappa is one.
    now = jnp.where(healthy, moved / jnp.maximum(moved[-2], moved[-1]), state.now)
    found = progress(problem, parts(problem, now))
    improved = found.error < state.error
    short = healthy & (length < SHORT_STEP)
    return State(
        now=now,
        progress=found,
        best=jnp.where(improved, now, state.best),
        error=jnp.where(improved, found.error, state.error),
        counts=jnp.where(jnp.stack([True, short | ~healthy, healthy & ~improved]), state.counts + 1, 0),
        delta=jnp.where(healthy, state.delta, 100 * state.delta),
    )


def _accuracy(error: Array) -> Array:
    """Of a direction that starts where the error is this: what is left of the residuals, relative to the point."""
    shares = [jnp.asarray(share, error.dtype) for _, share in ACCURACY]
    share = jnp.select([error > limit for limit, _ in ACCURACY], shares, SHARP)
    return share * jnp.minimum(error, 1)


def _step(
    problem: Scaled, cones: tuple[Cone, ...], system: System, state: State, accuracy: Array
) -> tuple[Array, Array]:
    """A direction and how far it may be taken."""
    q, b, zero = problem.q, problem.b, problem.cones.zero
    now, found, n = parts(problem, state.now), state.progress, problem.q.shape[0]
    x, z, s, tau, kappa = now
    degree = sum(cone.degree for cone in cones) + 1
    mu = (found.gap + tau * kappa) / degree
    pairs = list(zip(split(cones, s[zero:]), split(cones, z[zero:]), strict=True))
    scalings = [cone.scaling(*pair, mu, state.delta) for cone, pair in zip(cones, pairs, strict=True)]
    solve = system(scalings, state.delta)
    Px, bend = found.Px, found.bend / tau
    slope = q if Px is None else q + 2 / tau * Px
    beside = jnp.concatenate([slope, b, jnp.zeros_like(b)])
    # The residuals, and what the second right-hand side is.
    first = jnp.stack([-(plus(found.Az, Px) + q * tau), -q])
    second = jnp.stack([b * tau - found.Ax - s, b])
    r_tau = kappa + bend + found.linear + found.bound

    def turn(_: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        """The direction that leaves `keep` of the residuals and takes s o z by `shift`, tau * kappa by `tk`;
        then what the corrector is to do after it."""
        (keep, tk, _), shift, _ = carry
        weights = jnp.stack([keep, jnp.ones_like(keep)])[:, None]
        d = jnp.pad(shift[None], ((0, 1), (0, 0)))
        solved = solve(weights * first, weights * second, d, accuracy)
        x2, z2 = solved[1, :n], solved[1, n : n + z.size]
        energy = sum(
            cone.energy(*each) for cone, *each in zip(cones, scalings, split(cones, z2[zero:]), strict=True)
        )
        rise = solved @ beside
        fall = -energy - kappa / tau
        # Both are the same where the system is solved; they differ where it is singular, along an
        # unknown that only the objective sees: there x2 is long, and tau must fall.
        if Px is not None:
            left = x2 - x / tau
            fall -= inner(left, problem.P @ left)
        fall = jnp.minimum(fall, rise[1] - (bend + kappa) / tau)
        d_tau = (-keep * r_tau + tk / tau - rise[0]) / fall
        d_kappa = -(tk + kappa * d_tau) / tau
        dx, dz, _ = jnp.split(solved[0] + d_tau * solved[1], [n, n + z.size])
        # Of the whole direction, so that the linear equation is met: those of both right-hand sides may cancel.
        ds = keep * second[0] + d_tau * b - problem.A @ dx
        move = jnp.concatenate([dx, dz, jnp.zeros_like(s[:zero]), ds[zero:], d_tau[None], d_kappa[None]])
        moved = parts(problem, move)
        each = zip(cones, scalings, split(cones, moved.s[zero:]), split(cones, moved.z[zero:]), strict=True)
        moves = [cone.moves(scaling, *way) for cone, scaling, *way in each]
        arguments = [(scaling, *pair, one) for scaling, pair, one in zip(scalings, pairs, moves, strict=True)]
        # What is not finite in the solutions is not in `rise`.
        length = jnp.where(
            jnp.isfinite(jnp.sum(rise) + d_tau), _longest(cones, arguments, now, moved), jnp.nan
        )
        sigma = (1 - jnp.minimum(1, length)) ** 3
        shifts = [cone.shift(*given, sigma * mu) for cone, given in zip(cones, arguments, strict=True)]
        tk = tau * kappa - sigma * mu + d_tau * d_kappa
        return jnp.stack([1 - sigma, tk, length]), join(shifts, s[:0]), move

    # Predictor and corrector as one loop body: it halves the time to compile.
    start = jnp.stack([jnp.ones_like(tau), tau * kappa, tau]), s[zero:], state.now
    (*_, length), _, move = lax.fori_loop(0, 2, turn, start)
    return move, jnp.minimum(1, length)


def _longest(cones: tuple[Cone, ...], arguments: list[Any], now: Iterate, move: Iterate) -> Array:
    """How far `move` can go; where a cone is not symmetric, found by trial, and not far from the central path."""
    given = list(zip(cones, arguments, strict=True))
    spectra = [move.tau / now.tau, move.kappa / now.kappa]
    spectra += [cone.steepest(*args) for cone, args in given if isinstance(cone, Symmetric)]
    steepest = functools.reduce(jnp.minimum, spectra)
    length = FRACTION * jnp.where(steepest < 0, -1 / jnp.where(steepest < 0, steepest, -1), jnp.inf)
    others = [(cone, args) for cone, args in given if isinstance(cone, Nonsymmetric)]
    if not others:
        return length
    degree = sum(cone.degree for cone in cones) + 1

    def good(t: Array) -> Array:
        s, z, tau, kappa = (part + t * change for part, change in zip(now[1:], move[1:], strict=True))
        mu = (s @ z + tau * kappa) / degree
        inside = [cone.inside(s + t * ds, z + t * dz, mu) for cone, (_, s, z, (ds, dz)) in others]
        return jnp.all(jnp.stack(inside))

    def going(carry: tuple[Array, Array]) -> Array:
        tries, t = carry
        return (tries < TRIES) & ~good(t)

    first = jnp.zeros_like(length, dtype=jnp.int32), jnp.minimum(1, length)
    tries, t = lax.while_loop(going, lambda carry: (carry[0] + 1, SHRINK * carry[1]), first)
    return jnp.where(tries < TRIES, t, 0)
