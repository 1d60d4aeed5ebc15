"""The engine on programs written by hand: closed forms, finite differences, statuses, batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.cvxpy import host
from declarative.backends.cvxpy import runtime as ct
from declarative.backends.cvxpy.clarabel import Solver
from declarative.errors import DeclError
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

Program = Callable[[Any, ct.Model], Any]


@pytest.fixture(autouse=True)
def _double() -> Any:
    with jax.enable_x64(True):
        yield


def simplex(params: Any, model: ct.Model) -> Any:
    (point,) = params
    x = model.find(point.shape[0])
    model.member(x, "simplex")
    return cp.Minimize(cp.sum_squares(x - model.given(point)) / 2)


def quadratic(params: Any, model: ct.Model) -> Any:
    P, q, A, b, G, h = (model.given(one) for one in params)
    x = model.find(q.shape[0])
    model.require(A @ x == b, "eq")
    model.require(G @ x <= h, "ineq")
    return cp.Minimize(cp.quad_form(x, P, assume_PSD=True) / 2 + q @ x)


def lasso(params: Any, model: ct.Model) -> Any:
    X, y, weight = params
    w = model.find(X.shape[1])
    residual = model.given(X) @ w - model.given(y)
    return cp.Minimize(cp.sum_squares(residual) / 2 + model.given(weight, "nonneg") * cp.norm1(w))


def robust_portfolio(params: Any, model: ct.Model) -> Any:
    mu, F, kappa = params
    w = model.find(mu.shape[0])
    model.member(w, "simplex")
    risk = model.define(model.given(F) @ w)
    return cp.Minimize(-model.given(mu) @ w + model.given(kappa, "nonneg") * cp.norm2(risk))


def nearest_psd(params: Any, model: ct.Model) -> Any:
    (C,) = params
    X = model.find(*C.shape)
    model.symmetric(X)
    model.member(X, "psd")
    return cp.Minimize(cp.sum_squares(X - model.given(C)) / 2)


def logistic(params: Any, model: ct.Model) -> Any:
    X, weight = params
    w = model.find(X.shape[1])
    scores = model.given(X) @ w
    loss = cp.sum(cp.logistic(-scores)) + model.given(weight, "nonneg") * cp.sum_squares(w)
    return cp.Minimize(loss)


def maximum_entropy(params: Any, model: ct.Model) -> Any:
    (c,) = params
    p = model.find(c.shape[0])
    model.require(cp.sum(p) == 1, "mass")
    return cp.Maximize(cp.sum(cp.entr(p)) + model.given(c) @ p)


def powers(params: Any, model: ct.Model) -> Any:
    (c,) = params
    x = model.find(c.shape[0])
    model.member(cp.hstack([x[0], x[1], 1.0]), "power_cone", 0.3)
    return cp.Minimize(model.given(c) @ x)


def _data(name: str) -> tuple[Program, tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(3)
    normal, square = rng.normal, rng.normal(size=(5, 5))
    return {
        "simplex": (simplex, (normal(size=6),)),
        "quadratic": (
            quadratic,
            (
                square @ square.T + np.eye(5),
                normal(size=5),
                normal(size=(2, 5)),
                normal(size=2) / 9,
                normal(size=(4, 5)),
                rng.uniform(0.01, 0.3, 4),
            ),
        ),
        "lasso": (lasso, (normal(size=(8, 5)), normal(size=8), np.array(1.0))),
        "robust_portfolio": (robust_portfolio, (normal(size=5) / 9, normal(size=(3, 5)), np.array(0.4))),
        "nearest_psd": (nearest_psd, ((square + square.T) / 2,)),
        "logistic": (logistic, (normal(size=(9, 3)), np.array(0.3))),
        "maximum_entropy": (maximum_entropy, (normal(size=4),)),
        "powers": (powers, (np.array([1.0, 2.0]),)),
    }[name]


NAMES = ("simplex", "quadratic", "lasso", "robust_portfolio", "nearest_psd", "logistic", "maximum_entropy")
NAMES += ("powers",)


def _size(program: Program, params: Any) -> int:
    model = ct.Model()
    program(params, model)
    return sum(v.size for v in model.variables)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_agree_with_differences(name: str) -> None:
    program, params = _data(name)
    params = tuple(map(jnp.asarray, params))
    solver, n = Solver(program), _size(program, params)
    run = differentiable(solver)

    def values(*params: Any) -> Any:
        return run(params, None).y.z[:n]

    root = run(params, None)
    assert int(root.status) == Status.SOLVED.code
    assert int(solver.regularity(root.y, params, root.fixed)) == DerivativeStatus.REGULAR.code
    every = tuple(range(len(params)))
    forward, reverse = jax.jacfwd(values, every)(*params), jax.jacrev(values, every)(*params)
    rng = np.random.default_rng(4)
    for i, value in enumerate(params):
        move = rng.normal(size=value.shape)
        if value.ndim == 2 and value.shape[0] == value.shape[1]:
            move = move + move.T
        step = 1e-5
        shifted = [values(*params[:i], value + s * step * move, *params[i + 1 :]) for s in (1, -1)]
        difference = (shifted[0] - shifted[1]) / (2 * step)
        axes = tuple(range(1, 1 + value.ndim))
        np.testing.assert_allclose((forward[i] * move).sum(axes), difference, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(forward[i], reverse[i], rtol=1e-9, atol=1e-11)


def _solve(program: Program, *params: Any) -> Any:
    return Solver(program).solve(tuple(map(jnp.asarray, params)), None, SolveOptions())


def test_derivative_agrees_with_diffcp() -> None:
    """A linear objective over a second-order cone: diffcp's dense mode, which is right to about 1e-5."""
    import diffcp
    from scipy import sparse

    program, params = _data("robust_portfolio")
    params = tuple(map(jnp.asarray, params))
    solver = Solver(program)
    form, model = solver._form(params)
    theta = np.concatenate([*(np.ravel(model.values[i], order="F") for i in form.order), [1.0]])
    q, A, b = form.q.at(theta)[:, 0], form.A.at(theta), form.b.at(theta)[:, 0]
    cones = {"z": form.cones.zero, "l": form.cones.nonneg, "q": list(form.cones.soc)}
    x, _, _, derivative, _ = diffcp.solve_and_derivative(
        sparse.csc_matrix(A), b, q, cones, mode="dense", solve_method="Clarabel"
    )
    found = differentiable(solver)(params, None).y.z
    np.testing.assert_allclose(x[:5], found[:5], atol=1e-4)
    move = np.zeros_like(b)
    move[: form.cones.zero] = 1.0  # the budget, among other equalities
    dx, _, _ = derivative(sparse.csc_matrix(A.shape), move, np.zeros_like(q))
    inverse = host.inverse(form, theta, *_primal_dual(solver, params))
    mine = -inverse @ np.concatenate([np.zeros(form.n), move])
    np.testing.assert_allclose(dx[:5], mine[:5], atol=1e-4)


def _primal_dual(solver: Solver, params: Any) -> tuple[Any, Any]:
    y = solver.solve(params, None, SolveOptions()).y
    return np.asarray(y.z), np.concatenate([y.eq, y.ineq])


def test_simplex_closed_form() -> None:
    root = _solve(simplex, [0.5, 0.2, -1.0])
    np.testing.assert_allclose(root.y.z[:3], [0.65, 0.35, 0.0], atol=1e-14)


def test_psd_projection_closed_form() -> None:
    _, (C,) = _data("nearest_psd")
    values, vectors = np.linalg.eigh(C)
    root = _solve(nearest_psd, C)
    expected = (vectors * np.maximum(values, 0)) @ vectors.T
    np.testing.assert_allclose(np.reshape(root.y.z[:25], (5, 5)), expected, atol=1e-12)


def test_entropy_closed_form_and_dual() -> None:
    """p = softmax(c); the multiplier of the mass is 1 - log sum exp(c) for L = -f + nu * (sum p - 1)."""
    _, (c,) = _data("maximum_entropy")
    params = (jnp.asarray(c),)
    solver = Solver(maximum_entropy)
    root = solver.solve(params, None, SolveOptions())
    np.testing.assert_allclose(root.y.z[:4], jax.nn.softmax(c), atol=1e-12)
    nu = solver.dual("mass", root.y, params, ())
    np.testing.assert_allclose(nu, jax.nn.logsumexp(c) - 1, atol=1e-11)


def test_power_cone_closed_form() -> None:
    """min c'x subject to x0^a * x1^(1 - a) >= 1 has c0 * x0 / a = c1 * x1 / (1 - a)."""
    root = _solve(powers, [1.0, 2.0])
    x0, x1 = root.y.z[:2]
    np.testing.assert_allclose([x0**0.3 * x1**0.7, x0 / 0.3 - 2 * x1 / 0.7], [1, 0], atol=1e-12)


def test_duals_have_the_signs_of_the_language() -> None:
    """L = f + nu'(A x - b) + lam'(G x - h) is stationary, lam >= 0, and 0 where a row is slack."""
    program, (P, q, A, b, G, h) = _data("quadratic")
    params = tuple(map(jnp.asarray, (P, q, A, b, G, h)))
    solver = Solver(program)
    root = solver.solve(params, None, SolveOptions())
    x = root.y.z[:5]
    nu, lam = solver.dual("eq", root.y, params, (2,)), solver.dual("ineq", root.y, params, (4,))
    np.testing.assert_allclose(P @ x + q + A.T @ nu + G.T @ lam, 0, atol=1e-12)
    assert (lam >= 0).all()
    assert (lam > 1e-6).any()
    assert (np.asarray(lam)[np.asarray(h - G @ x) > 1e-9] == 0).all()


def test_one_bad_element_leaves_the_others_alone() -> None:
    """Infeasible, unbounded and NaN elements in one batch."""

    def program(params: Any, model: ct.Model) -> Any:
        c, low, high = (model.given(one) for one in params)
        x = model.find(2)
        model.require(low <= x)
        model.require(x[0] <= high)
        return cp.Minimize(c @ x)

    c = jnp.array([[1.0, 2.0], [1.0, 2.0], [1.0, -1.0], [np.nan, 1.0]])
    low, high = jnp.zeros((4, 2)), jnp.array([1.0, -1.0, 1.0, 1.0])
    run = differentiable(Solver(program))
    root = jax.jit(jax.vmap(lambda *p: run(p, None)))(c, low, high)
    expected = [Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED, Status.INVALID_INPUT]
    assert [list(Status)[code] for code in root.status] == expected
    np.testing.assert_allclose(root.y.z[0, :2], 0, atol=1e-12)
    slope = jax.vmap(jax.grad(lambda low, c, high: run((c, low, high), None).y.z[:2].sum()))(low, c, high)
    np.testing.assert_allclose(slope[0], 1, atol=1e-12)
    assert np.isnan(slope[1:]).all()


def test_an_infinite_bound_is_no_bound() -> None:
    def program(params: Any, model: ct.Model) -> Any:
        (high,) = params
        x = model.find(2)
        model.require(x <= model.given(high))
        return cp.Minimize(cp.sum_squares(x - 3))

    run = differentiable(Solver(program))
    high = jnp.array([1.0, jnp.inf])
    np.testing.assert_allclose(run((high,), None).y.z[:2], [1, 3], atol=1e-12)
    slope = jax.grad(lambda high: run((high,), None).y.z[:2].sum())(high)
    np.testing.assert_allclose(slope, [1, 0], atol=1e-12)


def test_irregular_points_say_so() -> None:
    solver = Solver(simplex)
    params = (jnp.array([1.0, 0.0, -1.0]),)  # x1 = 0 with a zero multiplier
    root = solver.solve(params, None, SolveOptions())
    assert int(solver.regularity(root.y, params, root.fixed)) == DerivativeStatus.WEAKLY_ACTIVE.code

    def flat(params: Any, model: ct.Model) -> Any:
        x = model.find(2)
        model.require(cp.sum(x) >= model.given(params[0]))
        return cp.Minimize(cp.sum(x))

    solver, params = Solver(flat), (jnp.array(1.0),)
    root = solver.solve(params, None, SolveOptions())
    assert int(solver.regularity(root.y, params, root.fixed)) == DerivativeStatus.SINGULAR.code

    def twice(params: Any, model: ct.Model) -> Any:
        x = model.find(2)
        low = model.given(params[0])
        model.require(x >= low)
        model.require(x >= low)
        return cp.Minimize(cp.sum(x))

    solver = Solver(twice)
    root = solver.solve(params, None, SolveOptions())
    found = int(solver.regularity(root.y, params, root.fixed))
    assert found == DerivativeStatus.DEPENDENT_CONSTRAINTS.code


def test_second_derivatives_of_polyhedral_programs_are_exact() -> None:
    """min 1/2 p x^2 - x has x = 1 / p, of which the second derivative is 2 / p^3."""

    def program(params: Any, model: ct.Model) -> Any:
        x = model.find(1)
        model.require(x >= 0)
        return cp.Minimize(cp.quad_form(x, model.given(params[0]), assume_PSD=True) / 2 - cp.sum(x))

    run = differentiable(Solver(program))
    value = jax.hessian(lambda p: run((jnp.reshape(p, (1, 1)),), None).y.z[0])(jnp.array(2.0))
    np.testing.assert_allclose(value, 2 / 8, rtol=1e-10)


def test_second_derivatives_over_curved_cones_are_refused() -> None:
    program, params = _data("maximum_entropy")
    run = differentiable(Solver(program))
    with pytest.raises(DeclError) as caught:
        jax.hessian(lambda c: run((c,), None).y.z[0])(jnp.asarray(params[0]))
    assert caught.value.diagnostics[0].code == "D691"


def test_float32_stays_float32() -> None:
    root = Solver(simplex).solve((jnp.array([0.5, 0.2, -1.0], jnp.float32),), None, SolveOptions())
    assert root.y.z.dtype == jnp.float32
    np.testing.assert_allclose(root.y.z[:3], [0.65, 0.35, 0.0], atol=1e-6)
