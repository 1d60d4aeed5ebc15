"""Many sizes of a batch, few compilations: what is filled up changes no value, status or gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import Status
from declarative.layer.batches import OFTEN
from tests.layer.test_cost import compilations as compilations
from tests.layer.toy import failing, toy

RNG = np.random.default_rng(0)
A = RNG.normal(size=(40, 2, 2)) + 3 * np.eye(2)
B = RNG.normal(size=(40, 2))
SIZES = RNG.permutation(np.arange(1, 41))


def sizes_compiled(layer: Any) -> list[int]:
    return sorted(structure.batch[0] for structure, *_ in layer._cache)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_many_sizes_compile_a_few_times(kind: Any, compilations: list[str]) -> None:
    layer = toy()
    for size in SIZES:
        a, b = kind(A[:size]), kind(B[:size])
        compilations.clear()
        x, total = layer(a, b)
        assert {name.split()[-1] for name in compilations} <= {"call", "jit(call)"}
        assert x.shape == (size, 2)
        assert type(x) is type(a)
        assert x.dtype == a.dtype
        np.testing.assert_allclose(x, np.linalg.solve(A[:size], B[:size, :, None])[..., 0], rtol=2e-4)
        np.testing.assert_allclose(total, 2 * np.sum(np.asarray(x), -1), rtol=2e-4, atol=1e-5)
    assert sizes_compiled(layer) == sorted({int(SIZES[0]), 1, 2, 4, 8, 16, 32, 64})


def test_a_thousand_sizes_compile_at_most_twelve_times() -> None:
    batches = toy()._batches
    structure = next(iter(warm()._cache))[0]
    compiled = {
        batches.rounded(resized(structure, int(size)), False)[0].batch
        for size in RNG.permutation(np.arange(1, 1001))
    }
    assert len(compiled) <= 12


def warm() -> Any:
    layer = toy()
    layer(A[:3], B[:3])
    return layer


def resized(structure: Any, size: int) -> Any:
    from dataclasses import replace

    return replace(structure, leads=((size,), (size,), ()), batch=(size,))


def test_a_size_that_stays_gets_its_own() -> None:
    layer = warm()
    for _ in range(OFTEN):
        layer(A[:5], B[:5])
    assert sizes_compiled(layer) == [3, 8]
    for _ in range(2):
        np.testing.assert_array_equal(layer(A[:5], B[:5]).x, toy()(A[:5], B[:5]).x)
    assert sizes_compiled(layer) == [3, 5, 8]


def test_now_and_then_is_not_often() -> None:
    layer = warm()
    for _ in range(OFTEN + 2):
        layer(A[:5], B[:5])
        layer(A[:3], B[:3])
    assert sizes_compiled(layer) == [3, 8]


def test_shared_arguments_stay_shared() -> None:
    layer = warm()
    alone = np.linalg.solve(A[0], B[:5, :, None])[..., 0]
    np.testing.assert_allclose(layer(A[0], B[:3]).x, alone[:3])
    for one in (A[0], A[:1]):
        np.testing.assert_allclose(layer(one, B[:5]).x, alone)
    np.testing.assert_allclose(layer(A[:5], b=B[0], scale=2).x, np.linalg.solve(A[:5], B[0, :, None])[..., 0])


def test_two_batch_axes() -> None:
    layer = toy()
    for rows in (2, 3):
        x = layer(A[:12].reshape(4, 3, 2, 2)[:rows], B[:3]).x
        assert x.shape == (rows, 3, 2)
        np.testing.assert_allclose(x[rows - 1], layer(A[3 * rows - 3 : 3 * rows], B[:3]).x, rtol=1e-12)


def test_an_empty_batch() -> None:
    layer = warm()
    assert layer(A[:0], B[:0]).x.shape == (0, 2)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_statuses(kind: Any) -> None:
    layer, last = warm(), A[:5].copy()
    last[-1] = np.asarray(failing(Status.UNBOUNDED))
    solution = layer.solve(kind(A[:3]), kind(B[:3]))
    solution = layer.solve(kind(last), kind(B[:5]))
    assert [str(status) for status in solution.status] == ["solved"] * 4 + ["unbounded"]
    assert solution.dual["half"].shape == (5, 2)
    assert solution.iterations.shape == (5,)
    with pytest.raises(dc.SolveError, match="1 of 5 elements failed"):
        solution.raise_for_status()


def test_a_warning_counts_no_filling() -> None:
    layer, last = warm(), A[:5].copy()
    last[-1] = np.asarray(failing(Status.INACCURATE))
    with pytest.warns(dc.Inaccurate, match="1 inaccurate"):
        layer(last, B[:5])


def test_gradients_of_jax() -> None:
    layer, a, b = warm(), jnp.asarray(A[:5]), jnp.asarray(B[:5])
    layer(jnp.asarray(A[:3]), b[:3])

    def loss(layer: Any) -> Any:
        return jax.grad(lambda a, b: layer(a, b).x.sum(), argnums=(0, 1))

    for got, want in zip(loss(layer)(a, b), loss(toy())(a, b), strict=True):
        np.testing.assert_array_equal(got, want)


def test_gradients_of_torch() -> None:
    torch = pytest.importorskip("torch")

    def slopes(layer: Any, rows: int, shared: bool) -> Any:
        a = torch.tensor(A[0] if shared else A[:rows], requires_grad=True)
        b = torch.tensor(B[:rows], requires_grad=True)
        x = layer(a, b).x
        assert x.shape == (rows, 2)
        first = torch.autograd.grad(x.pow(2).sum(), (a, b), create_graph=True)
        return (*first, *torch.autograd.grad(first[1].sum(), (a, b)))

    for shared in (False, True):
        layer = toy()
        slopes(layer, 3, shared)
        for got, want in zip(slopes(layer, 5, shared), slopes(toy(), 5, shared), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-14)
        assert sizes_compiled(layer) == [3, 8]
