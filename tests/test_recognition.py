"""One problem in ten spellings: the same engine, the same recognition, the same numbers and derivatives.

The emitted functions, of which the solution is all the engine knows, are compared at one point and along
one direction of all parameters; so ten spellings need no compilation. The first one is solved as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.compiler import compile_source
from declarative.errors import Source
from declarative.layer.load import load
from declarative.plan.report import recognised

N, M = 4, 6
HEAD = """problem p
  given v: real[n], r: positive real, d: positive real[n], lo: real[n], hi: real[n], A: real[m, n], b: real[m]
  given y: real[m], w: positive real[m], V: real[n, n], Q: psd real[n, n], q: real[n], lam: positive real
  """


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    lo, root = rng.uniform(-1, 0, size=N), rng.normal(size=(N, N))
    return {
        "v": rng.normal(size=N), "r": np.asarray(0.7), "d": rng.uniform(0.5, 2, size=N), "lo": lo,
        "hi": lo + rng.uniform(0.5, 1, size=N), "A": rng.normal(size=(M, N)), "b": rng.normal(size=M),
        "y": np.sign(rng.normal(size=M)), "w": rng.uniform(0.5, 2, size=M), "V": root + root.T,
        "Q": root @ root.T + np.eye(N), "q": rng.normal(size=N), "lam": np.asarray(0.3),
    }  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`find` and the tails of ten programs; `fact` is what `explain` names."""

    engine: str
    fact: str | None
    texts: tuple[str, ...]


X, S = "find x: real[n]\n ", "find x: real[n] in simplex\n "
KINDS = {
    "simplex": Kind("projection", "projection `simplex`", (
        S + "minimize 1/2 * ||x - v||^2",
        S + "minimize sum((v - x)^2)",
        S + "maximize v' @ x - 1/2 * ||x||^2",
        S + "minimize x' @ x - 2 * v' @ x + r",
        "find x: nonneg real[n]\n minimize r * sum_squares(x - v) / 2\n subject to sum(x) == 1",
        X + "minimize mean((x - v)^2)\n subject to x >= 0\n 1 == ones(n)' @ x",
        X + "let e = v - x\n minimize e' @ e\n subject to -x <= 0\n sum(x) - 1 == 0",
        X + "minimize sum((x[i] - v[i])^2 for i in n)\n subject to x[i] >= 0 for i in n\n 2 * sum(x) == 2",
        "find x: real[n] in [0, 1]\n minimize dot(x, x) / 2 - dot(x, v)\n subject to sum(x[i] for i in n) == 1",
        X + "minimize quad_form(x - v, r * eye(n))\n subject to min(x) >= 0\n n * mean(x) == 1",
    )),
    "softmax": Kind("projection", "proximal map `softmax`", (
        S + "minimize r * sum(x * log(x)) - v' @ x",
        S + "maximize v' @ x + r * entropy(x)",
        S + "minimize -entropy(x) - v' @ x / r",
        S + "minimize r * rel_entropy(x, ones(n)) - sum(v * x)",
        S + "minimize r * kl(x, exp(v / r))",
        S + "minimize sum(x[i] * log(x[i]) - v[i] / r * x[i] for i in n)",
        "find x: nonneg real[n]\n minimize sum(x * (r * log(x) - v))\n subject to sum(x) == 1",
        X + "minimize r * x' @ log(x) - x' @ v\n subject to sum(x) == 1",
        S + "maximize dot(v, x) - r * sum(x * log(x / d)) - r * sum(x * log(d))",
        S + "let h = -sum(x[i] * log(x[i]) for i in n)\n minimize -(sum(v * x) + r * h)",
    )),
    "box": Kind("projection", "projection `box`", (
        "find x: real[n] in box(lo, hi)\n minimize ||x - v||^2",
        "find x: real[n] in [lo, hi]\n minimize 1/2 * sum((v - x)^2)",
        X + "minimize ||x - v||^2\n subject to lo <= x <= hi",
        X + "minimize ||x - v||^2\n subject to x >= lo\n x <= hi",
        X + "maximize -d' @ (x - v)^2\n subject to x in box(lo, hi)",
        X + "minimize (x - v)' @ diag(d) @ (x - v)\n subject to x - hi <= 0\n lo - x <= 0",
        X + "minimize sum(d[i] * (x[i] - v[i])^2 for i in n)\n subject to lo[i] <= x[i] <= hi[i] for i in n",
        X + "minimize ||x||^2 / 2 - v' @ x\n subject to 2 * x <= 2 * hi\n -x <= -lo",
        X + "minimize ||(x - v) / d||^2\n subject to abs(x - (lo + hi) / 2) <= (hi - lo) / 2",
        X + "minimize quad_form(x - v, diag(d) + eye(n))\n subject to max(x - hi) <= 0\n min(x - lo) >= 0",
    )),
    "soft threshold": Kind("projection", "proximal map `soft_threshold`", (
        X + "minimize 1/2 * ||x - v||^2 + r * ||x||_1",
        X + "minimize sum((x - v)^2) / 2 + r * sum(abs(x))",
        X + "minimize sum(1/2 * (x - v)^2 + r * abs(x))",
        X + "minimize 1/2 * ||x||^2 - v' @ x + ||r * x||_1",
        X + "maximize -||x - v||^2 - 2 * r * ||x||_1",
        X + "minimize sum((x[i] - v[i])^2 / 2 + r * abs(x[i]) for i in n)",
        X + "minimize ||x - v||^2 / (2 * r) + ||x||_1",
        X + "minimize (x - v)' @ (x - v) + 2 * r * sum(maximum(x, -x))",
        X + "minimize 1/2 * sum_squares(v - x) + r * sum(relu(x) + relu(-x))",
        X + "let p = sum(abs(x[i]) for i in n)\n minimize mean((x - v)^2) + 2 * r / n * p",
    )),
    "ball": Kind("projection", "projection `ball`", (
        "find x: real[n] in ball(r)\n minimize ||x - v||^2",
        X + "minimize 1/2 * ||v - x||^2\n subject to ||x||_2 <= r",
        X + "minimize sum((x - v)^2)\n subject to ||x||^2 <= r^2",
        X + "minimize ||x||^2 - 2 * v' @ x\n subject to r >= ||-x||",
        X + "minimize ||x - v||^2\n subject to x' @ x <= r^2",
        X + "minimize ||x - v||^2\n subject to sum(x[i]^2 for i in n) <= r^2",
        X + "minimize ||x - v||^2\n subject to ||x|| / r <= 1",
        X + "minimize ||x - v||^2\n subject to ||2 * x|| - 2 * r <= 0",
        X + "minimize ||x - v||^2\n subject to x in ball(r, 2)",
        X + "maximize 2 * v' @ x - x' @ x\n subject to sum_squares(x) / r <= r",
    )),
    "psd": Kind("projection", "projection `psd`", (
        "find X: psd real[n, n]\n minimize ||X - V||^2",
        "find X: real[n, n] in psd\n minimize ||X - V||_F^2 / 2",
        "find X: symmetric real[n, n]\n minimize sum((X - V)^2)\n subject to X in psd",
        "find X: real[n, n]\n minimize ||V - X||^2\n subject to X >> 0",
        "find X: real[n, n]\n minimize r * sum_squares(X - V)\n subject to zeros(n, n) << X",
        "find X: psd real[n, n]\n minimize trace((X - V)' @ (X - V))",
        "find X: psd real[n, n]\n minimize sum((X[i, j] - V[i, j])^2 for i in n for j in n)",
        "find X: psd real[n, n]\n maximize trace(V' @ X) - 1/2 * ||X||^2",
        "find X: psd real[n, n]\n minimize ||X||^2 - 2 * sum(V * X)",
        "find X: psd real[n, n]\n let E = V - X\n minimize mean(E * E)\n subject to 2 * X >> X - X",
    )),
    "ridge": Kind("linear_system", "a sum of squares", (
        X + "minimize ||A @ x - b||^2 + lam * ||x||^2",
        X + "minimize sum((b - A @ x)^2) + lam * sum(x^2)",
        X + "minimize 1/2 * sum_squares(A @ x - b) + lam / 2 * sum_squares(x)",
        X + "minimize (A @ x - b)' @ (A @ x - b) + lam * x' @ x",
        X + "minimize sum((A[j] @ x - b[j])^2 for j in m) + lam * sum(x[i]^2 for i in n)",
        X + "minimize sum((sum(A[j, i] * x[i] for i in n) - b[j])^2 for j in m) + lam * ||x||^2",
        X + "maximize -||b - A @ x||^2 / lam - ||x||^2",
        X + "minimize mean((A @ x - b)^2) + lam / m * ||x||^2",
        X + "let e = A @ x - b\n minimize dot(e, e) + lam * dot(x, x)",
        X + "minimize ||A @ x - b||^2 + ||sqrt(lam) * x||^2",
    )),
    "least squares": Kind("linear_system", "a sum of squares", (
        X + "minimize ||A @ x - b||^2",
        X + "minimize 1/2 * ||b - A @ x||^2 + r",
        X + "minimize sum((A @ x - b)^2)",
        X + "minimize sum(square(x' @ A' - b))",
        X + "minimize (A @ x - b)' @ (A @ x - b) / m",
        X + "minimize sum((A[j, :] @ x - b[j])^2 for j in m)",
        X + "maximize -sum_squares(A @ x - b)",
        X + "minimize quad_over_lin(A @ x - b, r)",
        X + "minimize sum(abs(A @ x - b)^2)",
        X + "let e = sum(A[:, i] * x[i] for i in n) - b\n minimize ||e||^2",
    )),
    "logistic": Kind("newton", None, (
        X + "minimize sum(softplus(-y * (A @ x))) + lam * ||x||^2",
        X + "minimize sum(log(1 + exp(-y * (A @ x)))) + lam * sum(x^2)",
        X + "minimize sum(softplus(-y[j] * (A[j] @ x)) for j in m) + lam * x' @ x",
        X + "minimize sum(log1p(exp(-y * (A @ x)))) + lam * sum_squares(x)",
        X + "maximize -sum(softplus(-y * (A @ x))) - lam * ||x||^2",
        X + "minimize 1/2 * sum(softplus(-y * (A @ x))) + lam / 2 * ||x||^2",
        X + "minimize mean(softplus(-y * (A @ x))) + lam / m * ||x||^2",
        X + "let z = A @ x\n minimize sum(softplus(y * z) - y * z) + lam * ||x||^2",
        X + "minimize sum(softplus(-y[j] * sum(A[j, i] * x[i] for i in n)) for j in m) + lam * dot(x, x)",
        X + "minimize sum(softplus((-y * A[:, 0]) * x[0] - y * (A[:, 1:n] @ x[1:n]))) + lam * ||x||^2",
    )),
    "robust pooling": Kind("separable", "one problem for each entry", (
        "find u: real\n minimize sum(sqrt(1 + (v - u)^2) - 1)",
        "find u: real\n minimize sum(sqrt(1 + (u - v)^2))",
        "find u: real\n minimize sum((1 + (u - v)^2)^0.5)",
        "find u: real\n minimize sum(sqrt(1 + (v[i] - u)^2) - 1 for i in n)",
        "find u: real\n maximize -sum(sqrt(1 + (v - u)^2))",
        "find u: real\n minimize mean(sqrt(1 + (v - u)^2))",
        "find u: real\n minimize r * sum(sqrt(1 + square(v - u)) - 1) / 2",
        "find u: real\n let e = v - u\n minimize sum(sqrt(1 + e * e))",
        "find u: real\n minimize 2 * sum(sqrt(1 / 4 + ((u - v) / 2)^2))",
        "find u: real\n minimize ones(n)' @ sqrt(1 + abs(v - u)^2)",
    )),
    "separable": Kind("separable", "one problem for each entry between bounds", (
        "find x: real[n] in box(lo, hi)\n minimize sum(exp(x) - v * x) + r * ||x||^2",
        "find x: real[n] in [lo, hi]\n minimize sum(exp(x)) - v' @ x + r * x' @ x",
        X + "minimize sum(exp(x) - v * x + r * x^2)\n subject to lo <= x <= hi",
        X + "minimize sum(exp(x[i]) - v[i] * x[i] + r * x[i]^2 for i in n)\n subject to x >= lo\n x <= hi",
        X + "maximize sum(v * x) - sum(exp(x)) - r * sum(x^2)\n subject to lo - x <= 0\n x - hi <= 0",
        X + "minimize sum(exp(x)) / r + sum_squares(x) - dot(v, x) / r\n subject to lo <= x <= hi",
        X + "minimize mean(exp(x) - v * x) + r / n * ||x||^2\n subject to lo[i] <= x[i] <= hi[i] for i in n",
        X + "minimize ones(n)' @ exp(x) - v' @ x + r * sum(square(x))\n subject to x in box(lo, hi)",
        X + "minimize sum(expm1(x) - v * x) + r * quad_form(x, eye(n))\n subject to 2 * lo <= 2 * x\n -x >= -hi",
        X + "let p = r * ||x||^2\n minimize p - sum(v * x - exp(x))\n subject to abs(2 * x - lo - hi) <= hi - lo",
    )),
    "quadratic program": Kind("interior_point", None, (
        X + "minimize 1/2 * x' @ Q @ x + q' @ x\n subject to A @ x <= b",
        X + "minimize quad_form(x, Q) / 2 + dot(q, x)\n subject to b >= A @ x",
        X + "maximize -(x' @ (Q @ x)) - 2 * sum(q * x)\n subject to A @ x - b <= 0",
        X + "minimize 1/2 * sum(x * (Q @ x)) + x' @ q\n subject to A @ x <= b",
        X + "minimize x' @ Q @ x + 2 * q' @ x + r\n subject to A[j] @ x <= b[j] for j in m",
        X + "minimize 1/2 * quad_form(x, Q) + sum(q[i] * x[i] for i in n)\n subject to A @ x <= b",
        X + "minimize r * (1/2 * x' @ Q @ x + q' @ x)\n subject to -A @ x >= -b",
        X + "let h = 0.5 * (x' @ Q)\n minimize h @ x + q @ x\n subject to A @ x <= b",
        X + "minimize 1/2 * sum(Q[i, :] @ x * x[i] for i in n) + q' @ x\n subject to A @ x <= b",
        X + "minimize dot(x, Q @ x) / 2 + q' @ x\n subject to sum(A[j, i] * x[i] for i in n) <= b[j] for j in m",
    )),
}  # fmt: skip


def emitted(text: str) -> tuple[Any, dict[str, Any]]:
    """The plan's choice and the emitted module's names."""
    source = Source("p.decl", HEAD + text)
    choice = compile_source(source, stop_after="plan")
    return choice, vars(load(compile_source(source, stop_after="emit"), "p", {}, {}))


def numbers(module: dict[str, Any], fact: str, params: Any) -> Any:
    """All that decides the solution, on one scale."""
    point = jnp.linspace(0.2, 0.9, module["size"](params))
    if "centre" in module:
        centre = module["centre"](params)
        if fact.endswith("`softmax`"):  # a constant in all entries does not count
            centre = centre - jnp.mean(centre)
        parts = [*module["set_args"](params), module["shift"](params) if "shift" in module else 0.0]
        return [centre, *(jnp.broadcast_to(jnp.asarray(part, float), centre.shape) for part in parts)]
    if "data" in module:
        found = module["data"](params)
        cost, rows = jnp.linalg.norm(found.P), jnp.linalg.norm(found.G) if found.G.size else 1.0
        return [found.P / cost, found.q / cost, found.G / rows, found.h / rows]
    if "slopes" in module:
        slope, curvature = module["slopes"](point, params)
        bounds = module["bounds"](params) if "bounds" in module else ()
        return [slope / curvature, curvature / curvature[0], *bounds]
    slope = jax.grad(module["cost"])(point, params)
    hessian = jax.hessian(module["cost"])(point, params)
    return [slope / jnp.linalg.norm(hessian), hessian / jnp.linalg.norm(hessian)]


def moved(module: dict[str, Any], fact: str) -> list[np.ndarray]:
    """The numbers and their change along one direction of the parameters."""
    params = tuple(map(jnp.asarray, data().values()))
    rng = np.random.default_rng(4)
    way = tuple(jnp.asarray(rng.normal(size=part.shape)) for part in params)
    values, changes = jax.jvp(lambda p: numbers(module, fact, p), (params,), (way,))
    return list(map(np.asarray, (*values, *changes)))


@pytest.mark.parametrize("name", KINDS)
def test_ten_spellings_are_one_problem(name: str) -> None:
    kind = KINDS[name]
    assert len(set(kind.texts)) == 10
    wanted: list[np.ndarray] | None = None
    with jax.enable_x64(True):
        for text in kind.texts:
            choice, module = emitted(text)
            assert choice.engine.name == kind.engine, text
            assert recognised(choice.variant.facts) == kind.fact, text
            found = moved(module, kind.fact or "")
            wanted = wanted or found
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=text)
        layer = dc.compile(HEAD + kind.texts[0])
        assert layer.solve(**data()).ok
        assert (kind.fact or "") in layer.explain()
