"""What a batch shares is computed once: no operation spreads a shared matrix over the elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc

RNG = np.random.default_rng(8)
BATCH = 7  # no other size equals it

RIDGE = """problem ridge
  given X: real[m, n], y: real[m], lam: positive real
  find w: real[n]
  minimize ||X @ w - y||^2 + lam * ||w||^2
"""
QP = """problem qp
  given P: psd real[n, n], q: real[n], G: real[m, n], h: real[m]
  find x: real[n]
  minimize 1/2 * x' @ P @ x + q' @ x
  subject to G @ x <= h
"""
DEQ = """problem deq
  given W: real[n, n], b: real[n]
  find z: real[n]
  fixed point z = tanh(W @ z + b)
"""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def taken(function: Callable[..., Any], *args: Any) -> Iterator[tuple[str, Any]]:
    """The operations of a function that its compiled form can take (branches for emergencies aside)."""

    return operations(jax.make_jaxpr(function)(*args).jaxpr)


def operations(jaxpr: Any) -> Iterator[tuple[str, Any]]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name, equation
        if equation.primitive.name != "cond":
            for value in equation.params.values():
                for inner in value if isinstance(value, tuple | list) else (value,):
                    inner = getattr(inner, "jaxpr", inner)
                    if hasattr(inner, "eqns"):
                        yield from operations(inner)


def test_one_factor_serves_solutions_and_derivatives_of_a_batch() -> None:
    layer = dc.compile(RIDGE)
    X, y, lam = (
        jnp.asarray(RNG.normal(size=(12, 11))),
        jnp.asarray(RNG.normal(size=(BATCH, 12))),
        jnp.asarray(0.3),
    )

    def loss(X: Any, y: Any, lam: Any) -> Any:
        return jnp.sum(jnp.sin(layer(X, y, lam)))

    found = list(taken(jax.value_and_grad(loss, (0, 1, 2)), X, y, lam))
    factored = [e.invars[0].aval.shape for name, e in found if name == "cholesky"]
    assert factored == [(11, 11)]
    sizes = {v.aval.shape for _, e in found for v in e.outvars if hasattr(v.aval, "shape")}
    assert not [shape for shape in sizes if BATCH in shape and len(shape) > 2 and min(shape[-2:]) > 1]

    def direct(X: Any, y: Any, lam: Any) -> Any:
        w = jnp.linalg.solve(X.T @ X + lam * jnp.eye(11), (y @ X).T).T
        return jnp.sum(jnp.sin(w))

    for ours, exact in zip(
        jax.grad(loss, (0, 1, 2))(X, y, lam), jax.grad(direct, (0, 1, 2))(X, y, lam), strict=True
    ):
        np.testing.assert_allclose(ours, exact, rtol=1e-9, atol=1e-11)


def test_one_product_serves_a_step_of_a_batch_there_and_back() -> None:
    layer = dc.compile(DEQ)
    W, b = RNG.normal(size=(9, 9)), jnp.asarray(RNG.normal(size=(BATCH, 9)))
    W = jnp.asarray(0.8 * W / np.linalg.norm(W, 2))

    def loss(W: Any, b: Any) -> Any:
        return jnp.sum(jnp.sin(layer(W, b)))

    found = list(taken(jax.grad(loss, (0, 1)), W, b))
    products = [e.outvars[0].aval.shape for name, e in found if name == "dot_general"]
    spread = [shape for shape in products if len(shape) == 3 and 9 in shape[1:2] and shape[2] == 9]
    assert products
    assert not spread

    z = layer(W, b)
    slope = 1 - z**2
    systems = jnp.eye(9) - slope[:, None, :] * W.T
    u = slope * jnp.linalg.solve(systems, jnp.cos(z)[..., None])[..., 0]
    for ours, exact in zip(jax.grad(loss, (0, 1))(W, b), (u.T @ z, u), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=1e-9, atol=1e-10)


def test_a_single_unknown_calls_no_library() -> None:
    layer = dc.compile(
        "problem p\n  given x: real[m]\n  find u: real\n  minimize sum(log(1 + (x - u)^2)) + u^2\n",
        engine="newton",
    )
    x = jnp.asarray(RNG.normal(size=(BATCH, 5)))
    text = jax.jit(jax.grad(lambda x: jnp.sum(layer(x)))).lower(x).compile().as_text()
    assert "lapack" not in text


def test_programs_that_share_their_matrices_share_the_factor() -> None:
    layer = dc.compile(QP)
    n, m = 11, 12
    P, q = jnp.eye(n), jnp.asarray(RNG.normal(size=(BATCH, n)))
    G, h = jnp.asarray(RNG.normal(size=(m, n))), jnp.ones(m)
    found = list(taken(lambda q: layer(P, q, G, h), q))
    assert [equation.invars[0].aval.shape for name, equation in found if name == "cholesky"] == [(n, n)]
    loops = [equation.params["jaxpr"].jaxpr for name, equation in found if name == "scan"]
    assert loops
    assert all(name != "cholesky" for loop in loops for name, _ in operations(loop))
