"""Projections, proximal maps and equality-constrained quadratics: values, statuses, derivatives of every order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.engines import linear_system, projection
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp.low_rank import Factored, Factors
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def onto(name: str) -> Any:
    """Solver of p = (v, *args); rows have two entries."""
    rows = (V.size // 2,) if name in ("group_threshold", "singular_threshold") else ()
    return projection.Solver(name, lambda p: p[0], lambda p: (*p[1:], *rows))


V = RNG.normal(size=6)
NORMAL = np.array([1.0, 2.0, -0.5, 0.0, 1.5, -1.0])
ONES = np.ones(6)
SYMMETRIC = RNG.normal(size=(4, 4))
SYMMETRIC = SYMMETRIC + SYMMETRIC.T
ROTATION = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
REPEATED = ROTATION @ np.diag([2.0, 2.0, -1.0, -1.0]) @ ROTATION.T

CASES = [
    pytest.param("free", (V,), id="free"),
    pytest.param("nonneg", (V,), id="nonneg"),
    pytest.param("box", (V, V - RNG.normal(size=6), V + 2.0), id="box"),
    pytest.param("box", (V, np.asarray(-0.3), np.asarray(0.4)), id="box with scalar ends"),
    pytest.param("simplex", (V,), id="simplex"),
    pytest.param("simplex", (V, np.asarray(2.5)), id="scaled simplex"),
    pytest.param("ball", (V, np.asarray(0.7)), id="outside the ball"),
    pytest.param("ball", (V, np.asarray(9.0)), id="inside the ball"),
    pytest.param("ball_1", (V, np.asarray(1.2)), id="cross-polytope"),
    pytest.param("sphere", (V, np.asarray(2.0)), id="sphere"),
    pytest.param("soc", (V,), id="between the cone and its polar"),
    pytest.param("soc", (np.r_[9.0, V],), id="inside the cone"),
    pytest.param("soc", (np.r_[-9.0, V],), id="inside the polar cone"),
    pytest.param("monotone", (V,), id="isotonic"),
    pytest.param("soft_threshold", (V, np.asarray(0.4)), id="soft threshold"),
    pytest.param(
        "soft_threshold", (V, np.full(6, 0.4), -0.1 * ONES, 0.5 * ONES), id="clipped soft threshold"
    ),
    pytest.param("group_threshold", (V, np.asarray(0.6)), id="group threshold"),
    pytest.param("singular_threshold", (V, np.asarray(0.3)), id="singular threshold"),
    pytest.param("singular_threshold", (V, np.asarray(1.5)), id="singular threshold that leaves one"),
    pytest.param("softmax", (V,), id="softmax"),
    pytest.param("softmax", (V, np.asarray(2.5)), id="scaled softmax"),
    pytest.param("hyperplane", (V, NORMAL, np.asarray(0.7)), id="hyperplane"),
    pytest.param("halfspace", (V, NORMAL, np.asarray(-9.0)), id="outside the half-space"),
    pytest.param("halfspace", (V, NORMAL, np.asarray(9.0)), id="inside the half-space"),
    pytest.param("knapsack", (V, 0.05 * ONES, 0.45 * ONES, ONES, np.asarray(1.0), ONES), id="capped simplex"),
    pytest.param("knapsack", (V, -0.5 * ONES, 0.8 * ONES, NORMAL, np.asarray(0.3), ONES), id="knapsack"),
    pytest.param("budget", (V, -0.5 * ONES, 0.8 * ONES, NORMAL, np.asarray(-1.2), ONES), id="tight budget"),
    pytest.param("budget", (V, -0.5 * ONES, 0.8 * ONES, NORMAL, np.asarray(5.0), ONES), id="ample budget"),
    pytest.param("psd", (SYMMETRIC,), id="psd"),
    pytest.param("psd", (REPEATED,), id="psd with repeated eigenvalues"),
]


@pytest.mark.parametrize(("name", "p"), CASES)
def test_derivatives_against_differences(name: str, p: tuple[Any, ...]) -> None:
    """First and second, forward and reverse, along a random direction of all parameters."""
    solve = differentiable(onto(name))
    weights = RNG.normal(size=p[0].size)
    ways = tuple(RNG.normal(size=np.shape(part)) for part in p)
    if name == "psd":
        ways = (ways[0] + ways[0].T,)
    along = jax.jit(
        lambda t: weights @ solve(tuple(a + t * w for a, w in zip(p, ways, strict=True)), None).y.z
    )
    step = 1e-4
    first = (along(step) - along(-step)) / (2 * step)
    second = (along(step) - 2 * along(0.0) + along(-step)) / step**2
    np.testing.assert_allclose(jax.jacfwd(along)(0.0), first, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jax.jacrev(along)(0.0), first, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(jax.hessian(along)(0.0), second, rtol=1e-4, atol=1e-4)
    found = onto(name).solve(p, None, SolveOptions())
    assert found.status == Status.SOLVED.code
    assert onto(name).regularity(found.y, p, found.fixed) == DerivativeStatus.REGULAR.code
    np.testing.assert_allclose(onto(name).optimality(found.y, p, found.fixed).z, 0, atol=1e-13)


def clipped(x: np.ndarray, args: tuple[Any, ...]) -> bool:
    return bool(np.all(x >= args[0] - 1e-12) and np.all(x <= args[1] + 1e-12))


def member(name: str, x: np.ndarray, args: tuple[Any, ...]) -> bool:
    inside = {
        "nonneg": lambda: x.min() >= 0,
        "box": lambda: np.all(x >= args[0]) and np.all(x <= args[1]),
        "simplex": lambda: x.min() >= 0 and np.isclose(x.sum(), args[0] if args else 1.0),
        "ball": lambda: np.linalg.norm(x) <= args[0] + 1e-12,
        "ball_1": lambda: np.abs(x).sum() <= args[0] + 1e-12,
        "hyperplane": lambda: np.isclose(args[0] @ x, args[1]),
        "halfspace": lambda: args[0] @ x <= args[1] + 1e-12,
        "knapsack": lambda: clipped(x, args) and np.isclose(args[2] @ x, args[3]),
        "budget": lambda: clipped(x, args) and args[2] @ x <= args[3] + 1e-12,
        "soc": lambda: np.linalg.norm(x[1:]) <= x[0] + 1e-12,
        "monotone": lambda: np.all(np.diff(x) >= -1e-12),
        "psd": lambda: np.linalg.eigvalsh(x).min() >= -1e-12,
    }
    return bool(inside[name]())


MAPS = ("soft_threshold", "group_threshold", "singular_threshold", "softmax")
CONVEX = [case for case in CASES if case.values[0] not in ("free", "sphere", *MAPS)]


@pytest.mark.parametrize(("name", "p"), CONVEX)
def test_the_point_is_in_the_set_and_no_other_is_nearer(name: str, p: tuple[Any, ...]) -> None:
    """Variational inequality (v - x) . (y - x) <= 0 at many members y, themselves projections of random points."""
    v, args = p[0], p[1:]
    project = jax.jit(lambda v: onto(name).solve((v, *args), None, SolveOptions()).y.z.reshape(v.shape))
    x = np.asarray(project(v))
    assert member(name, x, args)
    for _ in range(50):
        y = np.asarray(project(2 * RNG.normal(size=v.shape)))
        assert member(name, y, args)
        assert np.sum(((v + v.T) / 2 - x) * (y - x)) <= 1e-10


EDGES = [
    pytest.param("nonneg", (np.asarray([1.0, 0.0]),), id="nonneg"),
    pytest.param("simplex", (np.asarray([1.0, 0.0]),), id="simplex"),
    pytest.param("ball", (np.asarray([3.0, 4.0]), np.asarray(5.0)), id="ball"),
    pytest.param("ball_1", (np.asarray([2.0, 1.0]), np.asarray(1.0)), id="cross-polytope"),
    pytest.param("soc", (np.asarray([5.0, 3.0, 4.0]),), id="soc"),
    pytest.param("monotone", (np.asarray([1.0, 1.0]),), id="monotone"),
    pytest.param("psd", (np.diag([1.0, 0.0]),), id="psd"),
    pytest.param("soft_threshold", (np.asarray([1.0, 3.0]), np.asarray(1.0)), id="soft threshold"),
    pytest.param("halfspace", (np.asarray([1.0, 0.0]), np.ones(2), np.asarray(1.0)), id="half-space"),
    pytest.param(
        "knapsack",
        (np.asarray([1.0, 0.0]), np.zeros(2), np.full(2, np.inf), np.ones(2), np.asarray(1.0), np.ones(2)),
        id="knapsack",
    ),
]


@pytest.mark.parametrize(("name", "p"), EDGES)
def test_borders_are_said_to_be_weakly_active(name: str, p: tuple[Any, ...]) -> None:
    found = onto(name).solve(p, None, SolveOptions())
    assert onto(name).regularity(found.y, p, found.fixed) == DerivativeStatus.WEAKLY_ACTIVE.code


def test_a_weighted_knapsack_against_its_optimality_conditions() -> None:
    """Entries inside their bounds have weights * (x - v) + t * normal == 0 for one t; the others push outwards."""
    v, weights = V, RNG.uniform(0.5, 2.0, size=6)
    for bounds in ((-0.3, 0.3), (0.0, np.inf), (-np.inf, 0.4), (-np.inf, np.inf)):
        lower, upper = (np.full(6, end) for end in bounds)
        args = (v, lower, upper, NORMAL, np.asarray(0.25), weights)
        x = np.asarray(onto("knapsack").solve(args, None, SolveOptions()).y.z)
        np.testing.assert_allclose(NORMAL @ x, 0.25, atol=1e-12)
        inside = (x > lower) & (x < upper) & (NORMAL != 0)
        slope = weights * (x - v)
        t = -slope[inside] / NORMAL[inside]
        np.testing.assert_allclose(t, t[0], atol=1e-12)
        rest = slope + t[0] * NORMAL
        assert np.all(rest[x <= lower] >= -1e-12)
        assert np.all(rest[x >= upper] <= 1e-12)


def test_group_threshold_against_its_optimality_condition() -> None:
    x = np.asarray(onto("group_threshold").solve((V, np.asarray(0.6)), None, SolveOptions()).y.z).reshape(
        3, 2
    )
    v = V.reshape(3, 2)
    lengths = np.linalg.norm(x, axis=1)
    away = lengths > 0
    assert away.any()
    np.testing.assert_allclose((x - v + 0.6 * x / np.where(away, lengths, 1)[:, None])[away], 0, atol=1e-12)
    assert np.all(np.linalg.norm(v[~away], axis=1) <= 0.6)


def test_singular_threshold_of_equal_singular_values() -> None:
    """The derivative in a direction that parts them, against a difference."""
    v = np.concatenate([2.0 * np.eye(2), np.zeros((1, 2))])
    way = RNG.normal(size=(3, 2))
    solve = differentiable(onto("singular_threshold"))
    along = jax.jit(lambda t: solve((jnp.ravel(v + t * way), jnp.asarray(0.5)), None).y.z)
    step = 1e-5
    difference = (along(step) - along(-step)) / (2 * step)
    np.testing.assert_allclose(jax.jacfwd(along)(0.0), difference, atol=1e-8)
    left, values, right = np.linalg.svd(v + 0.3 * way, full_matrices=False)
    expected = (left * np.maximum(values - 0.5, 0)) @ right
    np.testing.assert_allclose(along(0.3).reshape(3, 2), expected, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("knapsack", (0 * ONES, ONES, ONES, np.asarray(7.0), ONES)),
        ("knapsack", (0 * ONES, ONES, -ONES, np.asarray(1.0), ONES)),
        ("budget", (0 * ONES, ONES, ONES, np.asarray(-1.0), ONES)),
        ("budget", (ONES, 0 * ONES, ONES, np.asarray(3.0), ONES)),
        ("softmax", (np.asarray(-1.0),)),
        ("box", (np.asarray(1.0), np.asarray(0.0))),
        ("simplex", (np.asarray(-1.0),)),
        ("ball", (np.asarray(-1.0),)),
    ],
)
def test_an_empty_set_is_infeasible(name: str, args: tuple[Any, ...]) -> None:
    assert onto(name).solve((V, *args), None, SolveOptions()).status == Status.INFEASIBLE.code


# ---- linear systems ----------------------------------------------------------------------------


def quadratic(p: tuple[Any, ...]) -> Quadratic:
    P, q, A, b = p
    return Quadratic((P + P.T) / 2, q, A, b, jnp.zeros((0, q.shape[0])), jnp.zeros(0))


def system(n: int, rows: int) -> tuple[Any, ...]:
    root = RNG.normal(size=(n, n))
    return root @ root.T + np.eye(n), RNG.normal(size=n), RNG.normal(size=(rows, n)), RNG.normal(size=rows)


def solved(*p: Any) -> tuple[Any, Status, DerivativeStatus]:
    p = tuple(np.asarray(part, float) for part in p)
    one = linear_system.Solver(quadratic)
    found = one.solve(p, None, SolveOptions())
    derivative = one.regularity(found.y, p, found.fixed)
    return found.y, list(Status)[int(found.status)], list(DerivativeStatus)[int(derivative)]


@pytest.mark.parametrize("rows", [0, 2])
def test_a_quadratic_and_its_derivatives_against_the_kkt_system(rows: int) -> None:
    p = tuple(map(jnp.asarray, system(5, rows)))
    solve = differentiable(linear_system.Solver(quadratic))

    def ours(p: Any) -> Any:
        return jnp.sum(jnp.sin(solve(p, None).y.z))

    def exact(p: Any) -> Any:
        P, q, A, b = p
        kkt = jnp.block([[(P + P.T) / 2, A.T], [A, jnp.zeros((rows, rows))]])
        return jnp.sum(jnp.sin(jnp.linalg.solve(kkt, jnp.concatenate([-q, b]))[:5]))

    for derivative in (jax.jacfwd, jax.jacrev, jax.hessian):
        found, expected = (jax.tree.leaves(jax.jit(derivative(f))(p)) for f in (ours, exact))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-11)
    _, status, regular = solved(*p)
    assert (status, regular) == (Status.SOLVED, DerivativeStatus.REGULAR)


def test_what_has_no_solution_is_said() -> None:
    none = np.zeros((0, 2)), np.zeros(0)
    assert solved(np.diag([1.0, 0.0]), [0, 1], *none)[1] is Status.UNBOUNDED
    assert solved(np.diag([1.0, -1.0]), [0, 0], *none)[1] is Status.UNBOUNDED
    assert solved(np.eye(2), [0, 0], [[1, 1], [1, 1]], [1, 2])[1] is Status.INFEASIBLE


def test_what_is_not_unique_is_said() -> None:
    y, status, derivative = solved(np.diag([1.0, 0.0]), [-1, 0], np.zeros((0, 2)), np.zeros(0))
    assert (status, derivative) == (Status.SOLVED, DerivativeStatus.SINGULAR)
    np.testing.assert_allclose(y.z, [1, 0], atol=1e-12)
    y, status, derivative = solved(np.eye(2), [0, 0], [[1, 1], [2, 2]], [1, 2])
    assert (status, derivative) == (Status.SOLVED, DerivativeStatus.DEPENDENT_CONSTRAINTS)
    np.testing.assert_allclose(y.z, [0.5, 0.5], atol=1e-12)


def test_negative_curvature_outside_the_constraints_is_no_matter() -> None:
    """x0 is fixed, and the objective is convex along what is left."""
    y, status, _ = solved(np.diag([-1.0, 1.0]), [0, -2], [[1, 0]], [3])
    assert status is Status.SOLVED
    np.testing.assert_allclose(y.z, [3, 2], atol=1e-12)


def test_a_wide_problem_by_its_few_rows() -> None:
    """P = diag(d) + W'W with 2 rows of 5: solution, first and second derivatives as from the dense P."""
    p = tuple(jnp.asarray(RNG.uniform(0.5, 2, size=shape)) for shape in ((5,), (2, 5), (5,)))

    def dense(p: Any) -> Quadratic:
        d, rows, q = p
        return Quadratic(
            jnp.diag(d) + rows.T @ rows, q, jnp.zeros((0, 5)), jnp.zeros(0), jnp.zeros((0, 5)), jnp.zeros(0)
        )

    def along(one: linear_system.Solver) -> Any:
        solve = differentiable(one)
        return lambda p: jnp.sum(jnp.sin(solve(p, None).y.z))

    wide = linear_system.Solver(dense, factors=lambda p: Factors(p[0], p[1]))
    whole = linear_system.Solver(dense)
    for derivative in (lambda f: f, jax.jacfwd, jax.jacrev, jax.hessian):
        found, expected = (jax.tree.leaves(jax.jit(derivative(along(one)))(p)) for one in (wide, whole))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)
    root = wide.solve(p, None, SolveOptions())
    assert root.status == Status.SOLVED.code
    assert wide.regularity(root.y, p, root.fixed) == DerivativeStatus.REGULAR.code
    assert isinstance(root.fixed, Factored)


def test_many_rows_are_no_low_rank() -> None:
    p = tuple(jnp.asarray(RNG.uniform(0.5, 2, size=shape)) for shape in ((5,), (3, 5), (5,)))
    none = jnp.zeros((0, 5)), jnp.zeros(0)
    one = linear_system.Solver(
        lambda p: Quadratic(jnp.diag(p[0]) + p[1].T @ p[1], p[2], *none, *none),
        factors=lambda p: Factors(p[0], p[1]),
    )
    assert not isinstance(one.solve(p, None, SolveOptions()).fixed, Factored)
