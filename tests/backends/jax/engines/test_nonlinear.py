"""Smooth convex programs: entropy, losses under constraints, soft maxima; statuses and derivatives at every order."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import DerivativeStatus, Status

RNG = np.random.default_rng(11)
M = RNG.normal(size=(12, 4))
LABELS = np.sign(M @ RNG.normal(size=4) + 0.5 * RNG.normal(size=12))
ROWS = np.concatenate([np.ones((1, 6)), RNG.normal(size=(1, 6))])

PROGRAMS = {
    "entropy": (
        "problem p\n given A: real[m, n], b: real[m]\n find x: nonneg real[n]\n maximize entropy(x)\n"
        " subject to\n  c: A @ x == b\n return x, dual(c)",
        {"A": ROWS, "b": ROWS @ RNG.dirichlet(np.ones(6))},
    ),
    "logistic": (
        "problem p\n given X: real[m, n], y: real[m], r: positive real\n find w: real[n]\n"
        " minimize sum(softplus(-y * (X @ w)))\n subject to\n  c: ||w|| <= r\n  d: ||w||_1 <= 1.5 * r\n"
        "  w[0] + w[1] == r / 4\n return w, dual(c), dual(d)",
        {"X": M, "y": LABELS, "r": np.array(0.6)},
    ),
    "soft maximum": (
        "problem p\n given A: real[m, n], c: real[n], h: real\n find x: real[n]\n"
        " minimize c' @ x + 0.1 * ||x||^2\n subject to\n  top: log_sum_exp(A @ x) <= h\n"
        "  slack: x[0] <= 100\n return x, dual(top), dual(slack)",
        {"A": M, "c": RNG.normal(size=4), "h": np.array(3.0)},
    ),
    "analytic centre": (
        "problem p\n given A: real[m, n], b: real[m], e: positive real\n find x: real[n]\n"
        " maximize sum(log(b - A @ x)) - sum_squares(x) / 50\n subject to\n  near: kl(1 + x, 1) <= e\n"
        " return x, dual(near)",
        {"A": M, "b": 1 + RNG.uniform(size=12), "e": np.array(0.02)},
    ),
}


@pytest.fixture(autouse=True)
def _double() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def problem(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], dc.Layer]:
    text, data = PROGRAMS[request.param]
    layer = dc.compile(text)
    assert layer.info["engine"] == "nonlinear"
    return text, data, layer


def test_solution_and_multipliers_agree_with_cones(problem: Any) -> None:
    text, data, layer = problem
    got = layer.solve(**data)
    assert got.status.item() is Status.SOLVED
    assert got.derivative.item() is DerivativeStatus.REGULAR
    assert got.residual < 1e-11
    for ours, reference in zip(layer(**data), dc.compile(text, backend="cvxpy")(**data), strict=True):
        np.testing.assert_allclose(ours, reference, atol=2e-6)


def test_derivatives(problem: Any) -> None:
    _, data, layer = problem
    names = sorted(data)
    move = {name: RNG.normal(size=np.shape(data[name])) for name in names}

    def value(t: Any) -> Any:
        return jnp.concatenate([jnp.ravel(v) for v in layer(**{k: data[k] + t * move[k] for k in names})])

    step = 1e-5
    first, second = jax.jit(jax.jacfwd(value))(0.0), jax.jit(jax.jacfwd(jax.jacrev(value)))(0.0)
    ahead, behind = value(step), value(-step)
    np.testing.assert_allclose(first, (ahead - behind) / (2 * step), atol=1e-6, rtol=1e-6)
    slope = jax.jit(jax.jacrev(value))
    np.testing.assert_allclose(first, slope(0.0), atol=1e-10, rtol=1e-9)
    np.testing.assert_allclose(second, (slope(step) - slope(-step)) / (2 * step), atol=1e-4, rtol=1e-5)


SMALL = (
    "problem p\n given c: real[2], h: real[3]\n find x: real[2]\n minimize sum(exp(x)) + c' @ x\n subject to\n"
    "  a: x[0] <= h[0]\n  b: x[0] >= h[1]\n  d: x[0] + x[1] <= h[2]"
)


@pytest.fixture(scope="module")
def small() -> dc.Layer:
    return dc.compile(SMALL)


def test_statuses_in_one_batch(small: dc.Layer) -> None:
    """Solved; infeasible; without minimum; on the border of an inequality; twice the same border; not a number."""
    c = -np.ones((6, 2))
    h = np.tile([1.0, -1.0, 5.0], (6, 1))
    h[1] = [-1.0, 1.0, 5.0]
    c[2] = [-1.0, 1.0]
    h[3, 0] = 0.0
    h[4], c[4, 0] = [0.5, 0.5, 5.0], -np.exp(0.5)
    c[5, 0] = np.nan
    got = small.solve(c, h)
    status = list(got.status)
    assert status[0] is status[3] is status[4] is Status.SOLVED
    assert status[5] is Status.INVALID_INPUT
    assert status[1] is Status.INFEASIBLE
    assert status[2] is Status.UNBOUNDED
    derivative = list(got.derivative)
    assert derivative[0] is DerivativeStatus.REGULAR
    assert derivative[3] is DerivativeStatus.WEAKLY_ACTIVE
    assert derivative[4] is DerivativeStatus.DEPENDENT_CONSTRAINTS
    np.testing.assert_allclose(got.x[[0, 3]], 0, atol=1e-9)

    clean = small.solve(c[:1], h[:1])
    slope = jax.grad(lambda c: jnp.nansum(small(c, h)[0]))(c)[0]
    alone = jax.grad(lambda c: jnp.sum(small(c, h[:1])[0]))(c[:1])[0]
    np.testing.assert_array_equal(got.x[0], clean.x[0])
    np.testing.assert_allclose(slope, alone, rtol=1e-12)


BARRIER = (
    "problem p\n given A: real[m, n], b: real[m], c: real[n], d: real\n find x: real[n]\n"
    " minimize -sum(log(b - A @ x))\n subject to\n  c' @ x == d"
)


def test_barriers_from_far_outside() -> None:
    """Sizes over four decades, slacks over four more; x has no curvature of its own."""
    rng = np.random.default_rng(5)
    size, slack = 10.0 ** rng.uniform(-2, 2, (20, 1)), 10.0 ** rng.uniform(-3, 1, (20, 12))
    A, c, inside = rng.normal(size=(20, 12, 3)), rng.normal(size=(20, 3)), size * rng.normal(size=(20, 3))
    A = np.concatenate([A, -A[:, :6]], axis=1)  # bounded
    b = np.einsum("bmn,bn->bm", A, inside) + np.concatenate([slack, slack[:, :6]], axis=1)
    d = np.einsum("bn,bn->b", c, inside)
    layer = dc.compile(BARRIER)
    assert layer.info["engine"] == "nonlinear"
    got = layer.solve(A, b, c, d)
    assert all(status is Status.SOLVED for status in got.status)

    # The logarithms' slopes, taken to the plane on which x lies, cancel.
    x = np.asarray(got.x)
    slope = np.einsum("bmn,bm->bn", A, 1 / (b - np.einsum("bmn,bn->bm", A, x)))
    across = slope - c * (np.sum(slope * c, axis=1) / np.sum(c * c, axis=1))[:, None]
    np.testing.assert_allclose(np.linalg.norm(across, axis=1) / np.linalg.norm(slope, axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.sum(c * x, axis=1), d, atol=1e-9 * np.abs(d).max())

    move = rng.normal(size=b[0].shape)
    element = A[0], c[0], d[0]
    value = lambda t: layer(element[0], b[0] + t * move, *element[1:])[0]  # noqa: E731
    step = 1e-6 * float(slack[0].min())
    np.testing.assert_allclose(
        jax.jacfwd(value)(0.0), (value(step) - value(-step)) / (2 * step), rtol=1e-4, atol=1e-6
    )


def test_unbounded_along_rays_with_a_proof() -> None:
    """A logarithm that falls slowly, but for ever; bounded; without a minimiser that a ray shows."""
    layer = dc.compile(
        "problem p\n given h: real[2], e: real\n find x: real[2]\n minimize -sum(log(x)) + e * x[0]\n"
        " subject to\n  x[0] - x[1] <= h[0]\n  x[1] - x[0] <= h[1]"
    )
    got = layer.solve(np.ones((3, 2)), np.array([0.0, 0.5, -1.0]))
    assert list(got.status) == [Status.UNBOUNDED, Status.SOLVED, Status.UNBOUNDED]


def test_single_precision() -> None:
    text, data = PROGRAMS["entropy"]
    layer = dc.compile(text)
    exact = layer(**data)[0]
    single = {name: np.asarray(value, np.float32) for name, value in data.items()}
    got = layer.solve(**single)
    assert got.status.item() is Status.SOLVED
    assert got.x.dtype == jnp.float32
    np.testing.assert_allclose(got.x, exact, atol=1e-5)
    slope = jax.grad(lambda b: layer(single["A"], b)[0][0])(single["b"])
    np.testing.assert_allclose(slope, jax.grad(lambda b: layer(data["A"], b)[0][0])(data["b"]), atol=1e-3)


def test_the_plan_says_why() -> None:
    """Bounds that the domain implies are left out, and what is not smooth is lifted or goes to cones."""
    layer = dc.compile(PROGRAMS["entropy"][0])
    assert "inequalities" not in layer.source
    assert "second derivatives" in layer.explain()
    cones = dc.compile(
        "problem p\n given A: real[m, n]\n find x: real[n]\n minimize sum(exp(x)) + ||A @ x - 1||"
    )
    assert cones.info["engine"] == "conic"


EXPONENTIALS = (
    "problem p\n given A: real[m, n], b: real[m], c: real[n], G: real[k, n], h: real[k]\n find x: real[n]\n"
    " minimize sum(exp(A @ x - b)) + c' @ x\n subject to\n  rows: G @ x <= h\n  sum(exp(G @ x)) <= 20\n"
    " return x, dual(rows)"
)


def test_exponentials_that_start_many_orders_of_magnitude_too_high() -> None:
    """Up to 1e60 at the start; at most solutions below one."""
    rng = np.random.default_rng(8)
    size = 10.0 ** rng.uniform(1, 1.7, (20, 1, 1))
    A, G, inside = size * rng.normal(size=(20, 6, 3)), rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 3))
    A = np.concatenate([A, -A], axis=1)  # bounded
    b = np.einsum("bmn,bn->bm", A, inside) + size[:, 0] * abs(rng.normal(size=(20, 12)))
    h = np.minimum(np.einsum("bmn,bn->bm", G, inside) + abs(rng.normal(size=(20, 2))), 2)
    c = 0.01 * rng.normal(size=(20, 3))
    layer = dc.compile(EXPONENTIALS)
    assert layer.info["engine"] == "nonlinear"
    got = layer.solve(A, b, c, G, h)
    assert all(status is Status.SOLVED for status in got.status)

    # Rows below 2 keep the curved constraint from holding.
    x, force = np.asarray(got.x), np.asarray(got.rows)
    slope = np.einsum("bmn,bm->bn", A, np.exp(np.einsum("bmn,bn->bm", A, x) - b)) + c
    pull, slack = np.einsum("bmn,bm->bn", G, force), h - np.einsum("bmn,bn->bm", G, x)
    large = 1 + abs(slope).max(axis=1, keepdims=True)
    np.testing.assert_allclose((slope + pull) / large, 0, atol=1e-9)
    np.testing.assert_allclose(slack * force / large, 0, atol=1e-9)
    assert force.min() >= 0
    assert slack.min() > -1e-9
