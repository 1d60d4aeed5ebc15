"""Whole programs through the cvxpy backend: emitted source, solution by formula, derivatives by differences."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import declarative as dc

RNG = np.random.default_rng(8)
FACTOR = RNG.normal(size=(3, 3))
PD = FACTOR @ FACTOR.T + np.eye(3)

PROGRAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "gather": (
        """
        problem smooth_through
          given y: real[k], idx: int[k], like: real[n], mu: positive real
          find  z: real[n]
          minimize ||z[idx] - y||^2 + mu * ||diff(z)||^2 + 1/10 * ||z - like||^2
        """,
        {"y": RNG.normal(size=3), "idx": np.array([0, 2, 4]), "like": np.zeros(6), "mu": 0.5},
    ),
    "filtered pairs": (
        """
        problem pairs
          given y: real[n], c: real
          find  x: real[n]
          minimize ||x - y||^2
          subject to
            pair: x[i] + x[j] <= c for i in n for j in n where i < j
          return x, price = dual(pair)
        """,
        {"y": np.array([1.0, 2.0, -1.0, 0.7]), "c": 1.2},
    ),
    "huber": (
        """
        problem location
          given y: real[n], delta: positive real
          find  x: real
          minimize sum(huber(x - y[i], delta) for i in n)
        """,
        {"y": np.array([0.0, 0.3, 1.1, 5.0]), "delta": 0.9},
    ),
    "quotient": (
        """
        problem quotient
          given c: real[n], s: positive real
          find  x: real[n], t: positive real
          minimize quad_over_lin(x - c, t) + (x[0] - s)^2 / t + s * t + s / (t + 1) + x[1]^2 / (s * t + s^2)
          subject to
            t >= 1/10
            sum(x) == 1
        """,
        {"c": np.array([1.0, 2.0, -1.0]), "s": 0.7},
    ),
    "quadratic constraint": (
        """
        problem trust_region
          given c: real[n], S: pd real[n, n], r: positive real
          find  x: real[n]
          minimize c' @ x + 1/4 * ||x||^2
          subject to
            inside: x' @ S @ x <= r
          return x, price = dual(inside)
        """,
        {"c": np.array([1.0, -2.0, 0.5]), "S": PD, "r": 0.4},
    ),
    "scaled risk": (
        """
        problem scaled_risk
          given mu: real[n], S: psd real[n, n], gamma: positive real, kappa: positive real
          find  w: real[n] in simplex
          minimize gamma * quad_form(w - 1/n, S) - mu' @ w + kappa * max(abs(w[i] - mu[i]) for i in n)
        """,
        {"mu": RNG.normal(size=3) / 3, "S": PD, "gamma": 0.8, "kappa": 0.2},
    ),
    "products of parameters": (
        """
        problem products
          given A: real[m, n], B: real[m, m], s: positive real
          find  x: real[n]
          minimize s * ||B @ (A @ x) - 1||_1 + 1/2 * ||x||^2
        """,
        {"A": RNG.normal(size=(4, 3)), "B": RNG.normal(size=(4, 4)), "s": 0.3},
    ),
    "chosen by data": (
        """
        problem masked
          given y: real[n], on: bool[n], u: real
          find  x: real[n]
          minimize ||x - where(on, y, u * y)||^2 + sum(abs(x[i]) for i in n where on[i]) + 1/2 * sum(exp(x))
        """,
        {"y": np.array([1.0, 2.0, -1.0]), "on": np.array([True, False, True]), "u": 0.3},
    ),
    "linear matrix inequality": (
        """
        problem lmi
          given A: symmetric real[n, n], B: symmetric real[n, n]
          find  X: symmetric real[n, n]
          minimize trace(X) + 1/10 * ||X||_F^2
          subject to
            above: X ⪰ A
            X ⪰ B
        """,
        {"A": (FACTOR + FACTOR.T) / 2, "B": np.diag([1.0, -1.0, 0.2])},
    ),
    "kelly": (
        """
        problem kelly
          given R: positive real[k, n], p: nonneg real[k]
          find  b: real[n] in simplex
          maximize sum(p[j] * log(R[j, :] @ b) for j in k) - 1/10 * ||b||^2
        """,
        {"R": RNG.uniform(0.5, 2.0, size=(5, 3)), "p": np.full(5, 0.2)},
    ),
}


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def solved(request: pytest.FixtureRequest) -> tuple[dc.Layer, dict[str, Any]]:
    text, values = PROGRAMS[request.param]
    return dc.compile(text, backend="cvxpy"), values


def test_derivatives_agree_with_differences(solved: tuple[dc.Layer, dict[str, Any]]) -> None:
    layer, values = solved
    solution = layer.solve(**values)
    assert str(solution.status) == "solved"
    report = layer.check_grad(**values)
    assert report.ok, report


def test_multiplier_of_filtered_pairs() -> None:
    """Stationarity 2 (x - y) + sum over the pairs that hold i; zero where the filter leaves a pair out."""
    text, values = PROGRAMS["filtered pairs"]
    x, price = dc.compile(text, backend="cvxpy")(**values)
    assert price.shape == (4, 4)
    assert (price[np.tril_indices(4)] == 0).all()
    assert price.max() > 0.1
    np.testing.assert_allclose(2 * (x - values["y"]) + price.sum(0) + price.sum(1), 0, atol=1e-9)


def test_multiplier_of_quadratic_constraint() -> None:
    text, values = PROGRAMS["quadratic constraint"]
    x, price = dc.compile(text, backend="cvxpy")(**values)
    np.testing.assert_allclose(values["c"] + x / 2 + 2 * price * values["S"] @ x, 0, atol=1e-9)
    np.testing.assert_allclose(x @ values["S"] @ x, values["r"], rtol=1e-9)


def test_inside_jax() -> None:
    """jit, vmap of vmap, scan and reverse mode over a batch agree with the plain call."""
    layer = dc.compile(
        "problem p\ngiven y: real[n]\nfind x: real[n] in simplex\nminimize 1/2 * ||x - y||^2", backend="cvxpy"
    )
    with jax.enable_x64(True):
        y = jax.random.normal(jax.random.key(0), (2, 3, 4))
        plain = np.asarray(layer(np.asarray(y)))
        np.testing.assert_allclose(jax.jit(layer)(y), plain, atol=1e-12)
        np.testing.assert_allclose(jax.vmap(jax.vmap(layer))(y), plain, atol=1e-12)
        _, scanned = jax.lax.scan(lambda carry, row: (carry, layer(row)), 0, y)
        np.testing.assert_allclose(scanned, plain, atol=1e-12)
        whole = jax.jit(jax.grad(lambda y: (layer(y) ** 2).sum()))(y)
        alone = np.stack([[jax.grad(lambda v: (layer(v) ** 2).sum())(v) for v in row] for row in y])
        np.testing.assert_allclose(whole, alone, atol=1e-10)


def test_source_is_plain_cvxpy() -> None:
    text, _ = PROGRAMS["huber"]
    source = dc.compile(text, backend="cvxpy").source
    assert "import cvxpy as cp" in source
    assert "x = model.find()" in source
    filtered, _ = PROGRAMS["filtered pairs"]
    assert "for i in range(0, n)" in dc.compile(filtered, backend="cvxpy").source


def test_what_cvxpy_cannot_say_is_refused_with_a_reason() -> None:
    text = "problem p\ngiven a: real\nfind x: real\nminimize sqrt(1 + (x - a)^2) - 1"
    with pytest.raises(dc.DeclError) as caught:
        dc.compile(text, backend="cvxpy")
    assert "second derivatives" in str(caught.value)
