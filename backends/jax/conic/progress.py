"""A point of the embedding -> how far it is from a solution, and how well it proves that there is none.

Sums and extremes are of whole vectors, and what is divided is numbers: on the CPU each is one operation.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.linalg import largest, reduced, total


class Iterate(NamedTuple):
    x: Array  # [n]
    z: Array  # [kept]
    s: Array  # [kept]
    tau: Array
    kappa: Array


def flat(point: Iterate) -> Array:
    """Its parts side by side, [n + 2 kept + 2]: steps and choices are then one operation."""
    *vectors, tau, kappa = point
    return jnp.concatenate([*vectors, tau[None], kappa[None]])


def parts(problem: Scaled, v: Array) -> Iterate:
    n, kept = problem.q.shape[0], problem.b.shape[0]
    return Iterate(v[:n], v[n : n + kept], v[n + kept : -2], v[-2], v[-1])


class Progress(NamedTuple):
    """What residuals of a point are sums of, each computed once; and what they say."""

    Px: Array | None  # [n]; None where P is zero
    Az: Array  # [n], A'z
    Ax: Array  # [kept]
    bend: Array  # x'Px
    linear: Array  # q'x
    bound: Array  # b'z
    gap: Array  # s'z
    error: Array  # largest relative residual of x / tau in the unscaled problem: primal, dual, gap
    proofs: (
        Array  # [2], how well z proves that there is no point, x that there is no bound: the residual of the
    )
    # certificate, inf where it is none


def curvature(problem: Scaled, x: Array) -> Array | None:
    return problem.P @ x if problem.sparsity.curved else None


def plus(v: Array, curved: Array | None) -> Array:
    return v if curved is None else v + curved


def progress(problem: Scaled, now: Iterate) -> Progress:
    """Certificates are Farkas' (z in K*, A'z = 0, b'z < 0) and rays (P x = 0, A x + s = 0, s in K, q'x < 0): the
    residual of the equations relative to the decrease, in the scaled or the unscaled problem."""
    q, b, (x, z, s, tau, kappa) = problem.q, problem.b, now
    Px, Az, Ax = curvature(problem, x), z @ problem.A, problem.A @ x
    dual, moved = problem.columns * problem.cost, Ax + s
    columns, rows = (jnp.maximum(1, 1 / scales) for scales in (problem.columns, problem.rows))
    linear, few, fall, slope, flat = reduced(
        total(q * x),
        total(jnp.abs(q * x)),
        largest(Az / dual),
        largest((plus(Az, Px) + tau * q) / dual),
        largest(columns * Az),
    )
    bound, many, gap, slack, left, still = reduced(
        total(b * z),
        total(jnp.abs(b * z)),
        total(s * z),
        largest(s / problem.rows),
        largest((moved - tau * b) / problem.rows),
        largest(rows * moved),
    )
    bend = jnp.zeros_like(tau)
    if Px is not None:
        bend, bent, curved = reduced(total(x * Px), largest(Px / dual), largest(columns * Px))
        fall, still = jnp.maximum(fall, bent), jnp.maximum(still, curved)
    # Each a quotient of two numbers, both times a power of tau.
    rows_sized = jnp.maximum(tau * jnp.max(jnp.abs(b) / problem.rows), slack)
    columns_sized = jnp.maximum(tau * jnp.max(jnp.abs(q) / dual), fall)
    first, second = bend / 2 + tau * linear, bend / 2 + tau * bound
    value = jnp.minimum(jnp.abs(first), jnp.abs(second))
    distance = jnp.abs(first + second) / (tau * tau * problem.cost + value)
    error = jnp.maximum(jnp.maximum(left / (tau + rows_sized), slope / (tau + columns_sized)), distance)
    decrease, noise = -jnp.stack([bound, linear]), jnp.stack([many, few])
    sound = (decrease > 10 * jnp.finfo(q.dtype).eps * noise) & (tau < kappa)
    size = jnp.stack([flat, still])
    proofs = jnp.where(sound, size / jnp.where(sound, decrease, 1), jnp.inf)
    return Progress(Px, Az, Ax, bend, linear, bound, gap, error, proofs)
