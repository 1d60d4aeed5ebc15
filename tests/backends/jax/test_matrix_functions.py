"""The square root of a singular matrix has no derivative between its zero eigenvalues, and says so."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jax.typing import ArrayLike

from declarative.backends.jax.matrix_functions import sqrtm

SINGULAR = np.diag([4.0, 1.0, 0.0])
ALONG = np.asarray([1.0, 2.0, 1.0])


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def form(P: ArrayLike, x: ArrayLike) -> Array:
    return jnp.sum((sqrtm(jnp.asarray(P)) @ x) ** 2)


def test_where_the_matrix_is_definite_the_derivative_is_that_of_the_quadratic_form() -> None:
    P = SINGULAR + 0.5
    np.testing.assert_allclose(jax.grad(form)(P, ALONG), jnp.outer(ALONG, ALONG), atol=1e-12)
    second = jax.jacfwd(jax.grad(form), argnums=1)(P, ALONG)
    expected = np.einsum("ia,j->ija", np.eye(3), ALONG) + np.einsum("i,ja->ija", ALONG, np.eye(3))
    np.testing.assert_allclose(second, expected, atol=1e-12)


def test_what_does_not_exist_is_nan_and_never_zero() -> None:
    assert np.all(np.isnan(jax.jvp(sqrtm, (SINGULAR,), (jnp.eye(3),))[1]))
    assert np.any(np.isnan(jax.grad(form)(SINGULAR, ALONG)))


def test_what_exists_is_not_touched() -> None:
    np.testing.assert_allclose(jax.grad(form, argnums=1)(SINGULAR, ALONG), 2 * SINGULAR @ ALONG, atol=1e-12)
    along = jax.jvp(sqrtm, (SINGULAR,), (SINGULAR,))[1]
    np.testing.assert_allclose(along, np.diag([1.0, 0.5, 0.0]), atol=1e-12)
    still = jax.jvp(form, (SINGULAR, ALONG), (jnp.zeros((3, 3)), ALONG))[1]
    np.testing.assert_allclose(still, 16.0, atol=1e-12)
