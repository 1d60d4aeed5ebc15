"""Gradients and Hessians as formulas, against automatic differentiation of the emitted cost."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.analyse import structure_of
from declarative.analyse.composite import expansion
from declarative.compiler import compile_source
from declarative.errors import Source
from declarative.layer.load import load
from tests import programs

HEAD = """problem p
  given A: real[m, n], b: real[m], y: real[m], Q: psd real[n, n], q: real[n], r: positive real, B: real[m, k]
  find x: real[n], z: real[k]
  minimize """
KNOWN = [
    "sum(softplus(-y * (A @ x))) + r * ||x||^2 + sum(exp(z))",
    "sum(exp(A @ x + B @ z - b)) + q' @ x + 1/2 * x' @ Q @ x + sum(z^4)",
    "sum(log(1 + exp(A @ x - b))) / r + sum(sqrt(1 + (x - q)^2)) + sum(z^4)",
    "r * mean((A @ x - b)^4) + quad_form(x - q, Q) + sum(cos(z))",
    "sum(exp(x[0] * A[:, 0] + B @ z)) + sum_squares(x)",
    "sum(softplus(y - sum(x)) * b^2) + exp(z[0] + x[1]) + ||z||^2 + sum(x)^2 / r",
    "-sum(log(1 + r + sin(A @ x))) + dot(z, z) * r + sum(z)",
]


@pytest.mark.parametrize("value", KNOWN)
def test_formulas_are_the_derivatives(value: str) -> None:
    text = f"{HEAD}{value}\n  options engine = newton"
    module = vars(load(compile_source(Source("p.decl", text), stop_after="emit"), "p", {}, {}))
    rng = np.random.default_rng(2)
    m, n, k = 5, 3, 2
    root = rng.normal(size=(n, n))
    with jax.enable_x64(True):
        params = tuple(
            map(
                jnp.asarray,
                (
                    rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=m), root @ root.T,
                    rng.normal(size=n), np.asarray(1.3), rng.normal(size=(m, k)),
                ),
            )
        )  # fmt: skip
        flat = jnp.asarray(rng.normal(size=n + k))
        gradient, hessian = module["derivatives"](flat, params)
        np.testing.assert_allclose(gradient, jax.grad(module["cost"])(flat, params), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(hessian, jax.hessian(module["cost"])(flat, params), rtol=1e-10, atol=1e-10)


UNKNOWN = [
    "log_sum_exp(A @ x) + ||z||^2",
    "sum(exp(x) * cos(A' @ y + x[0] * q)) + ||z||^2 + exp(sum(exp(x)))",
    "prod(x) + sum(z)^3",
]


@pytest.mark.parametrize("value", UNKNOWN)
def test_other_terms_are_left_to_differentiation(value: str) -> None:
    problem = programs.problem(HEAD + value)
    assert expansion(problem, structure_of(problem)) is None
