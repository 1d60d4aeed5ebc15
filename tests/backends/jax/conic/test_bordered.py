"""Conic programs with dense rows, dense cones and border unknowns beside blocks: the same as with dense matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic, Curvature
from declarative.layer.status import Status
from tests.backends.jax.structure.twins import agree_in_a_batch, agree_smoothed, agree_to_two_orders, eager

PAIRS, K = 12, 2
N = 2 * PAIRS + 1
CONES = Cones(zero=1, nonneg=PAIRS, soc=(3,) * PAIRS + (K + 1,))


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def curvature(p: tuple[Any, ...]) -> Curvature:
    factors, risk, *_ = p
    return Curvature(jnp.diag(risk), 2 * factors, jnp.array([0.5, 1.5], risk.dtype))


def pairs(p: tuple[Any, ...]) -> Conic:
    """Pairs v_i in discs of radius r, which is an unknown: sum of v_i[0] == 1, v_i[1] <= 0.3, |F (v, r)| <= level."""
    factors, _, goal, level = p
    kind = goal.dtype
    rest, rows, weights = curvature(p)
    A, b = np.zeros((CONES.rows, N)), np.zeros(CONES.rows)
    A[0, : 2 * PAIRS : 2], b[0] = 1, 1
    for i in range(PAIRS):
        A[1 + i, 2 * i + 1], b[1 + i] = 1, 0.3
        at = 1 + PAIRS + 3 * i
        A[at, N - 1] = A[at + 1, 2 * i] = A[at + 2, 2 * i + 1] = -1
    last = CONES.rows - K
    M = jnp.asarray(A, kind).at[last:].set(-factors)
    right = jnp.asarray(b, kind).at[last - 1].set(level)
    none = jnp.zeros(0, kind)
    return Conic(rest + (weights * rows.T) @ rows, -goal, M, right, none, CONES)


def parameters(**changed: Any) -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    found = {
        "factors": rng.normal(size=(K, N)),
        "risk": rng.uniform(0.5, 1, size=N),
        "goal": np.append(rng.normal(size=N - 1), -1),
        "level": np.array(0.4),
    }
    return tuple(jnp.asarray(value, jnp.float64) for value in (found | changed).values())


@pytest.fixture
def solvers(monkeypatch: pytest.MonkeyPatch) -> tuple[conic.Solver, conic.Solver]:
    """In blocks beside dense rows and an unknown, and dense."""
    split, whole = conic.Solver(pairs, curvature=curvature), conic.Solver(pairs)
    with monkeypatch.context() as patch:
        eager(patch)
        words = split.describe(parameters())
    assert words == "block-diagonal, 12 blocks of 2, beside 6 dense rows and 1 dense column"
    assert whole.describe(parameters()) == "dense"
    return split, whole


def test_values_and_statuses(solvers: Any) -> None:
    """A batch: plain, infeasible, not finite, a cone that is idle, no bound and no curvature of its own."""
    risk = parameters()[1]
    elements = [
        parameters(),
        parameters(level=-1.0),
        parameters(risk=risk * np.nan),
        parameters(level=100.0),
        parameters(risk=risk * 0, level=100.0),
    ]
    _, names = agree_in_a_batch(solvers, elements, 1e-8)
    assert names[:3] == [Status.SOLVED, Status.INFEASIBLE, Status.INVALID_INPUT]
    assert names[3:] == [Status.SOLVED, Status.UNBOUNDED]


@pytest.mark.slow
def test_derivatives_of_two_orders(solvers: Any) -> None:
    agree_to_two_orders(solvers, parameters(), 1e-7, 1e-5)


@pytest.mark.slow
def test_smoothed(solvers: Any) -> None:
    agree_smoothed(solvers, parameters(), 1e-8)
