"""The exact solution from a point near it, where the guess of the active rows is short of some."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.qp import active_set
from declarative.backends.jax.qp.scaling import Scaled


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_rows_come_in_as_the_way_meets_them() -> None:
    """A vertex of a linear program, of whose rows the guess has half.

    Without the others the solution runs off, beyond rows that do not touch the vertex.
    """
    rng = np.random.default_rng(2)
    n, apart = 12, 60
    E = rng.normal(size=(n + apart, n))
    x, multipliers = rng.normal(size=n), np.r_[rng.uniform(1, 2, size=n), np.zeros(apart)]
    slack = np.r_[np.zeros(n), rng.uniform(1, 2, size=apart)]
    one = jnp.ones(())
    problem = Scaled(
        jnp.zeros((n, n)), jnp.asarray(-E.T @ multipliers), jnp.asarray(E), jnp.asarray(E @ x + slack),
        jnp.ones(n), jnp.ones(n + apart), one,
    )  # fmt: skip
    # Where the iteration stops short, slacks of active rows stand above their multipliers.
    near = x + np.linalg.solve(
        E[:n], np.r_[np.full(n // 2, -1e-9), -1e-3 * rng.uniform(1, 30, size=n - n // 2)]
    )
    z = np.r_[multipliers[: n // 2], np.full(n // 2, 1e-4), np.full(apart, 1e-12)]
    found = jax.jit(active_set.polish, static_argnums=1)(
        problem, 0, jnp.asarray(near), jnp.asarray(z), jnp.asarray(E @ x + slack - E @ near)
    )
    np.testing.assert_array_equal(found.active, np.arange(n + apart) < n)
    np.testing.assert_allclose(found.x, x, atol=1e-10)
    np.testing.assert_allclose(found.z, multipliers, atol=1e-8)
    assert found.error < 1e-8
