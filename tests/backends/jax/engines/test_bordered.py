"""Quadratic programs with dense rows and unknowns beside blocks: the same as those of dense matrices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.backends.jax.engines import interior_point
from declarative.backends.jax.forms import Curvature, Quadratic
from declarative.layer.status import Status
from tests.backends.jax.structure.twins import (
    agree_in_a_batch,
    agree_smoothed,
    agree_to_two_orders,
    eager,
    run,
)

N, K = 22, 2


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def curvature(p: tuple[Any, ...]) -> Curvature:
    factors, risk, level, *_ = p
    rest = jnp.diag(jnp.append(risk, 0.5))
    rows = jnp.concatenate([factors, jnp.ones((K, 1), factors.dtype)], axis=1)
    return Curvature(rest, rows, jnp.broadcast_to(level, K))


def portfolio(p: tuple[Any, ...]) -> Quadratic:
    """min level |F w + t|^2 / 2 + (risk'w^2 + t^2 / 2) / 2 - gain'w: sum(w) == 1, 0 <= w <= most + t, floor <= gain'w.

    The bound t is an unknown that all rows see; chains of neighbours are coupled by |w_i - w_{i + 2}| <= 1.
    """
    factors, _, _, gain, most, floor = p
    kind = factors.dtype
    rest, rows, weights = curvature(p)
    n = N - 1
    eye = jnp.eye(n, dtype=kind)
    near = jnp.zeros((n, 1), kind)
    steps = jnp.concatenate([eye[2:] - eye[:-2], near[2:]], axis=1)
    G = jnp.concatenate(
        [
            jnp.concatenate([-eye, near], 1),
            jnp.concatenate([eye, near - 1], 1),
            steps,
            -steps,
            -jnp.append(gain, 0)[None],
        ]
    )
    h = jnp.concatenate([near[:, 0], near[:, 0] + most, jnp.ones(2 * (n - 2), kind), -floor[None]])
    A = jnp.append(jnp.ones(n, kind), 0)[None]
    return Quadratic(rest + (weights * rows.T) @ rows, -jnp.append(gain, 0), A, jnp.ones(1, kind), G, h)


def parameters(seed: int = 0, **changed: Any) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    found = {
        "factors": rng.normal(size=(K, N - 1)),
        "risk": rng.uniform(0.1, 1, size=N - 1),
        "level": np.array(0.7),
        "gain": rng.normal(size=N - 1),
        "most": np.array(0.15),
        "floor": np.array(-5.0),
    }
    return tuple(jnp.asarray(value, jnp.float64) for value in (found | changed).values())


def single(p: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), p)


@pytest.fixture
def solvers(monkeypatch: pytest.MonkeyPatch) -> tuple[interior_point.Solver, interior_point.Solver]:
    """In blocks beside dense rows and an unknown, and dense."""
    split = interior_point.Solver(portfolio, curvature=curvature)
    whole = interior_point.Solver(portfolio)
    with monkeypatch.context() as patch:
        eager(patch)
        for p in (parameters(), single(parameters())):
            words = split.describe(p)
            assert words.startswith("block-tridiagonal, ")
            assert words.endswith("beside 4 dense rows and 1 dense column")
    assert whole.describe(parameters()) == "dense"
    return split, whole


def test_values_and_statuses(solvers: Any) -> None:
    """A batch: plain, infeasible, absent row, not finite, a floor that binds, little and no curvature of its own."""
    risk = np.zeros(N - 1)
    elements = [
        parameters(),
        parameters(floor=np.array(50.0)),
        parameters(floor=np.array(-np.inf)),
        parameters(level=np.array(np.nan)),
        parameters(floor=np.array(0.9)),
        parameters(risk=risk + 1e-6),
        parameters(risk=risk),
        parameters(level=np.array(0.0)),
    ]
    root, names = agree_in_a_batch(solvers, elements, 1e-9)
    assert names[:4] == [Status.SOLVED, Status.INFEASIBLE, Status.SOLVED, Status.INVALID_INPUT]
    assert names[4:] == [Status.SOLVED] * 4
    assert float(root.residual[root.status == Status.SOLVED.code].max()) < 1e-13


def test_derivatives_of_two_orders(solvers: Any) -> None:
    agree_to_two_orders(solvers, parameters(), 1e-9, 1e-7)


@pytest.mark.slow
def test_single_precision_and_smoothed(solvers: Any) -> None:
    split, whole = solvers
    p = parameters()
    root, _ = jax.jit(partial(run, split))(single(p))
    other, _ = jax.jit(partial(run, whole))(p)
    assert root.y.z.dtype == jnp.float32
    assert int(root.status) == Status.SOLVED.code
    np.testing.assert_allclose(root.y.z, other.y.z, atol=1e-4)
    agree_smoothed(solvers, p, 1e-9)


FORMS = {
    "||F @ w||^2 + sum(d * w^2)": "diagonal, beside 4 dense rows",
    "w' @ (F' @ F) @ w + ||w||^2": "diagonal, beside 4 dense rows",
    "c * sum(d[0:3] * (F @ w)^2) + 1/2 * ||w||^2": "diagonal, beside 4 dense rows",
    "(||F @ w||^2 + ||w - d||^2) / 2": "diagonal, beside 4 dense rows",
    "||F @ w||^2 + sum((w[i + 1] - w[i])^2 for i in n - 1)": "block-tridiagonal, ",
    "||M @ w||^2": "dense",
    "w' @ S @ w": "dense",
}


@pytest.mark.parametrize(("value", "words"), FORMS.items())
def test_factors_are_read_from_the_formula(value: str, words: str) -> None:
    text = f"""problem p
  given F: real[3, n], d: positive real[n], c: positive real, M: real[n, n], S: psd real[n, n]
  find w: real[n]
  minimize {value} - d' @ w
  subject to
    sum(w) == 1
    w >= 0
"""
    rng = np.random.default_rng(1)
    n = 400
    layer = dc.compile(text)
    given = rng.normal(size=(3, n)), np.ones(n), 0.5, np.eye(n), np.eye(n)
    found = layer.explain(*given).splitlines()[-1]
    assert found.split(maxsplit=1)[1].startswith(words)
