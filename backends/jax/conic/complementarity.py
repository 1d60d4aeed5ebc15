"""Complementary pairs (s, z) of a product of cones: the nearest ones, and smooth equations for them.

With `mu` the pairs of the central path: s o z = mu e on symmetric cones, z = -mu grad barrier(s) on the others.
The equations on symmetric cones are the Jordan product s o z = mu e (on matrices (SZ + ZS) / 2), as Alizadeh,
Haeberly and Overton linearise it (SIAM J. Optim. 8, 1998): nonsingular at strictly complementary, nondegenerate
solutions, and smooth, so that derivatives of every order are those of a polynomial.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import faces, frame, groups
from declarative.backends.jax.conic.frame import Basis
from declarative.backends.jax.forms import Cones


class Held(NamedTuple):
    """What the equations hold constant: where the pairs lie on cones whose equations differ from face to face."""

    active: Array  # [half-lines] bool, those on which s vanishes
    face: Array  # [exp + power] int8


class Frame(NamedTuple):
    """Of pairs, in the basis U in which their derivative M is diagonal; see `frame`."""

    weight: Array  # [m]
    size: Array  # [m], on symmetric cones eigenvalues of v -> (s + z) o v, of which z has the share `weight`
    basis: Basis


class Pairs(NamedTuple):
    s: Array  # [m]
    z: Array  # [m]
    held: Held
    frame: Frame


class _Block(NamedTuple):
    """Pairs of one group."""

    s: Array  # [count, size]
    z: Array
    weight: Array
    size: Array
    basis: Array
    held: Array  # [count], its part of `Held`; empty elsewhere


def nearest(cones: Cones, alpha: Array, s: Array, z: Array, mu: Array | None = None) -> Pairs:
    """Complementary pairs near (s, z): those of Moreau's decomposition of z - s on symmetric cones.

    With `mu` those of the central path, where s of an exponential or power cone is kept.
    """
    found = [
        _block(group, _exponents(group, alpha), sb, zb, mu)
        for group, sb, zb in zip(
            groups.groups(cones), groups.parts(cones, s), groups.parts(cones, z), strict=True
        )
    ]
    flat = lambda parts: jnp.concatenate([jnp.ravel(part) for part in parts])  # noqa: E731
    kinds = [group.kind for group in groups.groups(cones)]
    lines = [b.held for b, kind in zip(found, kinds, strict=True) if kind == groups.NONNEG]
    solid = [b.held for b, kind in zip(found, kinds, strict=True) if kind in (groups.EXP, groups.POWER)]
    return Pairs(
        groups.joined(cones, [b.s for b in found]),
        groups.joined(cones, [b.z for b in found]),
        Held(flat([jnp.zeros(0, bool), *lines]), flat([jnp.zeros(0, jnp.int8), *solid])),
        Frame(
            flat([b.weight for b in found]),
            flat([b.size for b in found]),
            tuple(b.basis for b in found),
        ),
    )


def equations(cones: Cones, alpha: Array, held: Held, s: Array, z: Array, mu: Array | None = None) -> Array:
    """[m], zero at complementary pairs and smooth near those of `held`; s on rows of the zero cone."""
    blocks = zip(
        groups.groups(cones),
        _held(cones, held),
        groups.parts(cones, s),
        groups.parts(cones, z),
        strict=True,
    )
    return groups.joined(
        cones, [_equations(group, _exponents(group, alpha), h, sb, zb, mu) for group, h, sb, zb in blocks]
    )


def normalisers(cones: Cones, alpha: Array, pairs: Pairs, mu: Array | None = None) -> tuple[Array, ...]:
    """Per group what `normalised` needs: U'T with T = (C_s + C_z)^-1 for the derivatives C of `equations`."""
    found, row = [], 0
    blocks = zip(
        groups.groups(cones),
        _held(cones, pairs.held),
        groups.parts(cones, pairs.s),
        groups.parts(cones, pairs.z),
        pairs.frame.basis,
        strict=True,
    )
    for group, held, s, z, basis in blocks:
        rows = group.count * group.size
        own = pairs.frame.size[row : row + rows].reshape(group.count, group.size)
        row += rows
        if group.solid:
            found.append(
                jnp.swapaxes(basis, 1, 2) @ _inverse(_slopes(group, _exponents(group, alpha), held, s, z, mu))
            )
        elif group.kind == groups.ZERO or (group.kind == groups.NONNEG and mu is None):
            found.append(jnp.ones_like(own))
        else:  # T commutes with M: a product with a sum is the sum of the products
            found.append(jnp.where(own > 0, 1 / jnp.where(own > 0, own, 1), 0))
    return tuple(found)


def normalised(cones: Cones, basis: Basis, normal: tuple[Array, ...], r: Array) -> Array:
    """U'T r in `frame.turned` coordinates: then U'T C_s U = diag(weight) and U'T C_z U = 1 - diag(weight)."""
    found = []
    for group, u, k, v in zip(
        groups.groups(cones), basis, normal, groups.parts(cones, r[:, None]), strict=True
    ):
        there = k @ v if group.solid else k[:, :, None] * frame.turned_one(group, u, v)
        found.append(jnp.ravel(there))
    return jnp.concatenate(found)


def denormalised(cones: Cones, basis: Basis, normal: tuple[Array, ...], r: Array) -> Array:
    """The transpose of `normalised`."""
    found = []
    for group, u, k, v in zip(
        groups.groups(cones), basis, normal, groups.cut(cones, r[:, None]), strict=True
    ):
        if group.solid:
            found.append(jnp.swapaxes(k, 1, 2) @ v)
        else:
            found.append(frame.turned_back_one(group, u, k[:, :, None] * v))
    return groups.joined(cones, found)[:, 0]


# ---- one group -----------------------------------------------------------------------------------


def _block(group: groups.Group, alpha: Array, s: Array, z: Array, mu: Array | None) -> _Block:
    none = jnp.zeros((group.count, 0), s.dtype)
    if group.kind == groups.ZERO:
        return _Block(0 * s, z, jnp.ones_like(z), z, none, none)
    if group.solid:
        pairs = (
            faces.nearest(group.kind, alpha, s, z) if mu is None else faces.central(group.kind, alpha, s, mu)
        )
        return _Block(pairs.s, pairs.z, pairs.weight, jnp.zeros_like(pairs.s), pairs.basis, pairs.face)
    pair = {groups.NONNEG: _on_lines, groups.SOC: _second_order, groups.PSD: _semidefinite}[group.kind]
    s, z, low, high, basis = pair(group, z - s, mu)
    total = low + high
    weight = jnp.where(total > 0, high / jnp.where(total > 0, total, 1), 0)
    held = (high > low)[:, 0] if group.kind == groups.NONNEG else none
    return _Block(s, z, weight, total, basis, held)


_Spectral: TypeAlias = tuple[Array, Array, Array, Array, Array]
"""s and z with z - s = w, the eigenvalues of v -> s o v and v -> z o v on the Peirce basis of w, all of them
[count, size], and the basis."""


def _on_lines(group: groups.Group, w: Array, mu: Array | None) -> _Spectral:
    s, z = _split(w, mu)
    return s, z, s, z, w[:, :0]


def _second_order(group: groups.Group, w: Array, mu: Array | None) -> _Spectral:
    norm, unit = frame.direction(w[:, 1:])
    head, norm, index = w[:, :1], norm[:, None], np.arange(group.size)
    there, values = [], []
    for plus, minus in zip(_split(head + norm, mu), _split(head - norm, mu), strict=True):
        there.append(jnp.concatenate([plus + minus, (plus - minus) * unit], 1) / 2)
        values.append(jnp.where(index == 0, plus, jnp.where(index == 1, minus, (plus + minus) / 2)))
    return there[0], there[1], values[0], values[1], unit


def _semidefinite(group: groups.Group, w: Array, mu: Array | None) -> _Spectral:
    column, row = groups.triangle(group.order)
    ends, Q = jax.vmap(linalg.eigh)(groups.matrices(w, group.order))
    both = jnp.stack(_split(ends, mu))
    s, z = groups.vectors(linalg.product(Q * both[:, :, None], jnp.swapaxes(Q, 1, 2)))
    low, high = (both[..., row] + both[..., column]) / 2
    return s, z, low, high, Q


def _split(w: Array, mu: Array | None) -> tuple[Array, Array]:
    """Numbers s, z >= 0 with z - s = w and s z = mu."""
    if mu is None:
        return jnp.maximum(-w, 0), jnp.maximum(w, 0)
    large = (jnp.abs(w) + jnp.sqrt(w**2 + 4 * mu)) / 2
    small = mu / large
    return jnp.where(w > 0, small, large), jnp.where(w > 0, large, small)


def _equations(group: groups.Group, alpha: Array, held: Array, s: Array, z: Array, mu: Array | None) -> Array:
    """[count, size]."""
    if group.kind == groups.ZERO:
        return s
    if group.kind == groups.NONNEG:
        return jnp.where(held[:, None], s, z) if mu is None else s * z - mu
    if group.solid and mu is None:
        return jax.vmap(lambda *one: faces.equations(group.kind, *one))(alpha, held, s, z)
    if group.solid:
        return z + mu * jax.vmap(jax.grad(faces.barrier(group.kind)))(s, alpha)
    if group.kind == groups.SOC:
        inner = jnp.sum(s * z, axis=1, keepdims=True)
        product = jnp.concatenate([inner, s[:, :1] * z[:, 1:] + z[:, :1] * s[:, 1:]], 1)
        unit = jnp.arange(group.size) == 0
    else:
        S, Z = groups.matrices(s, group.order), groups.matrices(z, group.order)
        half = S @ Z
        product = groups.vectors((half + jnp.swapaxes(half, 1, 2)) / 2)
        column, row = groups.triangle(group.order)
        unit = row == column
    return product if mu is None else product - mu * unit


def _slopes(group: groups.Group, alpha: Array, held: Array, s: Array, z: Array, mu: Array | None) -> Array:
    """C_s + C_z of exponential and power cones, [count, 3, 3]."""

    def moved(shift: Array, alpha: Array, held: Array, s: Array, z: Array) -> Array:
        one = lambda x: x[None]  # noqa: E731
        return _equations(group, one(alpha), one(held), one(s + shift), one(z + shift), mu)[0]

    return jax.vmap(jax.jacfwd(moved))(jnp.zeros_like(s), alpha, held, s, z)


def _inverse(matrix: Array) -> Array:
    """Of order three, by the adjugate; zero where it is singular."""
    a, b, c = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    adjugate = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], 2)
    det = jnp.sum(a * adjugate[:, :, 0], axis=1)[:, None, None]
    return jnp.where(det != 0, adjugate / jnp.where(det != 0, det, 1), 0)


def _exponents(group: groups.Group, alpha: Array) -> Array:
    """A number a cone: a group of power cones has all of them, others see a half."""
    return alpha if group.kind == groups.POWER else jnp.full(group.count, 0.5, alpha.dtype)


def _held(cones: Cones, held: Held) -> list[Array]:
    """Its parts, per group."""
    found, line, solid = [], 0, 0
    for group in groups.groups(cones):
        if group.kind == groups.NONNEG:
            found.append(held.active[line : line + group.count])
            line += group.count
        elif group.solid:
            found.append(held.face[solid : solid + group.count])
            solid += group.count
        else:
            found.append(held.active[:0])
    return found
