"""Blocks beside dense rows and unknowns against dense matrices: products, sizes, normal matrices, solves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.structure import border, matrix
from tests.backends.jax.structure.test_elimination import chain, split

CASES = (20, 3, 2, 1), (20, 3, 0, 2), (40, 1, 2, 0)
"""Stages, their unknowns, dense rows, dense columns."""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def arrow(stages: int, size: int, rows: int, columns: int, rng: Any) -> tuple[Any, Any]:
    """A chain, or where blocks are of one unknown a diagonal, beside rows and unknowns that see all."""
    P, E = chain(stages, size, rng)
    if size == 1:
        P, E = np.diag(rng.uniform(1, 2, size=stages)), np.diag(rng.normal(size=stages))
    n = len(P)
    side = rng.normal(size=(columns, n))
    P = np.block([[P, side.T], [side, 9 * n * np.eye(columns)]])
    E = np.concatenate([E, rng.normal(size=(len(E), columns))], axis=1)
    E = np.concatenate([E, rng.normal(size=(rows, n + columns))])
    order, places = rng.permutation(len(P)), rng.permutation(len(E))
    return P[order][:, order], E[places][:, order]


@pytest.fixture(params=CASES, ids=str)
def given(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    rng = np.random.default_rng(3)
    _, size, rows, columns = request.param
    P, E = arrow(*request.param, rng)
    layout = split(P, E, monkeypatch)
    assert isinstance(layout, border.Border)
    assert (layout.dense.size, layout.far.size) == (rows, columns)
    assert layout.inner.diagonal == (size == 1)
    return P, E, layout, rng


def test_products_and_sizes(given: Any) -> None:
    P, E, layout, rng = given
    there, wide = (
        matrix.square(jnp.asarray(P), layout),
        matrix.rows((jnp.asarray(E[:5]), jnp.asarray(E[5:])), layout),
    )
    lengths = (P.shape[0], 2), (E.shape[0], 2), E.shape[0], P.shape[0]
    x, z, weights, columns = (jnp.asarray(rng.uniform(size=length)) for length in lengths)
    normal = matrix.gram(there, wide, weights)
    whole = P + E.T @ (weights[:, None] * E)
    turned = wide.turned(lambda block: 2 * block[::-1], tuple(range(len(E)))[::-1])
    pairs = [
        (there @ x, P @ x),
        (x[:, 0] @ there, x[:, 0] @ P),
        (wide @ x, E @ x),
        (wide @ x[:, 0], E @ x[:, 0]),
        (wide.T @ z, E.T @ z),
        (z[:, 0] @ wide, z[:, 0] @ E),
        (matrix.row_sizes(wide), np.abs(E).max(axis=1)),
        (matrix.column_sizes(wide), np.abs(E).max(axis=0)),
        (matrix.column_sizes(there), np.abs(P).max(axis=0)),
        (matrix.scaled_square(there, columns, 2.0) @ x, 2 * columns[:, None] * (P @ (columns[:, None] * x))),
        (matrix.scaled_rows(weights, wide, columns) @ x, weights[:, None] * (E @ (columns[:, None] * x))),
        (normal @ x, whole @ x),
        (
            matrix.scaled_square(normal, columns, 2.0) @ x,
            2 * columns[:, None] * (whole @ (columns[:, None] * x)),
        ),
        (turned @ x, 2 * E[::-1] @ x),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_solves(given: Any) -> None:
    """Rows of no weight and of a large one, and a normal matrix that has rows already."""
    P, E, layout, rng = given
    weights = 10 ** rng.uniform(-3, 3, size=len(E))
    weights[::3] = 0
    r, t = rng.normal(size=(len(P), 2)), rng.normal(size=(len(E), 2))
    there, wide = (
        matrix.square(jnp.asarray(P), layout),
        matrix.rows((jnp.asarray(E[:5]), jnp.asarray(E[5:])), layout),
    )
    normal = matrix.gram(matrix.gram(there, wide, jnp.ones(len(E))), wide, jnp.asarray(weights))
    factor = matrix.factorised(normal, 0.5)
    assert bool(matrix.definite(factor))
    first = P + E.T @ E + 0.5 * np.eye(len(P))
    whole = first + E.T @ (weights[:, None] * E)
    np.testing.assert_allclose(whole @ matrix.solve(factor, jnp.asarray(r)), r, atol=1e-9)
    x, z = matrix.solve_with_rows(factor, wide, jnp.asarray(weights), jnp.asarray(r), jnp.asarray(t))
    np.testing.assert_allclose(first @ x + E.T @ z, r, atol=1e-9)
    np.testing.assert_allclose(weights[:, None] * (E @ x - t), z, atol=1e-9)


def test_weights_of_all_sizes_beside_a_lift(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an interior point: rows that are nearly equations, over unknowns that nothing but a lift holds."""
    rng = np.random.default_rng(0)
    E = np.concatenate([np.diag(rng.normal(size=40)), rng.normal(size=(3, 40))])
    layout = split(np.zeros((40, 40)), E, monkeypatch)
    weights = np.concatenate([10 ** rng.uniform(-12, 3, size=40), [1e9, 1e9, 1.0]])
    there, wide = (
        matrix.square(jnp.zeros((40, 40)), layout),
        matrix.rows((jnp.asarray(E[:5]), jnp.asarray(E[5:])), layout),
    )
    factor = matrix.factorised(matrix.gram(there, wide, jnp.asarray(weights)), 1e-9)
    r, t = rng.normal(size=(40, 1)), rng.normal(size=(43, 1))
    x, z = matrix.solve_with_rows(factor, wide, jnp.asarray(weights), jnp.asarray(r), jnp.asarray(t))
    size = float(np.abs(x).max())
    np.testing.assert_allclose(1e-9 * x + E.T @ z, r, atol=1e-6)
    np.testing.assert_allclose((E @ x - z / weights[:, None] - t)[40:] / size, 0, atol=1e-12)


def test_an_indefinite_matrix_says_so(given: Any) -> None:
    P, _, layout, _ = given
    there = matrix.square(jnp.asarray(P), layout)
    least = float(np.linalg.eigvalsh(P)[0])
    assert bool(matrix.definite(matrix.factorised(there, 0.01 - least)))
    assert not bool(matrix.definite(matrix.factorised(there, -0.01 - least)))
