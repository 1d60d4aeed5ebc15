"""The matrices of a quadratic program as the iterations take them: dense, or in blocks."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Layout, Square, Wide


class Program(NamedTuple):
    """min 1/2 x'Px + q'x subject to E x = d in the rows of equalities, E x <= d in the others, which follow."""

    P: Square  # [n, n]
    q: Array  # [n]
    E: Wide  # [k, n]
    d: Array  # [k], +inf for an absent row


class Split(NamedTuple):
    """The same in blocks; right-hand sides say which rows are equalities."""

    P: Square
    q: Array
    E: Wide
    b: Array
    h: Array

    @property
    def program(self) -> Program:
        return Program(self.P, self.q, self.E, jnp.concatenate([self.b, self.h]))


def program(data: Quadratic) -> Program:
    return Program(data.P, data.q, jnp.concatenate([data.A, data.G]), jnp.concatenate([data.b, data.h]))


def split(data: Quadratic, P: Square, layout: Layout) -> Split:
    """P is that of the data, in blocks."""
    E = matrix.rows((data.A, data.G), layout)
    return Split(P, data.q, E, data.b, data.h)


def present(given: Program) -> Program:
    """Absent rows become 0'x <= 1."""
    absent = jnp.isposinf(given.d)
    E = matrix.scaled_rows(jnp.where(absent, 0, 1).astype(given.q.dtype), given.E, jnp.ones_like(given.q))
    return given._replace(E=E, d=jnp.where(absent, 1, given.d))


def checked(given: Program, equalities: int) -> tuple[Array, Program]:
    """Whether all numbers are in order, and the program, zero where not."""
    inequality = jnp.arange(given.d.shape[0]) >= equalities
    valid = jnp.all(jnp.isfinite(given.d) | (inequality & jnp.isposinf(given.d)))
    for part in jax.tree.leaves(given[:3]):
        valid &= jnp.all(jnp.isfinite(part))
    return valid, jax.tree.map(lambda part: jnp.where(valid, part, 0), given)
