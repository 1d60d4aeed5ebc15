"""Where the iteration starts: Mehrotra's point in NumPy, inside of all cones, central where a cone is not symmetric."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.conic import scaling
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.product import split
from declarative.backends.jax.conic.progress import Iterate
from declarative.backends.jax.conic.start import LEAST, start
from declarative.backends.jax.forms import Cones
from tests.backends.jax.conic.programs import ALL, N, feasible

DELTA = 1e-10


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def begun(cones: Cones, curved: bool) -> tuple[scaling.Scaled, Iterate]:
    program = feasible(cones, N, np.random.default_rng(1), curved)
    problem = scaling.equilibrated(jax.tree.map(jnp.asarray, program))
    return problem, jax.jit(partial(start, problem))(jnp.asarray(DELTA))


def shortest(problem: scaling.Scaled, slope: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, ...]:
    """x and z of P x + A'z = slope, E x = e and G x - z = g."""
    P, A, zero, n = np.asarray(problem.P), np.asarray(problem.A), problem.cones.zero, problem.q.size
    held = np.diag(np.arange(len(A)) >= zero).astype(float)
    found = np.linalg.solve(np.block([[P, A.T], [A, -held]]), np.concatenate([slope, level]))
    return found[:n], found[n:]


@pytest.mark.parametrize("curved", [False, True])
def test_half_lines(curved: bool) -> None:
    """As in the paper's section 7: the shortest vectors, moved by 1.5 times the violation, then by half of the mean
    product."""
    problem, found = begun(Cones(zero=2, nonneg=14), curved)
    q, b = np.asarray(problem.q), np.asarray(problem.b)
    x, s = shortest(problem, 0 * q, b)
    _, z = shortest(problem, -q, 0 * b)
    s, z, y = -s[2:], z[2:], z[:2]
    s, z = (v + max(-1.5 * v.min(), 0) for v in (s, z))
    gap = s @ z / 2
    s, z = s + max(gap / z.sum(), LEAST), z + max(gap / s.sum(), LEAST)
    np.testing.assert_allclose(found.x, x, atol=1e-6)
    np.testing.assert_allclose(found.s, [0, 0, *s], atol=1e-6)
    np.testing.assert_allclose(found.z, [*y, *z], atol=1e-6)


@pytest.mark.parametrize("cones", [Cones(zero=2, nonneg=4, soc=(4, 2, 4), psd=(3, 2)), ALL])
def test_inside_of_every_cone(cones: Cones) -> None:
    problem, (_, z, s, tau, kappa) = begun(cones, True)
    records, zero = grouped(cones, problem.alpha), cones.zero
    for cone, mine, other in zip(records, split(records, s[zero:]), split(records, z[zero:]), strict=True):
        unit, dual = cone.start(problem.q)
        assert float(cone.outside(mine - 0.9 * LEAST * unit)) == 0
        assert float(cone.outside_dual(other - 0.9 * LEAST * dual)) == 0
        if cones is ALL:
            np.testing.assert_array_equal(mine, unit)
            np.testing.assert_array_equal(other, dual)
    np.testing.assert_array_equal(s[:zero], 0)
    assert (float(tau), float(kappa)) == (1, 1)
