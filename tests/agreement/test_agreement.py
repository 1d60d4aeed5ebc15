"""Random programs: the JAX engines, the cvxpy backend and finite differences give one answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import declarative as dc
from tests.agreement.programs import Program, convex_programs, equations

STEP = 1e-5


def quick(examples: int) -> settings:
    """Fixed examples, no shrinking: an example costs compilations, and its text is in the message."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )


@dataclass(frozen=True)
class Answer:
    """A solution, and the gradient of weights . x in every parameter, of one compiled function."""

    solution: dc.Solution
    gradient: dict[str, np.ndarray]


class Solved:
    """A layer on the data of one program: one compilation serves the solution, its gradient and the differences."""

    def __init__(self, layer: dc.Layer, program: Program, weights: np.ndarray):
        def value(data: dict[str, jax.Array]) -> tuple[jax.Array, dc.Solution]:
            solution = layer.solve(**data)
            return weights @ solution.x, solution

        self._program = program
        self._compiled = jax.jit(jax.value_and_grad(value, has_aux=True))

    def at(self, data: dict[str, np.ndarray]) -> Answer:
        """Gradients are symmetric where the parameter is promised to be."""
        with jax.enable_x64(True):
            (_, solution), found = self._compiled({k: jax.numpy.asarray(v) for k, v in data.items()})
        gradient = {name: symmetric(self._program, name, np.asarray(value)) for name, value in found.items()}
        return Answer(solution, gradient)


def symmetric(program: Program, name: str, value: np.ndarray) -> np.ndarray:
    return (value + value.T) / 2 if f"{name}: psd" in program.text else value


def compare_with_differences(
    solved: Solved,
    program: Program,
    gradient: dict[str, np.ndarray],
    weights: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """The reverse gradient along a random direction against a central difference of solves."""
    ways = {name: symmetric(program, name, rng.normal(size=v.shape)) for name, v in program.data.items()}
    values = []
    for sign in (1, -1):
        moved = solved.at({name: v + sign * STEP * ways[name] for name, v in program.data.items()})
        values.append(float(weights @ np.asarray(moved.solution.x)))
    difference = (values[0] - values[1]) / (2 * STEP)
    implicit = sum(float(np.sum(gradient[name] * ways[name])) for name in gradient)
    assert implicit == pytest.approx(difference, rel=1e-4, abs=1e-5), program.text


def check_convex(program: Program) -> str:
    """Compares one program; returns the engine that ran, or why its gradient has no meaning."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=program.n)
    layer = dc.compile(program.text)
    solved = Solved(layer, program, weights)
    ours = solved.at(program.data)
    theirs = Solved(dc.compile(program.text, backend="cvxpy"), program, weights).at(program.data)
    assert ours.solution.ok, f"{ours.solution}\n{program.text}"
    assert theirs.solution.ok, f"{theirs.solution}\n{program.text}"
    np.testing.assert_allclose(ours.solution.x, theirs.solution.x, rtol=1e-5, atol=1e-6, err_msg=program.text)
    status = ours.solution.derivative.item()
    if status is not dc.DerivativeStatus.REGULAR:
        return str(status)
    compare_with_differences(solved, program, ours.gradient, weights, rng)
    for name, value in ours.gradient.items():
        np.testing.assert_allclose(
            value, theirs.gradient[name], rtol=1e-4, atol=2e-5, err_msg=f"{name}\n{program.text}"
        )
    return str(layer.info["engine"])


def check_equations(program: Program) -> str:
    rng = np.random.default_rng(7)
    weights = rng.normal(size=program.n)
    layer = dc.compile(program.text)
    solved = Solved(layer, program, weights)
    answer = solved.at(program.data)
    assert answer.solution.ok, f"{answer.solution}\n{program.text}"
    compare_with_differences(solved, program, answer.gradient, weights, rng)
    return str(layer.info["engine"])


@quick(12)
@given(convex_programs())
def test_convex_programs_agree(program: Program) -> None:
    check_convex(program)


@quick(4)
@given(equations())
def test_fixed_points_and_roots_agree_with_differences(program: Program) -> None:
    check_equations(program)


@pytest.mark.slow
def test_three_hundred_programs_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole battery; prints how many programs each engine solved and how many were irregular."""
    outcomes: Counter[str] = Counter()

    def count(outcome: str) -> None:
        outcomes[outcome] += 1
        jax.clear_caches()
        if outcomes.total() % 10 == 0:
            with capsys.disabled():
                print(f"\n{outcomes.total()} random programs agree: {dict(outcomes)}", end="", flush=True)

    @quick(250)
    @given(convex_programs())
    def convex(program: Program) -> None:
        count(check_convex(program))

    @quick(50)
    @given(equations())
    def other(program: Program) -> None:
        count(check_equations(program))

    convex()
    other()
    irregular = sum(number for name, number in outcomes.items() if name in map(str, dc.DerivativeStatus))
    assert outcomes.total() == 300
    assert irregular <= outcomes.total() // 10
