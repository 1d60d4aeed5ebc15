"""Complementary pairs of exponential and power cones: the nearest ones, and their equations."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.conic import faces, groups

EXPONENTS = 0.1, 1 / 3, 0.5, 0.6, 0.9
NEAR = 1e-9


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def power_pair(alpha: float, r: float, sign: int, s: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    """On the boundary of the cone and of its dual, of the given lengths; e^r is the ratio of the first two."""
    ray = np.array([np.exp((1 - alpha) * r), np.exp(-alpha * r), sign])
    normal = np.array([alpha * np.exp((alpha - 1) * r), (1 - alpha) * np.exp(alpha * r), -sign])
    return s * ray / np.linalg.norm(ray), z * normal / np.linalg.norm(normal)


def exponential_pair(r: float, s: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    """The same; r is the ratio of the first two."""
    ray, normal = np.array([r, 1, np.exp(r)]), np.array([-1, r - 1, np.exp(-r)])
    return s * ray / np.linalg.norm(ray), z * normal / np.linalg.norm(normal)


RATIOS = -60, -25, -8, -2, -0.3, 0, 0.3, 2, 8, 25, 60


@pytest.mark.parametrize("alpha", [None, *EXPONENTS])
@pytest.mark.parametrize("length", [0.02, 1.0, 30.0])
def test_what_moves_a_pair_moves_the_nearest_one_as_little(alpha: float | None, length: float) -> None:
    rng = np.random.default_rng(3)
    if alpha is None:
        kind, pairs = groups.EXP, [exponential_pair(r, 1.0, length) for r in RATIOS]
    else:
        kind = groups.POWER
        pairs = [power_pair(alpha, r, sign, 1.0, length) for r in RATIOS for sign in (1, -1)]
    s, z = (np.array(part) for part in zip(*pairs, strict=True))
    moved = [jnp.asarray(part + NEAR * rng.normal(size=part.shape)) for part in (s, z)]
    found = faces.nearest(kind, jnp.full(len(pairs), alpha or 0.5), *moved)
    np.testing.assert_allclose(found.s, s, atol=100 * NEAR)
    np.testing.assert_allclose(found.z, z, atol=100 * NEAR)
    assert set(found.face.tolist()) == {faces.SMOOTH}
    assert np.abs(np.sum(found.s * found.z, axis=1)).max() < 1e-15 * max(1, length)


@pytest.mark.parametrize("alpha", EXPONENTS)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_equations_are_regular_where_two_entries_of_a_power_cones_pair_vanish(
    alpha: float, swapped: bool
) -> None:
    """(0, y, 0) and (u, 0, 0): their slopes are those of a smooth manifold of pairs, of three dimensions."""
    s, z, exponent = jnp.array([0.0, 2.0, 0.0]), jnp.array([0.5, 0.0, 0.0]), alpha
    if swapped:
        s, z, exponent = s[jnp.array([1, 0, 2])], z[jnp.array([1, 0, 2])], 1 - alpha

    def both(pair: jax.Array) -> jax.Array:
        face = jnp.int8(faces.SMOOTH)
        return faces.equations(groups.POWER, jnp.asarray(exponent), face, pair[:3], pair[3:])

    pair = jnp.concatenate([s, z])
    assert np.all(np.asarray(both(pair)) == 0)
    slopes = np.asarray(jax.jacfwd(both)(pair))
    assert np.all(np.isfinite(slopes))
    assert np.linalg.svd(slopes)[1].min() > 0.5
    assert np.linalg.cond(slopes[:, :3] + slopes[:, 3:]) < 11


@pytest.mark.parametrize("alpha", EXPONENTS)
def test_the_equations_of_a_power_cone_vanish_on_its_pairs_and_only_there(alpha: float) -> None:
    rng = np.random.default_rng(5)
    value = jax.vmap(
        lambda s, z: faces.equations(groups.POWER, jnp.asarray(alpha), jnp.int8(faces.SMOOTH), s, z)
    )
    r = rng.uniform(-6, 6, 40)
    pairs = [power_pair(alpha, one, sign, 1.0, 0.3) for one in r for sign in (1, -1)]
    s, z = (np.array(part) for part in zip(*pairs, strict=True))
    np.testing.assert_allclose(value(s, z), 0, atol=1e-14)
    away = value(s + 1e-3 * rng.normal(size=s.shape), z + 1e-3 * rng.normal(size=z.shape))
    assert np.abs(away).max(axis=1).min() > 1e-6
