"""Block-tridiagonal matrices against dense ones: products, sizes, normal matrices, solves; partitions of graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.backends.jax.structure import blocks, border, matrix, partition

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def chain(stages: int, size: int, rng: Any = RNG) -> tuple[Any, Any]:
    """P and E of a chain of stages, unknowns in no order: rows of one unknown, of one stage, of two, and of none."""
    n = stages * size
    stage = np.repeat(np.arange(stages), size)
    near = np.abs(stage[:, None] - stage) <= 1
    M = np.where(near, rng.normal(size=(n, n)), 0)
    P = M + M.T + 20 * np.eye(n)
    first = np.concatenate([np.arange(stages - 1), np.arange(stages - 1)])
    wide = np.where(
        (stage >= first[:, None]) & (stage <= first[:, None] + 1), rng.normal(size=(len(first), n)), 0
    )
    E = np.concatenate([wide, np.diag(rng.normal(size=n))[::2], np.zeros((1, n))])
    order, rows = rng.permutation(n), rng.permutation(len(E))
    return P[order][:, order], E[rows][:, order]


def split(P: Any, E: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(partition, "START", 1.0)
    found = partition.partition(P != 0, E != 0, 1e12)
    assert found is not None
    return border.layout(found, E != 0)


def test_stages_are_found_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    P, E = chain(30, 4)
    found = split(P, E, monkeypatch)
    assert found.size <= 12
    assert found.count * found.size < 1.5 * P.shape[0]


def test_parts_that_nothing_couples_stand_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    P = np.kron(np.eye(40), np.ones((3, 3)))
    E = np.kron(np.eye(40), np.ones((2, 3)))
    order = RNG.permutation(120)
    found = split(P[order][:, order], E[:, order], monkeypatch)
    assert found.size <= 12
    assert found.count * found.size < 1.5 * 120


@pytest.mark.parametrize("many", [1, 70])
@pytest.mark.parametrize("coupling", ["row", "unknown"])
def test_a_few_that_see_everything_stand_beside(
    coupling: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "START", 1.0)
    P, E = chain(30, 4)
    if coupling == "row":
        E[:many] = 1  # rows that see all
    else:
        P[:many] = P[:, :many] = 1
    found = partition.partition(P != 0, E != 0, partition.iteration_cost(*P.shape))
    if many > 1:
        assert found is None
        return
    assert found is not None
    assert found.dense == ((0,) if coupling == "row" else ())
    assert sum(map(len, found.blocks)) == 120 - (coupling == "unknown")


def test_what_nothing_couples_is_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    P, E = np.eye(50), np.concatenate([np.eye(50), np.ones((3, 50))])
    found = split(P, E, monkeypatch)
    assert isinstance(found, border.Border)
    assert found.inner.diagonal
    assert list(found.dense) == [50, 51, 52]


def test_products_and_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    P, E = chain(20, 3)
    layout = split(P, E, monkeypatch)
    there, wide = blocks.symmetric(jnp.asarray(P), layout), blocks.rows((jnp.asarray(E),), layout)
    lengths = (P.shape[0], 2), (E.shape[0], 2), E.shape[0], P.shape[0]
    x, z, weights, columns = (jnp.asarray(RNG.uniform(size=length)) for length in lengths)
    pairs = [
        (there @ x, P @ x),
        (x[:, 0] @ there, x[:, 0] @ P),
        (wide @ x, E @ x),
        (wide.T @ z, E.T @ z),
        (z[:, 0] @ wide, z[:, 0] @ E),
        (wide.row_sizes(), np.abs(E).max(axis=1)),
        (wide.column_sizes(), np.abs(E).max(axis=0)),
        (there.column_sizes(), np.abs(P).max(axis=0)),
        (matrix.scaled_square(there, columns, 2.0) @ x, 2 * columns[:, None] * (P @ (columns[:, None] * x))),
        (matrix.scaled_rows(weights, wide, columns) @ x, weights[:, None] * (E @ (columns[:, None] * x))),
        (matrix.gram(there, wide, weights) @ x, P @ x + E.T @ (weights[:, None] * (E @ x))),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**16), st.integers(12, 20), st.integers(2, 4))
def test_solves(seed: int, stages: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    P, E = chain(stages, size, rng)
    weights, rhs = 10 ** rng.uniform(-6, 6, size=E.shape[0]), rng.normal(size=(P.shape[0], 2))
    P = P + 30 * np.eye(len(P))
    with pytest.MonkeyPatch.context() as patch:
        layout = split(P, E, patch)
    H = matrix.gram(
        blocks.symmetric(jnp.asarray(P), layout), blocks.rows((jnp.asarray(E),), layout), jnp.asarray(weights)
    )
    found = matrix.solve(matrix.factorised(H, 0.5), jnp.asarray(rhs))
    whole = P + E.T @ (weights[:, None] * E) + 0.5 * np.eye(len(P))
    assert np.abs(whole @ found - rhs).max() < 1e-9 * max(1, np.abs(found).max() * weights.max())


def test_an_indefinite_matrix_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    P, E = chain(20, 3)
    layout = split(P, E, monkeypatch)
    there = blocks.symmetric(jnp.asarray(P), layout)
    least = float(np.linalg.eigvalsh(P)[0])
    assert bool(matrix.definite(matrix.factorised(there, 0.01 - least)))
    assert not bool(matrix.definite(matrix.factorised(there, -0.01 - least)))


@pytest.mark.parametrize("size", [3, 6])
def test_blocks_apart_are_solved_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    M = RNG.normal(size=(15, size, size))
    P = np.zeros((15, size, 15, size))
    P[range(15), :, range(15)] = M @ np.swapaxes(M, 1, 2) + np.eye(size)
    order = RNG.permutation(15 * size)
    P = P.reshape(len(order), -1)[order][:, order]
    layout = split(P, np.eye(len(P)), monkeypatch)
    assert (layout.linked, layout.size) == (False, size)
    there, rhs = blocks.symmetric(jnp.asarray(P), layout), RNG.normal(size=(len(P), 2))
    np.testing.assert_allclose(
        P @ matrix.solve(matrix.factorised(there, 0.0), jnp.asarray(rhs)), rhs, atol=1e-10
    )
    assert not bool(matrix.definite(matrix.factorised(there, -1.0 - np.linalg.eigvalsh(P)[0])))
