"""Quadratic programs in blocks: the same points, derivatives and statuses as those of dense matrices."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.engines import interior_point
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import blockwise
from declarative.backends.jax.structure import detect
from declarative.layer.status import DerivativeStatus, Status
from tests.backends.jax.structure.twins import agree_in_a_batch, agree_to_two_orders, eager, run

STAGES, STATES, INPUTS = 7, 2, 1
N = STAGES * (STATES + INPUTS)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def control(p: tuple[Any, ...]) -> Quadratic:
    """Steer x to zero: x[0] is given, inputs are bounded, so is what the last state may be."""
    A, B, weight, x0, limit, last = p
    kind = A.dtype
    states, inputs = STAGES * STATES, STAGES * INPUTS
    P = jnp.kron(jnp.eye(STAGES, dtype=kind), jnp.diag(weight[:STATES]))
    R = jnp.kron(jnp.eye(STAGES, dtype=kind), weight[STATES:][:, None])
    P = jnp.block([[P, jnp.zeros((states, inputs), kind)], [jnp.zeros((inputs, states), kind), R]])
    shift = jnp.eye(STAGES, k=-1, dtype=kind)
    moves = jnp.concatenate(
        [jnp.eye(states, dtype=kind) - jnp.kron(shift, A), -jnp.kron(jnp.eye(STAGES, dtype=kind), B)], 1
    )
    bounds = jnp.eye(states + inputs, dtype=kind)[states:]
    end = jnp.zeros((1, states + inputs), kind).at[0, states - 1].set(1)
    G = jnp.concatenate([bounds, -bounds, end])
    h = jnp.concatenate([jnp.full(2 * inputs, 1, kind) * limit, last[None]])
    b = jnp.concatenate([A @ x0, jnp.zeros(states - STATES, kind)])
    return Quadratic(P, jnp.zeros(states + inputs, kind).at[0].set(0.3), moves, b, G, h)


def parameters(seed: int = 0, **changed: Any) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    A = np.array([[1, 0.2], [-0.1, 1.02]]) + 0.05 * rng.normal(size=(2, 2))
    found = {
        "A": A,
        "B": np.array([[0.1], [0.4]]),
        "weight": np.array([1, 0.5, 0.2]),
        "x0": np.array([1.5, -1.0]) + 0.1 * rng.normal(size=2),
        "limit": np.array(0.7),
        "last": np.array(0.3),
    }
    return tuple(jnp.asarray(value, jnp.float64) for value in (found | changed).values())


@pytest.fixture
def solvers(monkeypatch: pytest.MonkeyPatch) -> tuple[interior_point.Solver, interior_point.Solver]:
    """In blocks, and dense."""
    split, whole = interior_point.Solver(control), interior_point.Solver(control)
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), parameters())
    with monkeypatch.context() as patch:
        eager(patch)
        for p in (parameters(), single):
            found = split._layout(p)
            assert found is not None
            assert found.rows.count > 2
    assert whole._layout(parameters()) is None  # it is small
    return split, whole


def test_values_and_statuses(solvers: Any) -> None:
    """A batch: plain, infeasible, absent row, not finite, weakly active, unbounded."""
    inf, nan = np.inf, np.nan
    elements = [
        parameters(),
        parameters(last=np.array(-9.0)),
        parameters(last=np.array(inf)),
        parameters(weight=np.array([1, nan, 0.2])),
        parameters(x0=np.zeros(2), last=np.array(0.0)),
        parameters(weight=np.array([-1.0, -1, -1]), limit=np.array(inf), last=np.array(inf)),
        parameters(seed=3),
    ]
    root, names = agree_in_a_batch(solvers, elements, 1e-9)
    assert isinstance(root.fixed, blockwise.Fixed)
    assert names[:4] == [Status.SOLVED, Status.INFEASIBLE, Status.SOLVED, Status.INVALID_INPUT]
    assert float(root.residual[root.status == Status.SOLVED.code].max()) < 1e-13


def test_derivatives_of_two_orders(solvers: Any) -> None:
    agree_to_two_orders(solvers, parameters(), 1e-9, 1e-7)


def test_single_precision(solvers: Any) -> None:
    split, whole = solvers
    p = parameters()
    root, _ = jax.jit(partial(run, split))(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), p))
    other, _ = jax.jit(partial(run, whole))(p)
    assert root.y.z.dtype == jnp.float32
    assert int(root.status) == Status.SOLVED.code
    np.testing.assert_allclose(root.y.z, other.y.z, atol=1e-4)


def test_dependent_rows_and_flat_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    eager(monkeypatch)

    def twice(p: Any) -> Quadratic:
        data = control(p[:-1])
        return data._replace(
            A=jnp.concatenate([data.A, data.A[-1:]]), b=jnp.concatenate([data.b, data.b[-1:] + p[-1]])
        )

    def unweighted(p: Any) -> Quadratic:
        data = control(p)
        A = data.A.at[-1].set(0).at[-1, N - 1].set(p[2][0] * 0)
        return data._replace(P=data.P * 0, q=data.q * 0, A=A, b=data.b.at[-1].set(0))

    extra = (*parameters(), jnp.zeros(()))
    for data, p in ((twice, extra), (unweighted, parameters(last=np.array(np.inf)))):
        solver = interior_point.Solver(data)
        assert solver._layout(p) is not None
        root, code = jax.jit(partial(run, solver))(p)
        assert int(root.status) == Status.SOLVED.code
        assert int(code) in (DerivativeStatus.DEPENDENT_CONSTRAINTS.code, DerivativeStatus.SINGULAR.code)


def test_the_choice_weighs_sizes() -> None:
    """Nothing is coupled; a program of a few unknowns stays dense all the same."""

    def apart(p: Any) -> Quadratic:
        (v,) = p
        none = jnp.zeros((0, v.shape[0]))
        return Quadratic(jnp.diag(v), v, none, v[:0], jnp.eye(v.shape[0]), v)

    found = detect.Detector(apart)
    assert found((jnp.ones(400),)) is not None
    assert found((jnp.ones(5),)) is None
