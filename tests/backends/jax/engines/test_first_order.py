"""Programs by products: solutions, multipliers, statuses and derivatives, against the dense engine and differences."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.backends.jax.engines import first_order
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

INF = np.inf
TEXT = """\
problem program
  given
    P: psd real[n, n]
    A: real[p, n]
    b: real[p]
    G: real[m, n]
    h: real[m]
    c: real[n]
    u: real[n]
  find x: real[n]
  minimize 1/2 * x' @ P @ x + c' @ x
  subject to
    balance: A @ x == b
    cap: G @ x <= h
    low: x >= 0
    high: x <= u
    higher: x <= 2 * u
  return x, value, l = dual(balance), z = dual(cap), below = dual(low), above = dual(high), far = dual(higher)
"""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def _data(curved: bool) -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    n, p, m = 8, 2, 3
    M, A, G, x = (
        rng.normal(size=(n, n)),
        rng.normal(size=(p, n)),
        rng.normal(size=(m, n)),
        rng.uniform(0, 1, n),
    )
    parts = M @ M.T * curved, A, A @ x, G, G @ x + 0.05, rng.normal(size=n), np.full(n, 1.2)
    return tuple(map(jnp.asarray, parts))


@pytest.mark.parametrize("curved", [True, False])
def test_agrees_with_the_dense_engine(curved: bool) -> None:
    """Values and multipliers; derivatives forward, reverse and by differences; the second derivative."""
    data = _data(curved)
    text = TEXT.replace("value, ", "")
    dense, sparse = dc.compile(text, engine="interior_point"), dc.compile(text, engine="first_order")
    found, wanted = sparse.solve(*data), dense.solve(*data)
    assert (str(found.status), str(found.derivative)) == ("solved", "regular")
    assert float(found.residual) < 1e-13
    for name in ("x", "l", "z", "below", "above", "far"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-9, atol=1e-10)

    weights = jnp.arange(1.0, 9.0)

    @partial(jax.jit, static_argnums=0)
    def slopes(layer: Any, *data: Any) -> Any:
        def loss(*data: Any) -> Any:
            result = layer(*data)
            return weights @ result.x**2 + jnp.sum(result.l) + jnp.sum(result.z**2) + jnp.sum(result.above)

        every = tuple(range(len(data)))
        back = jax.grad(loss, every)
        move = tuple(map(jnp.ones_like, data))
        return loss(*data), back(*data), jax.jvp(loss, data, move)[1], jax.jvp(back, data, move)[1]

    ours, theirs = slopes(sparse, *data), slopes(dense, *data)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8), ours, theirs)
    np.testing.assert_allclose(sum(jnp.sum(part) for part in ours[1]), ours[2], rtol=1e-9)
    step, rng = 1e-6, np.random.default_rng(3)
    way = [rng.normal(size=part.shape) for part in data]
    way[0] = (way[0] + way[0].T) * curved
    ends = [slopes(sparse, *(d + s * step * w for d, w in zip(data, way, strict=True)))[0] for s in (1, -1)]
    along = sum(jnp.sum(g * w) for g, w in zip(ours[1], way, strict=True))
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), along, rtol=1e-6, atol=1e-7)


# ---- one solver for programs of two unknowns -----------------------------------------------------


def _solver(linear: bool = False) -> first_order.Solver:
    """p = (P, c, A, b, G, h, lower, upper), some of which may be infinite."""
    return first_order.Solver(
        lambda z, p: z @ p[0] @ z / 2 + p[1] @ z,
        lambda p: p[1].size,
        equalities=lambda z, p: p[2] @ z - p[3],
        inequalities=lambda z, p: jnp.concatenate([p[4] @ z - p[5], p[6] - z, z - p[7]]),
        bounds=lambda p: ((p[5].size, 0, p[1].size, False), (p[5].size + p[1].size, 0, p[1].size, True)),
        linear=linear,
    )


def _program(
    c: Any, A: Any, b: Any, h: Any, lower: Any = (0, 0), upper: Any = (INF, INF), P: Any = 0.0
) -> Any:
    parts = P * np.eye(2), c, [A], [b], [[1.0, 0.0]], [h], lower, upper
    return tuple(np.asarray(part, float) for part in parts)


CASES = {
    "corner": (_program((1, 2), (1, 1), 1, INF), Status.SOLVED, DerivativeStatus.REGULAR),
    "capped": (_program((1, 2), (1, 1), 1, 0.25), Status.SOLVED, DerivativeStatus.REGULAR),
    "edge": (_program((1, 1), (1, 1), 1, INF), Status.SOLVED, None),
    "weak": (
        _program((0, 0), (1, -1), 0, 0.0, (-INF, -INF), P=1.0),
        Status.SOLVED,
        DerivativeStatus.WEAKLY_ACTIVE,
    ),
    "doubled": (_program((1, 2), (1, 0), 0, 0.0), Status.SOLVED, DerivativeStatus.DEPENDENT_CONSTRAINTS),
    "empty": (_program((1, 2), (1, 1), -1, INF), Status.INFEASIBLE, None),
    "contradiction": (_program((1, 2), (1, 0), 1, 0.5), Status.INFEASIBLE, None),
    "crossed": (_program((1, 2), (1, 1), 1, INF, (0, 2), (1, 1)), Status.INFEASIBLE, None),
    "falling": (_program((-1, -1), (1, -1), 0, INF), Status.UNBOUNDED, None),
    "curved": (_program((-1, -1), (1, -1), 0, INF, P=1.0), Status.SOLVED, DerivativeStatus.REGULAR),
}


def test_statuses_in_one_batch() -> None:
    solver = _solver()

    def one(p: Any) -> Any:
        root = solver.solve(p, None, SolveOptions())
        return root, solver.regularity(root.y, p, root.fixed)

    batch = jax.tree.map(lambda *parts: jnp.stack(parts), *(case[0] for case in CASES.values()))
    roots, derivatives = jax.jit(jax.vmap(one))(batch)
    for i, (name, (p, status, derivative)) in enumerate(CASES.items()):
        assert list(Status)[int(roots.status[i])] is status, name
        if derivative is not None:
            assert list(DerivativeStatus)[int(derivatives[i])] is derivative, name
        if status is Status.SOLVED:
            y = jax.tree.map(lambda part, i=i: part[i], roots.y)
            missed = solver.optimality(y, p, roots.fixed[i])
            assert max(float(jnp.max(jnp.abs(part))) for part in missed) < 1e-8, name
    edge = list(CASES).index("edge")
    assert int(derivatives[edge]) != DerivativeStatus.REGULAR.code
    np.testing.assert_allclose(roots.y.z[list(CASES).index("capped")], [0.25, 0.75], atol=1e-9)


def test_a_failed_element_leaves_its_neighbours_alone() -> None:
    solve = differentiable(_solver())

    def loss(c: Any, b: Any) -> Any:
        p = _program((0, 0), (1, 1), 0, INF, P=1.0)
        return jnp.asarray([1.0, 2.0]) @ solve((p[0], c, p[2], b[None], *p[4:]), None).y.z

    c, b = jnp.asarray([[1.0, 1.5]] * 2), jnp.asarray([2.0, -1.0])
    slope = jax.jit(jax.vmap(jax.grad(loss)))(c, b)
    # x = (1 + (c2 - c1) / 2, 1 - (c2 - c1) / 2) inside of the bounds
    np.testing.assert_allclose(slope[0], [0.5, -0.5], rtol=1e-9)
    assert np.isnan(slope[1]).all()


def test_single_precision() -> None:
    p = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), CASES["capped"][0])
    root = _solver().solve(p, None, SolveOptions())
    assert int(root.status) == Status.SOLVED.code
    assert root.y.z.dtype == jnp.float32
    np.testing.assert_allclose(root.y.z, [0.25, 0.75], atol=1e-3)
