"""The symbolic data of a quadratic program against second differences and values of its expressions."""

from __future__ import annotations

import numpy as np
import pytest

from declarative import ir
from declarative.analyse import structure_of
from declarative.rewrite.quadratic import extract
from tests import programs
from tests.evaluate import Point, shape

GIVEN = """problem p
  given A: real[m, n], b: real[m], P: real[n, n], c: real[n], s: real, W: real[n, k], V: real[k, k]
  given d: real[n], i: int[m], T: static int
"""
SIZES = {"m": 3, "n": 4, "k": 2, "T": 5}

OBJECTIVES = {
    "ols": "find x: real[n] minimize ||A @ x - b||^2",
    "ridge": "find x: real[n] minimize 1/2 * sum_squares(A @ x - b) + s * ||x||^2 + c' @ x",
    "form": "find x: real[n] minimize 1/2 * x' @ P @ x + c' @ x",
    "shifted form": "find x: real[n] minimize (x - c)' @ P @ (x - c) / 2",
    "quad_form": "find x: real[n] minimize s * quad_form(x - c, P)",
    "maximize": "find x: real[n] maximize c' @ x - ||x - d||^2",
    "elementwise": "find x: real[n] minimize sum(d * x^2) + sum((d * x - 3)^2) - sum(x)",
    "pieces": "find x: real[n] minimize x[0]^2 + 3 * (x[1] - x[2])^2 + ||x[1:n] - 1||^2 + x[n - 1]",
    "gather": "find x: real[n] minimize ||x[i] - b||^2",
    "two": "find x: real[n], y: real[k] minimize x' @ W @ y + ||x||^2 + ||y - V @ y||^2 + 2 * y[0]",
    "matrix": "find X: real[n, k] minimize ||A @ X @ V||^2 + ||X - W||^2 + sum(X)",
    "rows": "find X: real[n, k] minimize ||X[1] - X[0]||^2 + ||X[0:2] @ V||^2 + ||sum(X, axis = 1)||^2",
    "scalar": "find x: real, y: real[n] minimize (x - s)^2 + ||y - x||^2 + x * c' @ y",
    "diff": "find x: real[n] minimize ||diff(x)||^2 + ||concat(x, x[0] - 1)||^2 + mean((x - c)^2)",
    "horizon": """find x: real[T + 1, k], u: real[T, n]
      minimize sum(x[t]' @ V @ x[t] + s * ||u[t] - c||^2 for t in T) + x[T]' @ V @ x[T]""",
    "coupled": "find x: real[T + 1, k], y: real minimize sum(||x[t + 1] - V @ x[t] - y||^2 for t in T)",
}
CONSTRAINTS = {
    "both": "find x: real[n] minimize sum(x) subject to A @ x == b  c <= d * x  x[0] <= 1  -2 <= x",
    "blocks": "find x: real[n], y: real[k] minimize sum(x) subject to W' @ x + y == V @ y - 1  x <= y[0]",
    "matrix": "find X: real[n, k] minimize sum(X) subject to A @ X == 0  X @ V <= 2  sum(X, axis = 0) == 1",
    "horizon": """find x: real[T + 1, k], u: real[T, n] minimize sum(x) subject to
      x[0] == V[0]
      x[t + 1] == V @ x[t] + W' @ u[t] for t in T
      u[t] <= s for t in 1..T-1""",
}


def problem_of(text: str) -> ir.Problem:
    for word in ("find", "minimize", "maximize", "subject to"):
        text = text.replace(f" {word}", f"\n{word}")
    lines = text.replace("subject to ", "subject to\n").replace("  ", "\n")
    return programs.problem(GIVEN + lines)


def point_of(problem: ir.Problem, seed: int = 0) -> Point:
    rng = np.random.default_rng(seed)
    values: dict[str, object] = {}
    for item in (*problem.params, *problem.unknowns):
        values[item.name] = rng.normal(size=shape(item.type, SIZES))
    values |= {"i": np.array([2, 0, 2]), "T": SIZES["T"]}
    return Point(values, SIZES)


def split(z: np.ndarray, problem: ir.Problem) -> dict[str, np.ndarray]:
    parts, start = {}, 0
    for unknown in problem.unknowns:
        dims = shape(unknown.type, SIZES)
        size = int(np.prod(dims))
        parts[unknown.name] = z[start : start + size].reshape(dims)
        start += size
    return parts


def size_of(problem: ir.Problem) -> int:
    return sum(int(np.prod(shape(u.type, SIZES))) for u in problem.unknowns)


def assembled(problem: ir.Problem, blocks: dict, point: Point, rows: int | None = None) -> np.ndarray:
    names = [u.name for u in problem.unknowns]
    sizes = {u.name: int(np.prod(shape(u.type, SIZES))) for u in problem.unknowns}
    for key, block in blocks.items():
        wanted = tuple(sizes[name] for name in key) if isinstance(key, tuple) else (rows, sizes[key])
        assert np.shape(point(block)) == wanted == shape(block.type, SIZES)
    if rows is None:
        zero = {(a, b): np.zeros((sizes[a], sizes[b])) for a in names for b in names}
        return np.block(
            [[point(blocks[a, b]) if (a, b) in blocks else zero[a, b] for b in names] for a in names]
        )
    return np.hstack([point(blocks[a]) if a in blocks else np.zeros((rows, sizes[a])) for a in names])


@pytest.mark.parametrize("text", OBJECTIVES.values(), ids=OBJECTIVES)
def test_objective(text: str) -> None:
    problem = problem_of(text)
    statement = problem.statement
    assert isinstance(statement, ir.Minimize)
    point, n = point_of(problem), size_of(problem)
    form = extract(problem, structure_of(problem))
    assert form.P is not None

    def value(z: np.ndarray) -> float:
        at = Point({**point.values, **split(z, problem)}, SIZES)
        return float(statement.sense * at(statement.value))

    eye = np.eye(n)
    zero = value(np.zeros(n))
    single = np.array([value(e) for e in eye])
    minus = np.array([value(-e) for e in eye])
    double = np.array([[value(a + b) for a in eye] for b in eye])
    hessian = double - single[:, None] - single[None, :] + zero  # exact for quadratics
    np.testing.assert_allclose(assembled(problem, form.P, point), hessian, atol=1e-10)
    slope = (single - minus) / 2
    if form.q is not None:
        parts = [point(form.q[u.name]) if u.name in form.q else None for u in problem.unknowns]
        sizes = [int(np.prod(shape(u.type, SIZES))) for u in problem.unknowns]
        q = np.concatenate(
            [np.zeros(k) if part is None else part for part, k in zip(parts, sizes, strict=True)]
        )
        np.testing.assert_allclose(q, slope, atol=1e-10)


@pytest.mark.parametrize("text", CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_constraints(text: str) -> None:
    problem = problem_of(text)
    point, n = point_of(problem), size_of(problem)
    form = extract(problem, structure_of(problem))
    assert len(form.rows) == len(problem.constraints)
    for row, constraint in zip(form.rows, problem.constraints, strict=True):
        assert isinstance(constraint, (ir.Equality, ir.Inequality))
        assert row.kind == ("eq" if isinstance(constraint, ir.Equality) else "ineq")
        assert row.blocks is not None

        def value(z: np.ndarray, constraint: ir.Equality | ir.Inequality = constraint) -> np.ndarray:
            at = Point({**point.values, **split(z, problem)}, SIZES)
            parts = [
                np.ravel(np.asarray(here(constraint.left)) - here(constraint.right))
                for here in at.over(constraint.binders, constraint.where)
            ]
            return np.concatenate(parts)

        zero = value(np.zeros(n))
        jacobian = np.stack([value(e) - zero for e in np.eye(n)], axis=1)
        np.testing.assert_allclose(assembled(problem, row.blocks, point, len(zero)), jacobian, atol=1e-10)
        if row.rhs is not None:
            np.testing.assert_allclose(point(row.rhs), -zero, atol=1e-10)


def test_unknown_patterns_are_left_to_the_emitter() -> None:
    text = "find x: real[n] minimize sum(A[j, :] @ x * x[0] for j in m) subject to cumsum(x) <= 1"
    problem = problem_of(text)
    form = extract(problem, structure_of(problem))
    assert form.P is None
    assert form.q is None
    assert form.rows[0].blocks is None
