"""The conic rewrite, text in and text out; and what has no conic form, with the reason."""

from __future__ import annotations

import pytest

from declarative.analyse import analyse, structure_of
from declarative.rewrite import conic, rewrite
from declarative.show import text as shown
from declarative.verify import verify
from tests import programs

HEAD = """problem p
  given A: real[m, n], b: real[m], B: real[T, m, n], S: symmetric real[n, n], P: psd real[n, n], r: positive real
  find """

CASES = {
    "a norm in the objective": (
        "x: real[n]\n  minimize ||A @ x - b|| + ||x||^2",
        """minimize t1 + ||x||^2
  subject to
    concat(t1, A @ x - b) in soc""",
    ),
    "a bound takes the auxiliary's place": (
        "x: real[n]\n  minimize sum(x)\n  subject to r * ||A @ x - b|| + sum(x) <= r",
        """minimize sum(x)
  subject to
    concat((r - sum(x)) / r, A @ x - b) in soc""",
    ),
    "a label keeps its row": (
        "x: real[n]\n  minimize sum(x)\n  subject to c: ||x|| <= r",
        """minimize sum(x)
  subject to
    c: t1 <= r
    concat(t1, x) in soc""",
    ),
    "functions of entries": (
        "x: real[n]\n  maximize sum(log(x)) - sum(exp(A @ x))",
        """maximize sum(t1) - sum(t2)
  subject to
    stack(t1, ones(n), x, axis = 1) in exp_cone
    stack(A @ x, ones(m), t2, axis = 1) in exp_cone""",
    ),
    "a function of a function": (
        "x: real[n]\n  minimize log_sum_exp(A @ x)",
        """minimize t1
  subject to
    sum(t2) <= 1
    stack(A @ x - t1, ones(m), t2, axis = 1) in exp_cone""",
    ),
    "powers": (
        "x: real[n]\n  minimize sum((A @ x - b) ^ 4)\n  subject to ||x||_3 <= r",
        """minimize sum(t1)
  subject to
    sum(t2) <= r
    stack(t2, zeros(n) + r, x, axis = 1) in power_cone(1 / 3.0)
    stack(t1, ones(m), A @ x - b, axis = 1) in power_cone(1 / 4)""",
    ),
    "a family": (
        "x: real[n]\n  minimize sum(||B[t] @ x - b|| for t in T)\n  subject to exp(x[i]) <= r for i in n where i > 0",
        """minimize sum(t1[t] for t in T)
  subject to
    concat(x[i], 1, r) in exp_cone for i in n where 0 < i
    concat(t1[t], B[t, :, :] @ x - b) in soc for t in T""",
    ),
    "a filter holds what it leaves out": (
        "x: real[n]\n  minimize sum(exp(x[i]) for i in n where i > 0)",
        """minimize sum(t1[i] for i in n where 0 < i)
  subject to
    t1[i] == 0.0 for i in n where not 0 < i
    concat(x[i], 1, t1[i]) in exp_cone for i in n where 0 < i""",
    ),
    "a quadratic in a constraint": (
        "x: real[n]\n  minimize sum(x)\n  subject to x' @ P @ x <= r",
        """minimize sum(x)
  subject to
    concat(1 + r, 1 - r, 2 * sqrtm(P) @ x) in soc""",
    ),
    "a quotient": (
        "x: nonneg real[n]\n  minimize r / sum(x) + (A[0] @ x)^2 / sum(x)",
        """minimize r * t1 + t2
  subject to
    0.0 <= x
    concat(sum(x) + t1, sum(x) - t1, 2) in soc
    concat(sum(x) + t2, sum(x) - t2, 2 * reshape(A[0, :] @ x, 1)) in soc""",
    ),
    "eigenvalues and a declared matrix": (
        "X: psd real[n, n]\n  minimize eig_max(X + S)\n  subject to c: X >> S",
        """minimize t1
  subject to
    X in psd
    c: X >> S
    t1 * eye(n) >> X + S""",
    ),
    "an axis": (
        "X: real[m, n]\n  minimize ||X||_*\n  subject to log_sum_exp(X, axis = 0) <= r",
        """minimize (trace(t1) + trace(t2)) / 2
  subject to
    sum(t3, axis = 1) <= 1
    stack(X' - r, ones(n, m), t3, axis = 2) in exp_cone
    concat(concat(t1, X, axis = 1), concat(X', t2, axis = 1)) in psd""",
    ),
    "huber keeps its square": (
        "x: real[n]\n  minimize sum(huber(x, r)) + ||x||",
        """minimize sum(0.5 * square(t1) + r * t2) + t3
  subject to
    x - t1 <= t2
    t1 - x <= t2
    concat(t3, x) in soc""",
    ),
    "a filter that reads the data": (
        "x: real[n]\n  minimize sum(exp(x[i]) for i in n where S[i, i] > 0) + ||x||",
        """minimize sum(t1[i] for i in n where 0 < S[i, i]) + t2
  subject to
    concat(x[i], 1, t1[i]) in exp_cone for i in n
    concat(t2, x) in soc""",
    ),
    "entries of symmetric matrices": (
        "X: symmetric real[n, n]\n  minimize trace(S @ X) + ||X - S||_1 + ||X||_F\n  subject to X >= -1",
        """minimize trace(S @ X) + sum(t1) + t2
  subject to
    -1 <= X[i3, j3] for i3 in n for j3 in n where i3 <= j3
    (X - S)[i1, j1] <= t1[i1, j1] for i1 in n for j1 in n where i1 <= j1
    (S - X)[i2, j2] <= t1[i2, j2] for i2 in n for j2 in n where i2 <= j2
    concat(t2, reshape(X, n*n)) in soc""",
    ),
    "sets": (
        "x: real[n] in ball(r), X: skew real[n, n], y: real[3] in power_cone(0.3)\n"
        "  minimize sum(x) + ||X - S||^2 + sum(y)",
        """minimize sum(x) + ||X - S||^2 + sum(y)
  subject to
    concat(r, x) in soc
    X[i1, j1] == -X[j1, i1] for i1 in n for j1 in n where i1 < j1
    diag(X) == 0.0
    y in power_cone(0.3)""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_text_in_text_out(name: str) -> None:
    body, expected = CASES[name]
    problem = programs.problem(HEAD + body)
    last = rewrite(problem, analyse(problem))[-1]
    assert last.steps[-1] == "curved functions and sets as cones"
    text = shown(last.problem)
    assert (
        text[text.index("minimize" if "minimize" in text else "maximize") : text.index("\n  return")]
        == expected
    )
    assert not verify(last.problem)
    assert conic.obstacle(last.problem, structure_of(last.problem)) is None
    assert last.facts.convex


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("x: nonneg real[n]\n  maximize sum(tanh(x)) - ||x||", "`tanh` has no conic form"),
        ("x: real[n]\n  minimize sum(sqrt(1 + x^2)) + ||x||", "a part of it has no conic form"),
        ("x: real[n]\n  minimize sum(sin(x))", "`sin` has no conic form"),
        (
            "x: real[n]\n  minimize ||x|| - sum(log(x[i]) for i in n where S[i, i] > 0)",
            "a part of it has no conic form",
        ),
    ],
)
def test_what_has_none_says_why(body: str, why: str) -> None:
    problem = programs.problem(HEAD + body)
    last = rewrite(problem, analyse(problem))[-1]
    assert "curved functions and sets as cones" not in last.steps
    assert conic.obstacle(last.problem, structure_of(last.problem)) == why
