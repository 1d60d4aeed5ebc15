"""Classes, degrees, residuals and projections, in the spellings that people use."""

from __future__ import annotations

import numpy as np
import pytest

from declarative import ir
from declarative.analyse import Class, Facts, analyse
from declarative.rewrite import rewrite
from tests import programs
from tests.evaluate import Point, shape
from tests.oracles.known_maps import HEAD, KNOWN_MAPS

SIZES = {"n": 3, "m": 4}


def facts(text: str) -> Facts:
    return analyse(programs.problem(HEAD + text))


CLASSES = {
    "find x: real[n]\n minimize q' @ x\n subject to A @ x <= b": (Class.LP, 1, True),
    "find x: real[n] in simplex\n minimize q' @ x": (Class.LP, 1, True),
    "find x: real[n]\n minimize ||A @ x - b||^2": (Class.QP, 2, True),
    "find x: real[n] in ball(1, inf)\n minimize 1/2 * x' @ Q @ x - x' @ q": (Class.QP, 2, True),
    "find x: real[n]\n maximize q' @ x - sum(x^2)\n subject to sum(x) == 1": (Class.QP, 2, True),
    "find x: real[n] in ball(1)\n minimize ||x - v||^2": (Class.CONVEX, 2, True),
    "find x: real[n]\n minimize ||A @ x - b||_1": (Class.CONVEX, None, True),
    "find X: psd real[n, n]\n minimize trace(Q @ X)\n subject to trace(X) == 1": (Class.CONVEX, 1, True),
    "find x: real[n]\n minimize sum(exp(x)) + ||x||^2": (Class.SMOOTH, None, True),
    "find x: real[n]\n minimize 1/2 * x' @ V @ x": (Class.SMOOTH, 2, False),
    "find x: real[n]\n minimize ||tanh(A @ x) - b||^2": (Class.LEAST_SQUARES, None, False),
    "find x: real[n]\n minimize ||x||_1 - ||x||^2": (Class.NONLINEAR, None, False),
    "find x: real[n] in sphere\n minimize x' @ Q @ x": (Class.NONLINEAR, 2, False),
    "find x: real[n]\n fixed point x = tanh(V @ x + v)": (Class.FIXED_POINT, None, False),
    "find x: real[n]\n root V @ x = v": (Class.ROOT, 1, False),
}


@pytest.mark.parametrize(("text", "wanted"), CLASSES.items())
def test_class(text: str, wanted: tuple[Class, int | None, bool]) -> None:
    found = facts(text)
    assert (found.cls, found.degree, found.convex) == wanted


SMOOTH = {
    "sum(huber(x))": False,
    "||x||": False,
    "||x||^2 + sum(abs(x)^2)": True,
    "sum(abs(x))": False,
    "sum(where(v > 0, x^2, 2 * x))": True,
    "sum(where(x > 0, x^2, 2 * x))": False,
    "log_sum_exp(A @ x)": True,
    "max(x)": False,
    "max(x[i] for i in n)": False,
    "sum(relu(v) * x^4)": True,
}


@pytest.mark.parametrize(("value", "wanted"), SMOOTH.items())
def test_smooth(value: str, wanted: bool) -> None:
    assert facts(f"find x: real[n]\n minimize {value}").smooth is wanted


SQUARES = [
    "||A @ x - b||^2",
    "1/2 * sum_squares(A @ x - b)",
    "sum((A @ x - b)^2)",
    "sum(square(A @ x - b))",
    "(A @ x - b)' @ (A @ x - b)",
    "dot(A @ x - b, A @ x - b)",
    "sum((A[i] @ x - b[i])^2 for i in m)",
    "mean((A @ x - b)^2)",
    "sum(abs(A @ x - b)^2)",
    "||A @ x - b||^2 / 2 + 3 * ||x||^2",
    "sum(w * (A @ x - b)^2) + r * ||x||^2",
    "sum(w[i] * (A[i] @ x - b[i])^2 for i in m) + ||x - v||^2 + s",
    "quad_over_lin(A @ x - b, r)",
    "sum(exp(A[i] @ x)^2 for i in m where i > 0)",
    "sum(sum((x[i] - x[j] - v[j])^2 for i in n where i > j) for j in n)",
]


@pytest.mark.parametrize("value", SQUARES)
def test_residuals(value: str) -> None:
    """Their squares add up to the objective, up to a factor and a constant."""
    problem = programs.problem(f"{HEAD}find x: real[n]\n minimize {value}")
    residuals = analyse(problem).residuals
    assert residuals is not None
    assert isinstance(problem.statement, ir.Minimize)
    rng = np.random.default_rng(0)
    values = {p.name: rng.normal(size=shape(p.type, SIZES)) for p in problem.params}
    values |= {name: np.abs(values[name]) for name in ("r", "w") if name in values}
    pairs = []
    for _ in range(4):
        at = Point({**values, "x": rng.normal(size=3)}, SIZES)
        total = sum(
            float(np.sum(np.square(here(one.value))))
            for one in residuals
            for here in at.over(one.binders, one.where)
        )
        pairs.append((total, float(at(problem.statement.value))))
    totals, objective = np.diff(np.array(pairs), axis=0).T
    factor = objective[0] / totals[0]
    assert factor > 0
    np.testing.assert_allclose(objective, factor * totals, rtol=1e-9)


NO_SQUARES = ["||A @ x - b||^2 - ||x||^2", "s * ||x||^2", "||A @ x - b||^2 + sum(x)", "||x||^4", "x' @ Q @ x"]


@pytest.mark.parametrize("value", NO_SQUARES)
def test_no_residuals(value: str) -> None:
    assert facts(f"find x: real[n]\n minimize {value}").residuals is None


POINT = [
    "||x - v||^2",
    "1/2 * ||v - x||^2",
    "r * sum_squares(x - v)",
    "sum((x - v)^2) / 2",
    "sum((x[i] - v[i])^2 for i in n)",
    "(x - v)' @ (x - v)",
    "||x||^2 / 2 - v' @ x",
    "1/2 * ||x - v - q||^2 + q' @ x",
]
SETS = {
    "find x: real[n]": ("free", 0),
    "find x: real[n] in simplex": ("simplex", 0),
    "find x: nonneg real[n]": ("nonneg", 0),
    "find x: real[n] in [0, 1]": ("box", 2),
    "find x: real[n] in unit_interval": ("box", 2),
    "find x: real[n] in box(lo, inf)": ("box", 2),
    "find x: real[n] in ball(r)": ("ball", 1),
    "find x: real[n] in ball(r, 1)": ("ball_1", 1),
    "find x: real[n] in ball(r, inf)": ("box", 2),
    "find x: real[n] in soc": ("soc", 0),
    "find x: real[n] in monotone": ("monotone", 0),
    "find x: real[n] in sphere": ("sphere", 1),
}
STATED = {
    "x >= 0\n sum(x) == 1": ("simplex", 0),
    "0 <= x\n r == sum(x)": ("simplex", 1),
    "ones(n)' @ x == 1\n x >= 0": ("simplex", 0),
    "x in simplex": ("simplex", 0),
    "lo <= x <= q": ("box", 2),
    "x >= 0\n x <= q": ("box", 2),
    "x <= 1": ("box", 2),
    "x >= 0": ("nonneg", 0),
    "||x|| <= r": ("ball", 1),
    "||x||^2 <= r^2": ("ball", 1),
    "x' @ x <= 4": ("ball", 1),
    "||x||_1 <= r": ("ball_1", 1),
    "||x||_inf <= r": ("box", 2),
    "A @ x == b": ("affine", 2),
    "||x||^2 == 1": ("sphere", 1),
    "||x|| == r": ("sphere", 1),
}


@pytest.mark.parametrize("value", POINT[:4])
@pytest.mark.parametrize(("find", "wanted"), SETS.items())
def test_declared_projection(find: str, wanted: tuple[str, int], value: str) -> None:
    found = facts(f"{find}\n minimize {value}").projection
    assert found is not None
    assert (found.name, len(found.args)) == wanted


@pytest.mark.parametrize(("stated", "wanted"), STATED.items())
def test_stated_projection(stated: str, wanted: tuple[str, int]) -> None:
    found = facts(f"find x: real[n]\n minimize ||x - v||^2\n subject to\n {stated}").projection
    assert found is not None
    assert (found.name, len(found.args)) == wanted


@pytest.mark.parametrize("value", POINT)
def test_point(value: str) -> None:
    problem = programs.problem(f"{HEAD}find x: real[n] in simplex\n minimize {value}")
    found = analyse(problem).projection
    if "for i" in value:
        assert found is None  # a comprehension is left to the other engines
        return
    assert found is not None
    values = {"v": np.array([1.0, 2.0, 3.0]), "q": np.array([0.5, 0.25, -1.0]), "r": 2.0}
    np.testing.assert_allclose(Point(values, SIZES)(found.point), values["v"])


def test_matrix_projections() -> None:
    for find in ("X: psd real[n, n]", "X: real[n, n] in psd", "X: symmetric psd real[n, n]"):
        found = facts(f"find {find}\n minimize ||X - V||^2").projection
        assert found is not None
        assert found.name == "psd"
    assert facts("find X: symmetric real[n, n]\n minimize ||X - V||^2").projection is None


@pytest.mark.parametrize("value", ["1/2 * ||x - v||^2 + r * ||x||_1", "r * sum(abs(x)) + sum((x - v)^2) / 2"])
def test_soft_threshold(value: str) -> None:
    problem = programs.problem(f"{HEAD}find x: real[n]\n minimize {value}")
    found = analyse(problem).projection
    assert found is not None
    assert found.name == "soft_threshold"
    assert Point({"r": 2.0}, SIZES)(found.args[0]) == 2.0


@pytest.mark.parametrize(("text", "wanted"), KNOWN_MAPS.items())
def test_known_maps(text: str, wanted: tuple[str, int, bool]) -> None:
    problem = programs.problem(HEAD + text)
    found = rewrite(problem, analyse(problem))[0].facts.projection
    assert found is not None
    assert (found.name, len(found.args), found.shift is not None) == wanted


NO_PROJECTION = [
    "find x: real[n]\n minimize ||A @ x - b||^2",
    "find x: real[n]\n minimize -||x - v||^2",
    "find x: real[n]\n minimize s * ||x - v||^2",
    "find x: real[n] in simplex\n minimize ||x - v||^2 + ||x||_1",
    "find x: real[n], y: real[n]\n minimize ||x - v||^2 + ||y||^2",
    "find x: real[n] in simplex\n minimize ||x - v||^2\n subject to x <= 0.5\n q' @ x <= 1",
    "find x: real[n]\n minimize ||x - v||^2\n subject to label: x >= 0",
    "find x: real[n]\n minimize ||x - v||^2\n subject to A @ x <= b",
    "find x: real[n]\n minimize ||x - v||^2\n subject to x >= lo\n x >= q",
    "find x: real[n]\n minimize ||x - v||^2 + s * ||x||_1",
    "find x: real[n]\n minimize ||x - v||^2\n subject to s * x <= 1",
    "find x: real[n]\n minimize ||x - v||^2 + ||x - q||_1 + ||x||_1",
    "find x: real[n]\n minimize sum(q * (x - v)^2)",
    "find x: real[n] in ball(r)\n minimize sum(exp(q) * (x - v)^2)",
    "find x: real[n] in simplex\n minimize sum(exp(q) * x * log(x))",
    "find x: real[n]\n minimize ||x - v||^2\n subject to ||x||^2 + q' @ x <= 1",
    "find x: real[n] in simplex\n minimize q' @ x",
]


@pytest.mark.parametrize("text", NO_PROJECTION)
def test_no_projection(text: str) -> None:
    assert facts(text).projection is None


UNIQUE = {
    "find x: real[n]\n minimize ||A @ x - b||^2 + r * ||x||^2": (True, "`||x||^2`"),
    "find x: real[n]\n minimize x' @ (Q + r * eye(n)) @ x": (True, "x' @ (Q + r * eye(n)) @ x"),
    "find x: real[n] in simplex\n minimize ||x - v||^2": (True, "strongly convex"),
    "find x: real[n], y: real\n minimize ||x||^2 + (y - s)^2": (True, "`||x||^2` and `(y - s)^2`"),
    "find x: real[n], y: real\n minimize ||x||^2 + exp(y)": (None, "Hessian"),
    "find x: real[n]\n minimize ||A @ x - b||^2": (None, "Hessian"),
    "find x: real\n minimize 2 * x^2 - 2 * x^2": (None, "Hessian"),
    "find x: real[n] in simplex\n minimize q' @ x": (None, "face"),
    "find x: real[n]\n minimize ||x||^2 - ||A @ x||^2": (None, "local"),
    "find x: real[n]\n fixed point x = tanh(V @ x + v)": (None, "‖V‖ < 1"),
    "find x: real[n]\n fixed point x = 0.5 * sin(x) + v": (True, "factor 0.5"),
    "find x: real[n]\n fixed point x = sigmoid(V @ x) + s * x": (None, "0.25*‖V‖ + |s| < 1"),
    "find x: real[n]\n fixed point x = 2 * cos(x)": (None, "where the map is a contraction"),
    "find x: real[n]\n fixed point x = exp(x) - v": (None, "where the map is a contraction"),
    "find x: real[n]\n fixed point x = 0.9 * sum(x) * v": (None, "where the map is a contraction"),
    "find x: real[n]\n root V @ x + x^3 = v": (None, "Jacobian"),
}


@pytest.mark.parametrize(("text", "wanted"), UNIQUE.items())
def test_unique(text: str, wanted: tuple[bool | None, str]) -> None:
    found = facts(text).unique
    assert found.holds is wanted[0]
    assert wanted[1] in found.condition


def test_assumptions_and_plain_constraints_give_signs() -> None:
    assert facts("find x: real[n]\n minimize x' @ V @ x\n assume V in psd").convex
    assert facts("find x: real[n]\n minimize s * ||x||^2\n assume s >= 0").convex
    assert facts("find x: real\n minimize x^3\n subject to x >= 0").convex
    assert not facts("find x: real\n minimize x^3").convex


LOW_RANK = {
    "||A @ x - b||^2 + r * ||x||^2": 1,
    "sum(w * (A @ x - b)^2) / 2 + sum(d * x^2) + q' @ x": 1,
    "||A @ x||^2 + (q' @ x - s)^2 + 1/2 * x' @ diag(d) @ x": 2,
    "x' @ A' @ A @ x + ||x - v||^2": 1,
    "sum((A[j] @ x - b[j])^2 for j in m) + sum(d[i] * (x[i] - v[i])^2 for i in n)": 1,
}


@pytest.mark.parametrize(("value", "blocks"), LOW_RANK.items())
def test_a_diagonal_plus_low_rank(value: str, blocks: int) -> None:
    """The Hessian is the diagonal and the weighted rows: a second difference of the objective says so."""
    problem = programs.problem(
        f"{HEAD.replace('lo: real', 'd: positive real')}find x: real[n]\n minimize {value}"
    )
    (first, *_) = rewrite(problem, analyse(problem))
    found = first.facts.low_rank
    assert found is not None
    assert len(found.factors) == blocks
    assert isinstance(problem.statement, ir.Minimize)
    rng = np.random.default_rng(0)
    values = {p.name: np.abs(rng.normal(size=shape(p.type, SIZES))) for p in problem.params}
    x, way = rng.normal(size=3), rng.normal(size=3)
    costs = [Point({**values, "x": x + t * way}, SIZES)(problem.statement.value) for t in (-1, 0, 1)]
    at = Point(values, SIZES)
    curved = np.sum(at(found.diagonal) * way**2)
    curved += sum(np.sum(at(weight) * (at(rows) @ way) ** 2) for rows, weight in found.factors)
    np.testing.assert_allclose(curved, costs[0] - 2 * costs[1] + costs[2], rtol=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "find x: real[n]\n minimize ||A @ x - b||^2",
        "find x: real[n]\n minimize ||A @ x - b||^2 + s * ||x||^2",
        "find x: real[n]\n minimize x' @ Q @ x + ||x||^2",
        "find x: real[n]\n minimize ||A @ x - b||^2 + ||x||^2\n subject to x >= 0",
        "find x: real[n]\n minimize r * ||x - v||^2",
    ],
)
def test_no_low_rank(text: str) -> None:
    assert facts(text).low_rank is None


SEPARABLE = {
    "find x: real[n]\n minimize sum(exp(x)) + r * ||x||^2": True,
    "find x: real[n], y: real\n minimize sum(exp(x) - x) + exp(y) + b' @ A @ x - y": True,
    "find x: real\n minimize log_sum_exp(v * x) + x^2": True,
    "find x: real[n] in [0, 1]\n minimize sum(exp(x) * v^2) + kl(x, exp(v))": True,
    "find x: real[n]\n minimize sum(exp(x))\n subject to x >= v\n x <= 3": True,
    "find x: real[n]\n minimize sum(huber(x - v))": True,
    "find x: real[n]\n minimize sum(exp(A @ x))": False,
    "find x: real[n], y: real\n minimize sum(exp(x - y))": False,
    "find x: real[n]\n minimize sum(exp(x))\n subject to sum(x) == 1": False,
    "find x: real[n]\n minimize sum(exp(x))\n subject to label: x >= 1": False,
    "find x: real[n]\n minimize sum(abs(x - v)) + sum(exp(x))": False,
    "find x: real[n]\n minimize log_sum_exp(x)": False,
    "find x: real[n]\n minimize sum(exp(x))\n subject to x >= v\n x >= q": False,
}


@pytest.mark.parametrize(("text", "wanted"), SEPARABLE.items())
def test_separable(text: str, wanted: bool) -> None:
    assert (facts(text).separable is not None) is wanted
