"""Linear complementarity with a positive definite matrix -> its basic rows, and the matrix of those rows inverted.

    S y + c = s,   y, s >= 0 and y * s = 0 on inequalities,   s = 0 on equalities.

Small systems pivot one row at a time on the tableau, in the order of Lawson and Hanson, which ends for
every positive definite S: a pivot costs k^2 operations and no factorisation. Large ones
exchange blocks of rows, a Cholesky factorisation each (Judice and Pires, 1994), and fall back to single
rows (Murty's least index) where a block exchange brings no progress.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.kernels import one_kernel

TABLEAU = 88
"""Largest number of rows for which single pivots are the quicker way."""
ABSENT = 1e30  # the slack of a row that is not there
TRIES = 3  # block exchanges without progress before single rows


class Basis(NamedTuple):
    """`inverse` solves with the basic rows and columns of S: see `apply`."""

    basic: Array  # [k] bool, True on equalities
    y: Array  # [k], zero outside the basis
    inverse: Array  # [k, k]
    steps: Array


def solve(S: Array, c: Array, equalities: int, limit: Array) -> Basis:
    """S is `lifted`, with a unit diagonal; c may be +inf for an absent row. Where the steps run out y is
    no solution."""
    kept = jnp.where(jnp.isposinf(c), ABSENT, c)
    basis = (_single if c.shape[0] <= TABLEAU else _blocks)(S, kept, equalities, limit)
    return basis._replace(y=_dropped(basis.inverse, basis.y))


def independent(basis: Basis) -> Array:
    """Whether the basic rows are far from dependent: each keeps half its digits beside the others."""
    entries = jnp.where(basis.basic, jnp.diagonal(basis.inverse), 1)
    least = 1 / entries if entries.shape[0] <= TABLEAU else entries**2
    return jnp.all((least > 0) & (least > jnp.finfo(entries.dtype).eps ** 0.5))


def lifted(S: Array) -> Array:
    """S, definite even where rows depend on each other: their multipliers stay apart."""
    return S + _lift(S.dtype) * jnp.eye(S.shape[0], dtype=S.dtype)


def apply(inverse: Array, basic: Array, rhs: Array) -> Array:
    """y with S y = rhs on the basic rows, y = 0 on the others; rhs [k, j]."""
    y = _raw(inverse, jnp.where(basic[:, None], rhs, 0))
    return _dropped(inverse, y)


def _raw(inverse: Array, rhs: Array) -> Array:
    return inverse @ rhs if rhs.shape[0] <= TABLEAU else linalg.cholesky_solve(inverse, rhs)


def _dropped(inverse: Array, y: Array) -> Array:
    """The solution with S from that with S lifted, to second order."""
    return y + _lift(y.dtype) * _raw(inverse, y)


def _lift(dtype: jnp.dtype) -> float:
    return 64 * float(jnp.finfo(dtype).eps)


def _masked(S: Array, basic: Array) -> Array:
    return jnp.where(basic[:, None] & basic, S, jnp.eye(S.shape[0], dtype=S.dtype))


def _noise(c: Array) -> Array:
    finite = jnp.where(c < ABSENT, jnp.abs(c), 0)
    return 32 * c.shape[0] * jnp.finfo(c.dtype).eps * jnp.max(finite, initial=0)


# ---- one row at a time -------------------------------------------------------------------------


class _Tableau(NamedTuple):
    table: Array  # [k, k + 1]: S and c after principal pivots on the basic rows
    basic: Array
    y: Array
    steps: Array
    done: Array


def _single(S: Array, c: Array, equalities: int, limit: Array) -> Basis:
    return _pivots(S, c, jnp.arange(c.shape[0]) >= equalities, limit)


@one_kernel
def _pivots(S: Array, c: Array, inequality: Array, limit: Array) -> Basis:
    index = jnp.arange(c.shape[0])
    noise = _noise(c)

    def advance(state: _Tableau) -> _Tableau:
        table, basic, y, steps, _ = state
        value = table[:, -1]
        target = jnp.where(basic, -value, 0)
        # Towards the basic solution until a multiplier reaches zero: that row leaves. At the basic
        # solution the most violated row enters, equalities first.
        falling = basic & inequality & (target < 0)
        reach = jnp.where(falling, y / jnp.where(falling, y - target, 1), jnp.inf)
        length = jnp.min(reach)
        blocked = jnp.isfinite(length)
        violation = jnp.where(basic, -jnp.inf, jnp.where(inequality, -value, jnp.inf))
        score = jnp.where(blocked, -reach, violation)
        pivot = jnp.argmax(score)
        moving = blocked | (score[pivot] > noise)
        y = jnp.where(blocked, y + length * (target - y), target)
        y = jnp.where(blocked & (index == pivot), 0, y)
        table = _turned(table, basic, pivot, moving)
        return _Tableau(table, basic ^ (moving & (index == pivot)), y, steps + moving, ~moving)

    first = _Tableau(
        jnp.concatenate([S, c[:, None]], 1), index < 0, jnp.zeros_like(c), jnp.int32(0), jnp.asarray(False)
    )
    last = lax.while_loop(lambda s: ~s.done & (s.steps < limit), advance, first)
    inverse = jnp.where(last.basic[:, None] & last.basic, last.table[:, :-1], 0)
    return Basis(last.basic, last.y, inverse, last.steps)


def _turned(table: Array, basic: Array, pivot: Array, moving: Array) -> Array:
    """The tableau after a principal pivot, in which a row and its column change sides; else unchanged.

    The tableau is symmetric but for signs, which differ between basic rows and others: its row gives
    the column. The factors of one update of rank one are such that the pivot's row and column come out
    right: no mask in the innermost loop.
    """
    k = table.shape[0]
    here = jnp.arange(k + 1) == pivot
    row = lax.dynamic_index_in_dim(table, pivot, 0, keepdims=False)
    entry = row[pivot]
    column = jnp.where(basic == basic[pivot], row[:k], -row[:k])
    left = jnp.where(here[:k], entry - 1, column)
    right = jnp.where(here, 1 + 1 / entry, row / entry)
    return table - left[:, None] * jnp.where(moving, right, 0)


# ---- blocks of rows ----------------------------------------------------------------------------


class _Exchange(NamedTuple):
    basic: Array
    y: Array
    lower: Array
    fewest: Array  # infeasible rows, so far
    tries: Array
    steps: Array
    done: Array


def _blocks(S: Array, c: Array, equalities: int, limit: Array) -> Basis:
    k = c.shape[0]
    inequality = jnp.arange(k) >= equalities
    noise = _noise(c)

    def advance(state: _Exchange) -> _Exchange:
        basic = state.basic
        lower = linalg.cholesky(_masked(S, basic))
        y = -linalg.cholesky_solve(lower, jnp.where(basic, c, 0))
        slack = S @ y + c
        wrong = inequality & jnp.where(basic, y < 0, slack < -noise)
        count = jnp.sum(wrong, dtype=jnp.int32)
        fewer = count < state.fewest
        single = ~fewer & (state.tries <= 0)
        last = jnp.arange(k) == k - 1 - jnp.argmax(wrong[::-1])
        done = (count == 0) | ~jnp.isfinite(y[0])
        moved = basic ^ (wrong & (last | ~single))
        return _Exchange(
            jnp.where(done, basic, moved),
            y,
            lower,
            jnp.minimum(count, state.fewest),
            jnp.where(fewer, TRIES, state.tries - 1),
            state.steps + 1,
            done,
        )

    none = jnp.int32(0)
    first = _Exchange(~inequality, jnp.zeros_like(c), S, none + k + 1, none + TRIES, none, jnp.asarray(False))
    last = lax.while_loop(lambda s: ~s.done & (s.steps < limit), advance, first)
    return Basis(last.basic, last.y, last.lower, last.steps)
