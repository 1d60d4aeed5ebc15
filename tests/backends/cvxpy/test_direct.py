"""Sparse factorisations in place of dense ones: the same solutions, derivatives and statuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from declarative.backends.cvxpy import direct
from declarative.backends.cvxpy import runtime as ct
from declarative.backends.cvxpy.clarabel import Solver
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status


@pytest.fixture(autouse=True)
def _sparse(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(direct, "SMALL", 0)
    with jax.enable_x64(True):
        yield


def everything(params: Any, model: ct.Model) -> Any:
    """A linear, a second-order, a semidefinite and an exponential cone at once."""
    c, A, b = params
    x, X = model.find(4), model.find(2, 2)
    model.symmetric(X)
    model.member(X - 0.3 * np.eye(2), "psd")
    model.require(model.given(A) @ x == model.given(b), "balance")
    model.require(cp.norm2(x) <= 2)
    model.require(x[0] >= 0.1)
    entropy = cp.sum(cp.exp(x / 2)) + cp.sum_squares(X - np.array([[1.0, 2.0], [2.0, 0.5]]))
    return cp.Minimize(model.given(c) @ x + entropy)


def linear(params: Any, model: ct.Model) -> Any:
    c, A, b = params
    x = model.find(c.shape[0], nonneg=True)
    model.require(model.given(A) @ x == model.given(b), "balance")
    return cp.Minimize(model.given(c) @ x)


def _data() -> tuple[Any, ...]:
    rng = np.random.default_rng(5)
    A = rng.normal(size=(2, 4))
    return tuple(map(jnp.asarray, (rng.normal(size=4), A, A @ rng.uniform(0.2, 0.6, 4))))


def test_curved_cones_agree_with_the_dense_way(monkeypatch: pytest.MonkeyPatch) -> None:
    params, weights = _data(), jnp.arange(1.0, 9.0)

    def run(solver: Solver) -> Any:
        solve = differentiable(solver)

        def value(*params: Any) -> Any:
            return weights @ solve(params, None).y.z[:8]

        root = solve(params, None)
        status = int(root.status), int(solver.regularity(root.y, params, root.fixed))
        slopes = jax.grad(value, (0, 1, 2))(*params)
        return status, root.y.z[:8], slopes, jax.jvp(value, params, tuple(map(jnp.ones_like, params)))[1]

    sparse = run(Solver(everything))
    monkeypatch.setattr(direct, "SMALL", 10_000)
    dense = run(Solver(everything))
    assert sparse[0] == dense[0] == (Status.SOLVED.code, DerivativeStatus.REGULAR.code)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), sparse[1:], dense[1:])
    np.testing.assert_allclose(sum(jnp.sum(one) for one in sparse[2]), sparse[3], rtol=1e-9)


def test_factors_are_kept_between_the_passes_and_made_again_when_they_are_gone() -> None:
    params, made = _data(), []
    solver = Solver(everything)

    class Counted(direct.Factor):
        def __init__(self, matrix: Any):
            made.append(1)
            super().__init__(matrix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "Factor", Counted)
        root = solver.solve(params, None, SolveOptions())
        forward, reverse = solver.linear(root.y, params, root.fixed)
        before = len(made)
        first = forward(root.y), reverse(root.y)
        assert len(made) == before
        forward, reverse = solver.linear(root.y, params, root.fixed + 1)
        again = forward(root.y), reverse(root.y)
        assert len(made) == before + 2
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), first, again)


@pytest.mark.parametrize(
    ("A", "b", "status"),
    [
        ([[1.0, 1.0]], [1.0], Status.SOLVED),
        ([[1.0, 1.0]], [-1.0], Status.INFEASIBLE),
        ([[1.0, -1.0]], [0.0], Status.UNBOUNDED),
        ([[1.0, 1.0]], [np.nan], Status.INVALID_INPUT),
    ],
)
def test_statuses(A: Any, b: Any, status: Status) -> None:
    params = tuple(map(jnp.asarray, ([-1.0, -2.0], A, b)))
    root = Solver(linear).solve(params, None, SolveOptions())
    assert int(root.status) == status.code


def test_derivative_statuses() -> None:
    def found(c: Any, A: Any, b: Any) -> int:
        params = tuple(map(jnp.asarray, (c, A, b)))
        solver = Solver(linear)
        root = solver.solve(params, None, SolveOptions())
        return int(solver.regularity(root.y, params, root.fixed))

    assert found([1.0, 2.0], [[1.0, 1.0]], [1.0]) == DerivativeStatus.REGULAR.code
    assert found([1.0, 1.0], [[1.0, 1.0]], [1.0]) in (
        DerivativeStatus.SINGULAR.code,
        DerivativeStatus.WEAKLY_ACTIVE.code,
    )
    twice = [[1.0, 1.0], [1.0, 1.0]]
    assert found([1.0, 2.0], twice, [1.0, 1.0]) == DerivativeStatus.DEPENDENT_CONSTRAINTS.code


@pytest.mark.parametrize("rank", [12, 9])
def test_least_norm_where_the_matrix_is_singular(rank: int) -> None:
    rng = np.random.default_rng(6)
    matrix = rng.normal(size=(12, rank)) @ rng.normal(size=(rank, 12))
    factor, b = direct.Factor(scipy.sparse.csc_array(matrix)), rng.normal(size=12)
    scale = factor._scale
    inverse = np.linalg.pinv(scale[:, None] * matrix * scale, rcond=1e-9)
    for turned, one in ((False, inverse), (True, inverse.T)):
        wanted = scale * (one @ (scale * b))
        np.testing.assert_allclose(factor.solve(b, turned), wanted, rtol=1e-6, atol=1e-8)
    assert (np.abs(factor.null()).max() > 1e-6) == (rank < 12)
    np.testing.assert_allclose(matrix @ factor.null(), 0, atol=1e-7)
