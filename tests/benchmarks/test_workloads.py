"""The exact answers: optimal by their equations, gradients against differences, and cases that survive a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.workload import Arrays, Case, Outcome, compare
from benchmarks.workloads import deq, exact, logistic, mpc, pooling, psd, qp, ridge, sparsemax

Answer = Callable[[Arrays, np.ndarray], Outcome]


def program(margin: bool) -> tuple[Case, Answer]:
    inputs, active = qp.planted(np.random.default_rng(3), 10, 2, 0.1 if margin else 0.0)
    weights = np.random.default_rng(4).normal(size=(2, 10))
    case = Case("qp", "qp", inputs, weights, symmetric=frozenset("P"))
    return case, lambda inputs, weights: qp.answer(inputs, weights, active)


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
        step = 1e-5
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
