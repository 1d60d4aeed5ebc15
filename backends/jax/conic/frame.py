"""Complementary pairs (s, z) of symmetric and other cones -> the basis in which their derivative is diagonal.

Near a strictly complementary pair the pairs are a smooth manifold over w = z - s (Moreau): dz = M dw and
ds = -(I - M) dw with M = U diag(weight) U' symmetric, 0 <= weight <= 1. Weight 1 is an active row,
weight 0 an idle one, what lies between is the curvature of a cone's boundary. For symmetric cones U is the Peirce
basis of w, which s and z share.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.conic import groups
from declarative.backends.jax.forms import Cones

Basis = tuple[Array, ...]
"""Per group: unit vectors [count, size - 1] of second-order cones, orthogonal matrices elsewhere."""


def turned(cones: Cones, basis: Basis, v: Array) -> Array:
    """U'v for a vector [m], or for the columns of a matrix, but that second-order cones stay as they are: what is
    diagonal in their basis has few different eigenvalues, see `along`. Rows in the order of the groups."""
    return _flat(cones, basis, v, turned_one)


def turned_back(cones: Cones, basis: Basis, v: Array) -> Array:
    """The inverse of `turned`, and its transpose."""
    many = v if v.ndim == 2 else v[:, None]
    blocks = zip(groups.groups(cones), basis, groups.cut(cones, many), strict=True)
    back = groups.joined(cones, [turned_back_one(group, u, part) for group, u, part in blocks])
    return back if v.ndim == 2 else back[:, 0]


def rotated(cones: Cones, basis: Basis, v: Array) -> Array:
    """U'v for a vector [m], or for the columns of a matrix; rows in the order of the groups."""

    def turn(group: groups.Group, u: Array, part: Array) -> Array:
        return coordinates(u, part) if group.kind == groups.SOC else turned_one(group, u, part)

    return _flat(cones, basis, v, turn)


def aligned(cones: Cones, basis: Basis, v: Array, back: bool = False) -> Array:
    """What takes columns in `turned` coordinates to those of `rotated`, or back."""
    turn = _soc_back if back else coordinates
    blocks = zip(groups.groups(cones), basis, groups.cut(cones, v), strict=True)
    parts = [turn(u, part) if group.kind == groups.SOC else part for group, u, part in blocks]
    return jnp.concatenate([part.reshape(-1, v.shape[1]) for part in parts])


def along(cones: Cones, basis: Basis, values: Array, v: Array) -> Array:
    """The matrix that has the eigenvalues `values` [m] in the basis, times columns in `turned` coordinates.

    Second-order cones have one eigenvalue but for those of (1, u) and (1, -u).
    """
    kinds = groups.groups(cones)
    if not any(group.kind == groups.SOC for group in kinds):
        return values[:, None] * v
    found = []
    for group, u, k, part in zip(
        kinds, basis, groups.cut(cones, values[:, None]), groups.cut(cones, v), strict=True
    ):
        found.append(along_one(group, u, k, part).reshape(-1, v.shape[1]))
    return jnp.concatenate(found)


def _flat(cones: Cones, basis: Basis, v: Array, turn: Callable[[groups.Group, Array, Array], Array]) -> Array:
    many = v if v.ndim == 2 else v[:, None]
    pairs = zip(groups.groups(cones), basis, groups.parts(cones, many), strict=True)
    there = jnp.concatenate([turn(g, u, part).reshape(-1, many.shape[1]) for g, u, part in pairs])
    return there if v.ndim == 2 else there[:, 0]


def turned_one(group: groups.Group, basis: Array, v: Array) -> Array:
    """[count, size, columns]."""
    if group.kind == groups.PSD:
        return _congruent(basis, v, group.order)
    return jnp.swapaxes(basis, 1, 2) @ v if group.solid else v


def turned_back_one(group: groups.Group, basis: Array, v: Array) -> Array:
    if group.kind == groups.PSD:
        return _congruent(jnp.swapaxes(basis, 1, 2), v, group.order)
    return basis @ v if group.solid else v


def along_one(group: groups.Group, basis: Array, values: Array, v: Array) -> Array:
    """values [count, size, 1], v [count, size, columns]."""
    if group.kind != groups.SOC:
        return values * v
    head, tail, u = v[:, :1], v[:, 1:], basis[:, :, None]
    inner = jnp.sum(u * tail, axis=1, keepdims=True)
    plus, minus = values[:, :1] * (head + inner) / 2, values[:, 1:2] * (head - inner) / 2
    rest = values[:, 2:3] if group.size > 2 else values[:, :1]
    return jnp.concatenate([plus + minus, rest * tail + u * (plus - minus - rest * inner)], 1)


def _congruent(Q: Array, v: Array, order: int) -> Array:
    """Q'V Q for every column."""
    V = groups.matrices(jnp.swapaxes(v, 1, 2), order)  # [count, columns, k, k]
    there = jnp.swapaxes(Q, 1, 2)[:, None] @ V @ Q[:, None]
    return jnp.swapaxes(groups.vectors(there), 1, 2)


# ---- second-order cones ------------------------------------------------------------------------


def direction(w: Array) -> tuple[Array, Array]:
    """[count, size - 1] -> norms [count], and unit vectors; the first axis where w vanishes."""
    norm = jnp.sqrt(jnp.sum(w**2, axis=1))
    first = jnp.zeros_like(w).at[:, 0].set(1)
    safe = jnp.where(norm > 0, norm, 1)[:, None]
    return norm, jnp.where(norm[:, None] > 0, w / safe, first)


def coordinates(unit: Array, v: Array) -> Array:
    """Coordinates along (1, u) / sqrt 2, (1, -u) / sqrt 2, and a basis of the rest."""
    head, tail = v[:, :1], _reflected(unit, v[:, 1:])
    root = 0.5**0.5
    return jnp.concatenate([root * (head + tail[:, :1]), root * (head - tail[:, :1]), tail[:, 1:]], 1)


def ends(unit: Array, v: Array) -> Array:
    """The first two of these coordinates, [count, 2, columns]."""
    head, inner = v[:, 0], (unit[:, None, :] @ v[:, 1:])[:, 0]
    root = 0.5**0.5
    return jnp.stack([root * (head + inner), root * (head - inner)], 1)


def _soc_back(unit: Array, v: Array) -> Array:
    root = 0.5**0.5
    head, along = root * (v[:, :1] + v[:, 1:2]), root * (v[:, :1] - v[:, 1:2])
    return jnp.concatenate([head, _reflected(unit, jnp.concatenate([along, v[:, 2:]], 1))], 1)


def _reflected(unit: Array, v: Array) -> Array:
    """H v, with H symmetric orthogonal and H u the first axis, up to its sign, which is put right: -H then."""
    sign = jnp.where(unit[:, :1] > 0, -1, 1)  # no cancellation
    p = unit - sign * jnp.zeros_like(unit).at[:, 0].set(1)
    p = p / jnp.sqrt(jnp.sum(p**2, axis=1, keepdims=True))
    reflected = v - 2 * p[:, :, None] * (p[:, None, :] @ v)
    return sign[:, :, None] * reflected
