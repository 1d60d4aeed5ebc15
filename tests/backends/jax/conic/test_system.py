"""The polish's linear system in each of its forms: what it solves, in the coordinates of the program."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.conic import complementarity, system
from declarative.backends.jax.conic.frame import turned
from declarative.backends.jax.conic.program import Program, Scales
from declarative.backends.jax.forms import Cones, Sparsity

INSIDE = Cones(zero=2, nonneg=2, psd=(3,))  # the unknowns lie in the cones
LONG = Cones(zero=1, nonneg=3, soc=(12,))  # A'A of the long cone is kept
SHORT = Cones(zero=1, soc=(3, 3), psd=(2,), exp=1)  # whatever it is


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def program(cones: Cones, rng: np.random.Generator) -> Program:
    if cones == INSIDE:
        n = cones.rows - cones.zero
        P = np.zeros((n, n))
        A = np.concatenate([rng.normal(size=(cones.zero, n)), -np.diag(rng.uniform(0.5, 1.5, n))])
        known = Sparsity((-1,) * cones.zero + tuple(range(n)), False)
    else:
        n = 5
        root = rng.normal(size=(n, n))
        P, A = root @ root.T, rng.normal(size=(cones.rows, n))
        places = range(cones.nonneg)
        A[cones.zero : cones.zero + cones.nonneg] = -np.eye(n)[: cones.nonneg]
        rest = cones.rows - cones.zero - cones.nonneg
        known = Sparsity((-1,) * cones.zero + tuple(places) + (-1,) * rest)
    one = np.ones(n), np.ones(cones.rows), np.ones(())
    parts = map(jnp.asarray, (P, np.zeros(n), A, np.zeros(cones.rows), np.full(cones.power, 0.5)))
    return Program(*parts, cones, known, Scales(*map(jnp.asarray, one)))


def pair(cones: Cones, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """s and z on faces of each cone that leave the system regular: rays, matrices of rank one, inner points."""
    s, z = [np.zeros(cones.zero)], [rng.normal(size=cones.zero)]
    touching = np.arange(cones.nonneg) % 2
    s.append(rng.uniform(0.5, 2, cones.nonneg) * (1 - touching))
    z.append(rng.uniform(0.5, 2, cones.nonneg) * touching)
    for size in cones.soc:
        v = rng.normal(size=size - 1)
        s.append(np.concatenate([[np.linalg.norm(v)], v]))
        z.append(rng.uniform(0.5, 2) * np.concatenate([[np.linalg.norm(v)], -v]))
    for order in cones.psd:
        vectors = np.linalg.qr(rng.normal(size=(order, order)))[0]
        last = np.arange(order) > 0
        for found, mask in ((s, ~last), (z, last)):
            whole = (vectors * (rng.uniform(0.5, 2, order) * mask)) @ vectors.T
            columns, rows = np.triu_indices(order)
            found.append(whole[rows, columns] * np.where(rows == columns, 1, 2**0.5))
    s.append(np.tile([-1.0, 1, 1], cones.exp))
    z.append(np.zeros(3 * cones.exp))
    return np.concatenate(s), np.concatenate(z)


@pytest.mark.parametrize("cones", [INSIDE, LONG, SHORT], ids=["inside", "long", "short"])
@pytest.mark.parametrize("known", [True, False])
def test_steps_meet_their_equations(cones: Cones, known: bool) -> None:
    """P x + A'dz = r and A x + ds = t, for the step of a complementary pair: dz = M w and ds = -(1 - M) w."""
    rng = np.random.default_rng(3)
    for _ in range(2):
        given = program(cones, rng)
        problem = given if known else given._replace(sparsity=Sparsity())
        pairs = complementarity.nearest(cones, problem.alpha, *map(jnp.asarray, pair(cones, rng)))
        weight, *_, basis = pairs.frame
        linear = system.factorised(problem, system.constant(problem), basis, weight)
        r, t = (jnp.asarray(rng.normal(size=(size, 1))) for size in problem.A.shape[::-1])
        (x, ds, dz), error = system.solve(linear, r, t)
        assert error < 1e-12
        scale = 1 + float(jnp.max(jnp.abs(x))) + float(jnp.max(jnp.abs(dz)))
        np.testing.assert_allclose(problem.P @ x + problem.A.T @ dz, r, atol=1e-11 * scale)
        np.testing.assert_allclose(problem.A @ x + ds, t, atol=1e-11 * scale)
        moved = turned(cones, basis, jnp.concatenate([ds, dz], axis=1))
        np.testing.assert_allclose((1 - weight) * moved[:, 1], -weight * moved[:, 0], atol=1e-12 * scale)
