"""Truncated backward modes of fixed points: each is the series that it names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc

TEXT = """
problem map
  given W: real[n, n], b: real[n]
  find z: real[n]
  fixed point z = tanh(W @ z + b)
"""
RNG = np.random.default_rng(3)
W, B = 0.3 * RNG.normal(size=(4, 4)), RNG.normal(size=4)


def series(terms: int, damping: float) -> np.ndarray:
    """dz/db by the sum itself."""
    z = np.zeros(4)
    for _ in range(300):
        z = np.tanh(W @ z + B)
    slope = 1 - z**2
    step = (1 - damping) * np.eye(4) + damping * slope[:, None] * W
    return damping * sum(np.linalg.matrix_power(step, i) for i in range(terms)) @ np.diag(slope)


@pytest.mark.parametrize(
    ("mode", "terms", "damping"),
    [("one_step", 1, 1.0), ("neumann(3)", 3, 1.0), ("truncated(4)", 4, 1.0), ("phantom(3, 0.5)", 3, 0.5)],
)
def test_a_mode_is_its_series(mode: str, terms: int, damping: float) -> None:
    layer = dc.compile(TEXT).with_options(backward=mode)
    with jax.enable_x64(True):
        for jacobian in (jax.jacfwd, jax.jacrev):
            found = jacobian(lambda b: layer(jnp.asarray(W), b))(jnp.asarray(B))
            np.testing.assert_allclose(found, series(terms, damping), atol=1e-9)


def test_many_terms_tend_to_the_implicit_derivative() -> None:
    layer = dc.compile(TEXT)
    with jax.enable_x64(True):
        exact, near = (
            jax.jacrev(lambda b, one=one: one(jnp.asarray(W), b))(jnp.asarray(B))
            for one in (layer, layer.with_options(backward="neumann(60)"))
        )
    np.testing.assert_allclose(near, exact, atol=1e-10)
