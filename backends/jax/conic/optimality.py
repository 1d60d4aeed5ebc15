"""How well a point solves a conic program: the residual that decides a status."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

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
    Px, Ax, slope = data.P @ x, A @ x, A.T @ z
    missed, steep = Ax + s - b, Px + data.q + slope
    primal = _largest(missed) / (1 + _largest(b, Ax))
    dual = _largest(steep) / (1 + _largest(data.q, Px, slope))
    curved, value, bound = x @ Px, data.q @ x, b @ z
    size = 1 + jnp.minimum(jnp.abs(curved / 2 + value), jnp.abs(curved / 2 + bound))
    gap = jnp.abs(curved + value + bound) / size
    drift = DRIFT * (jnp.abs(z) @ jnp.abs(missed) + jnp.abs(x) @ jnp.abs(steep)) / size
    return jnp.maximum(jnp.maximum(primal, dual), jnp.maximum(gap, drift))


def _largest(*parts: Array) -> Array:
    return jnp.max(jnp.abs(jnp.concatenate(parts)), initial=0)
