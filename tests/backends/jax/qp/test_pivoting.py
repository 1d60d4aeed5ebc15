"""Principal pivoting against enumeration of all active sets, and by its own conditions where there are too many."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.qp import pivoting

SEED = 5
METHODS = pytest.mark.parametrize("method", [pivoting._single, pivoting._blocks])


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def problem(rng: np.random.Generator, k: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix with a unit diagonal, lifted where its rank is short, and a vector of mixed signs."""
    V = rng.normal(size=(k, rank))
    V /= np.linalg.norm(V, axis=1)[:, None]
    return V @ V.T + 1e-12 * np.eye(k), rng.normal(size=k)


def run(method: Any, S: np.ndarray, c: np.ndarray, equalities: int, limit: int = 500) -> pivoting.Basis:
    return jax.jit(method, static_argnums=2)(jnp.asarray(S), jnp.asarray(c), equalities, jnp.asarray(limit))


@METHODS
@pytest.mark.parametrize("equalities", [0, 2])
def test_the_basis_is_that_of_enumeration(method: Any, equalities: int) -> None:
    rng = np.random.default_rng(SEED)
    k = 7
    for _ in range(10):
        S, c = problem(rng, k, k)
        basis = run(method, S, c, equalities)
        matches = []
        for flags in itertools.product([False, True], repeat=k - equalities):
            rows = np.flatnonzero([True] * equalities + list(flags))
            y = np.zeros(k)
            y[rows] = -np.linalg.solve(S[np.ix_(rows, rows)], c[rows])
            slack = S @ y + c
            if (y[equalities:] >= -1e-12).all() and (slack[equalities:] >= -1e-12).all():
                matches.append((rows, y))
        [(rows, y)] = matches
        assert np.flatnonzero(basis.basic).tolist() == rows.tolist()
        np.testing.assert_allclose(basis.y, y, atol=1e-11)


@METHODS
def test_a_large_system_is_complementary_and_its_inverse_solves(method: Any) -> None:
    rng = np.random.default_rng(SEED)
    k = pivoting.TABLEAU if method is pivoting._single else pivoting.TABLEAU + 12
    S, c = problem(rng, k, 2 * k)
    basis = run(method, S, c, 5)
    slack = S @ basis.y + c
    assert abs(slack[:5]).max() < 1e-10
    assert min(basis.y[5:].min(), slack[5:].min()) > -1e-10
    assert abs(basis.y[5:] * slack[5:]).max() < 1e-10
    rhs = jnp.asarray(rng.normal(size=(k, 3)))
    found = np.asarray(pivoting.apply(basis.inverse, basis.basic, rhs))
    rows = np.flatnonzero(basis.basic)
    np.testing.assert_allclose(found[rows], np.linalg.solve(S[np.ix_(rows, rows)], rhs[rows]), rtol=1e-8)
    assert pivoting.independent(basis)


@pytest.mark.parametrize("k", [4, pivoting.TABLEAU + 1])
def test_dependent_rows_in_the_basis_are_told(k: int) -> None:
    """Two equal rows that must both hold."""
    S = (1 + 1e-12) * np.eye(k)
    S[0, 1] = S[1, 0] = 1
    basis = run(pivoting.solve, S, -np.ones(k), 2)
    assert basis.basic.all()
    assert not pivoting.independent(basis)
    assert pivoting.independent(run(pivoting.solve, np.eye(k), -np.ones(k), 2))


def test_an_absent_row_never_enters() -> None:
    basis = run(pivoting.solve, np.eye(3), np.asarray([-1.0, np.inf, 2.0]), 0)
    assert basis.basic.tolist() == [True, False, False]
    np.testing.assert_allclose(basis.y, [1, 0, 0])


@METHODS
def test_steps_are_counted_and_limited(method: Any) -> None:
    S, c = problem(np.random.default_rng(SEED), 12, 12)
    whole = run(method, S, -abs(c), 0)
    assert whole.steps > 2
    assert run(method, S, -abs(c), 0, 2).steps == 2


def test_a_large_batch_of_small_systems() -> None:
    rng = np.random.default_rng(SEED)
    parts = [problem(rng, 6, 9) for _ in range(900)]
    S, c = (jnp.asarray(np.stack(each)) for each in zip(*parts, strict=True))
    solve = jax.jit(jax.vmap(lambda S, c: pivoting.solve(S, c, 1, jnp.asarray(100))))
    y = solve(S, c).y
    slack = jnp.einsum("bij,bj->bi", S, y) + c
    assert abs(slack[:, 0]).max() < 1e-9
    assert min(y[:, 1:].min(), slack[:, 1:].min()) > -1e-9
    assert abs(y[:, 1:] * slack[:, 1:]).max() < 1e-9
