"""What a `CvxpyLayer` does beside solving: signature, batches, failures, dtypes, transformations."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import compat
from declarative.compat import CvxpyLayer


def bounded() -> tuple[cp.Problem, list[cp.Parameter], list[cp.Variable]]:
    """The point of a box next to `a` in a norm that `w` scales."""
    x, w, a = cp.Variable(2, name="x"), cp.Parameter((2, 2), name="w"), cp.Parameter(2, name="a")
    low = x >= -1
    return (
        cp.Problem(cp.Minimize(cp.sum_squares(w @ x - a)), [low, x <= 1]),
        [w, a],
        [x, low.dual_variables[0]],
    )


@pytest.fixture(scope="module")
def layer() -> CvxpyLayer:
    return CvxpyLayer(*bounded())


def half_line() -> tuple[cp.Problem, list[cp.Parameter], list[cp.Variable]]:
    """Infeasible where low > high, unbounded where c < 0."""
    x, y = cp.Variable(1, name="x"), cp.Variable(nonneg=True)
    c, low, high = cp.Parameter(), cp.Parameter(1), cp.Parameter(1)
    return cp.Problem(cp.Minimize(cp.sum(x) + c * y), [x >= low, x <= high]), [c, low, high], [x]


W, A = np.array([[2.0, 0.5], [0.0, 1.0]]), np.array([0.8, -3.0])


# ---- the signature -----------------------------------------------------------------------------


def test_values_come_as_the_arguments_do(layer: CvxpyLayer) -> None:
    found = layer(W, A)
    assert isinstance(found, tuple)
    assert [type(one) for one in found] == [np.ndarray, np.ndarray]
    assert all(isinstance(one, jax.Array) for one in layer(jnp.asarray(W), jnp.asarray(A)))
    np.testing.assert_allclose(found[0], [0.65, -1])
    np.testing.assert_allclose(found[1], [0, 2 * (0.5 * (1.3 - 0.5 - 0.8) + 2)], atol=1e-12)


def test_settings_of_other_solvers_change_nothing(layer: CvxpyLayer) -> None:
    other = CvxpyLayer(*bounded(), solver="MOREAU", verbose=True, solver_args={"eps": 1e-3})
    np.testing.assert_array_equal(
        other(W, A, solver_args={"max_iters": 1}, warm_start=True)[0], layer(W, A)[0]
    )


def test_modules_of_the_same_names() -> None:
    from declarative.compat.jax import CvxpyLayer as of_jax

    assert of_jax is CvxpyLayer
    assert dc.from_cvxpy is compat.from_cvxpy


def test_a_module_of_torch() -> None:
    torch = pytest.importorskip("torch")
    from declarative.compat.torch import CvxpyLayer as Module

    module = Module(*bounded())
    assert isinstance(torch.nn.Sequential(module)[0], torch.nn.Module)
    assert "w: real[2, 2]" in repr(module)
    tensors = [torch.tensor(W, requires_grad=True), torch.tensor(A, requires_grad=True)]
    assert torch.autograd.gradcheck(module, tensors)
    assert not module(*(tensor.detach() for tensor in tensors))[0].requires_grad
    with torch.no_grad():
        assert not module(*tensors)[0].requires_grad
    assert module.solve(*tensors).ok


@pytest.mark.slow
def test_double_backward_in_torch() -> None:
    torch = pytest.importorskip("torch")
    layer, tensors = CvxpyLayer(*bounded()), [torch.tensor(one, requires_grad=True) for one in (W, A)]
    assert torch.autograd.gradgradcheck(lambda w, a: layer(w, a)[0], tensors)


# ---- batches -----------------------------------------------------------------------------------


def test_unbatched_arguments_are_shared(layer: CvxpyLayer) -> None:
    both = np.stack([A, -A])
    x, dual = layer(W, both)
    assert x.shape == dual.shape == (2, 2)
    np.testing.assert_allclose(x[1], layer(W, -A)[0])
    assert layer(W, A[None])[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("w", "a", "code"),
    [
        (np.ones((3, 2, 2)), np.ones((4, 2)), "D610"),
        (np.ones((3, 2, 2)), np.ones((3, 4)), "D607"),
        (W, np.ones(4), "D607"),
        (np.ones((3, 2, 2)), np.ones((3, 3, 2)), "D708"),
        (W, None, "D606"),
    ],
)
def test_arguments_that_do_not_fit(layer: CvxpyLayer, w: Any, a: Any, code: str) -> None:
    with pytest.raises(ValueError, match=code):
        layer(w, a)


def test_a_missing_argument(layer: CvxpyLayer) -> None:
    with pytest.raises(ValueError, match="needs an argument for `a`"):
        layer(W)
    with pytest.raises(ValueError, match="takes 2 positional arguments"):
        layer(W, A, A)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (lambda w, a: [w], "`a` is not in it"),
        (lambda w, a: [w, a, a], "twice"),
        (lambda w, a: [w, a, cp.Parameter(name="p")], "p is in it"),
        (lambda w, a: {w, a}, "no list"),
    ],
)
def test_parameters_that_are_not_the_problems(parameters: Any, reason: str) -> None:
    problem, given, variables = bounded()
    with pytest.raises(dc.ArgumentError, match=reason):
        CvxpyLayer(problem, parameters(*given), variables)


def test_what_quadratic_forms_may_not_hold() -> None:
    x, p, Q = cp.Variable(2), cp.Parameter(2), cp.Parameter((2, 2), PSD=True)
    unsigned = cp.Parameter((2, 2), symmetric=True)
    bad = [cp.quad_form(x, unsigned), cp.quad_form(x, Q @ Q, assume_PSD=True), cp.quad_form(x + p, Q)]
    for objective in bad:
        problem = cp.Problem(cp.Minimize(objective), [x >= -1])
        with pytest.raises(dc.ArgumentError, match=r"D70[12]"):
            dc.from_cvxpy(problem)
    for objective, constraint in (
        (cp.sum(x), cp.quad_form(x, Q) <= 1),
        (cp.quad_form(x, Q), cp.quad_form(x, Q) <= 1),
    ):
        with pytest.raises(dc.ArgumentError, match="constraint 0 is not DPP"):
            dc.from_cvxpy(cp.Problem(cp.Minimize(objective), [constraint]))
    inside = cp.Problem(
        cp.Minimize(cp.maximum(cp.quad_form(x, Q), 1)), [x >= 0]
    )  # cvxpy would take Q's value
    with pytest.raises(dc.ArgumentError, match="the objective is not DPP"):
        dc.from_cvxpy(inside)


def test_an_older_cvxpy_is_named_where_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    from cvxpy.utilities import scopes

    monkeypatch.delattr(scopes, "quad_form_dpp_scope", raising=False)
    x, Q = cp.Variable(2), cp.Parameter((2, 2), PSD=True)
    with pytest.raises(dc.ArgumentError, match=r"from version 1\.9 on, and this is"):
        dc.from_cvxpy(cp.Problem(cp.Minimize(cp.quad_form(x, Q)), [x >= 1]))


# ---- failures ----------------------------------------------------------------------------------


def test_failures_are_raised_with_their_statuses() -> None:
    layer = CvxpyLayer(*half_line())
    costs, low, high = np.array([1.0, -1, 1, np.nan]), np.array([0.0]), np.array([[1.0], [1], [-1], [1]])
    with pytest.raises(dc.SolveError, match=r"3 of 4 elements failed\s+element 1: unbounded"):
        layer(costs, low, high)
    found = layer.solve(costs, low, high)
    assert list(map(str, found.status)) == ["solved", "unbounded", "infeasible", "invalid_input"]
    np.testing.assert_allclose(found.x, [[0.0], [np.nan], [np.nan], [np.nan]], atol=1e-9)


@pytest.mark.slow
def test_failures_as_nan() -> None:
    (x,) = CvxpyLayer(*half_line(), on_fail="nan")(np.array([1.0, -1]), np.zeros(1), np.ones(1))
    np.testing.assert_allclose(x, [[0.0], [np.nan]], atol=1e-9)


def test_inside_of_jit_failures_are_nan() -> None:
    layer = CvxpyLayer(*half_line())
    assert np.isnan(jax.jit(lambda c: layer(c, jnp.ones(1), -jnp.ones(1))[0])(1.0)).all()


# ---- dtypes ------------------------------------------------------------------------------------


def test_single_precision_is_solved_in_double(layer: CvxpyLayer) -> None:
    single = [W.astype(np.float32), A.astype(np.float32)]
    found = layer.solve(*single)
    assert found.x.dtype == np.float32
    np.testing.assert_array_equal(
        found.x, layer(*(one.astype(float) for one in single))[0].astype(np.float32)
    )
    own = dc.from_cvxpy(bounded()[0]).solve(*single)
    assert own.x.dtype == np.float32
    np.testing.assert_allclose(own.x, found.x, rtol=1e-5)


def test_tensors_in_single_precision() -> None:
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(one, dtype=torch.float32, requires_grad=True) for one in (W, A)]
    (x, _) = CvxpyLayer(*bounded())(*tensors)
    x.sum().backward()
    assert x.dtype == tensors[0].grad.dtype == torch.float32


# ---- transformations ---------------------------------------------------------------------------


def test_under_jit_vmap_jvp_and_twice(layer: CvxpyLayer) -> None:
    def cost(w: Any, a: Any) -> Any:
        x, dual = layer(w, a)
        return jnp.sum(jnp.sin(x)) + jnp.sum(dual**2)

    rng, step = np.random.default_rng(0), 1e-6
    ways = rng.normal(size=(2, 2)), rng.normal(size=2)
    w, a = (
        np.stack([value + s * way for s in (0, step, -step)]) for value, way in zip((W, A), ways, strict=True)
    )
    with jax.enable_x64(True):
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(cost, argnums=(0, 1))))(w, a)
        along = (values[1] - values[2]) / (2 * step)
        np.testing.assert_allclose(
            sum(np.sum(slope[0] * way) for slope, way in zip(slopes, ways, strict=True)), along, rtol=1e-6
        )
        pushed = jax.jit(lambda w, a: jax.jvp(cost, (w, a), ways))(w[0], a[0])
        np.testing.assert_allclose(pushed, (values[0], along), rtol=1e-6)

        bend = jax.jit(jax.jacfwd(jax.grad(cost, argnums=1), argnums=(0, 1)))(W, A)
        turned = np.tensordot(bend[0], ways[0]) + bend[1] @ ways[1]
        np.testing.assert_allclose(turned, (slopes[1][1] - slopes[1][2]) / (2 * step), rtol=1e-5)


@pytest.mark.slow
def test_second_derivatives_of_a_cone_program() -> None:
    x, c, t = cp.Variable(3), cp.Parameter(3), cp.Parameter(nonneg=True)
    problem = cp.Problem(cp.Minimize(c @ x + 0.1 * cp.sum_squares(x)), [cp.norm(x) <= t])
    layer = CvxpyLayer(problem, [c, t], [x])
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(lambda c: jnp.sum(jnp.sin(layer(c, 2.0)[0]))))
        value, way, step = jnp.array([0.5, 0.3, -0.2]), np.array([0.3, -1, 0.4]), 1e-6
        hessian = jax.jit(jax.jacfwd(slope))(value)
        ends = [slope(value + s * way) for s in (step, -step)]
        np.testing.assert_allclose(hessian @ way, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8)


# ---- from_cvxpy --------------------------------------------------------------------------------


def test_a_layer_with_statuses() -> None:
    problem, _, _ = bounded()
    layer = dc.from_cvxpy(problem, tol=1e-10)
    found = layer.solve(W, A)
    assert found.ok
    assert str(found.derivative) == "regular"
    assert set(found.dual) == {"constraint0", "constraint1"}
    problem.parameters()[0].value, problem.parameters()[1].value = W, A
    np.testing.assert_allclose(found.objective, problem.solve(solver=cp.CLARABEL), rtol=1e-6)
    assert layer.info["engine"] == "interior_point"
    assert "A[4, 4] depends on no parameter" in layer.source or "depends on `w`" in layer.source
    assert "interior_point" in layer.explain()
    assert layer.check_grad(W, A).ok


def test_absolute_values_are_found_again() -> None:
    """Without the unknowns and the rows of cvxpy's: the same solution, derivative and value."""
    x, A, b, lam = (
        cp.Variable(3, name="x"),
        cp.Parameter((5, 3)),
        cp.Parameter(5),
        cp.Parameter(3, nonneg=True),
    )
    goal = cp.sum_squares(A @ x - b) + lam @ cp.abs(2 * x) + cp.sum_squares(x)
    layer = dc.from_cvxpy(cp.Problem(cp.Minimize(goal)), [A, b, lam], [x], precision="float64")
    assert layer.info["engine"] == "proximal"
    assert "absolute values" in layer.explain()
    rng = np.random.default_rng(5)
    data = rng.normal(size=(5, 3)), rng.normal(size=5), np.array([0.5, 5.0, 0.1])
    found = layer.solve(*data)
    assert found.ok
    assert found.x[1] == 0
    assert np.all(found.x[[0, 2]] != 0)
    for parameter, value in zip((A, b, lam), data, strict=True):
        parameter.value = value
    np.testing.assert_allclose(found.objective, cp.Problem(cp.Minimize(goal)).solve(solver=cp.CLARABEL))
    np.testing.assert_allclose(found.x, x.value, atol=1e-6)
    assert layer.check_grad(*data).ok
    assert str(layer.with_options(on_fail="keep").solve(*data[:2], -data[2]).status) == "invalid_input"
    assert layer.with_options(backward="smoothed(1e-3)").info["engine"] == "interior_point"
    bounded = cp.Problem(cp.Minimize(goal), [x <= 1])
    assert dc.from_cvxpy(bounded).info["engine"] == "interior_point"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"engine": "clarabel"}, "D404"),
        ({"backward": "one_step"}, "D406"),
        ({"precision": "float16"}, "D405"),
    ],
)
def test_options_that_are_none(options: Any, code: str) -> None:
    with pytest.raises(dc.DeclError, match=code):
        dc.from_cvxpy(bounded()[0], **options)


def test_names_and_labels() -> None:
    x, p, p2 = cp.Variable(2, name="my x"), cp.Parameter(name="p"), cp.Parameter(2, name="p")
    problem = cp.Problem(cp.Maximize(p2 @ x - cp.sum_squares(x)), [cp.sum(x) == p])
    layer = dc.from_cvxpy(problem, [p2, p], [x]).with_options(tol=1e-10)
    assert layer.signature == "cvxpy_problem(p: real[2], p_: real)"
    found = layer.solve(p_=np.ones((4, 1)), p=np.tile([1.0, 0], (3, 1)))
    assert found.my_x.shape == (4, 3, 2)
    np.testing.assert_allclose(found.my_x[2, 1], [0.75, 0.25])
    np.testing.assert_allclose(found.objective, 0.75 - 0.75**2 - 0.25**2)


def test_no_parameters() -> None:
    x = cp.Variable(2)
    np.testing.assert_allclose(
        CvxpyLayer(cp.Problem(cp.Minimize(cp.sum_squares(x - 1))), [], [x])()[0], [1, 1]
    )
