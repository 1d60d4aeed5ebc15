"""The linear systems of the interior point: solved where multipliers are differences of large numbers, too."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.conic import kkt
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.scaling import Scaled
from declarative.backends.jax.forms import Cones


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_the_dual_residual_is_that_of_the_multipliers_not_of_their_scaling() -> None:
    """On active rows s / z is 1e-12 while x is large: what B x loses must not come back in A'z."""
    rng, cones = np.random.default_rng(0), Cones(nonneg=12)
    n, rows = 4, cones.rows
    A, ones = jnp.asarray(rng.standard_normal((rows, n))), jnp.ones
    problem = Scaled(
        jnp.zeros((n, n)), ones(n), A, ones(rows), ones(0), cones, ones(n), ones(rows), jnp.asarray(1.0)
    )
    kinds = grouped(cones, problem.alpha)
    s, z = jnp.where(jnp.arange(rows) < 6, 1e-12, 1.0), jnp.where(jnp.arange(rows) < 6, 1.0, 1e-12)
    delta = jnp.asarray(0.0)
    scalings = [kinds[0].scaling(s, z, jnp.asarray(1e-12), delta)]
    r = jnp.asarray(rng.standard_normal((1, n)))
    t = 1e3 * (jnp.asarray(rng.standard_normal((1, n))) @ A.T)  # met by an x of that size
    found = kkt.prepared(problem, kinds)(scalings, delta)(r, t, jnp.zeros_like(t), delta)
    x, z = found[:, :n], found[:, n : n + rows]
    assert jnp.max(jnp.abs(x)) > 100
    assert jnp.max(jnp.abs(z @ A - r)) <= 1e-13 * (1 + jnp.max(jnp.abs(z)))
