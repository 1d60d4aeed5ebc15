"""How well a point solves a conic program: the residual that decides a status."""

from __future__ import annotations

import functools

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.scaling import present
from declarative.backends.jax.forms import Conic

DRIFT = 1e-2
"""The objective may be uncertain by a hundred times the tolerance."""


def residual(data: Conic, x: Array, s: Array, z: Array) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, A x + s = b, and the duality gap, the latter against 1 + the smaller objective. s and z are taken
    as given, in the cone and in its dual. What the objective may change by where the residuals are
    removed counts too: where x or z runs away, sizes that residuals are relative to hide all.
    """
    A, b = present(data)
    Ax, Az, curved = A @ x, z @ A, data.sparsity.curved
    Px = data.P @ x if curved else jnp.zeros_like(x)
    missed, steep = Ax + s - b, Px + data.q + Az
    *row, bound, far = linalg.reduced(
        *map(linalg.largest, (missed, b, Ax)), linalg.total(b * z), linalg.total(jnp.abs(z * missed))
    )
    *column, square, value, wide = linalg.reduced(
        *map(linalg.largest, (steep, data.q, Px, Az)),
        *map(linalg.total, (x * Px, data.q * x, jnp.abs(x * steep))),
    )
    size = 1 + jnp.minimum(jnp.abs(square / 2 + value), jnp.abs(square / 2 + bound))
    worst = [
        row[0] / (1 + jnp.maximum(*row[1:])),
        column[0] / (1 + functools.reduce(jnp.maximum, column[1:])),
        jnp.abs(square + value + bound) / size,
        DRIFT * (far + wide) / size,
    ]
    return functools.reduce(jnp.maximum, worst)
