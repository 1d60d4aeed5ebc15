"""Symbolic derivatives of elementwise expressions, first and second, against differences."""

from __future__ import annotations

import numpy as np
import pytest

from declarative import ir
from declarative.analyse.derivative import Derivatives, NoRule
from tests import programs
from tests.evaluate import Point

EXPRESSIONS = [
    "sqrt(1 + (x - v)^2) - 1",
    "softplus(-v * x) + r * x^2",
    "x * log(x / r) - v * x",
    "log(1 + exp(v * x))",
    "1 / (1 + x^2)",
    "exp(-x) * tanh(v * x) / (1 + x)",
    "sin(x) * cos(v * x) - expm1(x) + log1p(x)",
    "huber(x - v, 0.5) + relu(x - v) * hinge(v - x)",
    "maximum(x, v)^2 + minimum(x, 2 * v)^3",
    "where(v > 0, x^3, x^1.5) + inv_pos(x) + sigmoid(x)",
    "(1 + x^2)^0.5 + (1 + x)^r + square(x / v)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_derivatives_against_differences(text: str) -> None:
    problem = programs.problem(
        f"problem p\n given v: real[n], r: positive real\n find x: positive real[n]\n minimize sum({text} + 0 * r)"
    )
    assert isinstance(problem.statement, ir.Minimize)
    assert isinstance(problem.statement.value, ir.Apply)
    (value,) = problem.statement.value.args
    derivative = Derivatives(ir.Unknown("x", problem.unknowns[0].type))
    slope = derivative(value)
    curvature = derivative(slope)
    rng = np.random.default_rng(1)
    x, v, step = rng.uniform(0.3, 2, size=5), rng.normal(size=5), 1e-5

    def at(expr: ir.Expr, moved: float) -> np.ndarray:
        point = Point({"x": x + moved, "v": v, "r": 1.7}, {"n": 5})
        return np.broadcast_to(np.asarray(point(expr), float), 5)

    for lower, higher in ((value, slope), (slope, curvature)):
        difference = (at(lower, step) - at(lower, -step)) / (2 * step)
        np.testing.assert_allclose(at(higher, 0), difference, rtol=1e-7, atol=1e-8)


def test_what_has_no_rule_is_refused() -> None:
    problem = programs.problem("problem p\n given A: real[n, n]\n find x: real[n]\n minimize sum(exp(A @ x))")
    assert isinstance(problem.statement, ir.Minimize)
    assert isinstance(problem.statement.value, ir.Apply)
    with pytest.raises(NoRule):
        Derivatives(ir.Unknown("x", problem.unknowns[0].type))(problem.statement.value.args[0])
