"""One infeasible, one unbounded and one NaN element in a batch of 64: the other 61 are as without them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import Status

TEXT = """
problem p
  given P: psd real[n, n], q: real[n], G: real[m, n], h: real[m]
  find x: real[n]
  minimize 1/2 * x' @ P @ x + q' @ x
  subject to limits: G @ x <= h
"""
INFEASIBLE, UNBOUNDED, BROKEN = 7, 20, 41


def clean() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(64, 2, 2))
    return {
        "P": factor @ factor.swapaxes(-1, -2) + np.eye(2),
        "q": rng.normal(size=(64, 2)),
        "h": 1 + rng.uniform(size=(64, 3)),
    }


def poisoned() -> dict[str, Any]:
    data = {name: value.copy() for name, value in clean().items()}
    data["h"][INFEASIBLE] = -1.0
    data["P"][UNBOUNDED] = 0.0
    data["q"][UNBOUNDED] = [1.0, -2.0]
    data["h"][UNBOUNDED] = 1.0
    data["q"][BROKEN, 0] = np.nan
    return data


G = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])  # leaves x[1] free, so that element 20 has no bound


@pytest.fixture(scope="module")
def layer() -> Any:
    return dc.compile(TEXT, engine="interior_point")


GOOD = [i for i in range(64) if i not in (INFEASIBLE, UNBOUNDED, BROKEN)]


def test_statuses_and_values(layer: Any) -> None:
    got, want = layer.solve(**poisoned(), G=G), layer.solve(**clean(), G=G)
    assert {i: s for i, s in enumerate(got.status) if s is not Status.SOLVED} == {
        INFEASIBLE: Status.INFEASIBLE,
        UNBOUNDED: Status.UNBOUNDED,
        BROKEN: Status.INVALID_INPUT,
    }
    assert want.ok
    np.testing.assert_allclose(got.x[GOOD], want.x[GOOD], rtol=0, atol=1e-12)
    np.testing.assert_allclose(got.dual["limits"][GOOD], want.dual["limits"][GOOD], rtol=0, atol=1e-12)
    assert np.isnan(got.x[[INFEASIBLE, UNBOUNDED, BROKEN]]).all()


def test_gradients(layer: Any) -> None:
    """Of each element's own data, and of the data that the batch shares once failures are masked."""

    @jax.jit
    def loss(data: Any, shared: Any) -> Any:
        x = layer(**data, G=shared)
        kept = jnp.zeros(64).at[jnp.array(GOOD)].set(1.0)[:, None]
        return jnp.sum(jnp.sin(jnp.where(kept > 0, x, 0)))

    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))
        got, want = slopes(poisoned(), G), slopes(clean(), G)
        for name in got[0]:
            np.testing.assert_allclose(
                got[0][name][jnp.array(GOOD)], want[0][name][jnp.array(GOOD)], rtol=0, atol=1e-12
            )
        np.testing.assert_allclose(got[1], want[1], rtol=0, atol=1e-12)

        everything = jax.jit(jax.grad(lambda data: jnp.sum(layer(**data, G=G))))(poisoned())
        for bad in (INFEASIBLE, UNBOUNDED, BROKEN):
            assert np.isnan(everything["q"][bad]).all()
        assert np.isfinite(everything["q"][jnp.array(GOOD)]).all()
