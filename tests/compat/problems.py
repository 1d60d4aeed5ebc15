"""The problems that cvxpylayers publishes as its tests, stated anew: by name, with data and what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

Build = Callable[[np.random.Generator], "Case"]


@dataclass(frozen=True)
class Case:
    problem: cp.Problem
    parameters: list[cp.Parameter]
    variables: list[cp.Variable]
    values: list[Any]
    gp: bool = False


QUICK: dict[str, Build] = {}
SLOW: dict[str, Build] = {}  # most of them compile cones, which takes seconds


def quick(build: Build) -> Build:
    QUICK[build.__name__] = build
    return build


def slow(build: Build) -> Build:
    SLOW[build.__name__] = build
    return build


def everything() -> list[Any]:
    return [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def case(name: str) -> Case:
    return (QUICK | SLOW)[name](np.random.default_rng(243))


def normal(rng: np.random.Generator, *parameters: cp.Parameter) -> list[Any]:
    return [rng.normal(size=parameter.shape) for parameter in parameters]


# ---- regressions -------------------------------------------------------------------------------


@quick
def l1_regression(rng: np.random.Generator) -> Case:
    x, A, b = cp.Variable(2, nonneg=True), cp.Parameter((5, 2)), cp.Parameter(5)
    problem = cp.Problem(cp.Minimize(cp.norm1(A @ x - b) / 2))
    return Case(problem, [A, b], [x], normal(rng, A, b))


@quick
def ridge_regression(rng: np.random.Generator) -> Case:
    x, A, b = cp.Variable(4), cp.Parameter((10, 4)), cp.Parameter(10)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(A @ x - b) + cp.sum_squares(x)))
    return Case(problem, [b, A], [x], normal(rng, b, A))


@slow
def several_right_hand_sides(rng: np.random.Generator) -> Case:
    X, A, B = cp.Variable((3, 2)), cp.Parameter((5, 3)), cp.Parameter((5, 2))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(A @ X - B) + 0.01 * cp.sum_squares(X)))
    return Case(problem, [A, B], [X], normal(rng, A, B))


@slow
def lasso(rng: np.random.Generator) -> Case:
    x, A, b, lam = cp.Variable(3), cp.Parameter((6, 3)), cp.Parameter(6), cp.Parameter(nonneg=True)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(A @ x - b) + lam * cp.norm1(x)))
    return Case(problem, [A, b, lam], [x], [*normal(rng, A, b), 0.7])


@slow
def logistic_regression(rng: np.random.Generator) -> Case:
    a, X, lam = cp.Variable((2, 1)), cp.Parameter((5, 2)), cp.Parameter(1, nonneg=True)
    y = np.array([[1.0], [0], [1], [1], [0]])
    fit = cp.sum(cp.multiply(y, X @ a) - cp.logistic(X @ a))
    return Case(
        cp.Problem(cp.Minimize(lam * cp.sum_squares(a) - fit)), [X, lam], [a], [*normal(rng, X), [0.1]]
    )


@slow
def least_norm(rng: np.random.Generator) -> Case:
    x, A, b = cp.Variable(4), cp.Parameter((2, 4)), cp.Parameter(2)
    constraint = A @ x == b
    problem = cp.Problem(cp.Minimize(cp.norm2(x)), [constraint])
    return Case(problem, [A, b], [x, constraint.dual_variables[0]], normal(rng, A, b))


@quick
def equality(rng: np.random.Generator) -> Case:
    x, A, b = cp.Variable(5), cp.Parameter((3, 5)), cp.Parameter(3)
    constraint = A @ x == b
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x)), [constraint])
    return Case(problem, [A, b], [x, constraint.dual_variables[0]], normal(rng, A, b))


# ---- entropies ---------------------------------------------------------------------------------


@slow
def entropy_maximisation(rng: np.random.Generator) -> Case:
    x = cp.Variable(5)
    A, b, F, g = cp.Parameter((3, 5)), cp.Parameter(3), cp.Parameter((2, 5)), cp.Parameter(2)
    point, (a, f) = rng.uniform(0.2, 1, 5), normal(rng, A, F)
    goal = cp.Maximize(cp.sum(cp.entr(x)) - 0.01 * cp.sum_squares(x))
    problem = cp.Problem(goal, [A @ x == b, F @ x <= g])
    return Case(problem, [A, b, F, g], [x], [a, a @ point, f, f @ point + [0.1, -0.02]])


@slow
def limited_multi_label(rng: np.random.Generator) -> Case:
    x, y = cp.Parameter(4), cp.Variable(4)
    goal = -x @ y - cp.sum(cp.entr(y)) - cp.sum(cp.entr(1 - y))
    return Case(cp.Problem(cp.Minimize(goal), [cp.sum(y) == 2]), [x], [y], [np.array([1.0, -1, -1, -1])])


# ---- cones and their multipliers ---------------------------------------------------------------


@slow
def second_order_cone(rng: np.random.Generator) -> Case:
    root, q, A, b = cp.Parameter((5, 5)), cp.Parameter((5, 1)), cp.Parameter((1, 5)), cp.Parameter((1, 1))
    x = cp.Variable((5, 1))
    goal = cp.sum_squares(root @ x) / 2 + q.T @ x
    problem = cp.Problem(cp.Minimize(goal), [A @ x == b, cp.norm(x) <= 1])
    return Case(problem, [root, q, A, b], [x], [*normal(rng, root, q, A), [[0.3]]])


@slow
def semidefinite(rng: np.random.Generator) -> Case:
    X, C = cp.Variable((3, 3), symmetric=True), cp.Parameter((3, 3), symmetric=True)
    cone = X >> 0
    problem = cp.Problem(cp.Minimize(cp.trace(C @ X)), [cone, cp.trace(X) == 1])
    value = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, 0.2], [0.1, 0.2, 1.5]])
    return Case(problem, [C], [X, cone.dual_variables[0]], [value])


@slow
def semidefinite_by_traces(rng: np.random.Generator) -> Case:
    X, C, A, b = (
        cp.Variable((3, 3), PSD=True),
        cp.Parameter((3, 3)),
        cp.Parameter((3, 3)),
        cp.Parameter((1, 1)),
    )
    problem = cp.Problem(cp.Minimize(cp.trace(C @ X) + cp.sum_squares(X)), [cp.trace(A @ X) == b])
    return Case(
        problem, [C, A, b], [X], [*normal(rng, C), np.eye(3) + 0.1 * rng.normal(size=(3, 3)), [[1.0]]]
    )


@slow
def norm_bound(rng: np.random.Generator) -> Case:
    x, c, t = cp.Variable(3), cp.Parameter(3), cp.Parameter(nonneg=True)
    cone = cp.norm(x) <= t
    problem = cp.Problem(cp.Minimize(c @ x + 0.1 * cp.sum_squares(x)), [cone])
    return Case(problem, [c, t], [x, cone.dual_variables[0]], [np.array([0.5, 0.3, -0.2]), 2.0])


@quick
def all_cones(rng: np.random.Generator) -> Case:
    """One constraint of each cone, and the multipliers of each: rows and multipliers keep their order."""
    free, low, ball, top = cp.Variable(2), cp.Variable(2), cp.Variable(2), cp.Variable()
    e, X, p = cp.Variable(3), cp.Variable((2, 2), symmetric=True), cp.Variable(3)
    b, bound, t = cp.Parameter(2), cp.Parameter(2), cp.Parameter(nonneg=True)
    zero, nonneg, soc = free == b, low <= bound, cp.SOC(top, ball)
    exp, psd, power = cp.ExpCone(e[0], e[1], e[2]), X >> 0, cp.PowCone3D(p[0], p[1], p[2], 0.3)
    goal = cp.sum_squares(free) + cp.sum_squares(low - 1) + cp.sum_squares(ball - [1.0, 2]) - top
    goal += 0.1 * cp.sum_squares(e) - e[2] + cp.sum_squares(X - np.diag([1.0, -1])) - p[2]
    goal += 0.1 * cp.sum_squares(p[:2])
    ends = [top <= t, e[1] >= 0.1, e[2] <= t, p[0] + p[1] <= t]
    problem = cp.Problem(cp.Minimize(goal), [zero, nonneg, soc, exp, psd, power, *ends])
    duals = [part for one in (zero, nonneg, soc, exp, psd, power) for part in one.dual_variables]
    values = [np.array([0.5, -0.3]), np.array([0.4, 2.0]), 1.3]
    return Case(problem, [b, bound, t], [free, low, ball, top, e, X, p, *duals], values)


# ---- quadratic forms ---------------------------------------------------------------------------


def psd(rng: np.random.Generator, size: int) -> Any:
    root = rng.normal(size=(size, size))
    return root @ root.T + np.eye(size)


@quick
def quad_form_in_a_box(rng: np.random.Generator) -> Case:
    x, Q, q = cp.Variable(3), cp.Parameter((3, 3), PSD=True), cp.Parameter(3)
    low, high = x >= -0.5, x <= 0.5
    problem = cp.Problem(cp.Minimize(cp.quad_form(x, Q) / 2 + q @ x), [low, high])
    return Case(
        problem, [Q, q], [x, low.dual_variables[0]], [psd(rng, 3) + 2 * np.eye(3), np.array([3.0, -3, 0.1])]
    )


@slow
def quad_form_of_a_sum(rng: np.random.Generator) -> Case:
    x, P, Q, q = (
        cp.Variable(3),
        cp.Parameter((3, 3), PSD=True),
        cp.Parameter((3, 3), NSD=True),
        cp.Parameter(3),
    )
    goal = cp.quad_form(x, P - Q) / 2 + cp.quad_form(x, P) + q @ x
    return Case(
        cp.Problem(cp.Minimize(goal)), [P, Q, q], [x], [psd(rng, 3), -psd(rng, 3), rng.normal(size=3)]
    )


@quick
def quad_form_maximised(rng: np.random.Generator) -> Case:
    x, Q, q = cp.Variable(3), cp.Parameter((3, 3), NSD=True), cp.Parameter(3)
    bound = cp.sum(x) == 1
    problem = cp.Problem(cp.Maximize(cp.quad_form(x, Q) / 2 + q @ x), [bound, x <= 2])
    return Case(problem, [Q, q], [x, bound.dual_variables[0]], [-psd(rng, 3), rng.normal(size=3)])


# ---- geometric programs ------------------------------------------------------------------------


@quick
def box_of_largest_volume(rng: np.random.Generator) -> Case:
    x, y, z = (cp.Variable(pos=True) for _ in range(3))
    a, b, c = cp.Parameter(pos=True), cp.Parameter(pos=True), cp.Parameter()
    area = a * (x * y + x * z + y * z) <= b
    problem = cp.Problem(cp.Minimize(1 / (x * y * z)), [area, x >= y**c])
    return Case(problem, [a, b, c], [x, y, z, area.dual_variables[0]], [2.0, 1.0, 0.5], gp=True)


@slow
def exponent_and_factor(rng: np.random.Generator) -> Case:
    """One parameter in logarithms and as it is."""
    x, y, a = cp.Variable(pos=True), cp.Variable(pos=True), cp.Parameter(pos=True)
    problem = cp.Problem(cp.Minimize(1 / (x * y) + a * x), [y * x**a <= a, x + y <= 5])
    return Case(problem, [a], [x, y], [1.5], gp=True)
