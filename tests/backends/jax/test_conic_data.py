"""The emitted data of conic programs, solved by Clarabel, against the cvxpy backend: values and duals of each kind."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.analyse import analyse, structure_of
from declarative.backends.jax import runtime as rt
from declarative.layer.status import DerivativeStatus
from declarative.rewrite import conic, rewrite
from tests import programs
from tests.backends.jax.conic_form import Solved, solve

HEAD = """problem p
  given A: real[m, n], b: real[m], c: real[n], S: symmetric real[n, n], B: real[T, m, n], a: real[T], k: real[n]
  find x: real[n]"""
RNG = np.random.default_rng(3)
MATRIX = RNG.normal(size=(3, 3))
DATA: dict[str, np.ndarray] = {
    "A": RNG.normal(size=(4, 3)),
    "b": RNG.normal(size=4),
    "c": RNG.normal(size=3),
    "S": MATRIX + MATRIX.T,
    "B": RNG.normal(size=(2, 4, 3)),
    "a": np.array([0.3, 0.6]),
    "k": np.array([1.0, -1.0, 1.0]),
}
NEAR = "||x - c||^2"

CASES: dict[str, tuple[str, str]] = {
    "a norm, above an affine bound": ("", f"minimize {NEAR}\n  subject to lab: ||A @ x|| <= 0.5 + x[0]"),
    "entries": ("", f"minimize {NEAR}\n  subject to lab: exp(A @ x) <= 0.9"),
    "a concave side": ("", f"maximize -{NEAR}\n  subject to lab: sum(log(x + 2)) >= 3"),
    "a filtered family": (
        "",
        f"minimize {NEAR}\n  subject to lab: exp(x[i]) <= 0.4 + x[i - 1] for i in n where i > 0",
    ),
    "a family of norms": ("", f"minimize {NEAR}\n  subject to lab: ||B[t] @ x|| <= 0.3 + t for t in T"),
    "an equality": ("", f"minimize {NEAR} + ||x||\n  subject to lab: sum(x) == 1"),
    "an order": (
        ", X: symmetric real[n, n]",
        f"minimize ||X - S||^2 + {NEAR}\n  subject to lab: X >> outer(k, k)",
    ),
    "a family of orders": (
        ", X: symmetric real[n, n]",
        f"minimize {NEAR} + ||X - S||^2\n  subject to lab: X >> a[t] * outer(B[t, 0], B[t, 0]) for t in T",
    ),
    "an order by a multiple": ("", f"minimize {NEAR}\n  subject to lab: 0.5 * eye(n) >> x[0] * S"),
}


def answers(find: str, rest: str) -> tuple[Solved, Any]:
    text = f"{HEAD}{find}\n  {rest}\n  return x, d = dual(lab), v = objective"
    problem = programs.problem(text)
    last = rewrite(problem, analyse(problem))[-1]
    assert conic.obstacle(last.problem, structure_of(last.problem)) is None
    used = {p.name for p in problem.params}
    theirs = dc.compile(text, backend="cvxpy").solve(**{k: v for k, v in DATA.items() if k in used})
    return solve(last.problem, *(DATA[p.name] for p in problem.params)), theirs


@pytest.mark.parametrize("name", CASES)
def test_values_and_duals(name: str) -> None:
    ours, theirs = answers(*CASES[name])
    assert ours.status in ("Solved", "AlmostSolved")
    assert theirs.ok
    np.testing.assert_allclose(ours.outputs[0], theirs.x, atol=2e-5)
    np.testing.assert_allclose(ours.outputs[2], theirs.v, rtol=1e-6)
    assert np.shape(ours.outputs[1]) == np.shape(theirs.d)
    np.testing.assert_allclose(ours.outputs[1], theirs.d, atol=1e-4)
    assert np.abs(theirs.d).max() > 1e-2, "the constraint does not bind"


MEMBERS: dict[str, str] = {
    "exponents of a family": "concat(x[0] + 2, x[1] + 2, x[2] + a[t]) in power_cone(a[t]) for t in T",
    "cones of three kinds": (
        "concat(x[0] + 2, 1, exp(1) + x[1]) in exp_cone\n    diag(x) + S @ S in psd\n    x in ball(1, 3)"
    ),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_memberships(name: str) -> None:
    text = f"{HEAD}\n  minimize {NEAR}\n  subject to\n    {MEMBERS[name]}"
    problem = programs.problem(text)
    ours = solve(rewrite(problem, analyse(problem))[-1].problem, *(DATA[p.name] for p in problem.params))
    assert ours.status in ("Solved", "AlmostSolved")
    family = "concat(x[0] + 2, x[1] + 2, x[2] + {0}) in power_cone({0})"
    spelt = text.replace(MEMBERS["exponents of a family"], f"{family.format(0.3)}\n    {family.format(0.6)}")
    theirs = dc.compile(spelt, backend="cvxpy").solve(**DATA)
    np.testing.assert_allclose(ours.outputs[0], theirs.x, atol=2e-5)


def test_rows_of_a_symmetric_matrix_keep_products() -> None:
    X, Y = DATA["S"], MATRIX @ MATRIX.T
    rows = rt.svec(jnp.asarray(X))
    assert rows.shape == (6,)
    np.testing.assert_allclose(rt.smat(rows, 3), X, rtol=1e-6)
    np.testing.assert_allclose(rows @ rt.svec(jnp.asarray(Y)), np.sum(X * Y), rtol=1e-5)
    np.testing.assert_allclose(
        rt.svec(jnp.asarray(MATRIX)), rt.svec(jnp.asarray((MATRIX + MATRIX.T) / 2)), rtol=1e-6
    )


def test_entries_of_a_symmetric_matrix_have_independent_rows() -> None:
    """min |X - S|^2 / 2 + |X|_1 / 2 with X >= -1 shrinks the entries and cuts them off; so does its derivative."""
    layer = dc.compile(
        "problem p\n  given S: symmetric real[n, n]\n  find X: symmetric real[n, n]\n"
        "  minimize ||X - S||^2 / 2 + ||X||_1 / 2\n  subject to X >= -1"
    )
    assert "conic" in layer.explain()
    with jax.enable_x64(True):
        S = jnp.asarray([[2.0, -0.2, -3.0], [-0.2, -0.9, 0.8], [-3.0, 0.8, 0.1]])
        W = jnp.asarray([[1.0, 2.0, 3.0], [2.0, -1.0, 4.0], [3.0, 4.0, 5.0]])
        solution = layer.solve(S)
        assert solution.ok
        assert solution.derivative_code == DerivativeStatus.REGULAR.code
        shrunk = jnp.sign(S) * jnp.maximum(jnp.abs(S) - 0.5, 0)
        np.testing.assert_allclose(solution.X, jnp.maximum(shrunk, -1), atol=1e-9)
        slope = jax.grad(lambda S: jnp.sum(W * layer(S)))(S)
        np.testing.assert_allclose(slope, jnp.where((jnp.abs(S) > 0.5) & (shrunk > -1), W, 0), atol=1e-9)
