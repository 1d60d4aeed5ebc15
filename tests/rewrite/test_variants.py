"""Every rewrite against the problem it came from: same solutions, values and multipliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import declarative as dc
from declarative import ir
from declarative.analyse import Class, analyse
from declarative.rewrite import Variant, rewrite
from declarative.show import text as shown
from declarative.verify import verify
from tests import programs
from tests.evaluate import Point, shape

SIZES = {"n": 4, "m": 6, "k": 2}
HEAD = """problem p
  given c: real[n], A: real[m, n], b: real[m], lam: positive real, tau: nonneg real, w: nonneg real[n]
  given B: real[k, n]
  """
STRONG = "||x - c||^2"

CASES: dict[str, tuple[str, str]] = {
    "simplex": ("x: real[n] in simplex", f"minimize {STRONG}"),
    "box": ("x: real[n] in [-0.1, 0.2]", f"minimize {STRONG}"),
    "half open": ("x: real[n] in box(w, inf)", f"minimize {STRONG}"),
    "nonneg": ("x: nonneg real[n]", f"minimize {STRONG}"),
    "unit": ("x: real[n] in unit_interval", f"maximize -{STRONG}"),
    "monotone": ("x: real[n] in monotone", f"minimize {STRONG}"),
    "cube": ("x: real[n] in ball(tau, inf)", f"minimize {STRONG}"),
    "octahedron": ("x: real[n] in ball(tau, 1)", f"minimize {STRONG}"),
    "doubly stochastic": ("X: real[n, n] in birkhoff", "minimize ||X - outer(c, c)||^2"),
    "rows": (
        "X: real[k, n]",
        "minimize ||X - B||^2\n  subject to\n    X[i] in simplex for i in k",
    ),
    "lasso": ("x: real[n]", "minimize ||A @ x - b||^2 + lam * ||x||_1"),
    "weighted": ("x: real[n]", f"minimize {STRONG} + sum(w * abs(x)) + tau * ||x||_1"),
    "loop": ("x: real[n]", f"minimize {STRONG} + sum(w[i] * abs(x[i] - b[i]) for i in n)"),
    "double loop": ("x: real[n]", f"minimize {STRONG} + sum(abs(x[i] - x[j] - 1) for i in n for j in n)"),
    "total variation": ("x: real[n]", f"minimize {STRONG} + sum(abs(x[i] - x[i - 1]) for i in 1..n-1)"),
    "largest": ("x: real[n]", f"minimize {STRONG} + max(A @ x - b)"),
    "largest of loop": ("x: real[n]", f"minimize {STRONG} + max(abs(x[i]) for i in n where i > 0)"),
    "smallest": ("x: real[n]", f"maximize min(A @ x - b) - {STRONG} + sum(minimum(x, c))"),
    "chebyshev": ("x: real[n]", f"minimize ||A @ x - b||_inf + {STRONG}"),
    "hinges": ("x: real[n]", f"minimize lam * sum(hinge(A @ x)) + {STRONG} + sum(relu(x - c))"),
    "squared hinges": ("x: real[n]", f"minimize sum(relu(A @ x - b)^2) + sum_squares(abs(x)) + {STRONG}"),
    "huber": ("x: real[n]", f"minimize sum(huber(A @ x - b)) + sum(huber(x, lam)) + {STRONG}"),
    "sum largest": ("x: real[n]", f"minimize sum_largest(A @ x, 2) + {STRONG}"),
    "nested": ("x: real[n]", f"minimize max(maximum(abs(x), 2 * x - c)) + {STRONG}"),
    "deep": ("x: real[n]", f"minimize maximum(||x||_1, max(x) + relu(sum(x))) + {STRONG}"),
    "minus": ("x: real[n]", f"minimize {STRONG} - 2 * sum(minimum(x, 0.1)) - min(x)"),
    "budget": ("x: real[n]", f"minimize {STRONG}\n  subject to\n    label: ||x - b[0:n]||_1 <= tau"),
    "split": ("x: real[n]", f"minimize {STRONG}\n  subject to\n    abs(x - 1) <= 0.5\n    max(x) <= 0.6"),
    "split largest": (
        "x: real[n]",
        f"minimize {STRONG}\n  subject to\n    -0.3 <= min(x)\n    ||x||_inf <= 0.5",
    ),
    "labelled abs": ("x: real[n]", f"minimize {STRONG}\n  subject to\n    label: abs(x) <= 0.3"),
    "quantified": (
        "X: real[k, n]",
        "minimize sum(||X[i] - B[i]||^2 for i in k)\n  subject to\n    label: ||X[i]||_1 <= 1 + i for i in k",
    ),
    "portfolio": (
        "x: real[n] in simplex",
        f"maximize c' @ x - lam * {STRONG} - tau * ||x - 1/n||_1\n  subject to\n    label: sum(x[0:2]) <= 0.4",
    ),
    "linear": ("x: real[n] in [-1, 1]", "minimize ||x - c||_1 + sum(w * abs(x)) + max(x)"),
}


def data(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "c": rng.normal(size=4),
        "A": rng.normal(size=(6, 4)),
        "b": rng.normal(size=6),
        "B": rng.normal(size=(2, 4)),
        "lam": 0.7,
        "tau": 0.8,
        "w": np.abs(rng.normal(size=4)),
    }


def quadratic(problem: ir.Problem, values: dict[str, Any]) -> dict[str, Any]:
    """The program's matrices from exact differences of its values."""
    sizes = [shape(u.type, SIZES) for u in problem.unknowns]
    counts = [int(np.prod(dims)) for dims in sizes]
    n = sum(counts)

    def at(z: np.ndarray) -> Point:
        parts = np.split(z, np.cumsum(counts)[:-1])
        named = {u.name: p.reshape(s) for u, p, s in zip(problem.unknowns, parts, sizes, strict=True)}
        return Point({**values, **named}, SIZES)

    def affine(function: Any) -> tuple[np.ndarray, np.ndarray]:
        zero = function(np.zeros(n))
        return np.stack([function(e) - zero for e in np.eye(n)], axis=1), -zero

    def rows(constraint: ir.Equality | ir.Inequality) -> Any:
        def function(z: np.ndarray) -> np.ndarray:
            over = at(z).over(constraint.binders, constraint.where)
            gaps = [np.ravel(np.asarray(p(constraint.left)) - np.asarray(p(constraint.right))) for p in over]
            return np.concatenate(gaps)

        return function

    statement = problem.statement
    assert isinstance(statement, ir.Minimize)
    value = lambda z: statement.sense * float(at(z)(statement.value))  # noqa: E731
    single = np.array([value(e) for e in np.eye(n)])
    minus = np.array([value(-e) for e in np.eye(n)])
    double = np.array([[value(a + b) for a in np.eye(n)] for b in np.eye(n)])
    hessian = double - single[:, None] - single[None, :] + value(np.zeros(n))
    return {
        "P": hessian,
        "q": (single - minus) / 2,
        "rows": [(c, *affine(rows(c))) for c in problem.constraints],
        "counts": counts,
    }


def solved(problem: ir.Problem, values: dict[str, Any]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    import cvxpy as cp

    found = quadratic(problem, values)
    root = np.linalg.eigh(found["P"])
    assert root[0].min() > -1e-8
    z = cp.Variable(len(found["q"]))
    cost = 0.5 * cp.sum_squares(np.sqrt(np.maximum(root[0], 0))[:, None] * root[1].T @ z) + found["q"] @ z
    constraints, labelled = [], {}
    for constraint, matrix, right in found["rows"]:
        equal = isinstance(constraint, ir.Equality)
        constraints.append(matrix @ z == right if equal else matrix @ z <= right)
        if constraint.label is not None:
            labelled[constraint.label] = constraints[-1]
    cp.Problem(cp.Minimize(cost), constraints).solve(solver=cp.CLARABEL)
    parts = np.split(z.value, np.cumsum(found["counts"])[:-1])
    return parts, {label: np.ravel(c.dual_value) for label, c in labelled.items()}


def variants_of(text: str) -> tuple[Variant, ...]:
    problem = programs.problem(text)
    return rewrite(problem, analyse(problem))


@pytest.mark.parametrize("name", CASES)
def test_variants_are_equivalent(name: str) -> None:
    text = f"{HEAD}find {CASES[name][0]}\n  {CASES[name][1]}"
    first, *others = variants_of(text)
    last = others[-1]
    assert last.facts.cls in (Class.LP, Class.QP)
    assert last.facts.affine_constraints
    assert not [fault for variant in others for fault in verify(variant.problem)]
    assert [u.name for u in last.problem.unknowns[:1]] == [u.name for u in first.problem.unknowns]
    values = data(sum(map(ord, name)))
    used = {p.name for p in first.problem.params}
    layer = dc.compile(text, backend="cvxpy", tol=1e-9)
    reference = layer.solve(**{k: v for k, v in values.items() if k in used})
    parts, duals = solved(last.problem, values)
    x = np.asarray(
        reference[0] if isinstance(reference, tuple) else getattr(reference, first.problem.unknowns[0].name)
    )
    np.testing.assert_allclose(parts[0], np.ravel(x), atol=1e-4)
    for label, dual in duals.items():
        np.testing.assert_allclose(dual, np.ravel(reference.dual[label]), atol=1e-3)


@pytest.mark.parametrize(
    ("find", "rest"),
    [
        ("x: real[n]", f"minimize {STRONG} + ||x||"),  # a cone
        ("x: real[n]", f"minimize {STRONG} - ||x||_1"),  # not convex: its auxiliary would run away
        ("x: real[n]", "minimize sum(exp(x)) + ||x||_1"),
        ("x: real[n]", f"minimize {STRONG} + sum(abs(x[i]) for i in n where i > 0)"),  # an idle auxiliary
        ("x: real[n]", f"minimize {STRONG}\n  subject to\n    ||x||_1 >= 1"),
        ("x: real[n]", f"minimize {STRONG}\n  subject to\n    sum(huber(x)) <= 1"),
        ("x: real[n]", f"minimize {STRONG}"),  # nothing to do
    ],
)
def test_what_is_left_alone(find: str, rest: str) -> None:
    steps = variants_of(f"{HEAD}find {find}\n  {rest}")[-1].steps
    assert "piecewise-linear atoms by auxiliaries" not in steps


def test_no_auxiliary_where_a_bound_is_enough() -> None:
    text = f"{HEAD}find x: real[n]\n  minimize {STRONG}\n  subject to\n    abs(x) <= tau\n    max(A @ x) <= 1"
    last = variants_of(text)[-1]
    assert len(last.problem.unknowns) == 1
    assert len(last.problem.constraints) == 3


def test_names_of_auxiliaries_are_new() -> None:
    text = "problem p\n  given t1: real[n]\n  find x: real[n]\n  minimize ||x - t1||^2 + ||x||_1"
    last = variants_of(text)[-1]
    names = [u.name for u in last.problem.unknowns]
    assert len(set(names) | {"t1"}) == len(names) + 1


TEXTS = {
    """problem p
  given c: real[n], T: static int
  find x: real[n] in simplex, u: real[T] in [-1, inf]
  minimize ||x - c||^2 + sum(u)
""": """problem p
  given
    c: real[n]
    T: static int
  find
    x: real[n]
    u: real[T]
  minimize ||x - c||^2 + sum(u)
  subject to
    0.0 <= x
    sum(x) == 1.0
    -1 <= u
  return
    x
    u
""",
    """problem p
  given A: real[m, n], b: real[m], lam: nonneg real, tau: real
  find x: real[n]
  minimize sum(huber(A @ x - b)) + lam * max(abs(x[i]) for i in n)
  subject to budget: ||x||_1 <= tau
""": """problem p
  given
    A: real[m, n]
    b: real[m]
    lam: nonneg real
    tau: real
  find
    x: real[n]
    ## auxiliary of a rewrite
    t1: real[m]
    ## auxiliary of a rewrite
    t2: real[m]
    ## auxiliary of a rewrite
    t3: real
    ## auxiliary of a rewrite
    t4: real[n]
  minimize sum(0.5 * square(t1) + t2) + t3
  subject to
    budget: sum(t4) <= tau
    A @ x - b - t1 <= t2
    t1 - (A @ x - b) <= t2
    lam * x <= t3
    lam * -x <= t3
    x <= t4
    -x <= t4
  return
    x
""",
}


@pytest.mark.parametrize(("given", "wanted"), TEXTS.items())
def test_text_in_text_out(given: str, wanted: str) -> None:
    assert shown(variants_of(given)[-1].problem) == wanted
