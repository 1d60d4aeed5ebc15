"""Contenders for a test of the harness: ours, one that is right, two wrong, two that fail, one that is not there."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import ours
from benchmarks.workload import Case, Contender, Outcome, Prepared
from benchmarks.workloads import sparsemax


def sorted_values(case: Case) -> Prepared:
    return Prepared(lambda: sparsemax.answer(case.inputs["v"], case.weights), lambda outcome: outcome)


def off_by_a_hundredth(case: Case) -> Prepared:
    def read(outcome: Outcome) -> Outcome:
        return Outcome(outcome.solution, {"v": 1.01 * outcome.gradients["v"]})

    return Prepared(lambda: sparsemax.answer(case.inputs["v"], case.weights), read)


def undefined(case: Case) -> Prepared:
    solution = sparsemax.answer(case.inputs["v"], case.weights).solution
    return Prepared(lambda: None, lambda _: Outcome(solution, {"v": np.full_like(solution, np.nan)}))


def broken(case: Case) -> Prepared:
    print("a package may print what it likes")
    raise ArithmeticError("no such luck")


def tires(case: Case) -> Prepared:
    """In its first round: before it come the first call, the second, and the warm-up."""
    left = iter(range(3))

    def run() -> None:
        if next(left, None) is None:
            raise ArithmeticError("enough")

    answer = sparsemax.answer(case.inputs["v"], case.weights)
    return Prepared(run, lambda _: answer)


CONTENDERS = (
    *ours.CONTENDERS,
    Contender("sorting", ("numpy",), ("numpy",), {"sparsemax": sorted_values}, "by sorting"),
    Contender("wrong", ("numpy",), (), {"sparsemax": off_by_a_hundredth}),
    Contender("undefined", ("numpy",), (), {"sparsemax": undefined}),
    Contender("broken", ("numpy",), (), {"sparsemax": broken}),
    Contender("tires", ("numpy",), (), {"sparsemax": tires}),
    Contender("gone", ("no_such_package",), (), {"sparsemax": sorted_values}),
    Contender("of another kind", ("numpy",), (), {"qp": sorted_values}),
)
