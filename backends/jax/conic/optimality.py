"""How well a point solves a conic program: the residual that decides a status."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.conic.scaling import present
from declarative.backends.jax.forms import Conic


def residual(data: Conic, x: Array, s: Array, z: Array) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, A x + s = b, and the duality gap, the latter against 1 + the smaller objective. s and z are taken
    as given, in the cone and in its dual; absent rows count for nothing.
    """
    A, b = present(data)
    Px, Ax, slope = data.P @ x, A @ x, A.T @ z
    rows = jnp.isposinf(data.b)
    primal = _largest(jnp.where(rows, 0, Ax + s - b)) / (1 + _largest(b, Ax))
    dual = _largest(Px + data.q + slope) / (1 + _largest(data.q, Px, slope))
    curved, value, bound = x @ Px, data.q @ x, b @ z
    least = jnp.minimum(jnp.abs(curved / 2 + value), jnp.abs(curved / 2 + bound))
    gap = jnp.abs(curved + value + bound) / (1 + least)
    return jnp.maximum(jnp.maximum(primal, dual), gap)


def _largest(*parts: Array) -> Array:
    return jnp.max(jnp.abs(jnp.concatenate(parts)), initial=0)
