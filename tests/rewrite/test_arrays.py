"""Comprehensions and quantified rows as arrays: the same numbers, and nothing left to sum one by one."""

from __future__ import annotations

import numpy as np
import pytest

from declarative import ir
from declarative.analyse import structure_of
from declarative.rewrite.arrays import vectorise
from declarative.walk import contains
from tests import programs
from tests.evaluate import Point, shape

HEAD = """problem p
  given v: real[n], A: real[m, n], b: real[m], w: positive real[m], s: real, S: real[T + 1, n], idx: int[m]
  find x: real[n], X: real[m, n]
  """
SIZES = {"n": 3, "m": 4, "T": 2}


def both(text: str) -> tuple[ir.Problem, ir.Problem | None]:
    problem = programs.problem(HEAD + text)
    return problem, vectorise(problem, structure_of(problem))


def point(problem: ir.Problem, seed: int = 0) -> Point:
    rng = np.random.default_rng(seed)
    values = {d.name: rng.normal(size=shape(d.type, SIZES)) for d in (*problem.params, *problem.unknowns)}
    return Point({**values, "idx": np.array([2, 0, 1, 1])}, SIZES)


SUMS = [
    "sum((x[i] - v[i])^2 for i in n) + sum(X)",
    "sum(w[j] * huber(A[j] @ x - b[j]) for j in m) + sum(X)",
    "sum(A[j, :] @ x - b[j] for j in m) + sum(X)",
    "sum(A[i, j] * x[j] * X[i, j] for i in m for j in n)",
    "sum(A[i, j] * x[j] * X[i, j] for j in n for i in m)",
    "sum((sum(A[i, j] * x[j] for j in n) - b[i])^2 for i in m) + sum(X)",
    "sum(abs(x[i + 1] - x[i]) for i in 0..n-2) + sum(X)",
    "sum((x[i] - x[i - 1])^2 for i in 1..n-1) + sum(X)",
    "max(x[i] + s for i in n) + sum(X)",
    "mean(mean(X[i, j] - v[j] for j in n) for i in m) + sum(x)",
    "sum(x[idx[i]] * w[i] for i in m) + sum(X)",
    "sum(X[:, j] @ w * x[j] for j in n)",
    "sum(sum_squares(X[i] - x) for i in m)",
    "sum(S[t, 0] * x[0] - S[t + 1, 1] * x[1] for t in 0..T-1) + sum(X)",
    "sum(x[i] * x[j] for i in n for j in n) + sum(X)",
    "sum(X[i] @ X[i] for i in m) + sum(x)",
    "||sum(A[:, j] * x[j] for j in n) - b||^2 + sum(X)",
    "sum(sum(w[j] * X[j] for j in m) * x)",
    "prod(x[i] - s for i in n) + min(sum(X[i]) for i in m)",
]


@pytest.mark.parametrize("value", SUMS)
def test_a_comprehension_is_the_array_expression(value: str) -> None:
    problem, changed = both(f"minimize {value}")
    assert changed is not None
    assert not contains(changed, ir.Reduce)
    before, after = problem.statement, changed.statement
    assert isinstance(before, ir.Minimize)
    assert isinstance(after, ir.Minimize)
    at = point(problem)
    np.testing.assert_allclose(at(after.value), at(before.value), rtol=1e-12)


ROWS = {
    "x[i] <= v[i] for i in n": 3,
    "s <= x[i] for i in n": 3,
    "x[i + 1] - x[i] <= s for i in 0..n-2": 2,
    "X[j, i] >= x[i] for j in m for i in n": 12,
    "X[j, i] >= x[i] + w[j] for i in n for j in m": 12,
    "A[j] @ x == b[j] for j in m": 4,
    "label: sum(X[j, i] for i in n) == w[j] for j in m": 4,
}


@pytest.mark.parametrize(("row", "entries"), ROWS.items())
def test_a_quantified_row_is_one_of_arrays(row: str, entries: int) -> None:
    problem, changed = both(f"minimize sum(x) + sum(X)\n subject to\n {row}")
    assert changed is not None
    (before,), (after,) = problem.constraints, changed.constraints
    assert isinstance(before, ir.Equality | ir.Inequality)
    assert isinstance(after, ir.Equality | ir.Inequality)
    assert not after.binders
    assert after.label == before.label
    at = point(problem)
    rows = [np.subtract(here(before.left), here(before.right)) for here in at.over(before.binders, None)]
    found = np.subtract(at(after.left), at(after.right))
    assert found.size == entries
    np.testing.assert_allclose(np.ravel(found), rows, rtol=1e-12)


KEPT = [
    "minimize sum(x[i] for i in n where i != 1) + sum(X)",
    "minimize sum(i * x[i] for i in n) + sum(X)",
    "minimize sum(||X[i]|| for i in m) + sum(x)",
    "minimize sum(x) + sum(X)\n subject to S[t + 1] - S[t] == x for t in 0..T-1",
    "minimize sum(x) + sum(X)\n subject to x[i] >= 0 for i in n where i > 0",
    "minimize sum(x) + sum(X)",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_arrays_cannot_say_stays(text: str) -> None:
    assert both(text)[1] is None
