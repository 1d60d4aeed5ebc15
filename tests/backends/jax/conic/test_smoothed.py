"""`backward="smoothed(mu)"`: the solution's value with the derivatives of the central path's point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

import declarative as dc
from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic
from declarative.layer import backward
from declarative.layer.contract import SolveOptions
from declarative.layer.options import Backward
from declarative.layer.status import Status

RNG = np.random.default_rng(3)
MU = 0.05


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def smoothed(solver: Any, mu: float = MU) -> Any:
    way = Backward("smoothed", (mu,))
    return backward.differentiable(way, backward.solver(way, solver), SolveOptions(), False)


def barrier(s: Array, alpha: Array) -> Array:
    """Of three nonnegative rows, a second-order cone of 3, matrices of order 2, an exponential and a power cone."""
    line, cone, half, x, y = s[:3], s[3:6], s[6:9], s[9:12], s[12:]
    det = half[0] * half[2] - half[1] ** 2 / 2
    room = x[1] * jnp.log(x[2] / x[1]) - x[0]
    inner = y[0] ** (2 * alpha[0]) * y[1] ** (2 - 2 * alpha[0]) - y[2] ** 2
    return -(
        jnp.sum(jnp.log(line))
        + jnp.log(cone[0] ** 2 - cone[1] ** 2 - cone[2] ** 2) / 2
        + jnp.log(det)
        + jnp.log(room * x[1] * x[2])
        + jnp.log(inner)
        + (1 - alpha[0]) * jnp.log(y[0])
        + alpha[0] * jnp.log(y[1])
    )


@pytest.mark.slow
def test_the_derivative_is_that_of_the_barrier_problem() -> None:
    cones, n = Cones(nonneg=3, soc=(3,), psd=(2,), exp=1, power=1), 6
    inside = np.r_[np.ones(3), 2, 0, 0, 2, 0, 2, -1, 1, 1, 1, 1, 0]
    A, M = RNG.normal(size=(15, n)), RNG.normal(size=(n, n))
    data = Conic(*map(jnp.asarray, (M @ M.T / 20, RNG.normal(size=n), A, inside, [0.3])), cones)

    def central(data: Conic) -> Array:
        """By Newton's method on the barrier problem itself, from a point inside."""

        def value(x: Array) -> Array:
            s = data.b - data.A @ x
            return x @ data.P @ x / 2 + data.q @ x + MU * barrier(s, data.alpha)

        slope, curvature = jax.grad(value), jax.hessian(value)

        def improve(_: int, x: Array) -> Array:
            step = jnp.linalg.solve(curvature(x), slope(x))
            lengths = 0.5 ** jnp.arange(20)
            values = jax.vmap(lambda t: value(x - t * step))(lengths)
            return x - lengths[jnp.nanargmin(values)] * step

        x = jax.lax.fori_loop(0, 40, improve, jnp.zeros(n))
        return x - jnp.linalg.solve(curvature(jax.lax.stop_gradient(x)), slope(x))

    solution = smoothed(conic.Solver(lambda p: Conic(*p)))
    weights = jnp.asarray(RNG.normal(size=n))
    loss = lambda parts: weights @ solution((*parts, cones), None).y.z  # noqa: E731
    move = Conic(*(jnp.asarray(RNG.normal(size=part.shape)) for part in data[:5]), cones)
    move = move._replace(P=(move.P + move.P.T) / 20, alpha=move.alpha / 10)
    along = lambda t: Conic(*(a + t * b for a, b in zip(data[:5], move[:5], strict=True)), cones)  # noqa: E731
    path = jax.jit(jax.vmap(lambda t: weights @ central(along(t))))

    @jax.jit
    def everything() -> Any:
        gradient = jax.grad(loss)
        slope = lambda t: sum(map(jnp.vdot, gradient(tuple(along(t)[:5])), move[:5]))  # noqa: E731
        start = jnp.zeros(())
        forward = jax.jvp(lambda t: loss(tuple(along(t)[:5])), (start,), (jnp.ones(()),))
        return solution(tuple(data), None), forward, jax.jvp(slope, (start,), (jnp.ones(()),))

    root, (value, forward), (reverse, second) = everything()
    assert root.status == Status.SOLVED.code
    exact = root.fixed.exact
    np.testing.assert_allclose(root.y.z, exact.z, rtol=1e-14)
    np.testing.assert_allclose(value, weights @ exact.z, rtol=1e-14)
    s, residual = data.b - data.A @ exact.z, data.P @ exact.z + data.q + data.A.T @ exact.ineq
    assert max(abs(residual).max(), abs(s @ exact.ineq)) < 1e-10  # the value is the solution's
    h = 1e-3
    before2, before, here, after, after2 = path(h * jnp.arange(-2, 3))
    np.testing.assert_allclose(forward, (8 * (after - before) - after2 + before2) / (12 * h), rtol=1e-7)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)
    curvature = (16 * (after + before) - after2 - before2 - 30 * here) / (12 * h**2)
    np.testing.assert_allclose(second, curvature, rtol=1e-5)


def test_a_linear_program_has_the_derivative_of_its_softened_choice() -> None:
    """min c'x over the simplex: the vertex as value; the smoothed point has c + nu = mu / x."""
    head = "problem p\n given c: real[n]\n find x: real[n]\n minimize c' @ x\n"
    text = head + " subject to\n  a: sum(x) == 1\n  b: x >= 0"
    layer = dc.compile(text, engine="interior_point", backward=f"smoothed({MU})")
    c = jnp.asarray([0.3, 0.1, 0.7])
    solution = layer.solve(c)
    np.testing.assert_allclose(solution.x, [0, 1, 0], atol=1e-12)
    low = jnp.asarray(-0.1 + 1e-9), jnp.asarray(-0.1 + 3 * MU)
    for _ in range(60):  # nu with sum(mu / (c + nu)) == 1
        middle = (low[0] + low[1]) / 2
        over = jnp.sum(MU / (c + middle)) > 1
        low = jnp.where(over, middle, low[0]), jnp.where(over, low[1], middle)
    x = MU / (c + low[0])
    expected = (jnp.outer(x**2, x**2) / jnp.sum(x**2) - jnp.diag(x**2)) / MU
    np.testing.assert_allclose(jax.jacrev(layer)(c), expected, rtol=1e-9)
