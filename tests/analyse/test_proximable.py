"""Smooth terms and what stands beside them: one problem in several spellings, and what is no such problem.

The emitted functions, of which the solution is all that the engine knows, are compared at one point and along one
direction of all parameters; nothing is solved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.compiler import compile_source
from declarative.errors import Source
from declarative.layer.load import load
from declarative.plan.report import recognised

N, K, M = 4, 2, 6
HEAD = """problem p
  given X: real[m, n], y: real[m], Y: real[m, k], lam: positive real, mu: positive real, d: positive real[n]
  given lo: real[n], hi: real[n], c: real[n], w0: real[n]
  """


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    lo = rng.uniform(-1, 0, size=N)
    return {
        "X": rng.normal(size=(M, N)), "y": rng.normal(size=M), "Y": rng.normal(size=(M, K)), "lam": np.asarray(0.3),
        "mu": np.asarray(0.7), "d": rng.uniform(0.5, 2, size=N), "lo": lo, "hi": lo + rng.uniform(0.5, 1, size=N),
        "c": rng.normal(size=N), "w0": rng.normal(size=N),
    }  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """The tails of programs that are one problem, and what `explain` names."""

    fact: str
    texts: tuple[str, ...]


W, WK = "find w: real[n]\n ", "find W: real[n, k]\n "
KINDS = {
    "lasso": Kind("a quadratic and absolute values", (
        W + "minimize ||X @ w - y||^2 + lam * ||w||_1",
        W + "minimize 1/2 * sum((y - X @ w)^2) + lam / 2 * sum(abs(w))",
        W + "maximize -||X @ w - y||^2 - lam * ||w||_1",
        W + "minimize mean((X @ w - y)^2) + lam / m * sum(maximum(w, -w))",
        W + "minimize sum((X[j] @ w - y[j])^2 for j in m) + sum(lam * abs(w[i]) for i in n)",
        W + "let e = X @ w - y\n minimize e' @ e + ||lam * w||_1",
        W + "minimize w' @ (X' @ X) @ w - 2 * y' @ X @ w + lam * (sum(relu(w)) + sum(relu(-w)))",
    )),
    "elastic net": Kind("a quadratic and absolute values", (
        W + "minimize ||X @ w - y||^2 + lam * ||w||_1 + mu * ||w||^2",
        W + "minimize sum_squares(y - X @ w) + sum(lam * abs(w) + mu * w^2)",
        W + "minimize (||X @ w - y||^2 + mu * w' @ w) / lam + ||w||_1",
        W + "minimize sum((X[j] @ w - y[j])^2 for j in m) + sum(mu * w[i]^2 + lam * abs(w[i]) for i in n)",
    )),
    "weights about a point": Kind("a quadratic and absolute values", (
        W + "minimize ||X @ w - y||^2 + sum(d * abs(w - c))",
        W + "minimize ||X @ w - y||^2 + d' @ abs(c - w)",
        W + "minimize ||X @ w - y||^2 + ||d * (w - c)||_1",
        W + "minimize ||X @ w - y||^2 + sum(d[i] * abs(w[i] - c[i]) for i in n)",
    )),
    "groups": Kind("a quadratic and norms", (
        WK + "minimize ||X @ W - Y||^2 + lam * sum(||W[i, :]|| for i in n)",
        WK + "minimize 1/2 * sum((Y - X @ W)^2) + sum(lam / 2 * ||W[i]||_2 for i in n)",
        WK + "maximize -sum_squares(X @ W - Y) - lam * sum(||W[i, :]|| for i in n)",
    )),
    "weighted groups": Kind("a quadratic and norms", (
        WK + "minimize ||X @ W - Y||^2 + lam * sum(d[i] * ||W[i, :]|| for i in n)",
        WK + "minimize ||X @ W - Y||^2 / lam + sum(||W[i, :]|| * d[i] for i in n)",
    )),
    "nuclear norm": Kind("a quadratic and singular values", (
        WK + "minimize ||X @ W - Y||^2 + lam * ||W||_*",
        WK + "minimize 1/2 * ||Y - X @ W||_F^2 + lam / 2 * ||W||_*",
        WK + "minimize ||X @ W - Y||_F^2 / lam + ||W||_*",
    )),
    "total variation": Kind("a quadratic and differences of neighbours", (
        W + "minimize ||w - w0||^2 + lam * ||diff(w)||_1",
        W + "minimize sum((w0 - w)^2) + lam * sum(abs(w[i + 1] - w[i]) for i in 0..n-2)",
        W + "minimize sum_squares(w - w0) + lam * sum(abs(w[0:n - 1] - w[1:n]))",
        W + "minimize 1/2 * ||w||^2 - w0' @ w + lam / 2 * sum(abs(diff(w)))",
    )),
    "bounded logistic": Kind("a smooth function and bounds", (
        "find w: real[n] in box(lo, hi)\n minimize sum(softplus(-y * (X @ w))) + mu * ||w||^2",
        W + "minimize sum(log(1 + exp(-y * (X @ w)))) + mu * sum(w^2)\n subject to lo <= w <= hi",
        W + "minimize sum(softplus(-y[j] * (X[j] @ w)) for j in m) + mu * w' @ w\n subject to w >= lo\n w <= hi",
        W + "maximize -sum(softplus(-y * (X @ w))) - mu * ||w||^2\n subject to abs(2 * w - lo - hi) <= hi - lo",
    )),
    "free intercept": Kind("a quadratic and absolute values", (
        "find w: real[n], b: real\n minimize ||X @ w + b - y||^2 + lam * ||w||_1",
        "find w: real[n], b: real\n minimize sum((y - b - X @ w)^2) + sum(lam * abs(w))",
    )),
    "bounds and absolute values": Kind("a quadratic and absolute values", (
        W + "minimize ||X @ w - y||^2 + lam * ||w||_1\n subject to w <= hi",
        W + "minimize ||X @ w - y||^2 + lam * ||w||_1\n subject to max(w - hi) <= 0",
    )),
    "the simplex": Kind("a smooth function and the simplex", (
        "find w: real[n] in simplex\n minimize sum(softplus(-y * (X @ w)))",
        "find w: nonneg real[n]\n minimize sum(softplus(-y * (X @ w)))\n subject to sum(w) == 1",
    )),
}  # fmt: skip


def numbers(module: dict[str, Any], params: Any) -> list[Any]:
    """All that decides the solution, on one scale."""
    point = jnp.linspace(0.2, 0.9, module["size"](params))
    smooth = lambda z: module["smooth"](z, params)  # noqa: E731
    hessian = jax.hessian(smooth)(point)
    scale = jnp.linalg.norm(hessian)
    found = [jax.grad(smooth)(point) / scale, hessian / scale]
    for part in module["parts"](params):
        args = list(part.args)
        if part.name.endswith("threshold"):
            args[0] = args[0] / scale
        found += [jnp.broadcast_to(jnp.ravel(jnp.asarray(arg, float)), part.size) for arg in args if jnp.ndim(arg) < 2
                  and jnp.size(arg) in (1, part.size)]  # fmt: skip
        found.append(jnp.broadcast_to(jnp.asarray(part.shift, float), part.size))
    return found


@pytest.mark.parametrize("name", KINDS)
def test_spellings_are_one_problem(name: str) -> None:
    kind = KINDS[name]
    wanted: list[np.ndarray] | None = None
    with jax.enable_x64(True):
        params = tuple(map(jnp.asarray, data().values()))
        way = tuple(jnp.asarray(np.random.default_rng(4).normal(size=part.shape)) for part in params)
        for text in kind.texts:
            source = Source("p.decl", HEAD + text)
            choice = compile_source(source, stop_after="plan")
            assert choice.engine.name == "proximal", text
            assert recognised(choice.variant.facts) == kind.fact, text
            module = vars(load(compile_source(source, stop_after="emit"), "p", {}, {}))
            values, changes = jax.jvp(lambda p, module=module: numbers(module, p), (params,), (way,))
            found = list(map(np.asarray, (*values, *changes)))
            wanted = wanted or found
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(W + "minimize ||X @ w - y||^2 + lam * ||w||_1 + mu * ||w||", id="two of one unknown"),
        pytest.param(W + "minimize ||X @ w - y||_1 + lam * ||w||_1", id="of an affine expression"),
        pytest.param(W + "minimize ||X @ w - y||^2 + lam * ||w||_1\n subject to a: w <= hi", id="with multipliers"),
        pytest.param(W + "minimize ||X @ w - y||^2 + lam * ||w||_1\n subject to X @ w <= y", id="rows"),
        pytest.param("find w: nonneg real[n]\n minimize c' @ w", id="linear"),
        pytest.param(W + "minimize ||X @ w - y||^2 - lam * ||w||_1", id="not convex"),
    ],
)  # fmt: skip
def test_what_is_no_such_problem(text: str) -> None:
    assert compile_source(Source("p.decl", HEAD + text), stop_after="analyse").composite is None
