"""Complementary pairs (s, z) of symmetric and other cones -> the basis in which their derivative is diagonal.

Near a strictly complementary pair the pairs are a smooth manifold over w = z - s (Moreau): dz = M dw and
ds = -(I - M) dw with M = U diag(weight) U' symmetric, 0 <= weight <= 1. Weight 1 is an active row,
weight 0 an idle one, what lies between is the curvature of a cone's boundary. For symmetric cones U is the Peirce
basis of w, which s and z share.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.conic import groups
from declarative.backends.jax.forms import Cones
from declarative.backends.jax.linalg import product

Basis = tuple[Array, ...]
"""Per group: unit vectors [count, size - 1] of second-order cones, orthogonal matrices elsewhere."""


def turned(cones: Cones, basis: Basis, v: Array) -> Array:
    """U'v for a vector [m], or for the columns of a matrix; rows in the order of the groups."""
    many = v if v.ndim == 2 else v[:, None]
    pairs = zip(groups.groups(cones), basis, groups.parts(cones, many), strict=True)
    there = jnp.concatenate([turned_one(g, u, part).reshape(-1, many.shape[1]) for g, u, part in pairs])
    return there if v.ndim == 2 else there[:, 0]


def turned_back(cones: Cones, basis: Basis, v: Array) -> Array:
    """The inverse of `turned`, and its transpose."""
    many = v if v.ndim == 2 else v[:, None]
    blocks = zip(groups.groups(cones), basis, groups.cut(cones, many), strict=True)
    back = groups.joined(cones, [turned_back_one(group, u, part) for group, u, part in blocks])
    return back if v.ndim == 2 else back[:, 0]


def turned_one(group: groups.Group, basis: Array, v: Array) -> Array:
    """[count, size, columns]."""
    if group.kind == groups.SOC:
        return _coordinates(basis, v)
    if group.kind == groups.PSD:
        return _congruent(basis, v, group.order)
    return jnp.swapaxes(basis, 1, 2) @ v if group.solid else v


def turned_back_one(group: groups.Group, basis: Array, v: Array) -> Array:
    if group.kind == groups.SOC:
        return _coordinates_back(basis, v)
    if group.kind == groups.PSD:
        return _congruent(jnp.swapaxes(basis, 1, 2), v, group.order)
    return basis @ v if group.solid else v


def _congruent(Q: Array, v: Array, order: int) -> Array:
    """Q'V Q for every column."""
    V = groups.matrices(jnp.swapaxes(v, 1, 2), order)  # [count, columns, k, k]
    there = product(product(jnp.swapaxes(Q, 1, 2)[:, None], V), Q[:, None])
    return jnp.swapaxes(groups.vectors(there), 1, 2)


# ---- second-order cones ------------------------------------------------------------------------


def direction(w: Array) -> tuple[Array, Array]:
    """[count, size - 1] -> norms [count], and unit vectors; the first axis where w vanishes."""
    norm = jnp.sqrt(jnp.sum(w**2, axis=1))
    first = jnp.zeros_like(w).at[:, 0].set(1)
    safe = jnp.where(norm > 0, norm, 1)[:, None]
    return norm, jnp.where(norm[:, None] > 0, w / safe, first)


def _coordinates(unit: Array, v: Array) -> Array:
    """Coordinates along (1, u) / sqrt 2, (1, -u) / sqrt 2, and a basis of the rest."""
    head, tail = v[:, :1], _reflected(unit, v[:, 1:])
    root = 0.5**0.5
    return jnp.concatenate([root * (head + tail[:, :1]), root * (head - tail[:, :1]), tail[:, 1:]], 1)


def _coordinates_back(unit: Array, v: Array) -> Array:
    root = 0.5**0.5
    head, along = root * (v[:, :1] + v[:, 1:2]), root * (v[:, :1] - v[:, 1:2])
    return jnp.concatenate([head, _reflected(unit, jnp.concatenate([along, v[:, 2:]], 1))], 1)


def _reflected(unit: Array, v: Array) -> Array:
    """H v, with H symmetric orthogonal and H u the first axis, up to its sign, which is put right: -H then."""
    first = unit[:, :1]
    sign = jnp.where(first > 0, -1, 1)  # no cancellation
    p = unit - sign * jnp.zeros_like(unit).at[:, 0].set(1)  # its square is 2 (1 + |u_1|)
    share = (p[:, None, :] @ v) / (1 + jnp.abs(first))[:, :, None]
    return sign[:, :, None] * (v - p[:, :, None] * share)
