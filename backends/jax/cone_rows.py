"""Symmetric matrices as rows of a cone, and points inside the cones."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

EXP = np.array([-1.0, 1.0, 1.0])
POWER = np.array([1.0, 1.0, 0.0])


def first(size: int) -> Array:
    """A point inside the second-order cone."""
    return jnp.where(jnp.arange(size) == 0, 1.0, 0.0)


def triangle(order: int) -> int:
    """How many rows a matrix of this order takes."""
    return order * (order + 1) // 2


def svec(X: Array) -> Array:
    """The symmetric part: the columns of its lower triangle, entries off the diagonal times sqrt(2).

    [..., n, n] -> [..., n * (n + 1) / 2]
    """
    columns, rows = np.triu_indices(X.shape[-1])
    mean = (X[..., rows, columns] + X[..., columns, rows]) / 2
    return mean * jnp.where(rows == columns, 1.0, np.sqrt(2.0))


def smat(rows: Array, order: int) -> Array:
    """The symmetric matrices of such rows. [..., n * (n + 1) / 2] -> [..., n, n]"""
    first, second = np.triu_indices(order)
    return symmetric(rows * jnp.where(first == second, 1.0, np.sqrt(0.5)), order)


def symmetric(entries: Array, order: int) -> Array:
    """Symmetric matrices of the columns of their lower triangle. [..., n * (n + 1) / 2] -> [..., n, n]"""
    first, second = np.triu_indices(order)
    place = np.zeros((order, order), int)
    place[first, second] = place[second, first] = np.arange(first.size)
    return entries[..., place]
