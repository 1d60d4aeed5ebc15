"""The exact answers: optimal by their equations, gradients against differences, and cases that survive a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.workload import Arrays, Case, Outcome, compare
from benchmarks.workloads import (
    deq,
    exact,
    implicit,
    lasso,
    logistic,
    logistic_constrained,
    maxent,
    mpc,
    pooling,
    portfolio,
    psd,
    qp,
    ridge,
    sdp,
    sparsemax,
)

Answer = Callable[[Arrays, np.ndarray], Outcome]


def program(margin: bool) -> tuple[Case, Answer]:
    inputs, active = qp.planted(np.random.default_rng(3), 10, 2, 0.1 if margin else 0.0)
    weights = np.random.default_rng(4).normal(size=(2, 10))
    case = Case("qp", "qp", inputs, weights, symmetric=frozenset("P"))
    return case, lambda inputs, weights: qp.answer(inputs, weights, active)


def placed(case: Case, conditions: implicit.Conditions, start: Arrays, face: Arrays) -> tuple[Case, Answer]:
    return case, lambda inputs, weights: implicit.answer(conditions, start, face, inputs, weights)


def planted(family: str) -> tuple[Case, Answer]:
    """Of the conic workloads, two small problems."""
    rng = np.random.default_rng(6)
    start: Arrays
    face: Arrays = {}
    if family == "portfolio":
        inputs, start, face = portfolio.planted(rng, 10, 2)
        conditions: implicit.Conditions = portfolio.conditions
    elif family == "logistic_constrained":
        inputs, start, face = logistic_constrained.planted(rng, 12, 4, 2)
        conditions = logistic_constrained.conditions
    elif family == "sdp":
        inputs, start = sdp.planted(rng, 4, 3, 2)
        conditions = sdp.conditions
    else:
        inputs, start = maxent.planted(rng, 6, 2, 2)
        conditions = maxent.conditions
    weights = rng.normal(size=next(iter(start.values())).shape)
    symmetric = sdp.SYMMETRIC if family == "sdp" else frozenset[str]()
    return placed(Case(family, family, inputs, weights, symmetric=symmetric), conditions, start, face)


def in_order(function: Callable[..., Outcome]) -> Answer:
    return lambda inputs, weights: function(*inputs.values(), weights)


CASES: dict[str, Callable[[], tuple[Case, Answer]]] = {
    "qp": lambda: program(True),
    "qp-thin": lambda: program(False),
    "sparsemax": lambda: (sparsemax.case(6, 3)[0], in_order(sparsemax.answer)),
    "ridge": lambda: (ridge.case(6, 3, 2)[0], in_order(ridge.answer)),
    "logistic": lambda: (logistic.case(12, 3, 2)[0], in_order(logistic.answer)),
    "psd": lambda: (psd.case(4, 2)[0], in_order(psd.answer)),
    "pooling": lambda: (pooling.case(3, 2)[0], in_order(pooling.answer)),
    "deq": lambda: (deq.case(4, 3, 2)[0], in_order(deq.answer)),
    "lasso": lambda: (lasso.case("lasso", 20, 5, 2)[0], lasso.answer),
    "elastic_net": lambda: (lasso.case("elastic_net", 20, 5, 2)[0], lasso.answer),
    **{name: partial(planted, name) for name in ("portfolio", "logistic_constrained", "sdp", "maxent")},
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_differences(name: str) -> None:
    case, answer = CASES[name]()
    found = answer(case.inputs, case.weights)
    assert found.solution.shape == case.weights.shape
    rng = np.random.default_rng(0)
    for key, value in case.inputs.items():
        direction = rng.normal(size=value.shape)
        if key in case.symmetric:
            direction = direction + direction.swapaxes(-1, -2)
        step = 3e-6
        ends = [
            (
                case.weights
                * answer({**case.inputs, key: value + sign * step * direction}, case.weights).solution
            )
            for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]).sum() / (2 * step)
        assert (found.gradients[key] * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8), key


@pytest.mark.parametrize("margin", [True, False])
def test_planted_points_are_optimal(margin: bool) -> None:
    case, found = qp.case(10, 4, margin)
    P, q, A, b, G, h = case.inputs.values()
    x = found.solution
    assert np.abs(exact.times(A, x) - b).max() < 1e-12
    slack = h - exact.times(G, x)
    assert slack.min() > -1e-12
    # The gradient of the objective is a combination of the active rows, with multipliers of the right sign.
    for each in range(4):
        rows = np.vstack([A[each], G[each][slack[each] < 1e-9]])
        slope = P[each] @ x[each] + q[each]
        multipliers, *_ = np.linalg.lstsq(rows.T, -slope, rcond=None)
        assert np.abs(rows.T @ multipliers + slope).max() < 1e-10
        assert multipliers[1:].min() > (0.1 - 1e-9 if margin else 0)


def assert_stationary(slope: np.ndarray, rows: np.ndarray, least: float) -> None:
    """-slope is a combination of the rows, of which all but the first have coefficients larger than `least`."""
    multipliers, *_ = np.linalg.lstsq(rows.T, -slope, rcond=None)
    assert np.abs(rows.T @ multipliers + slope).max() < 1e-10
    assert multipliers[1:].min() > least


def test_portfolios_are_optimal() -> None:
    case, found = portfolio.case(20, 3)
    for mu, S, kappa, w in zip(*case.inputs.values(), found.solution, strict=True):
        assert w.sum() == pytest.approx(1, abs=1e-12)
        assert w.min() > -1e-12
        slope = kappa * S.T @ S @ w / np.linalg.norm(S @ w) - mu
        assert_stationary(slope, np.vstack([np.ones(20), -np.eye(20)[w < 1e-9]]), 0.09)


@pytest.mark.parametrize("family", ["lasso", "elastic_net"])
def test_few_weights_are_optimal(family: str) -> None:
    case, found = lasso.case(family, 100, 50, 4)
    X, y, w, lam = case.inputs["X"], case.inputs["y"], found.solution, case.inputs["lam"]
    slope = 2 * exact.times(X.swapaxes(1, 2), exact.times(X, w) - y) + 2 * case.inputs.get("mu", 0) * w
    zero = np.abs(w) < 1e-9
    assert 0.3 < zero.mean() < 0.9
    assert np.abs(slope + lam * np.sign(w))[~zero].max() < 1e-10
    assert np.abs(slope[zero]).max() < lam


def test_constrained_regressions_are_optimal() -> None:
    case, found = logistic_constrained.case(30, 6, 3)
    for X, y, r, t, w in zip(*case.inputs.values(), found.solution, strict=True):
        error = -y * (X @ w)
        top = np.exp(error)
        assert np.abs(w).sum() == pytest.approx(r, abs=1e-12)
        assert np.log(top.sum()) == pytest.approx(t, abs=1e-12)
        slope, soft = -X.T @ (y * top / (1 + top)), -X.T @ (y * top / top.sum())
        kept = np.abs(w) > 1e-9
        rows = np.stack([np.sign(w) * kept, soft])
        size = np.linalg.lstsq(rows[:, kept].T, -slope[kept], rcond=None)[0]
        rest = slope + size @ rows
        assert size.min() > 0.1
        assert np.abs(rest[kept]).max() < 1e-10
        assert np.abs(rest[~kept]).max() < size[0]


def test_semidefinite_programs_are_optimal() -> None:
    case, found = sdp.case(6, 4, 3)
    for C, A, b, X in zip(*case.inputs.values(), found.solution, strict=True):
        np.testing.assert_allclose(X, X.T, atol=1e-12)
        np.testing.assert_allclose(np.einsum("kij,ij->k", A, X), b, atol=1e-12)
        values = np.linalg.eigvalsh(X)
        assert (values[0] > -1e-12, values[-1] > 0.1) == (True, True)
        # Multipliers that make the slack vanish on the range of X.
        rows = np.stack([(each @ X).ravel() for each in A])
        nu = np.linalg.lstsq(rows.T, -(C @ X).ravel(), rcond=None)[0]
        Z = C + np.einsum("k,kij->ij", nu, A)
        assert np.abs(Z @ X).max() < 1e-10
        slack = np.linalg.eigvalsh(Z)
        assert slack.min() > -1e-10
        assert ((values > 0.1) == (slack[::-1] < 1e-9)).all()


def test_entropies_are_largest() -> None:
    case, found = maxent.case(12, 3, 3)
    for A, b, x in zip(*case.inputs.values(), found.solution, strict=True):
        assert x.min() > 0
        rows = np.vstack([A, np.ones(12)])
        np.testing.assert_allclose(rows @ x, [*b, 1], atol=1e-12)
        assert_stationary(np.log(x) + 1, rows, -np.inf)


def test_where_no_root_is() -> None:
    with pytest.raises(ArithmeticError, match="no root"):
        implicit.answer(
            lambda unknowns, _, given: [unknowns["x"] ** 2 + given["a"]],
            {"x": np.full((1, 1), 0.7)},
            {},
            {"a": np.ones((1, 1))},
            np.ones((1, 1)),
        )


def test_a_shared_array_has_the_sum_of_the_gradients() -> None:
    case, answer = program(True)
    P = case.inputs["P"][:1]
    apart = answer({**case.inputs, "P": np.repeat(P, 2, axis=0)}, case.weights)
    together = answer({**case.inputs, "P": P[0]}, case.weights)
    np.testing.assert_allclose(together.solution, apart.solution)
    np.testing.assert_allclose(together.gradients["P"], apart.gradients["P"].sum(axis=0))
    np.testing.assert_allclose(together.gradients["q"], apart.gradients["q"])


def test_independent_rows() -> None:
    rows = np.array([[1.0, 0, 1], [2, 0, 2], [0, 1, 0], [1, 1, 1], [0, 0, 1]])
    assert exact.independent(rows).tolist() == [True, False, True, False, True]


RECORDED = [point for point in mpc.points() if point.name != "mpc-balance"]


@pytest.mark.skipif(not RECORDED, reason="no recorded sequences: DECLARATIVE_DATA names their folder")
def test_recorded_solutions_are_met() -> None:
    for point in RECORDED:
        case, found = point.make()
        with np.load(mpc.DATA / "mpc" / f"{point.name.removeprefix('mpc-').upper()}.npz") as stored:
            np.testing.assert_allclose(found.solution, stored["x_opt"], atol=1e-6)
        assert set(found.gradients) <= set(case.inputs)


def test_the_made_sequence_is_solved() -> None:
    case, found = mpc.balance(horizon=20, steps=10)
    P, q, _, h = case.inputs.values()
    slope, u, limit = found.solution @ P + q, found.solution, h[0]
    assert np.abs(u).max() <= limit + 1e-12
    at_bound = np.abs(u) > limit - 1e-9
    assert at_bound.any()
    assert np.abs(slope[~at_bound]).max() < 1e-12
    assert (slope * np.sign(u))[at_bound].max() < 0


def test_only_what_exists_is_judged() -> None:
    weights = np.ones((2, 1))
    case = Case("c", "c", {"a": np.ones((2, 1)), "b": np.ones(1)}, weights)
    answer = Outcome(weights, {"a": np.array([[1.0], [np.nan]])})
    assert (
        compare(case, Outcome(weights, {"a": np.array([[1.0], [9.0]]), "b": np.ones(1)}), answer).gradient
        == 0
    )
    assert np.isnan(compare(case, Outcome(weights, {"a": np.array([[np.nan], [9.0]])}), answer).gradient)


def test_only_the_symmetric_part_is_judged() -> None:
    case = Case("c", "c", {"P": np.eye(2)[None]}, np.ones((1, 2)), symmetric=frozenset("P"))
    given, same = np.array([[[0.0, 2], [0, 0]]]), np.array([[[0.0, 1], [1, 0]]])
    error = compare(case, Outcome(case.weights, {"P": given}), Outcome(case.weights, {"P": same}))
    assert error.gradients == {"P": 0}


def test_a_case_survives_a_file(tmp_path: Path) -> None:
    case, _ = ridge.case(6, 3, 2)
    case.save(tmp_path / "case.npz")
    again = Case.load(tmp_path / "case.npz")
    assert (again.name, again.family, again.shared, again.symmetric) == (
        case.name,
        case.family,
        case.shared,
        case.symmetric,
    )
    assert list(again.inputs) == ["X", "y", "lam"]
    for name, value in case.inputs.items():
        np.testing.assert_array_equal(again.inputs[name], value)
