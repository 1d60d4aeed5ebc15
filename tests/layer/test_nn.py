"""The Equinox module: it owns parameters, keeps their promises, and its leaves are learned."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from tests.layer.toy import toy


def test_leaves_are_what_is_learned() -> None:
    module = dc.nn.Layer(toy(pd=True), learn=["A", "scale"], sizes={"n": 3})
    assert [leaf.shape for leaf in jax.tree.leaves(module)] == [(3, 3), ()]
    assert module(jnp.ones((5, 3))).x.shape == (5, 3)


def test_learning_keeps_the_promise() -> None:
    module = dc.nn.Layer(toy(pd=True), learn={"A": 4 * np.eye(2)})
    np.testing.assert_allclose(module(jnp.ones(2)).x, [0.25, 0.25], rtol=1e-6)

    @eqx.filter_jit
    def step(module: Any) -> Any:
        slope = eqx.filter_grad(lambda m: jnp.sum((m(jnp.ones(2)).x - 1) ** 2))(module)
        return eqx.apply_updates(module, jax.tree.map(lambda g: -0.1 * g, slope))

    for _ in range(100):
        module = step(module)
    np.testing.assert_allclose(module(jnp.ones(2)).x, 1, atol=1e-2)
    assert (np.linalg.eigvalsh(module.learned["A"]) > 0).all()


def test_shapes_must_be_known() -> None:
    with pytest.raises(dc.ArgumentError, match="D615"):
        dc.nn.Layer(toy(), learn=["A"])
