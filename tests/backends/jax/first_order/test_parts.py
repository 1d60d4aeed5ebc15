"""Coefficients read from a trace, and linear systems by products."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax.first_order.krylov import minres
from declarative.backends.jax.first_order.magnitudes import magnitudes
from declarative.layer.sparse import Pattern, Sparse

M = np.random.default_rng(0).normal(size=(3, 4))
SPARSE = Sparse(jnp.asarray([2.0, -3.0, 4.0]), Pattern([0, 2, 2], [1, 0, 3], (3, 4)))


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


MAPS: dict[str, Callable[[Array], Array]] = {
    "product": lambda x: jnp.asarray(M) @ x,
    "sparse": lambda x: SPARSE @ x,
    "differences": lambda x: x[1:] - x[:-1],
    "joined": lambda x: jnp.concatenate([-x[::2], 3 * x, jnp.sum(x)[None], jnp.cumsum(x)]),
    "mapped": lambda x: jax.vmap(lambda i: x[i] - 2 * x[i + 1])(jnp.arange(3)),
    "nested": jax.jit(lambda x: jnp.where(jnp.arange(4) < 2, x, -x / 2).reshape(2, 2).T.ravel()),
}


@pytest.mark.parametrize("name", MAPS)
def test_magnitudes_are_those_of_the_matrix(name: str) -> None:
    x, linear = jnp.asarray([1.0, 2.0, 0.5, 3.0]), MAPS[name]
    matrix = np.abs(jax.jacobian(linear)(x))
    forward, back = (
        magnitudes(linear, x),
        magnitudes(lambda y: jax.linear_transpose(linear, x)(y)[0], linear(x)),
    )
    assert forward is not None
    assert back is not None
    np.testing.assert_allclose(forward(x), matrix @ x, rtol=1e-14)
    y = jnp.abs(linear(x))
    np.testing.assert_allclose(back(y), matrix.T @ y, rtol=1e-14)


def test_magnitudes_are_refused_where_coefficients_are_hidden() -> None:
    square = jnp.asarray(M[:, :3])
    assert magnitudes(lambda x: jnp.linalg.solve(square, x), jnp.ones(3)) is None


@pytest.mark.parametrize("rank", [6, 9])
def test_minres_solves_indefinite_and_singular_systems(rank: int) -> None:
    rng = np.random.default_rng(1)
    basis, values = np.linalg.qr(rng.normal(size=(9, 9)))[0], rng.normal(size=9)
    values[rank:] = 0
    matrix, b = basis * values @ basis.T, rng.normal(size=9)
    found = minres(lambda x: jnp.asarray(matrix) @ x, jnp.asarray(b), 100, 1e-14)
    least = np.linalg.pinv(matrix, rcond=1e-10) @ b
    assert bool(found.settled)
    np.testing.assert_allclose(found.residual, b - matrix @ least, atol=1e-11)
    np.testing.assert_allclose(matrix @ np.asarray(found.x), matrix @ least, atol=1e-11)
    if rank == 9:
        np.testing.assert_allclose(found.x, least, rtol=1e-9)


def test_minres_says_when_it_has_not_settled() -> None:
    matrix = jnp.diag(jnp.logspace(-5, 0, 60))
    assert not bool(minres(lambda x: matrix @ x, jnp.ones(60), 5, 1e-14).settled)
