"""Outside of `jit` the small part of a program is compiled first; what it leaves unsolved is solved in full."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import Status
from tests.layer.toy import failing, toy

EASY = np.array([[2.0, 1.0], [0.0, 4.0]])
HARD = np.array([[2.0, 5.0], [0.0, 4.0]])
B = np.array([1.0, 2.0])


def compiled(layer: Any) -> list[bool]:
    """Of each function, whether it is an attempt."""
    return [attempt for *_, attempt in layer._cache]


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_easy_data_need_no_more(kind: Any) -> None:
    layer = toy(attempts=True)
    for _ in range(3):
        np.testing.assert_allclose(layer(kind(EASY), kind(B)).x, np.linalg.solve(EASY, B), rtol=1e-6)
    assert layer.solve(kind(EASY), kind(B)).status == Status.SOLVED
    assert compiled(layer) == [True, True]


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_hard_data_are_solved_in_full_from_then_on(kind: Any) -> None:
    layer, both = toy(attempts=True), kind(np.stack([EASY, HARD]))
    layer(kind(np.stack([EASY, EASY])), kind(B))
    for _ in range(2):
        solution = layer.solve(both, kind(B))
        assert list(solution.status) == [Status.SOLVED] * 2
        np.testing.assert_allclose(solution.x, [np.linalg.solve(a, B) for a in (EASY, HARD)], rtol=1e-6)
    assert compiled(layer) == [True, True, False]
    layer(kind(EASY), kind(B))
    assert compiled(layer) == [True, True, False, False]


def test_failures_keep_their_status() -> None:
    layer = toy(attempts=True, on_fail="raise")
    with pytest.raises(dc.SolveError, match="infeasible"):
        layer(np.asarray(failing(Status.INFEASIBLE)), B)
    with pytest.warns(dc.Inaccurate, match="1 inaccurate") as caught:
        toy(attempts=True)(np.asarray(failing(Status.INACCURATE)), B)
    assert caught[0].filename == __file__


def test_invalid_input_needs_no_second_look() -> None:
    layer = toy(attempts=True)
    assert layer.solve(EASY, B * np.nan).status == Status.INVALID_INPUT
    assert compiled(layer) == [True]


def test_in_transformations_programs_are_whole() -> None:
    layer, b = toy(attempts=True), jnp.asarray(B)
    for solved in (jax.jit(layer)(HARD, b).x, jax.vmap(lambda b: layer(HARD, b).x)(b[None])[0]):
        np.testing.assert_allclose(solved, np.linalg.solve(HARD, B), rtol=1e-6)
    assert np.isfinite(jax.grad(lambda b: layer(HARD, b).total)(b)).all()
    assert True not in compiled(layer)


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    layer = toy(attempts=True)
    for a in (EASY, HARD):
        matrix, b = torch.tensor(a, requires_grad=True), torch.tensor(B, requires_grad=True)
        slope = torch.autograd.grad(layer(matrix, b).x.sum(), b)[0]
        torch.testing.assert_close(slope, torch.linalg.inv(matrix.detach()).sum(0))
    rows = torch.func.vmap(lambda b: toy(attempts=True)(torch.tensor(HARD), b).x)(torch.tensor(B)[None])
    torch.testing.assert_close(rows[0], torch.tensor(np.linalg.solve(HARD, B)))
