"""Sparse matrices as arguments: kept, made dense, sent to another engine, differentiated."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

import declarative as dc
from declarative.analyse.factors import factors
from declarative.layer import call, sparse

TEXT = """\
problem program
  given
    A: real[m, n]
    b: real[m]
    c: real[n]
  find x: real[n]
  minimize 1/2 * ||x||^2 - c' @ x
  subject to
    balance: A @ x == b
    x >= 0
  return x, price = dual(balance)
"""
DENSE = np.array([[1.0, 0.0, 2.0, 0.0], [0.0, -1.0, 0.0, 3.0]])
SIDES = np.array([1.5, 1.0]), np.array([1.0, -0.2, 0.3, 0.4])
MATRIX = scipy.sparse.csr_array(DENSE)


def _layers() -> dict[str, Any]:
    ways = {"first_order": {"engine": "first_order"}, "clarabel": {"backend": "cvxpy"}, "dense": {}}
    return {name: dc.compile(TEXT, **options) for name, options in ways.items()}


@pytest.mark.parametrize("name", ["first_order", "clarabel", "dense"])
def test_sparse_and_dense_matrices_give_the_same(name: str) -> None:
    layer = _layers()[name]
    wanted = layer(DENSE, *SIDES)
    with jax.enable_x64(True):
        jaxes = BCOO.fromdense(jnp.asarray(DENSE), nse=6)  # two entries of padding
        for matrix in (MATRIX, MATRIX.tocoo(), jaxes):
            found = layer(matrix, *SIDES)
            np.testing.assert_allclose(found.x, wanted.x, atol=1e-9)
            np.testing.assert_allclose(found.price, wanted.price, atol=1e-9)

        def loss(matrix: Any, b: Any, c: Any) -> Any:
            return jnp.sum(layer(matrix, b, c).x ** 2)

        rows, columns = np.nonzero(DENSE)
        sides = tuple(map(jnp.asarray, SIDES))
        dense = jax.grad(loss, (0, 1, 2))(jnp.asarray(DENSE), *sides)
        places = jnp.asarray(np.stack([rows, columns], 1))

        def by_entries(data: Any, b: Any, c: Any) -> Any:
            return loss(BCOO((data, places), shape=DENSE.shape), b, c)

        found = jax.jit(jax.grad(by_entries, (0, 1, 2)))(jnp.asarray(DENSE[rows, columns]), *sides)
        np.testing.assert_allclose(found[0], dense[0][rows, columns], atol=1e-8)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-8), found[1:], dense[1:])


def test_entries_may_be_a_batch_and_other_arguments_too() -> None:
    layer = _layers()["first_order"]
    pattern = sparse.read(MATRIX).pattern  # type: ignore[union-attr]
    data = np.stack([MATRIX.data, 2 * MATRIX.data])
    both = layer.solve(sparse.Sparse(data, pattern), *SIDES)
    assert both.x.shape == (2, 4)
    for matrix, x in zip((DENSE, 2 * DENSE), both.x, strict=True):
        np.testing.assert_allclose(x, layer(matrix, *SIDES).x, atol=1e-8)
    sides = np.stack([SIDES[0], 2 * SIDES[0]])
    np.testing.assert_allclose(
        layer(MATRIX, sides, SIDES[1]).x[1], layer(DENSE, sides[1], SIDES[1]).x, atol=1e-8
    )


def test_shapes_are_checked() -> None:
    layer = _layers()["first_order"]
    with pytest.raises(dc.ArgumentError, match="n = 4 was bound by axis 1 of `A`"):
        layer(MATRIX, SIDES[0], np.ones(3))
    with pytest.raises(dc.ArgumentError, match="complex"):
        layer(MATRIX * 1j, *SIDES)


@pytest.mark.parametrize("matrix", [MATRIX, DENSE])
def test_large_calls_go_to_engines_that_keep_matrices_sparse(
    matrix: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    prepared = dc.Layer._prepared

    def note(layer: Any, *args: Any) -> Any:
        used.append(layer.info["engine"])
        return prepared(layer, *args)

    monkeypatch.setattr(dc.Layer, "_prepared", note)
    layer = dc.compile(TEXT)
    small = layer(matrix, *SIDES)
    monkeypatch.setattr(call, "LARGE", 6)
    monkeypatch.setattr(call, "HUGE", 15)
    other = dc.compile(TEXT)
    large = other(matrix, *SIDES)
    assert other(matrix, 2 * SIDES[0], SIDES[1]).x.shape == (4,)
    direct = "clarabel" if jax.default_backend() == "cpu" else "first_order"
    assert used[:2] == ["interior_point", direct if matrix is MATRIX else "first_order"]
    np.testing.assert_allclose(large.x, small.x, atol=1e-8)


def test_an_engine_that_was_named_gets_a_dense_matrix_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "LARGE", 6)
    layer = dc.compile(TEXT, engine="interior_point")
    with pytest.warns(call.Densified, match="the sparse matrix `A` is made dense, with 8 entries"):
        layer(MATRIX, *SIDES)


def test_which_matrices_may_stay_sparse() -> None:
    def kept(body: str) -> frozenset[str]:
        text = f"problem p\n  given\n    A: real[n, n]\n    b: real[n]\n  find x: real[n]\n{body}"
        return factors(dc.compile(text, stop_after="check"))

    assert kept("  minimize ||A @ x - b||^2") == {"A"}
    assert kept("  minimize ||x||^2\n  subject to -2 * A' @ x <= b") == {"A"}
    assert kept("  minimize ||x - b||^2 + sum(A)") == frozenset()
    assert kept("  minimize ||(A' @ A) @ x - b||^2") == frozenset()
    assert kept("  minimize ||A @ x - b||^2\n  subject to A[0] @ x <= 1") == frozenset()


def test_products_are_those_of_the_dense_matrix() -> None:
    with jax.enable_x64(True):
        held = sparse.read(MATRIX)
        assert held is not None
        A = sparse.Sparse(jnp.asarray(held.data), held.pattern)
        x, y, X = np.arange(4.0), np.arange(2.0), np.arange(8.0).reshape(4, 2)
        pairs = [(A @ x, DENSE @ x), (y @ A, y @ DENSE), (A.T @ y, DENSE.T @ y), (A @ X, DENSE @ X)]
        pairs += [((-2 * A / 4) @ x, -DENSE @ x / 2), (A @ A.T, DENSE @ DENSE.T), (A.dense(), DENSE)]
        for found, wanted in pairs:
            np.testing.assert_allclose(found, wanted)


def test_promises_are_checked_on_sparse_matrices() -> None:
    text = TEXT.replace("A: real[m, n]", "A: nonneg real[m, n]")
    with pytest.raises(dc.ArgumentError, match="`A` is not nonneg"):
        dc.compile(text, engine="first_order").solve(MATRIX, *SIDES, check=True)
