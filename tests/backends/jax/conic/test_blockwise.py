"""Conic programs in blocks: the same points, derivatives and statuses as those of dense matrices, with every cone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic
from declarative.layer.status import Status
from tests.backends.jax.structure.twins import agree_in_a_batch, agree_smoothed, agree_to_two_orders, eager

STAGES, OWN = 4, 6
CONES = Cones(STAGES - 1, STAGES, (3, 2) * STAGES, (2,) * STAGES, STAGES, STAGES)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def chain(p: tuple[Any, ...]) -> Conic:
    """min sum of |v_t - goal_t|^2 / 2, six entries in v_t; all cones hold in every stage, and stages are linked."""
    goal, link, radius = p
    n = STAGES * OWN
    A, b = np.zeros((CONES.rows, n)), np.zeros(CONES.rows)
    row = 0

    def add(stage: int, entries: list[tuple[int, float]], right: float) -> None:
        nonlocal row
        for column, value in entries:
            A[row, (stage * OWN + column) % n] = value
        b[row] = right
        row += 1

    for t in range(STAGES - 1):
        add(t, [(0, 1), (1, -1), (OWN + 2, 1)], 0.1)  # v[t, 0] - v[t, 1] + v[t + 1, 2] == 0.1
    for t in range(STAGES):
        add(t, [(3, -1)], 0)
    for t in range(STAGES):
        for entries, right in (([], 2.0), ([(0, -1)], 0), ([(1, -1)], 0), ([], 1.5), ([(2, -1)], 0)):
            add(t, entries, right)
    for t in range(STAGES):  # [[v3, v4 / sqrt 2], [., 1]]
        for entries, right in (([(3, -1)], 0), ([(4, -1)], 0), ([], 1.0)):
            add(t, entries, right)
    for t in range(STAGES):  # v4 <= log v5
        for entries, right in (([(4, -1)], 0), ([], 1.0), ([(5, -1)], 0)):
            add(t, entries, right)
    for t in range(STAGES):  # |v2| <= sqrt(v3 v5)
        for entries, right in (([(3, -1)], 0), ([(5, -1)], 0), ([(2, -1)], 0)):
            add(t, entries, right)
    kind = goal.dtype
    b = jnp.asarray(b, kind).at[CONES.zero + CONES.nonneg].set(radius)
    M = jnp.asarray(A, kind).at[: CONES.zero].multiply(link)
    alpha = jnp.full(STAGES, 0.5, kind)
    return Conic(jnp.eye(n, dtype=kind), -goal.ravel(), M, b, alpha, CONES)


def parameters(**changed: Any) -> tuple[Any, ...]:
    rng = np.random.default_rng(4)
    found = {"goal": 2 * rng.normal(size=(STAGES, OWN)), "link": np.array(1.2), "radius": np.array(1.0)}
    return tuple(jnp.asarray(value, jnp.float64) for value in (found | changed).values())


@pytest.fixture
def solvers(monkeypatch: pytest.MonkeyPatch) -> tuple[conic.Solver, conic.Solver]:
    """In blocks, and dense."""
    split, whole = conic.Solver(chain), conic.Solver(chain)
    with monkeypatch.context() as patch:
        eager(patch)
        found = split._layout(parameters())
    assert found is not None
    assert found.rows.count > 1
    assert whole._layout(parameters()) is None  # it is small
    return split, whole


def test_values_and_statuses(solvers: Any) -> None:
    """A batch: plain, infeasible, not finite, another."""
    goal = parameters()[0]
    elements = [parameters(), parameters(radius=-1.0), parameters(goal=goal * np.nan), parameters(goal=-goal)]
    _, names = agree_in_a_batch(solvers, elements, 1e-8)
    assert names == [Status.SOLVED, Status.INFEASIBLE, Status.INVALID_INPUT, Status.SOLVED]


def test_derivatives_of_two_orders(solvers: Any) -> None:
    agree_to_two_orders(solvers, parameters(), 1e-7, 1e-5)


def test_smoothed(solvers: Any) -> None:
    agree_smoothed(solvers, parameters(), 1e-8)
