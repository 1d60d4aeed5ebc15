"""Problems with closed-form gradients, written as programs: solutions and gradients of every parameter."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import declarative as dc
from tests.oracles.data import first, folder

PROGRAMS = {
    "box_projection": """
given v: real[n], lo: real[n], hi: real[n]
find x: real[n] in box(lo, hi)
minimize 1/2 * ||x - v||^2
""",
    "ball_projection": """
given v: real[n], r: positive real
find x: real[n] in ball(r)
minimize 1/2 * ||x - v||^2
""",
    "soc_projection": """
given v: real[n]
find x: real[n] in soc
minimize 1/2 * ||x - v||^2
""",
    "ridge": """
given X: real[m, n], y: real[m], lam: positive real
find b: real[n]
minimize ||X @ b - y||^2 + lam * ||b||^2
""",
    "l2_logistic_regression": """
given X: real[m, n], y: real[m], lam: positive real
find b: real[n]
minimize sum(softplus(X @ b) - y * (X @ b)) + 1/2 * lam * ||b||^2
""",
    "water_filling": """
given alpha: positive real[n]
find x: real[n] in simplex
maximize sum(log(alpha + x))
""",
    "geometric_median": """
given P: real[m, n], c: positive real[m]
find x: real[n]
minimize sum(c[i] * ||x - P[i]|| for i in m)
""",
    "analytic_center": """
given A: real[m, n], b: real[m]
find x: real[n]
minimize -sum(log(b - A @ x))
""",
    # An eigenvector is a root of its own equations; the smallest eigenvalue comes from the start.
    "eigvec_min": """
given S: symmetric real[n, n]
find x: real[n], mu: real
root
  S @ x = mu * x
  ||x||^2 = 1
return x
""",
    "lambert_w": """
given z: real[n]
find x: real[n]
root x * exp(x) = z
""",
    "dare": """
given A: real[n, n], B: real[n, m], q: real[n], r: real[m]
find X: real[n, n]
fixed point X = A' @ X @ A - A' @ X @ B @ solve(diag(r) + B' @ X @ B, B' @ X @ A) + diag(q)
""",
}


def cases() -> dict[str, dict]:
    path = folder("diff_gradients") / "analytic.json"
    return {case["name"]: case for case in json.loads(path.read_text())}


@pytest.mark.parametrize("name", PROGRAMS)
def test_solution_and_gradient(name: str) -> None:
    case = cases()[name]
    theta = {key: np.asarray(value, float) for key, value in case["theta"].items()}
    weights, expected = np.asarray(case["w"], float), np.asarray(case["x_opt"], float)
    layer = dc.compile(f"problem {name}\n{PROGRAMS[name]}")
    if name == "eigvec_min":
        values, vectors = np.linalg.eigh(theta["S"])
        near = vectors[:, 0] * np.sign(vectors[:, 0] @ expected) + 0.05
        layer = layer.with_options(start={"x": near, "mu": values[0] + 0.01})
    solution = layer.solve(**theta)
    assert solution.ok, str(solution)
    np.testing.assert_allclose(np.reshape(first(solution), expected.shape), expected, rtol=1e-7, atol=1e-7)
    with jax.enable_x64(True):
        theta = {key: jax.numpy.asarray(value) for key, value in theta.items()}
        gradient = jax.grad(lambda t: weights.ravel() @ layer(**t).ravel())(theta)
    for key, value in gradient.items():
        oracle = np.asarray(case["grad"][key])
        value = np.asarray(value)
        if name == "eigvec_min":  # the oracle moves S symmetrically
            value = (value + value.T) / 2
        error = np.abs(value - oracle).max() / max(1.0, np.abs(oracle).max())
        assert error < 1e-5, f"{key}: {error:.1e}"


def test_every_stored_case_has_a_program() -> None:
    assert set(cases()) == set(PROGRAMS)
