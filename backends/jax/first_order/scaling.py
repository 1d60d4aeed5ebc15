"""A program -> the same one with rows and columns of like size, and the way back, without its entries.

Rows and columns are divided by the roots of their sums of absolute values, again and again (Ruiz, 2001,
in the 1-norm, of which one round is the preconditioner of Pock and Chambolle, 2011).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax.first_order.magnitudes import Linear, magnitudes
from declarative.backends.jax.first_order.program import Program

ROUNDS = 10
POWERS = 40  # rounds of power iteration
SAFETY = 1.02


class Scales(NamedTuple):
    """Unscaled x = columns * x, y = rows * y."""

    columns: Array  # [n]
    rows: Array  # [k]


def equilibrated(program: Program) -> tuple[Program, Scales]:
    n, k = program.q.size, program.d.size
    one, ones = jnp.ones_like(program.q), jnp.ones_like(program.d)
    rows, back = magnitudes(program.rows, one), magnitudes(program.back, ones)
    curve = None if program.curve is None else magnitudes(program.curve, one)
    if rows is None or back is None or not n or not k:
        return program, Scales(one, ones)

    def sweep(_: int, scales: Scales) -> Scales:
        columns, lines = scales
        tall = columns * back(lines)
        if curve is not None:
            tall = jnp.maximum(tall, columns * curve(columns))
        return Scales(columns * _inverse_root(tall), lines * _inverse_root(lines * rows(columns)))

    scales = lax.fori_loop(0, ROUNDS, sweep, Scales(one, ones))
    return scaled(program, scales), scales


def scaled(program: Program, scales: Scales) -> Program:
    columns, lines = scales
    curve = program.curve
    return Program(
        None if curve is None else lambda x: columns * curve(columns * x),
        lambda x: lines * program.rows(columns * x),
        lambda y: columns * program.back(lines * y),
        columns * program.q,
        lines * program.d,
        program.lower / columns,
        program.upper / columns,
        program.equalities,
    )


def norm(linear: Linear, back: Linear, like: Array) -> Array:
    """The largest singular value, by power iteration on back(linear(x)), a little enlarged."""
    start = jax.random.normal(jax.random.key(0), like.shape, like.dtype)
    start = start / jnp.linalg.norm(start)
    one: Array = jnp.ones((), like.dtype)

    def turn(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        x = carry[0]
        image = back(linear(x))
        size = jnp.linalg.norm(image)
        return jnp.where(size > 0, image / jnp.where(size > 0, size, 1), x), size

    largest: Array = lax.fori_loop(0, POWERS, turn, (start, one))[1]
    return SAFETY * jnp.sqrt(largest)


def _inverse_root(size: Array) -> Array:
    return jnp.where(size > 0, lax.rsqrt(jnp.where(size > 0, size, 1)), 1)
