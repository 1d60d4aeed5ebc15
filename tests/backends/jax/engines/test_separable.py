"""Problems entry by entry: roots of slopes inside brackets, bounds, statuses, derivatives of every order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax import runtime
from declarative.backends.jax.engines import separable
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


Entry = Callable[[Any, Any], Any]


def solver(entry: Entry, *ends: float) -> separable.Solver:
    """Minimises the sum of entry(z, v) over z, between the ends if there are any; p = (v,)."""

    def bounds(p: Any) -> Any:
        return tuple(jnp.full_like(p[0], end) for end in ends)

    return of_cost(lambda z, p: jnp.sum(entry(z, p[0])), lambda p: p[0].size, bounds if ends else None)


def of_cost(cost: Any, size: Any, bounds: Any = None) -> separable.Solver:
    return separable.Solver(lambda z, p: runtime.entry_slopes(cost, z, p), size, bounds)


def status(one: separable.Solver, v: Any, **options: Any) -> tuple[Any, Status, DerivativeStatus]:
    p = (jnp.asarray(v, float),)
    found = jax.jit(lambda p: one.solve(p, None, SolveOptions(**options)))(p)
    derivative = one.regularity(found.y, p, found.fixed)
    return found, list(Status)[int(found.status)], list(DerivativeStatus)[int(derivative)]


V = 2 * RNG.normal(size=7)
FUNCTIONS = [
    pytest.param(lambda z, v: jnp.sqrt(1 + (z - v) ** 2), (), id="pseudo-Huber"),
    pytest.param(lambda z, v: z * jnp.log(z) - v * z, (), id="entropy"),
    pytest.param(lambda z, v: -jnp.log(z) - jnp.log(1 - z) - v * z, (), id="barrier"),
    pytest.param(lambda z, v: jnp.cosh(z) - v * z, (-0.5, 0.7), id="bounded"),
    pytest.param(lambda z, v: z * jnp.log(z) - v * z, (0.0, 1.5), id="entropy with a bound"),
    pytest.param(lambda z, v: (z - v) ** 2 / 2 + z**4, (0.1, jnp.inf), id="half-bounded"),
    pytest.param(lambda z, v: (z - 1e6 * v) ** 2 + jax.nn.softplus(z), (), id="far"),
]


@pytest.mark.parametrize(("entry", "ends"), FUNCTIONS)
def test_solutions_and_derivatives(entry: Entry, ends: tuple[float, ...]) -> None:
    """The slope vanishes, or points outwards at a bound; first and second derivatives against differences."""
    one = solver(entry, *ends)
    found, code, derivative = status(one, V)
    assert (code, derivative) == (Status.SOLVED, DerivativeStatus.REGULAR)
    z = found.y.z
    slope = jax.vmap(jax.grad(entry))(z, jnp.asarray(V))
    scale = jax.vmap(jax.grad(jax.grad(entry)))(z, jnp.asarray(V)) * (1 + jnp.abs(z))
    inside = ~(found.fixed.low | found.fixed.high)
    assert jnp.all(jnp.where(inside, jnp.abs(slope) <= 1e-13 * scale, True))
    assert jnp.all(jnp.where(found.fixed.low, slope > 0, True))
    assert jnp.all(jnp.where(found.fixed.high, slope < 0, True))
    solve, way, weights = differentiable(one), RNG.normal(size=7), RNG.normal(size=7)

    def along(t: Any) -> Any:
        return weights @ solve((V + t * way,), None).y.z

    def derivatives(t: Any) -> Any:
        return along(t), jax.jacfwd(along)(t), jax.jacrev(along)(t), jax.hessian(along)(t)

    step = 1e-4
    values, *rest = jax.jit(jax.vmap(derivatives))(jnp.array([-step, 0.0, step]))
    (low, at, high), (forward, reverse, second) = values, (part[1] for part in rest)
    np.testing.assert_allclose(forward, (high - low) / (2 * step), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-12, atol=1e-12)
    if jnp.abs(z).max() < 100:  # second differences of large values are rounding
        np.testing.assert_allclose(second, (high - 2 * at + low) / step**2, rtol=1e-4, atol=1e-4)


def test_the_derivative_in_a_bound() -> None:
    one = of_cost(lambda z, p: jnp.sum((z - 1) ** 2), lambda p: 2, lambda p: (jnp.full(2, -jnp.inf), p[0]))
    solve = differentiable(one)
    bound = jnp.array([0.5, 3.0])
    np.testing.assert_allclose(solve((bound,), None).y.z, [0.5, 1.0])
    np.testing.assert_allclose(jax.jacrev(lambda b: solve((b,), None).y.z)(bound), np.diag([1.0, 0.0]))


def test_kinked_slopes_end_exactly() -> None:
    """Huber's function is quadratic or linear: its minimiser over many points is a root of a broken line."""
    points = jnp.asarray(RNG.normal(size=31) * 3)

    def cost(z: Any, p: Any) -> Any:
        gap = jnp.abs(z[0] - p[0])
        return jnp.sum(jnp.where(gap < 0.1, gap**2 / 2, 0.1 * (gap - 0.05)))

    one = of_cost(cost, lambda p: 1)
    found, code, derivative = status(one, points)
    assert (code, derivative) == (Status.SOLVED, DerivativeStatus.REGULAR)
    assert abs(jax.grad(cost)(found.y.z, (points,))[0]) <= 1e-14


def test_what_has_no_solution_is_said() -> None:
    assert status(solver(lambda z, v: v * z), [1.0, 0.5])[1] is Status.UNBOUNDED
    assert status(solver(lambda z, v: jnp.exp(-z) + 0 * v), [1.0])[1] is not Status.INFEASIBLE
    assert status(solver(lambda z, v: z**2 - v * z, 1.0, 0.0), [1.0])[1] is Status.INFEASIBLE
    assert status(solver(lambda z, v: jnp.cosh(z - v)), [9.0], max_iter=2)[1] is not Status.SOLVED
    assert status(solver(lambda z, v: (z - v) ** 2), [np.nan])[1] not in (Status.SOLVED, Status.INACCURATE)


def test_where_the_derivative_is_none_is_said() -> None:
    assert status(solver(lambda z, v: (z - v) ** 4), [0.0])[2] is DerivativeStatus.SINGULAR
    assert (
        status(solver(lambda z, v: (z - v) ** 2, 0.0, 1.0), [1.0, 0.5])[2] is DerivativeStatus.WEAKLY_ACTIVE
    )
    assert status(solver(lambda z, v: (z - v) ** 2, 0.0, 1.0), [1.5, 0.5])[2] is DerivativeStatus.REGULAR


def test_elements_of_a_batch_do_not_disturb_each_other() -> None:
    one = solver(lambda z, v: jnp.exp(z) - v**2 * z)
    batch = np.stack([V, 1e3 * V, 1e-3 * V])
    whole = jax.vmap(lambda v: one.solve((v,), None, SolveOptions()))(batch)
    for i, v in enumerate(batch):
        alone = one.solve((jnp.asarray(v),), None, SolveOptions())
        np.testing.assert_allclose(whole.y.z[i], alone.y.z, rtol=1e-15)
        assert whole.iterations[i] == alone.iterations


def test_a_minimiser_at_the_edge_of_a_domain() -> None:
    """The point reported lies inside, where objective and derivative are numbers."""
    one = solver(lambda z, v: z**1.5 + (1 + v**2) * z)
    found = one.solve((V,), None, SolveOptions())
    assert found.status == Status.SOLVED.code
    assert (found.y.z >= 0).all()
    np.testing.assert_allclose(found.y.z, 0, atol=1e-12)
    slope = jax.jacrev(lambda v: differentiable(one)((v,), None).y.z)(V)
    np.testing.assert_allclose(slope, 0, atol=1e-5)


def test_many_numbers_seen_by_one_unknown() -> None:
    """One kernel for each element: the batch as each by itself, and derivatives in both modes."""
    one = of_cost(lambda z, p: jnp.sum(jnp.sqrt(1 + (p[0] - z[0]) ** 2)), lambda p: 1)
    x = jnp.asarray(np.random.default_rng(8).normal(size=(3, 40)) + np.arange(3.0)[:, None])

    def root(row: Any) -> Any:
        return differentiable(one)((row,), None).y.z[0]

    whole = jax.jit(jax.vmap(root))(x)
    np.testing.assert_allclose(whole, [root(row) for row in x], rtol=1e-15)
    weight = (1 + (x[0] - whole[0]) ** 2) ** -1.5
    for mode in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jax.jit(mode(root))(x[0]), weight / jnp.sum(weight), rtol=1e-12)
    # The solution moves with its data: derivatives do not change along the constant vector.
    hessian = jax.jit(jax.hessian(root))(x[0])
    np.testing.assert_allclose(jnp.sum(hessian, axis=0), 0, atol=1e-14)
    assert jnp.max(jnp.abs(hessian)) > 1e-4


def test_single_precision() -> None:
    one = solver(lambda z, v: jnp.exp(z) - v**2 * z)
    found = one.solve((jnp.asarray(V, jnp.float32),), None, SolveOptions())
    assert found.y.z.dtype == jnp.float32
    assert found.status == Status.SOLVED.code
    np.testing.assert_allclose(found.y.z, np.log(V**2), atol=1e-5)
