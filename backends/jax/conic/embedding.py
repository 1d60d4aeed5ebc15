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
from declarative.backends.jax.conic.progress import Iterate, Progress, plus, progress
from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.conic.start import start
from declarative.backends.jax.linalg import inner

SHORT_STEP = 1e-6  # below it the iteration has stalled
STALLS = 3  # short or failed steps in a row before giving up
PATIENCE = 20  # steps without a better point before giving up,
ENOUGH = 2  # and where the tolerance is met
FAIR = 1e-8  # residual of a certificate that is believed where there is no solution
FRACTION = 0.99  # of the way to the boundary
ACCURACY = 1e-8  # of a direction, relative to the error where it starts
SHRINK = 0.9
TRIES = 100


System = Callable[[list[Any], Array], kkt.Solve]


class State(NamedTuple):
    now: Iterate
    progress: Progress  # of `now`
    best: Iterate
    error: Array  # of `best`
    steps: Array
    stalls: Array  # short or failed steps in a row
    waiting: Array  # steps since `best`
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
    first = start(problem, delta)
    count = jnp.zeros_like(one, dtype=jnp.int32)
    return State(first, progress(problem, first), first, jnp.inf * one, count, count, count, delta)


def run(problem: Scaled, state: State, tol: Array, target: Array, max_iter: Array) -> State:
    """From where the state stands; see `iterate`."""
    cones = grouped(problem.cones, problem.alpha)
    sharp = _sharp(problem)

    system = kkt.prepared(problem, cones)

    def going(state: State) -> Array:
        done = (
            (state.error < target) | (state.progress.infeasible < sharp) | (state.progress.unbounded < sharp)
        )
        patience = jnp.where(state.error < tol, ENOUGH, PATIENCE)
        stuck = (state.stalls >= STALLS) | (state.waiting >= patience)
        return (state.steps < max_iter) & ~stuck & ~done

    return lax.while_loop(going, lambda state: _advance(problem, cones, system, state), state)


def result(problem: Scaled, last: State, tol: Array) -> Result:
    # Where neither a solution nor a sharp certificate was reached, a fair one tells why.
    sharp = _sharp(problem)
    limit = jnp.where(last.error > tol, max(FAIR, sharp), sharp)
    x, z, s = (part / last.best.tau for part in last.best[:3])
    proofs = last.progress.infeasible < limit, last.progress.unbounded < limit
    return Result(x, z, s, last.steps, *proofs, last.error)


def _sharp(problem: Scaled) -> float:
    return float(jnp.finfo(problem.q.dtype).eps) ** 0.6


# ---- one step ----------------------------------------------------------------------------------


def _advance(problem: Scaled, cones: tuple[Cone, ...], system: System, state: State) -> State:
    accuracy = ACCURACY * jnp.minimum(state.error, 1)
    move, length = _step(problem, cones, system, state.now, state.progress, state.delta, accuracy)
    healthy = jnp.isfinite(length)
    now = _moved(state.now, move, length, healthy)
    found = progress(problem, now)
    improved = found.error < state.error
    short = healthy & (length < SHORT_STEP)
    return State(
        now=now,
        progress=found,
        best=Iterate(*(jnp.where(improved, new, old) for new, old in zip(now, state.best, strict=True))),
        error=jnp.where(improved, found.error, state.error),
        steps=state.steps + 1,
        stalls=jnp.where(short | ~healthy, state.stalls + 1, 0),
        waiting=jnp.where(improved | ~healthy, 0, state.waiting + 1),
        delta=jnp.where(healthy, state.delta, 100 * state.delta),
    )


def _moved(now: Iterate, move: Iterate, length: Array, healthy: Array) -> Iterate:
    """Scaled: the larger of tau and kappa is one."""
    tau, kappa = now.tau + length * move.tau, now.kappa + length * move.kappa
    scale = jnp.where(healthy, 1 / jnp.maximum(tau, kappa), 1)
    return Iterate(
        *(
            jnp.where(healthy, scale * (part + length * change), part)
            for part, change in zip(now, move, strict=True)
        )
    )


def _step(
    problem: Scaled,
    cones: tuple[Cone, ...],
    system: System,
    now: Iterate,
    found: Progress,
    delta: Array,
    accuracy: Array,
) -> tuple[Iterate, Array]:
    q, A, b = problem.q, problem.A, problem.b
    zero = problem.cones.zero
    x, z, s, tau, kappa = now
    degree = sum(cone.degree for cone in cones) + 1
    mu = (found.gap + tau * kappa) / degree
    pairs = list(zip(split(cones, s[zero:]), split(cones, z[zero:]), strict=True))
    scalings = [cone.scaling(*pair, mu, delta) for cone, pair in zip(cones, pairs, strict=True)]
    solve = system(scalings, delta)
    Px, bend = found.Px, found.bend / tau
    r_x, r_z = plus(found.Az, Px) + q * tau, found.Ax + s - b * tau
    slope = q if Px is None else q + 2 / tau * Px
    r_tau = kappa + bend + found.linear + found.bound
    zeros = jnp.zeros_like(s[:zero])

    def turn(_: Array, carry: tuple[Array, Array, Array, Any]) -> tuple[Array, Array, Array, Any]:
        """The direction that leaves `keep` of the residuals and takes s o z by `shift`, tau * kappa by `tk`;
        then what the corrector is to do after it."""
        keep, shift, tk = carry[:3]
        solved = solve(
            jnp.stack([-keep * r_x, -q]),
            jnp.stack([shift - keep * r_z, b]),
            accuracy,
        )
        (x1, x2), (z1, z2) = solved.x, solved.z
        given = zip(cones, scalings, split(cones, z2[zero:]), strict=True)
        energy = sum(cone.energy(scaling, part) for cone, scaling, part in given)
        rise = solved.x @ slope + solved.z @ b
        fall = -energy - kappa / tau
        # Both are the same where the system is solved; they differ where it is singular, along an
        # unknown that only the objective sees: there x2 is long, and tau must fall.
        if Px is not None:
            left = x2 - x / tau
            fall -= inner(left, problem.P @ left)
        fall = jnp.minimum(fall, rise[1] - (bend + kappa) / tau)
        d_tau = (-keep * r_tau + tk / tau - rise[0]) / fall
        dx, dz = x1 + d_tau * x2, z1 + d_tau * z2
        # From the linear equation, so that it is met: the scaling would lose digits.
        ds = join([zeros, (d_tau * b - keep * r_z - A @ dx)[zero:]], zeros)
        d_kappa = -(tk + kappa * d_tau) / tau
        move = Iterate(dx, dz, ds, d_tau, d_kappa)
        moves = list(zip(split(cones, ds[zero:]), split(cones, dz[zero:]), strict=True))
        arguments = [
            (scaling, *pair, *moved) for scaling, pair, moved in zip(scalings, pairs, moves, strict=True)
        ]
        # What is not finite in the solutions is not in `rise`.
        length = jnp.where(
            jnp.isfinite(jnp.sum(rise) + d_tau), _longest(cones, arguments, now, move), jnp.nan
        )
        sigma = (1 - jnp.minimum(1, length)) ** 3
        parts = [cone.shift(*given, sigma * mu) for cone, given in zip(cones, arguments, strict=True)]
        tk = tau * kappa - sigma * mu + d_tau * d_kappa
        return 1 - sigma, join([zeros, *parts], zeros), tk, (move, length)

    # Predictor and corrector as one loop body: it halves the time to compile.
    first = jnp.ones_like(tau), s, tau * kappa, (now, tau)
    move, length = lax.fori_loop(0, 2, turn, first)[3]
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
        inside = [cone.inside(s + t * ds, z + t * dz, mu) for cone, (_, s, z, ds, dz) in others]
        return jnp.all(jnp.stack(inside))

    def going(carry: tuple[Array, Array]) -> Array:
        tries, t = carry
        return (tries < TRIES) & ~good(t)

    first = jnp.zeros_like(length, dtype=jnp.int32), jnp.minimum(1, length)
    tries, t = lax.while_loop(going, lambda carry: (carry[0] + 1, SHRINK * carry[1]), first)
    return jnp.where(tries < TRIES, t, 0)
