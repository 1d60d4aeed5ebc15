"""Newton, BFGS, least squares, fixed points and roots: values, honest statuses, exact derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax.engines import fixed_point, least_squares, newton, quasi_newton, root
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

RNG = np.random.default_rng(20)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def solver(engine: Any, function: Any, n: int) -> Any:
    return engine.Solver(function, lambda p: n)


def status(engine: Any, function: Any, n: int, *p: Array, start: Any = None, **options: Any) -> Status:
    found = jax.jit(lambda *p: solver(engine, function, n).solve(p, start, SolveOptions(**options)))(*p)
    return list(Status)[int(found.status)]


def logistic(z: Array, p: tuple[Array, ...]) -> Array:
    features, labels, weight = p
    return jnp.sum(jax.nn.softplus(-labels * (features @ z))) + weight / 2 * jnp.sum(z**2)


def curve(z: Array, p: tuple[Array, ...]) -> Array:
    """Residuals of y = a exp(-b x)."""
    x, y = p
    return z[0] * jnp.exp(-z[1] * x) - y


def squashed(z: Array, p: tuple[Array, ...]) -> Array:
    weights, shift = p
    return jnp.tanh(weights @ z + shift)


def kepler(z: Array, p: tuple[Array, ...]) -> Array:
    mean, eccentricity = p
    return z - eccentricity * jnp.sin(z) - mean


# NumPy's arrays are double whatever JAX's flag was at import.
LOGISTIC = (RNG.normal(size=(12, 4)), np.sign(RNG.normal(size=12)), np.asarray(0.3))
X = np.linspace(0.0, 2.0, 9)
CURVE = (X, 2.0 * np.exp(-1.3 * X) + 0.1 * RNG.normal(size=9))
MAP = (0.4 * RNG.normal(size=(5, 5)), RNG.normal(size=5))
KEPLER = (RNG.uniform(0, 3, size=3), np.asarray([0.1, 0.5, 0.9]))

CASES = [
    pytest.param(newton, logistic, 4, LOGISTIC, None, id="newton"),
    pytest.param(quasi_newton, logistic, 4, LOGISTIC, None, id="quasi_newton"),
    pytest.param(least_squares, curve, 2, CURVE, np.ones(2), id="least_squares"),
    pytest.param(fixed_point, squashed, 5, MAP, None, id="fixed_point"),
    pytest.param(root, kepler, 3, KEPLER, None, id="root"),
]


@pytest.mark.parametrize(("engine", "function", "n", "p", "start"), CASES)
def test_solution_is_stationary_and_regular(engine: Any, function: Any, n: int, p: Any, start: Any) -> None:
    one = solver(engine, function, n)
    found = jax.jit(lambda p: one.solve(p, start, SolveOptions()))(p)
    assert found.status == Status.SOLVED.code
    assert np.abs(one.optimality(found.y, p, found.fixed).z).max() < 1e-8
    assert one.regularity(found.y, p, found.fixed) == DerivativeStatus.REGULAR.code


@pytest.mark.parametrize(("engine", "function", "n", "p", "start"), CASES)
def test_first_and_second_derivatives_against_differences(
    engine: Any, function: Any, n: int, p: Any, start: Any
) -> None:
    tight = SolveOptions(tol=1e-12)
    solve = differentiable(solver(engine, function, n), tight)
    p = jax.tree.map(jnp.asarray, p)
    start = None if start is None else jnp.asarray(start)
    weights = jnp.asarray(RNG.normal(size=n))
    direction = jax.tree.map(lambda x: jnp.asarray(RNG.normal(size=x.shape)), p)

    def along(t: Array) -> Array:
        return weights @ solve(jax.tree.map(lambda x, d: x + t * d, p, direction), start).y.z

    value = jax.jit(along)
    step = 1e-4
    first = (value(step) - value(-step)) / (2 * step)
    second = (value(step) - 2 * value(0.0) + value(-step)) / step**2
    forward, reverse = jax.jit(jax.jacfwd(along))(0.0), jax.jit(jax.jacrev(along))(0.0)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forward, first, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.hessian(along))(0.0), second, rtol=2e-3, atol=2e-3)


def test_a_batch_leaves_each_element_as_it_is_alone() -> None:
    solve = jax.jit(jax.vmap(lambda m, e: solver(root, kepler, 1).solve((m, e), None, SolveOptions())))
    means, eccentricities = KEPLER[0][:, None], KEPLER[1][:, None]
    together = solve(means, eccentricities)
    for index in range(3):
        alone = solve(means[index : index + 1], eccentricities[index : index + 1])
        assert together.iterations[index] == alone.iterations[0]
        # The compiler may round batches of one and of three differently, in the last bit.
        np.testing.assert_allclose(together.y.z[index], alone.y.z[0], rtol=1e-14)


def test_newton_leaves_a_saddle_for_a_minimum() -> None:
    double_well = lambda z, p: jnp.sum((z**2 - p[0]) ** 2)  # noqa: E731
    found = solver(newton, double_well, 1).solve((jnp.asarray(4.0),), jnp.asarray([1e-3]), SolveOptions())
    np.testing.assert_allclose(np.abs(found.y.z), 2.0, rtol=1e-12)


def test_falling_without_end_is_said() -> None:
    assert status(newton, lambda z, p: jnp.sum(p[0] * z), 2, jnp.ones(2)) is Status.UNBOUNDED
    assert (
        status(newton, lambda z, p: -p[0] * jnp.sum(z**2), 2, jnp.asarray(1.0), start=jnp.ones(2))
        is Status.UNBOUNDED
    )
    assert not status(quasi_newton, lambda z, p: jnp.sum(p[0] * z), 2, jnp.ones(2)).usable


def test_a_map_without_fixed_point_is_said() -> None:
    grows = lambda z, p: p[0] * z**2 + 1  # noqa: E731
    assert status(fixed_point, grows, 1, jnp.asarray(2.0), variant="picard") is Status.DIVERGED
    assert not status(fixed_point, grows, 1, jnp.asarray(2.0)).usable


def test_a_maximum_is_no_minimum() -> None:
    double_well = lambda z, p: jnp.sum((z**2 - p[0]) ** 2)  # noqa: E731
    found = solver(newton, double_well, 2).solve((jnp.asarray(4.0),), None, SolveOptions())
    assert found.status == Status.SOLVED.code
    np.testing.assert_allclose(np.abs(found.y.z), 2.0, rtol=1e-12)


def test_picard_and_anderson_agree_and_anderson_is_quicker() -> None:
    runs = {
        name: solver(fixed_point, squashed, 5).solve(MAP, None, SolveOptions(variant=name))
        for name in ("picard", "anderson")
    }
    np.testing.assert_allclose(runs["picard"].y.z, runs["anderson"].y.z, atol=1e-9)
    assert runs["anderson"].iterations < runs["picard"].iterations


@pytest.mark.parametrize("norm", [0.6, 0.99, 4.0])
def test_the_adjoint_of_a_map_is_exact_where_iteration_fails_too(norm: float) -> None:
    """Plain steps, accelerated ones, the dense solve: one derivative."""
    A = np.random.default_rng(4).normal(size=(12, 12))
    A, b = jnp.asarray(norm * A / np.linalg.norm(A, 2)), jnp.linspace(-1, 1, 12)
    exact = jnp.linalg.solve(jnp.eye(12) - A, b)
    affine = solver(fixed_point, lambda z, p: p[0] @ z + p[1], 12)
    found = differentiable(affine)((A, b), exact)
    assert found.status == Status.SOLVED.code

    def loss(A: Array, b: Array) -> Array:
        return jnp.sum(jnp.sin(differentiable(affine)((A, b), exact).y.z))

    moved = jnp.linalg.solve((jnp.eye(12) - A).T, jnp.cos(exact))
    for ours, true in zip(jax.grad(loss, (0, 1))(A, b), (jnp.outer(moved, exact), moved), strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-9, atol=1e-9 * np.max(np.abs(true)))


def test_a_map_beyond_single_precision_is_iterated_in_double() -> None:
    """Neither its data nor its digits: in single precision they would be infinite, or the map constant."""
    scaled = solver(fixed_point, lambda z, p: jnp.cos(z * p[0] / p[1]) / 2 + p[2], 2)
    p = (jnp.asarray(1e60), jnp.asarray(2e60), jnp.asarray([0.3, 0.3 + 1e-9]))

    def solution(p: Any) -> Array:
        return differentiable(scaled)(p, None).y.z

    z = solution(p)
    np.testing.assert_allclose(np.cos(z / 2) / 2 + p[2], z, atol=2e-10)
    slope = jax.jacobian(solution)(p)[2]
    np.testing.assert_allclose(slope, np.diag(1 / (1 + np.sin(z / 2) / 4)), rtol=1e-9)
    assert scaled.solve(p, None, SolveOptions()).iterations < 40


def test_a_map_that_contracts_slowly_is_accelerated() -> None:
    slow = solver(fixed_point, lambda z, p: p[0] * z + 1, 2)
    found = slow.solve((jnp.asarray([0.999, 0.5]),), None, SolveOptions())
    assert found.status == Status.SOLVED.code
    assert found.iterations < 30
    np.testing.assert_allclose(found.y.z, [1000, 2], rtol=1e-6)


@pytest.mark.parametrize("tol", [1e-8, 1e-2])
def test_the_last_factor_solves_with_the_hessian_at_the_solution(tol: float) -> None:
    """However rough the solution: what the factor misses is refined, or solved anew."""
    z0 = jnp.linspace(0, 1, 3)
    quartic = solver(newton, lambda z, p: jnp.sum((z - p[0]) ** 4) + jnp.sum(z**2) + z[0] * z[1], 3)
    found = quartic.solve((z0,), None, SolveOptions(tol=tol))
    hessian = jax.hessian(lambda z: quartic._cost(z, (z0,)))(found.y.z)
    rhs = found.y._replace(z=jnp.asarray([1.0, -2.0, 3.0]))
    for solve in quartic.linear(found.y, (z0,), found.fixed):
        np.testing.assert_allclose(solve(rhs).z, jnp.linalg.solve(hessian, rhs.z), rtol=1e-11)


def test_equations_without_a_root_are_no_solution() -> None:
    assert status(root, lambda z, p: z**2 + p[0], 1, jnp.asarray(1.0), start=jnp.ones(1)) not in (
        Status.SOLVED,
        Status.INACCURATE,
    )


def test_a_double_root_is_singular() -> None:
    one = solver(root, lambda z, p: (z - 1) ** 2 - p[0], 1)
    found = one.solve((jnp.asarray(0.0),), jnp.zeros(1), SolveOptions())
    assert one.regularity(found.y, (jnp.asarray(0.0),), ()) == DerivativeStatus.SINGULAR.code


def test_a_flat_minimum_is_singular() -> None:
    one = solver(newton, lambda z, p: (z[0] + z[1] - p[0]) ** 2, 2)
    p = (jnp.asarray(1.0),)
    found = one.solve(p, None, SolveOptions())
    np.testing.assert_allclose(found.y.z.sum(), 1.0)
    assert one.regularity(found.y, p, ()) == DerivativeStatus.SINGULAR.code
    # The least-norm derivative moves both entries alike.
    moved = jax.jacfwd(lambda q: differentiable(one)((q,), None).y.z)(jnp.asarray(1.0))
    np.testing.assert_allclose(moved, [0.5, 0.5], atol=1e-12)


def test_single_precision_stays_single() -> None:
    p = tuple(x.astype(np.float32) for x in LOGISTIC)
    found = jax.jit(lambda p: solver(newton, logistic, 4).solve(p, None, SolveOptions()))(p)
    assert found.y.z.dtype == jnp.float32
    assert found.status == Status.SOLVED.code


def test_without_a_start_one_is_found_where_the_function_is_defined() -> None:
    barrier = lambda z, p: jnp.sum(p[0] * z) - jnp.sum(jnp.log(z))  # noqa: E731
    for engine in (newton, quasi_newton):
        found = solver(engine, barrier, 2).solve((jnp.asarray([1.0, 50.0]),), None, SolveOptions())
        np.testing.assert_allclose(found.y.z, [1, 0.02], rtol=1e-9)
    square = lambda z, p: z**2 - p[0]  # noqa: E731
    found = solver(root, square, 1).solve((jnp.asarray([2.0]),), None, SolveOptions())
    np.testing.assert_allclose(found.y.z, np.sqrt(2), rtol=1e-12)


def test_a_line_of_minimisers_gives_the_nearest() -> None:
    valley = lambda z, p: (z[0] + z[1] - p[0]) ** 2  # noqa: E731
    one = solver(newton, valley, 2)
    p = (jnp.asarray(1.0),)
    found = one.solve(p, None, SolveOptions())
    assert found.status == Status.SOLVED.code
    np.testing.assert_allclose(found.y.z, [0.5, 0.5], atol=1e-12)
    assert one.regularity(found.y, p, found.fixed) == DerivativeStatus.SINGULAR.code
