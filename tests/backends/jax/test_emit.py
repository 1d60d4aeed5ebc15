"""The emitted text: what is printed is what runs, and it is the same every time."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import declarative as dc
from declarative.backends.jax.names import identifier, identifiers

GOLDEN = Path(__file__).parent / "golden"

PROGRAMS = {
    "ridge": """## Ridge regression.
problem ridge
  given X: real[m, d], y: real[m], lam: positive real
  find w: real[d]
  minimize ||X @ w - y||^2 + lam * ||w||^2
  options engine = interior_point
""",
    "mpc": """problem mpc
  given A: real[s, s], B: real[s, a], x0: real[s], T: static int, umax: positive real
  find x: real[T + 1, s], u: real[T, a]
  minimize sum(||x[t + 1]||^2 + ||u[t]||^2 for t in T)
  subject to
    start: x[0] == x0
    dynamics: x[t + 1] == A @ x[t] + B @ u[t] for t in T
    -umax <= u <= umax
  return first = u[0], price = dual(start), v = objective
""",
    "filtered": """problem filtered
  given Y: real[n, n]
  find X: real[n, n]
  minimize sum((X[i, j] - Y[i, j])^2 for i in n for j in n where i <= j) + ||X||_F^2
  subject to symmetric_part: X[i, j] == X[j, i] for i in n for j in n where i < j
  return X, nu = dual(symmetric_part)
""",
    "curve": """problem curve
  given t: real[m], y: real[m]
  find a: real, b: real
  let r = a * exp(b * t) - y
  minimize sum(r[i]^2 for i in m)
""",
    "deq": """problem deq
  given W: real[k, k], x: real[k]
  find z: real[k]
  fixed point z = tanh(W @ z + x)
""",
    "kepler": """problem kepler
  given M: real, e: real in [0, 1]
  find E: real
  root E - e * sin(E) = M
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    source = dc.compile(PROGRAMS[name]).source
    assert source == dc.compile(PROGRAMS[name]).source
    golden = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(source)
    assert source == golden.read_text()


def test_stop_after_emit_is_what_runs() -> None:
    assert dc.compile(PROGRAMS["deq"], stop_after="emit") == dc.compile(PROGRAMS["deq"]).source


def test_tracebacks_show_the_emitted_lines() -> None:
    def broken(z: Any) -> Any:
        raise RuntimeError("from the host")

    text = "extern def f(z: real[n]) -> real[n]\nproblem p\n given x: real[n]\n find z: real[n]\n"
    text += " fixed point z = f(z) + x"
    layer = dc.compile(text, extern={"f": broken})
    with pytest.raises(RuntimeError, match="from the host") as caught:
        layer(np.ones(2))
    shown = "".join(traceback.format_exception(caught.value))
    assert "<declarative p" in shown
    assert "f(z) + x,  # z" in shown


# ---- names -------------------------------------------------------------------------------------


def test_names_of_python_and_of_the_module_are_avoided() -> None:
    text = (
        "problem p\n given lambda: real, jnp: real, params: real, print: real\n find flat: real, point: real\n"
        " root flat = lambda + jnp, point = params * print"
    )
    layer = dc.compile(text)
    flat, point = layer(1.0, 2.0, 3.0, 4.0)
    assert (flat, point) == (pytest.approx(3), pytest.approx(12))
    assert layer.info["params"] == ("lambda", "jnp", "params", "print")


def test_greek_and_subscripts() -> None:
    layer = dc.compile("problem p\n given λ: real, x₁: real\n find ζ: real\n root ζ = λ * x₁")
    assert layer(2.0, 3.0) == pytest.approx(6)
    assert layer(λ=2.0, x1=3.0) == layer(lam=2.0, **{"x₁": 3.0}) == pytest.approx(6)
    assert layer.solve(2.0, 3.0).ζ == pytest.approx(6)


def test_identifiers_are_distinct() -> None:
    names = identifiers(["a", "if", "if_", "ﬁ", "fi", "x'", "x_27", "", "1", "__class__", "dtype"])
    assert len(set(names.values())) == len(names)
    assert all(name.isidentifier() and not name.startswith("__") for name in names.values())
    assert identifier("x") == "x"


def test_documentation_cannot_leave_its_string() -> None:
    evil = '## """ + __import__("os").system("echo harm") + """ \\\n'
    layer = dc.compile(evil + PROGRAMS["kepler"])
    assert layer(1.0, 0.0) == pytest.approx(1)
    assert '"""' not in layer.source[3:].split("\n", 1)[0]
    assert layer.source.count('"""') % 2 == 0


# ---- meaning -----------------------------------------------------------------------------------


def test_filters_and_quantifiers() -> None:
    y = np.arange(9.0).reshape(3, 3)
    X, nu = dc.compile(PROGRAMS["filtered"])(y)
    np.testing.assert_allclose(X, X.T, atol=1e-12)
    upper = np.triu(y, 1)
    expected = np.diag(np.diag(y)) / 2 + (upper + upper.T) / 3  # (x - y)^2 + x^2, and x^2 once more below
    np.testing.assert_allclose(X, expected, atol=1e-9)
    assert (np.tril(nu) == 0).all()


def test_where_on_parameters_is_a_mask() -> None:
    text = (
        "problem p\n given y: real[n], c: real\n find x: real\n"
        " minimize sum((x - y[i])^2 for i in n where y[i] <= c) + 0 * max(y)"
    )
    assert dc.compile(text)(np.array([1.0, 2.0, 30.0]), 5.0) == pytest.approx(1.5)


def test_gather_outside_is_nan() -> None:
    layer = dc.compile("problem p\n given y: real[n], k: int\n find x: real\n root x = y[k]")
    y = np.arange(3.0)
    assert layer(y, 2) == pytest.approx(2)
    solution = layer.solve(y, 5)
    assert not solution.ok


def test_shared_expressions_are_computed_once() -> None:
    text = (
        "def twice(x) = x + x\nproblem p\n given a: real\n find x: real\n"
        f" root x = {'twice(' * 12}a{')' * 12}"
    )
    layer = dc.compile(text)
    assert len(layer.source) < 5000
    assert layer(1.0) == pytest.approx(2.0**12)


def test_float32_stays_float32_under_x64() -> None:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        for name, args in {
            "ridge": (jnp.ones((3, 2), "float32"), jnp.ones(3, "float32"), jnp.float32(1)),
            "deq": (jnp.eye(2, dtype="float32") / 2, jnp.ones(2, "float32")),
            "kepler": (jnp.float32(1), jnp.float32(0.1)),
        }.items():
            assert dc.compile(PROGRAMS[name])(*args).dtype == jnp.float32


def test_what_an_index_walks_along_is_given_in_parts() -> None:
    text = """problem p
  given A: real[m, n], c: positive real[m]
  find x: real[n]
  minimize sum(c[i] * (i + 1) * sum((A[i, j] * j - x[j])^2 for j in n) for i in m)
"""
    layer = dc.compile(text)
    inner = "jnp.sum(jax.vmap(lambda j, A_i_j, x_j: (A_i_j * j - x_j) ** 2)(jnp.arange(n), A_i, x), axis=0)"
    assert f"jax.vmap(lambda i, c_i, A_i: c_i * (i + 1) * {inner})(jnp.arange(m), c, A)" in layer.source
    rng = np.random.default_rng(6)
    A, c = rng.normal(size=(4, 3)), rng.uniform(1, 2, size=4)
    weights = c * np.arange(1, 5)
    np.testing.assert_allclose(
        layer(A, c), weights @ A * np.arange(3) / np.sum(weights), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("outer", "inner"), [("ij", "A_i_j"), ("ji", "A_i[j]")])
def test_a_part_that_an_inner_function_is_given_is_not_taken_apart_outside(outer: str, inner: str) -> None:
    """A[i, j] where j is the outer index: the first axis is the inner function's."""
    first, second = outer
    ends = {"i": "m", "j": "n"}
    text = f"""problem p
  given A: real[m, n, k]
  find x: real[k]
  minimize sum(sum(log_sum_exp(A[i, j] * x) for {second} in {ends[second]}) for {first} in {ends[first]}) + ||x||^2
"""
    layer = dc.compile(text)
    assert f"jsp.logsumexp({inner} * x" in layer.source
    A = np.random.default_rng(3).normal(size=(3, 4, 2))
    x = np.asarray(layer(A))
    slope = sum(row * np.exp(row * x) / np.exp(row * x).sum() for row in A.reshape(-1, 2))
    np.testing.assert_allclose(2 * x, -slope, atol=1e-5)
