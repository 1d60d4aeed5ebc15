"""Recognised maps against the problem as it is written: cvxpy's solution, and differences for the derivative."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from tests.oracles.known_maps import HEAD, KNOWN_MAPS

N, M, STEP = 3, 4, 1e-5
PLAIN = [text for text in KNOWN_MAPS if "log(x)" not in text]  # cvxpy does not see that x log x is convex


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    root, other = rng.normal(size=(N, N)), rng.normal(size=(N, N))
    return {
        "v": rng.normal(size=N), "A": rng.normal(size=(M, N)), "b": rng.normal(size=M), "s": np.asarray(0.3),
        "r": np.asarray(0.8), "w": rng.uniform(0.5, 1, size=M), "V": other + other.T, "Q": root @ root.T,
        "lo": rng.normal(size=N), "q": rng.normal(size=N),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("text", PLAIN)
def test_a_known_map_is_the_problem(text: str) -> None:
    layer, reference = dc.compile(HEAD + text), dc.compile(HEAD + text, backend="cvxpy")
    assert layer.info["engine"] == "projection"
    values = data()
    rng = np.random.default_rng(1)
    way = {name: rng.normal(size=value.shape) for name, value in values.items()}
    way["V"] = way["V"] + way["V"].T
    weights = rng.normal(size=np.shape(layer(**values)))

    def along(t: jax.Array) -> jax.Array:
        return jnp.sum(weights * layer(**{name: value + t * way[name] for name, value in values.items()}))

    with jax.enable_x64(True):
        np.testing.assert_allclose(layer(**values), reference(**values), atol=1e-7)
        moved, slope = jax.jit(jax.vmap(jax.value_and_grad(along)))(jnp.array([-STEP, 0.0, STEP]))
        np.testing.assert_allclose(slope[1], (moved[2] - moved[0]) / (2 * STEP), rtol=1e-5, atol=1e-6)
