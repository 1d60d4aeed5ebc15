"""Statuses, `on_fail`, kinds and dtypes of a layer, on a hand-made program."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import DerivativeStatus, Status
from tests.layer.toy import failing, toy

A = np.array([[2.0, 1.0], [0.0, 4.0]])
B = np.array([1.0, 2.0])


# ---- kinds and dtypes --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_numpy_in_numpy_out(dtype: str) -> None:
    x, total = toy()(A.astype(dtype), B.astype(dtype))
    assert type(x) is np.ndarray
    assert x.dtype == total.dtype == dtype
    np.testing.assert_allclose(x, [0.25, 0.5], rtol=1e-3)


def test_float64_is_solved_in_float64_whatever_the_flag() -> None:
    assert not jax.config.jax_enable_x64
    x = toy()(A / 3, B).x
    np.testing.assert_allclose(x, np.linalg.solve(A / 3, B), rtol=1e-15)


def test_jax_in_jax_out() -> None:
    x = toy()(jnp.asarray(A), jnp.asarray(B)).x
    assert isinstance(x, jax.Array)
    assert x.dtype == jnp.float32
    with jax.enable_x64(True):
        assert toy()(jnp.asarray(A), jnp.asarray(B)).x.dtype == jnp.float64


def test_python_numbers_follow_the_others() -> None:
    assert toy()(A.astype("float32"), [1, 2], 3).total.dtype == np.float32
    assert toy()([[2.0, 1.0], [0.0, 4.0]], [1, 2]).x.dtype == np.float64
    assert toy()(A.astype(int), B.astype(int)).x.dtype == np.float64


def test_mixed_precision_is_solved_in_the_widest() -> None:
    assert toy()(A.astype("float32"), B).x.dtype == np.float64


def test_inside_jit_the_traced_dtype_rules() -> None:
    x = jax.jit(lambda b: toy()(A, b).x)(jnp.asarray(B))
    assert x.dtype == jnp.float32


def test_numpy_inputs_inside_jit() -> None:
    np.testing.assert_allclose(jax.jit(lambda: toy()(A, B).x * 1)(), [0.25, 0.5], rtol=1e-6)


# ---- outputs -----------------------------------------------------------------------------------


def test_outputs_are_a_named_tuple() -> None:
    out = toy()(A, B)
    assert out._fields == ("x", "total")
    assert type(out).__name__ == "toy"


def test_solution() -> None:
    solution = toy().solve(np.stack([A, A]), B)
    np.testing.assert_allclose(solution.x, [[0.25, 0.5]] * 2)
    np.testing.assert_allclose(solution["total"], [1.5, 1.5])
    np.testing.assert_allclose(solution.dual["half"], [[0.125, 0.25]] * 2)
    assert list(solution.status) == [Status.SOLVED] * 2
    assert list(solution.derivative) == [DerivativeStatus.REGULAR] * 2
    assert solution.iterations.tolist() == [1, 1]
    assert np.isnan(solution.objective).all()
    assert np.isnan(solution.gradient_error).all()
    assert solution.ok
    assert solution.raise_for_status() is solution
    assert "2 solved" in repr(solution)
    with pytest.raises(AttributeError, match="no output `y`; there are: x, total"):
        solution.y  # noqa: B018


def test_status_of_a_single_element() -> None:
    solution = toy().solve(A, B)
    assert solution.status == Status.SOLVED
    assert solution.status.shape == ()


def test_derivative_status() -> None:
    seven = A.copy()
    seven[0, 0] = 7
    assert toy().solve(seven, B).derivative == DerivativeStatus.SINGULAR


def test_a_solution_leaves_jit() -> None:
    solution = jax.jit(toy().solve)(jnp.asarray(A), jnp.asarray(B))
    assert solution.status == Status.SOLVED
    np.testing.assert_allclose(solution.x, [0.25, 0.5])


def test_representations() -> None:
    layer = toy()
    assert repr(layer) == "<Layer toy(A: real[n, n], b: real[n], scale: real = 2) -> x, total; jax, toy>"
    assert "A x = b" in layer._repr_latex_()
    assert "A x = b" in layer._repr_html_()
    assert layer.__doc__ == "A linear system."
    assert layer.explain() == "by hand"


# ---- failures ----------------------------------------------------------------------------------

FAILURES = [s for s in Status if not s.usable and s is not Status.INVALID_INPUT]


@pytest.mark.parametrize("status", FAILURES)
def test_failed_elements_are_nan_and_so_are_their_gradients(status: Status) -> None:
    layer = toy()
    a = np.stack([A, np.asarray(failing(status)), A]).astype(np.float32)
    solution = layer.solve(a, B)
    assert list(solution.status) == [Status.SOLVED, status, Status.SOLVED]
    assert np.isnan(solution.x).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert not solution.ok
    with pytest.raises(dc.SolveError, match=f"1 of 3 elements failed\n  element 1: {status}: "):
        solution.raise_for_status()

    slopes = jax.grad(lambda a: layer(a, jnp.asarray(B)).x.sum())(jnp.asarray(a))
    alone = jax.grad(lambda a: layer(a, jnp.asarray(B)).x.sum())(jnp.asarray(A))
    assert np.isnan(slopes[1]).all()
    np.testing.assert_array_equal(slopes[0], alone)


def test_a_masked_failure_does_not_spoil_shared_gradients() -> None:
    layer = toy()
    a = jnp.stack([jnp.asarray(A), failing(Status.INFEASIBLE)])

    def loss(b: Any) -> Any:
        x = layer(a, b).x
        return jnp.where(jnp.isfinite(x), x, 0).sum()

    alone = jax.grad(lambda b: layer(a[0], b).x.sum())(jnp.asarray(B))
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(B)), alone)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_invalid_input_is_a_status(bad: float) -> None:
    layer = toy()
    b = np.stack([B, [bad, 1.0]])
    solution = layer.solve(A, b)
    assert list(solution.status) == [Status.SOLVED, Status.INVALID_INPUT]
    np.testing.assert_allclose(solution.x[0], [0.25, 0.5])
    assert np.isnan(solution.x[1]).all()

    def loss(a: Any) -> Any:
        x = layer(a, jnp.asarray(b)).x
        return jnp.where(jnp.isfinite(x), x, 0).sum()

    alone = jax.grad(lambda a: layer(a, jnp.asarray(B)).x.sum())(jnp.asarray(A))
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(A)), alone, rtol=1e-6)
    assert np.isnan(jax.grad(lambda b: layer(jnp.asarray(A), b).x.sum())(jnp.asarray(b))[1]).all()


def test_on_fail_raise() -> None:
    layer = toy(on_fail="raise")
    with pytest.raises(dc.SolveError, match="element 1: infeasible"):
        layer(np.stack([A, np.asarray(failing(Status.INFEASIBLE))]), B)
    with pytest.raises(dc.SolveError, match="the solve failed\n  unbounded"):
        layer(np.asarray(failing(Status.UNBOUNDED)), B)
    assert np.isnan(jax.jit(layer)(failing(Status.UNBOUNDED), jnp.asarray(B)).x).all()


def test_on_fail_keep() -> None:
    layer = toy(on_fail="keep")
    a = failing(Status.MAX_ITERATIONS)
    np.testing.assert_allclose(layer(a, jnp.asarray(B)).x, np.linalg.solve(a, B), rtol=1e-6)
    assert np.isfinite(jax.jacrev(lambda b: layer(a, b).x)(jnp.asarray(B))).all()


def test_inaccurate_is_kept_and_warns_once() -> None:
    layer = toy()
    a = np.asarray(failing(Status.INACCURATE))
    with pytest.warns(dc.Inaccurate, match="1 inaccurate"):
        assert np.isfinite(layer(a, B).x).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(a, B)
        jax.jit(toy())(jnp.asarray(a), jnp.asarray(B))


# ---- start -------------------------------------------------------------------------------------


def test_start_is_handed_on() -> None:
    assert toy(start={"x": np.zeros(2)}).solve(A, B).iterations == 2
    batched = toy(start={"x": np.zeros((3, 2))}).solve(A, B)
    assert batched.x.shape == (3, 2)


@pytest.mark.parametrize("start", [{"y": np.zeros(2)}, {"x": np.zeros(3)}, {"x": 0.0}])
def test_bad_start(start: Any) -> None:
    with pytest.raises(dc.ArgumentError, match="D614"):
        toy(start=start)(A, B)


# ---- derivatives -------------------------------------------------------------------------------


def test_check_grad() -> None:
    report = toy().check_grad(A, B)
    assert report.ok
    assert report.worst < 1e-9
    assert [line.name for line in report.lines] == ["A", "b", "scale"]
    assert "scale" in repr(report)


def test_derivatives_of_every_order_and_mode() -> None:
    with jax.enable_x64(True):
        layer, b = toy(), jnp.asarray(B)

        def f(a: Any) -> Any:
            return layer(a, b).total

        def closed(a: Any) -> Any:
            return 2 * jnp.linalg.solve(a, b).sum()

        a = jnp.asarray(A)
        for transform in (
            jax.grad,
            jax.jacfwd,
            jax.jacrev,
            jax.hessian,
            lambda g: jax.jacfwd(jax.hessian(g)),
        ):
            np.testing.assert_allclose(transform(f)(a), transform(closed)(a), rtol=1e-10, atol=1e-12)
        batch = jnp.stack([jnp.stack([a, 2 * a]), jnp.stack([3 * a, 4 * a])])
        np.testing.assert_allclose(
            jax.vmap(jax.vmap(jax.grad(f)))(batch), jax.vmap(jax.vmap(jax.grad(closed)))(batch)
        )
        scanned = jax.lax.scan(lambda c, a: (c + f(a), f(a)), 0.0, batch[0])[1]
        np.testing.assert_allclose(scanned, jax.vmap(closed)(batch[0]))
