"""Conic programs in blocks: the same points, derivatives and statuses as those of dense matrices, with every cone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic
from declarative.backends.jax.structure import partition
from declarative.layer.contract import SolveOptions
from declarative.layer.status import Status
from tests.backends.jax.structure.directional import two_orders

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
        patch.setattr(partition, "GAIN", 0.0)
        patch.setattr(partition, "START", 1.0)
        found = split._layout(parameters())
    assert found is not None
    assert found.rows.count > 1
    assert whole._layout(parameters()) is None  # it is small
    return split, whole


def run(solver: conic.Solver, p: Any) -> Any:
    root = solver.solve(p, None, SolveOptions())
    return root, solver.regularity(root.y, p, root.fixed)


def test_values_and_statuses(solvers: Any) -> None:
    """A batch: plain, infeasible, not finite, another."""
    goal = parameters()[0]
    elements = [parameters(), parameters(radius=-1.0), parameters(goal=goal * np.nan), parameters(goal=-goal)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *elements)
    (root, derivative), (other, expected) = (jax.jit(jax.vmap(partial(run, s)))(batch) for s in solvers)
    names = [list(Status)[int(code)] for code in root.status]
    assert names == [Status.SOLVED, Status.INFEASIBLE, Status.INVALID_INPUT, Status.SOLVED]
    assert (root.status == other.status).all()
    good = np.array([0, 3])
    assert (derivative[good] == expected[good]).all()
    for mine, reference in zip(root.y, other.y, strict=True):
        np.testing.assert_allclose(mine[good], reference[good], atol=1e-8)


def test_derivatives_of_two_orders(solvers: Any) -> None:
    p = parameters()
    (value, slope, bend), expected = (two_orders(solver, p) for solver in solvers)
    np.testing.assert_allclose((value, slope), expected[:2], rtol=1e-7)
    np.testing.assert_allclose(bend, expected[2], rtol=1e-5)


def test_smoothed(solvers: Any) -> None:
    p = parameters()
    options = SolveOptions()
    found, expected = (jax.jit(lambda p, s=s: s.smoothed(1e-2).solve(p, None, options).y)(p) for s in solvers)
    for mine, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, reference, atol=1e-8)
