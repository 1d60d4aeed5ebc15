"""Smooth functions with kinks beside them: solutions, faces, statuses, derivatives of every order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.backends.jax.composite import entries, pivots
from declarative.backends.jax.engines import proximal
from declarative.backends.jax.engines.proximal import Part
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

RNG = np.random.default_rng(7)
M = 24


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


Parts = Callable[[Any], tuple[Part, ...]]


def square(n: int, parts: Parts) -> proximal.Solver:
    """1/2 ||X z - y||^2 and the parts; p = (X, y, ...)."""

    def smooth(z: Any, p: Any) -> Any:
        return jnp.sum((p[0] @ z - p[1]) ** 2) / 2

    def derivatives(z: Any, p: Any) -> Any:
        return p[0].T @ (p[0] @ z - p[1]), p[0].T @ p[0]

    return proximal.Solver(smooth, lambda p: n, parts, derivatives, quadratic=True)


def logistic(n: int, parts: Parts) -> proximal.Solver:
    """sum(softplus(y * (X z))) + 1/2 ||z||^2 and the parts, differentiated automatically."""

    def smooth(z: Any, p: Any) -> Any:
        return jnp.sum(jax.nn.softplus(p[1] * (p[0] @ z))) + z @ z / 2

    return proximal.Solver(smooth, lambda p: n, parts)


def huber(n: int, parts: Parts) -> proximal.Solver:
    def smooth(z: Any, p: Any) -> Any:
        gap = jnp.abs(p[0] @ z - p[1])
        return jnp.sum(jnp.where(gap < 0.5, gap**2 / 2, 0.5 * (gap - 0.25)))

    return proximal.Solver(smooth, lambda p: n, parts, twice=False)


def data(n: int, *more: Any) -> tuple[Any, ...]:
    return tuple(map(np.asarray, (RNG.normal(size=(M, n)), 2 * RNG.normal(size=M), *more)))


def status(one: proximal.Solver, p: Any, **options: Any) -> tuple[Any, Status, DerivativeStatus]:
    def both(p: Any) -> Any:
        found = one.solve(p, None, SolveOptions(**options))
        return found, one.regularity(found.y, p, found.fixed)

    found, code = jax.jit(both)(tuple(map(jnp.asarray, p)))
    return found, list(Status)[int(found.status)], list(DerivativeStatus)[int(code)]


def check(one: proximal.Solver, p: Any, options: SolveOptions = SolveOptions()) -> Any:
    """Solution at p, with first and second derivatives along one direction against differences."""
    solve = differentiable(one, options)
    p = tuple(map(jnp.asarray, p))
    way = tuple(jnp.asarray(RNG.normal(size=part.shape)) * (1 + jnp.abs(part)) for part in p)
    size = one.solve.__self__._size(p)  # type: ignore[attr-defined]
    weights = jnp.asarray(RNG.normal(size=size))

    def along(t: Any) -> Any:
        root = solve(tuple(a + t * b for a, b in zip(p, way, strict=True)), None)
        return weights @ root.y.z, root

    def derivatives(t: Any) -> Any:
        value, forward, root = jax.jvp(along, (t,), (1.0,), has_aux=True)
        reverse, second = jax.jvp(jax.grad(lambda t: along(t)[0]), (t,), (1.0,))
        return value, forward, reverse, second, root

    step = 1e-5
    values, *rest, roots = jax.jit(jax.vmap(derivatives))(jnp.array([-step, 0.0, step]))
    assert set(map(int, roots.status)) == {Status.SOLVED.code}
    (low, _, high), (forward, reverse, second) = values, rest
    np.testing.assert_allclose(forward[1], (high - low) / (2 * step), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(second[1], (forward[2] - forward[0]) / (2 * step), rtol=1e-5, atol=1e-5)
    return jax.tree.map(lambda leaf: leaf[1], roots)


# ---- kinks entry by entry --------------------------------------------------------------------------


def entrywise(p: Any) -> tuple[Part, ...]:
    """12 numbers: absolute values about a parameter, absolute values between bounds, differences, one free."""
    _, _, lam, shift, upper = p
    return (
        Part("soft_threshold", 4, (lam * jnp.arange(1.0, 5.0),), shift),
        Part("soft_threshold", 3, (lam, -jnp.inf, upper)),
        Part("fused_threshold", 4, (lam,)),
        Part("free", 1),
    )


def optimal(z: Any, slope: Any, p: Any) -> None:
    """The conditions of optimality of `entrywise`, part by part."""
    lam, shift, upper = map(np.asarray, p[2:])
    near = 1e-9
    for x, g, w in zip(z[:4] - shift, slope[:4], lam * np.arange(1, 5), strict=True):
        assert abs(g + w * np.sign(x)) < near if x else abs(g) <= w
    for x, g in zip(z[4:7], slope[4:7], strict=True):
        if x == upper:
            assert g + lam * (x > 0) <= near
        else:
            assert abs(g + lam * np.sign(x)) < near if x else abs(g) <= lam
    pull = np.cumsum(slope[7:11][::-1])[::-1]  # of the differences
    assert abs(pull[0]) < near
    for step, g in zip(np.diff(z[7:11]), pull[1:], strict=True):
        assert abs(g + lam * np.sign(step)) < near if abs(step) > near else abs(g) <= lam + near
    assert abs(slope[11]) < near


ENTRYWISE = data(12, 6.0, 0.1 * RNG.normal(size=4), 0.02)


@pytest.mark.parametrize("make", [square, logistic])
def test_kinks_of_all_kinds(make: Any) -> None:
    X, y, lam, *rest = ENTRYWISE
    one, p = make(12, entrywise), (X, y, lam if make is square else lam / 4, *rest)
    found = check(one, p, SolveOptions(attempt=True))
    optimal(found.y.z, jax.grad(one._smooth)(found.y.z, p), p)
    moving = found.fixed[0].moving
    assert 2 < jnp.sum(moving) < 11


def test_without_pivots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries, or a function that is not twice differentiable: gradient steps, then Newton's method."""
    one = square(12, entrywise)
    exact = status(one, ENTRYWISE, attempt=True)[0].y.z
    monkeypatch.setattr(entries, "LARGEST", 4)
    found = check(one, ENTRYWISE)
    np.testing.assert_allclose(found.y.z, exact, atol=1e-13)
    robust, code, derivative = status(huber(12, entrywise), ENTRYWISE)
    assert (code, derivative) == (Status.SOLVED, DerivativeStatus.REGULAR)
    optimal(robust.y.z, jax.grad(huber(12, entrywise)._smooth)(robust.y.z, ENTRYWISE), ENTRYWISE)


def test_the_closed_form_on_the_active_set() -> None:
    """X[:, S]'(X[:, S] w - y) + lam * signs == 0, differentiated."""
    X, y, lam = map(jnp.asarray, data(6, 8.0))
    one = square(6, lambda p: (Part("soft_threshold", 6, (p[2],)),))
    solve = differentiable(one, SolveOptions(attempt=True))
    found = solve((X, y, lam), None)
    signs = jnp.sign(found.y.z)
    kept = jnp.flatnonzero(signs)
    assert 0 < kept.size < 6

    def closed(X: Any, y: Any, lam: Any) -> Any:
        S = X[:, kept]
        return jnp.zeros(6).at[kept].set(jnp.linalg.solve(S.T @ S, S.T @ y - lam * signs[kept]))

    p = (X, y, lam)
    np.testing.assert_allclose(found.y.z, closed(*p), atol=1e-14)
    ours = jax.jacrev(lambda p: solve(p, None).y.z)(p)
    for one_, other in zip(ours, jax.jacrev(lambda p: closed(*p))(p), strict=True):
        np.testing.assert_allclose(one_, other, atol=1e-12)


def test_a_batch_that_shares_its_matrix_and_one_with_a_poisoned_element() -> None:
    X, y, lam = map(jnp.asarray, data(6, 4.0))
    layer = dc.compile(
        "problem p\n given X: real[m, n], y: real[m], lam: positive real\n find w: real[n]\n"
        " minimize ||X @ w - y||^2 + lam * ||w||_1"
    )
    assert layer.info["engine"] == "proximal"
    many = jnp.stack([y, 2 * y, y * jnp.nan, -y])
    found = layer.solve(X, many, lam)
    assert [str(one) for one in found.status] == ["solved", "solved", "invalid_input", "solved"]
    np.testing.assert_allclose(found.w[3], -found.w[0], atol=1e-14)
    gradient = jax.grad(lambda X: jnp.nansum(layer(X, many[:2], lam) ** 2))(X)
    other = jax.grad(lambda X: jnp.nansum(layer(X, many[:2], lam) ** 2))(jnp.stack([X, X]))
    np.testing.assert_allclose(gradient, jnp.sum(other, axis=0), atol=1e-11)
    single = layer.solve(*(jnp.asarray(part, jnp.float32) for part in (X, y, lam)))
    assert (str(single.status), single.w.dtype) == ("solved", jnp.float32)
    np.testing.assert_allclose(single.w, found.w[0], atol=1e-5)


def test_pivots_against_every_choice_of_faces() -> None:
    """The least of all stationary points: 4^3 ways to hold or move three entries."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(3, 3))
    S = root @ root.T + 0.2 * np.eye(3)
    S = S / np.sqrt(np.outer(np.diag(S), np.diag(S)))
    lower, upper = np.array([-0.4, 0.1, -np.inf]), np.array([0.3, 0.5, np.inf])
    weights = np.array([0.2, 0.3, 0.5])
    kinks = pivots.Kinks(*map(jnp.asarray, (weights, lower, upper, np.zeros(3))))
    solve = jax.jit(jax.vmap(lambda c: pivots.minimum(jnp.asarray(S), c, kinks, jnp.int32(99))))
    cost = rng.normal(size=(40, 3))
    found = solve(jnp.asarray(cost))
    assert jnp.max(found.residual) < 1e-14
    grid = rng.uniform(np.maximum(lower, -3), np.minimum(upper, 3), size=(4000, 3))

    def value(x: Any, c: Any) -> Any:
        return np.sum(x @ S * x, axis=-1) / 2 + x @ c + np.abs(x) @ weights

    for c, x in zip(cost, np.asarray(found.x), strict=True):
        assert np.all((lower <= x) & (x <= upper))
        assert value(x, c) <= np.min(value(grid, c)) + 1e-12


def test_dependent_columns() -> None:
    """More unknowns than rows: the minimiser may be one of many, and is told so where it is."""
    X, y = RNG.normal(size=(5, 8)), RNG.normal(size=5)
    one = square(8, lambda p: (Part("soft_threshold", 8, (p[2],)),))
    found, code, derivative = status(one, tuple(map(jnp.asarray, (X, y, 0.3))))
    assert (code, derivative) == (Status.SOLVED, DerivativeStatus.REGULAR)
    slope = X.T @ (X @ found.y.z - y)
    assert np.max(np.abs(slope)) <= 0.3 + 1e-12
    twice = jnp.asarray(np.concatenate([X[:, :4], X[:, :4]], 1))
    found, code, derivative = status(one, (twice, jnp.asarray(y), jnp.asarray(0.3)))
    assert code is Status.SOLVED
    assert derivative in (DerivativeStatus.WEAKLY_ACTIVE, DerivativeStatus.SINGULAR)
    free = square(8, lambda p: (Part("nonneg", 4), Part("free", 4)))
    found, code, derivative = status(free, (twice, jnp.asarray(y)))
    assert code is Status.SOLVED
    np.testing.assert_allclose(twice[:, 4:].T @ (twice @ found.y.z - y), 0, atol=1e-7)
    assert derivative is not DerivativeStatus.REGULAR


def test_where_the_derivative_is_one_sided() -> None:
    one = square(2, lambda p: (Part("soft_threshold", 2, (p[2],)),))
    eye = jnp.eye(2)
    for y, wanted in (([3.0, 1.0], "WEAKLY_ACTIVE"), ([3.0, 0.5], "REGULAR"), ([3.0, 1.5], "REGULAR")):
        assert status(one, (eye, jnp.asarray(y), jnp.asarray(1.0)), attempt=True)[2].name == wanted


def test_what_has_no_solution_is_said() -> None:
    p = (jnp.eye(2), jnp.ones(2), jnp.asarray(1.0))
    crossed = square(2, lambda p: (Part("box", 2, (p[2], 0.0)),))
    assert status(crossed, p, attempt=True)[1] is Status.INFEASIBLE
    assert status(square(2, lambda p: (Part("ball", 2, (-p[2],)),)), p, max_iter=50)[1] is Status.INFEASIBLE
    concave = square(2, lambda p: (Part("soft_threshold", 2, (-p[2],)),))
    assert status(concave, p, attempt=True)[1] is Status.INVALID_INPUT


def test_a_start_outside_of_the_domain_is_no_solution() -> None:
    """A Newton model of NaN stands still, which must not look like the end of the iteration."""
    cost = lambda z, p: jnp.sum(z**2 - jnp.log(z - 5))  # noqa: E731
    one = proximal.Solver(cost, lambda p: 2, lambda p: (Part("nonneg", 2),))
    assert status(one, ())[1] is Status.DIVERGED
    text = "problem p\n given a: real[n]\n find x: nonneg real[n]\n minimize ||x||^2 - sum(log(x - a))"
    layer = dc.compile(text)
    assert layer.info["engine"] != "proximal"
    np.testing.assert_allclose(layer(np.full(2, 5.0)), (5 + np.sqrt(27)) / 2)
    known = "problem p\n given c: real[n]\n find x: real[n]\n minimize c' @ x - entropy(x) - entropy(1 - x)"
    assert dc.compile(known).info["engine"] == "separable"


# ---- proximal maps ---------------------------------------------------------------------------------


def maps(p: Any) -> tuple[Part, ...]:
    """17 numbers: rows of weighted norms, a matrix of low rank, the simplex, a ball, one free."""
    _, _, lam, weights = p
    return (
        Part("group_threshold", 6, (lam * weights, 3)),
        Part("singular_threshold", 4, (lam, 2)),
        Part("simplex", 3),
        Part("ball", 3, (lam / 30,), jnp.ones(3)),
        Part("free", 1),
    )


@pytest.mark.parametrize("make", [square, pytest.param(logistic, marks=pytest.mark.slow)])
def test_maps_of_all_kinds(make: Any) -> None:
    lam = 9.0 if make is square else 3.0
    p = data(17, lam, jnp.array([1.0, 0.1, 3.0]))
    one = make(17, maps)
    found = check(one, p)
    z = np.asarray(found.y.z)
    g = np.asarray(jax.grad(one._smooth)(z, p))
    for row, slope, w in zip(z[:6].reshape(3, 2), g[:6].reshape(3, 2), lam * p[3], strict=True):
        size = np.linalg.norm(row)
        if size > 1e-12:
            np.testing.assert_allclose(slope, -w * row / size, atol=1e-8)
        else:
            assert np.linalg.norm(slope) <= w
    left, values, right = np.linalg.svd(z[6:10].reshape(2, 2))
    turned = -left.T @ g[6:10].reshape(2, 2) @ right.T / lam
    kept = values > 1e-9
    np.testing.assert_allclose(np.diag(turned)[kept], 1, atol=1e-8)
    assert np.linalg.norm(turned, 2) <= 1 + 1e-8
    on = z[10:13] > 0
    np.testing.assert_allclose(np.sum(z[10:13]), 1, atol=1e-12)
    np.testing.assert_allclose(np.ptp(g[10:13][on]), 0, atol=1e-8)
    assert np.all(g[10:13] >= np.min(g[10:13][on]) - 1e-8)
    np.testing.assert_allclose(np.linalg.norm(z[13:16] - 1), lam / 30, atol=1e-12)
    np.testing.assert_allclose(g[16], 0, atol=1e-8)


# ---- from a program --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_quadratic_program_of_the_epigraph_agrees() -> None:
    text = (
        "problem p\n given X: real[m, n], y: real[m], lam: positive real\n find w: real[n], b: real\n"
        " minimize 1/2 * ||X @ w + b - y||^2 + lam * ||w||_1\n return w"
    )
    p = data(3, 6.0)
    ours, other = (dc.compile(text, engine=engine) for engine in ("proximal", "interior_point"))
    values = [jax.jit(jax.jacrev(lambda p, layer=layer: layer(*p)))(p) for layer in (ours, other)]
    np.testing.assert_allclose(ours(*p), other(*p), atol=1e-9)
    for one, two in zip(*values, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-7)
