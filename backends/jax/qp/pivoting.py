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

TABLEAU = 88
"""Largest number of rows for which single pivots are the quicker way."""
TRIES = 3  # block exchanges without progress before single rows


class Basis(NamedTuple):
    """`inverse` solves with the basic rows and columns of S: see `apply`."""

    basic: Array  # [k] bool, True on equalities
    y: Array  # [k], zero outside the basis
    inverse: Array  # [k, k]
    steps: Array


def solve(S: Array, c: Array, equalities: int, limit: Array) -> Basis:
    """S has a unit diagonal; c may be +inf for an absent row. Where the steps run out y is no solution."""
    return (_single if c.shape[0] <= TABLEAU else _blocks)(S, c, equalities, limit)


def independent(basis: Basis) -> Array:
    """Whether the basic rows are far from dependent: each keeps half its digits beside the others."""
    entries = jnp.where(basis.basic, jnp.diagonal(basis.inverse), 1)
    least = 1 / entries if entries.shape[0] <= TABLEAU else entries**2
    return jnp.all((least > 0) & (least > jnp.finfo(entries.dtype).eps ** 0.5))


def apply(inverse: Array, basic: Array, rhs: Array) -> Array:
    """y with S y = rhs on the basic rows, y = 0 on the others; rhs [k, j]."""
    rhs = jnp.where(basic[:, None], rhs, 0)
    return inverse @ rhs if rhs.shape[0] <= TABLEAU else linalg.cholesky_solve(inverse, rhs)


def _masked(S: Array, basic: Array) -> Array:
    return jnp.where(basic[:, None] & basic, S, jnp.eye(S.shape[0], dtype=S.dtype))


def _noise(S: Array, c: Array) -> Array:
    finite = jnp.where(jnp.isfinite(c), jnp.abs(c), 0)
    return 32 * c.shape[0] * jnp.finfo(c.dtype).eps * jnp.max(finite, initial=0)


# ---- one row at a time -------------------------------------------------------------------------


class _Tableau(NamedTuple):
    table: Array  # [k, k + 1]: S and c after principal pivots on the basic rows
    basic: Array
    y: Array
    steps: Array
    done: Array


def _single(S: Array, c: Array, equalities: int, limit: Array) -> Basis:
    k = c.shape[0]
    index = jnp.arange(k)
    inequality = index >= equalities
    noise = _noise(S, c)

    def advance(state: _Tableau) -> _Tableau:
        table, basic, y, steps, _ = state
        value = table[:, -1]
        target = jnp.where(basic, -value, 0)
        # Towards the basic solution until a multiplier reaches zero: that row leaves.
        falling = basic & inequality & (target < 0)
        reach = jnp.where(falling, y / jnp.where(falling, y - target, 1), jnp.inf)
        blocked = jnp.any(falling)
        y = jnp.where(blocked, y + jnp.min(reach) * (target - y), target)
        # At the basic solution the most violated row enters, equalities first.
        violation = jnp.where(basic, -jnp.inf, jnp.where(inequality, -value, jnp.inf))
        entering = jnp.argmax(violation)
        pivot = jnp.where(blocked, jnp.argmin(reach), entering)
        here = index == pivot
        done = ~blocked & ~(violation[entering] > noise)
        turned = _turned(table, pivot)
        return _Tableau(
            jnp.where(done, table, turned), basic ^ (here & ~done), jnp.where(here, 0, y), steps + 1, done
        )

    none = jnp.zeros(k, bool)
    zero = jnp.zeros_like(c)
    first = _Tableau(
        jnp.concatenate([S, c[:, None]], 1),
        none,
        zero,
        jnp.int32(0),
        jnp.any(jnp.isnan(S)) | jnp.any(jnp.isnan(c)),
    )
    last = lax.while_loop(lambda s: ~s.done & (s.steps < limit), advance, first)
    inverse = jnp.where(last.basic[:, None] & last.basic, last.table[:, :-1], 0)
    return Basis(last.basic, jnp.where(last.basic, -last.table[:, -1], 0), inverse, last.steps)


def _turned(table: Array, pivot: Array) -> Array:
    """The tableau after a principal pivot: row and column change sides."""
    k = table.shape[0]
    row = lax.dynamic_index_in_dim(table, pivot, 0, keepdims=False)
    column = lax.dynamic_index_in_dim(table, pivot, 1, keepdims=False)
    across = jnp.arange(k + 1) == pivot
    entry = lax.dynamic_index_in_dim(row, pivot, 0, keepdims=False)
    # With -1 in place of the pivot's row entries, one update serves the row, the column and the rest.
    scaled = jnp.where(across, 1, row) / entry
    rest = jnp.where(across, 0, table) - jnp.where(across[:k], -1, column)[:, None] * scaled
    return jnp.where(across[:k][:, None], scaled, rest)


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
    noise = _noise(S, c)

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

    count = jnp.int32(0)
    first = _Exchange(
        ~inequality, jnp.zeros_like(c), S, count + k + 1, count + TRIES, count, jnp.any(jnp.isnan(S))
    )
    last = lax.while_loop(lambda s: ~s.done & (s.steps < limit), advance, first)
    return Basis(last.basic, last.y, last.lower, last.steps)
