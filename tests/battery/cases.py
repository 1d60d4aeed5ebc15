"""One problem for each engine, with its solution in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import declarative as dc

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 3))
POSITIVE = np.array([0.5, 1.5, 3.0])


@dataclass(frozen=True)
class Case:
    """`closed(**data)` is the first output as a JAX function, valid near `data`."""

    engine: str
    text: str
    data: dict[str, np.ndarray[Any, Any]]
    closed: Callable[..., Any]
    tol: float = 1e-9  # of values; derivatives are as exact as the values

    def layer(self, **options: Any) -> dc.Layer:
        layer: dc.Layer = dc.compile(self.text, engine=self.engine, **options)
        assert layer.info["engine"] == self.engine
        return layer


def _qp(P: Any, q: Any, h: Any) -> Any:
    """Constraint 0 holds with equality at the data below, constraint 1 does not."""
    n = q.shape[0]
    row = jnp.ones((1, n))
    kkt = jnp.block([[(P + P.T) / 2, row.T], [row, jnp.zeros((1, 1))]])
    return jnp.linalg.solve(kkt, jnp.concatenate([-q, h[:1]]))[:n]


def _sparsemax(y: Any) -> Any:
    """The support at the data below is the first two entries."""
    kept = jnp.array([1.0, 1.0, 0.0])
    return kept * (y - (jnp.sum(kept * y) - 1) / 2)


def _lasso(X: Any, y: Any, lam: Any) -> Any:
    """At the data below the first weight is zero, and the others are negative."""
    kept = X[:, 1:]
    return jnp.append(jnp.zeros(1), jnp.linalg.solve(kept.T @ kept, kept.T @ y + lam))


CASES = {
    case.engine: case
    for case in (
        Case(
            "projection",
            "problem p\n given y: real[n]\n find x: real[n] in simplex\n minimize 1/2 * ||x - y||^2",
            {"y": np.array([0.5, 0.2, -1.0])},
            _sparsemax,
        ),
        Case(
            "linear_system",
            "problem p\n given X: real[m, d], y: real[m], lam: positive real\n find w: real[d]\n"
            " minimize ||X @ w - y||^2 + lam * ||w||^2",
            {"X": RNG.normal(size=(5, 3)), "y": RNG.normal(size=5), "lam": np.array(0.5)},
            lambda X, y, lam: jnp.linalg.solve(X.T @ X + lam * jnp.eye(3), X.T @ y),
        ),
        Case(
            "proximal",
            "problem p\n given X: real[m, d], y: real[m], lam: positive real\n find w: real[d]\n"
            " minimize 1/2 * ||X @ w - y||^2 + lam * ||w||_1",
            {"X": RNG.normal(size=(5, 3)), "y": np.array([2.0, -1.0, 0.5, 1.5, -2.0]), "lam": np.array(1.5)},
            _lasso,
        ),
        Case(
            "interior_point",
            "problem p\n given P: psd real[n, n], q: real[n], h: real[2]\n find x: real[n]\n"
            " minimize 1/2 * x' @ P @ x + q' @ x\n subject to\n  a: sum(x) <= h[0]\n  b: -sum(x) <= h[1]",
            {"P": W @ W.T + np.eye(3), "q": np.array([-1.0, -2.0, -0.5]), "h": np.array([0.1, 2.0])},
            _qp,
        ),
        Case(
            "conic",
            "problem p\n given c: real[n], p: real[n], r: positive real\n find x: real[n]\n"
            " minimize c' @ x\n subject to\n  ||x - p|| <= r",
            {"c": np.array([1.0, -2.0, 0.5]), "p": POSITIVE, "r": np.array(1.5)},
            lambda c, p, r: p - r * c / jnp.linalg.norm(c),
        ),
        Case(
            "newton",
            "problem p\n given a: positive real[n], c: positive real\n find x: real[n]\n"
            " minimize sum(exp(x) - c * a * x)",
            {"a": POSITIVE, "c": np.array(2.0)},
            lambda a, c: jnp.log(a * c),
        ),
        Case(
            "nonlinear",
            "problem p\n given w: positive real[n], s: positive real, cap: positive real\n find x: real[n]\n"
            " minimize rel_entropy(x, w)\n subject to\n  a: sum(x) == s\n  b: x[0] <= cap",
            {"w": POSITIVE, "s": np.array(2.0), "cap": np.array(0.1)},
            lambda w, s, cap: jnp.concatenate([cap[None], (s - cap) * w[1:] / jnp.sum(w[1:])]),
        ),
        Case(
            "quasi_newton",
            "problem p\n given a: positive real[n], c: positive real\n find x: real[n]\n"
            " minimize sum(exp(x) - c * a * x)\n options tol = 1e-12",
            {"a": POSITIVE, "c": np.array(2.0)},
            lambda a, c: jnp.log(a * c),
        ),
        Case(
            "least_squares",
            "problem p\n given a: positive real[n], c: positive real\n find x: real[n]\n"
            " minimize sum((exp(x[i]) - c * a[i])^2 for i in n)",
            {"a": POSITIVE, "c": np.array(2.0)},
            lambda a, c: jnp.log(a * c),
        ),
        Case(
            "fixed_point",
            "problem p\n given W: real[n, n], b: real[n]\n find z: real[n]\n fixed point z = W @ z + b\n"
            " options tol = 1e-12",
            {"W": W / 10, "b": np.array([1.0, -2.0, 0.5])},
            lambda W, b: jnp.linalg.solve(jnp.eye(3) - W, b),
        ),
        Case(
            "root",
            "problem p\n given a: positive real[n], c: positive real\n find x: real[n]\n root exp(x) = c * a",
            {"a": POSITIVE, "c": np.array(2.0)},
            lambda a, c: jnp.log(a * c),
        ),
    )
}
