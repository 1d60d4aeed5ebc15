"""Curvature, sign and degree of random expressions against what their values do at random points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarative import ir
from declarative.analyse import structure_of
from declarative.analyse.structure import Structure
from declarative.atoms.record import Curvature, Sign
from tests import programs
from tests.evaluate import Point, shape

HEAD = """problem p
  given a: real, p: positive real, w: nonneg real[n], c: real[n], A: real[n, n], Q: psd real[n, n]
  find x: real[n], y: nonneg real, z: real
  minimize """
SIZES = {"n": 3}

scalar_leaves = st.sampled_from(["y", "z", "a", "p", "x[0]", "c[1]", "2", "0.5", "sum(x)", "w' @ x", "x[2]"])
vector_leaves = st.sampled_from(["x", "c", "w", "A @ x", "x - c", "w * x", "z * c"])
one = [
    "abs",
    "exp",
    "sqrt",
    "log",
    "log1p",
    "square",
    "relu",
    "softplus",
    "inv_pos",
    "huber",
    "hinge",
    "tanh",
]
one += ["sigmoid", "sin", "expm1"]
to_scalar = ["sum", "max", "min", "mean", "sum_squares", "log_sum_exp", "entropy"]


def unary(inner: st.SearchStrategy[str], names: list[str]) -> st.SearchStrategy[str]:
    return st.builds("{}({})".format, st.sampled_from(names), inner)


def binary(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/"]), inner)
    call = st.builds("{}({}, {})".format, st.sampled_from(["maximum", "minimum"]), inner, inner)
    power = st.builds("({})^{}".format, inner, st.sampled_from(["2", "3", "(-1)", "0.5", "1.5"]))
    return plain | call | power


def bigger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return unary(inner, one) | binary(inner) | inner.map("-({})".format)


vectors = st.recursive(vector_leaves, bigger, max_leaves=3)
norms = st.builds("||{}||{}".format, vectors, st.sampled_from(["", "_1", "_inf", "^2"]))
forms = st.sampled_from(
    ["x' @ Q @ x", "(x - c)' @ Q @ (x - c)", "x' @ A @ x", "quad_over_lin(x, y)", "x' @ x"]
)
loops = st.sampled_from(["sum(w[i] * abs(x[i] - z) for i in n)", "max(x[i]^2 for i in n where i > 0)"])
scalars = st.recursive(
    scalar_leaves | norms | forms | loops | unary(vectors, to_scalar), bigger, max_leaves=4
)


def read(text: str) -> tuple[ir.Expr, Structure, ir.Problem]:
    problem = programs.problem(f"{HEAD}{text}\n  subject to sum(x) + y + z <= 1")
    assert isinstance(problem.statement, ir.Minimize)
    return problem.statement.value, structure_of(problem), problem


def draw(rng: np.random.Generator, problem: ir.Problem) -> dict[str, object]:
    scale = rng.choice([0.3, 1.0, 3.0])
    values: dict[str, object] = {
        p.name: scale * rng.normal(size=shape(p.type, SIZES)) for p in problem.params
    }
    root = np.asarray(values["Q"])
    return values | {"Q": root @ root.T, "p": abs(values["p"]) + 0.01, "w": np.abs(values["w"])}


def unknowns(rng: np.random.Generator, problem: ir.Problem) -> dict[str, object]:
    scale = rng.choice([0.3, 1.0, 3.0])
    values = {u.name: scale * rng.normal(size=shape(u.type, SIZES)) for u in problem.unknowns}
    return values | {"y": np.abs(values["y"])}


def at(expr: ir.Expr, values: dict[str, object]) -> float:
    with np.errstate(all="ignore"):
        return float(Point(values, SIZES)(expr))


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=scalars, seed=st.integers(0, 1000))
def test_certified_facts_hold(text: str, seed: int) -> None:
    try:
        expr, structure, problem = read(text)
    except (AssertionError, ZeroDivisionError):
        return  # not a program: `log(-2)`, an unused name
    curvature = structure.curvature(expr)
    sign = structure.curvature.signs(expr)
    rng = np.random.default_rng(seed)
    for _ in range(12):
        given_values = draw(rng, problem)
        first, second = unknowns(rng, problem), unknowns(rng, problem)
        weight = rng.choice([0.5, 0.1])
        middle = {n: weight * np.asarray(first[n]) + (1 - weight) * np.asarray(second[n]) for n in first}
        left, right, value = (at(expr, {**given_values, **v}) for v in (first, second, middle))
        if not np.isfinite([left, right]).all():
            continue
        assert sign is not Sign.NONNEG or left >= -1e-9
        assert sign is not Sign.NONPOS or left <= 1e-9
        if curvature is Curvature.UNKNOWN:
            continue
        if not np.isfinite(value):  # the domain of a certified function is convex, up to rounding at its edge
            assert min(abs(left), abs(right)) < 1e-9
            continue
        gap = value - (weight * left + (1 - weight) * right)
        slack = 1e-9 * (1 + abs(left) + abs(right) + abs(value))
        if curvature is not Curvature.CONCAVE:
            assert gap <= slack
        if curvature is not Curvature.CONVEX:
            assert gap >= -slack
        if structure.degree(expr) in (0, 1):
            assert abs(gap) <= slack


CERTIFIED = {
    "sqrt(1 + z^2) - 1": Curvature.CONVEX,
    "p^2 * (sqrt(1 + (z / p)^2) - 1)": Curvature.CONVEX,
    "log(exp(z) + exp(-z))": Curvature.CONVEX,
    "y * log(y)": Curvature.CONVEX,
    "z * log(z)": Curvature.CONVEX,
    "log(1 + exp(-a * z))": Curvature.CONVEX,
    "-log(sigmoid(z))": Curvature.CONVEX,
    "2 * z^2 - z^2": Curvature.CONVEX,
    "y / (1 + y)": Curvature.CONCAVE,
    "sqrt(z^2 + p)": Curvature.CONVEX,
    "sum(sqrt(1 + (x - c)^2))": Curvature.CONVEX,
    "sum(p * (sqrt(1 + ((z - c[i]) / p)^2) - 1) for i in n)": Curvature.CONVEX,
    "exp(z^2)": Curvature.CONVEX,
    "y^3": Curvature.CONVEX,
    "1 / y": Curvature.CONVEX,
    "(x - c)' @ Q @ (x - c)": Curvature.CONVEX,
    "1/2 * x' @ Q @ x": Curvature.CONVEX,
    "-(2 * x)' @ Q @ x": Curvature.CONCAVE,
    "x' @ (A' @ A + Q + p * eye(n)) @ x": Curvature.CONVEX,
    "x' @ x - 2 * c' @ x": Curvature.CONVEX,
    "x' @ A' @ A @ x": Curvature.CONVEX,
    "(A @ x)' @ Q @ (A @ x)": Curvature.CONVEX,
    "(A @ x - c)' @ (A @ x - c)": Curvature.CONVEX,
    "x[0]^2 / y": Curvature.CONVEX,
    "quad_form(x, Q)": Curvature.CONVEX,
    "log_det(z * Q + diag(x))": Curvature.CONCAVE,
}
NOT_CERTIFIED = {
    "x' @ A @ x": ("A", "not known to be positive semidefinite"),
    "1/2 * x' @ A @ x + z": ("A", "not known to be positive semidefinite"),
    "x' @ A @ A @ x": ("A @ A", "not known to be positive semidefinite"),
    "a * x' @ x": ("a * x' @ x", "the sign of the factor is not known"),
    "1 + z * y": ("z * y", "multiplies two unknown quantities"),
    "z / y": ("z / y", "divides by an unknown quantity"),
    "z^3": ("z^3", "neither convex nor concave"),
    "z^2 - y^2": ("y^2", "is convex, and must be concave"),
    "sqrt(||x||)": ("sqrt(||x||)", "`sqrt` is concave and increasing, so its argument must be concave"),
    "(z^2 - 1)^2": ("(z^2 - 1)^2", "neither increasing nor decreasing, so its argument must be affine"),
    "z^2 / (1 + z^2)": ("z^2 / (1 + z^2)", "divides by an unknown"),
    "a * ||x||": ("a * ||x||", "the sign of the factor is not known"),
    "1 / z": ("1 / z", "divides by an unknown"),
    "sin(z)": ("sin(z)", "neither convex nor concave"),
    "log(1 + z^2)": ("log(1 + z^2)", "`log` is concave and increasing"),
    "log_det(z * A)": ("log_det(z * A)", "is not known to be symmetric"),
    "sum(sin(x[i]) for i in n)": ("sin(x[i])", "neither convex nor concave"),
}


@pytest.mark.parametrize(("text", "wanted"), CERTIFIED.items())
def test_certified(text: str, wanted: Curvature) -> None:
    expr, structure, _ = read(text)
    assert structure.curvature(expr) is wanted


@pytest.mark.parametrize(("text", "wanted"), NOT_CERTIFIED.items())
def test_blame_names_the_guilty(text: str, wanted: tuple[str, str]) -> None:
    expr, structure, _ = read(text)
    assert not structure.curvature.convex(expr)
    blame = structure.curvature.blame(expr, Curvature.CONVEX)
    assert blame.expr.span.text == wanted[0]
    assert wanted[1] in blame.reason
