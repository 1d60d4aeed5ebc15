"""Random programs: the JAX engines, the cvxpy backend and finite differences give one answer."""

from __future__ import annotations

from collections import Counter

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


def gradient(layer: dc.Layer, program: Program, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Of weights . x in every parameter; symmetric where the parameter is promised to be."""
    with jax.enable_x64(True):
        data = {name: jax.numpy.asarray(value) for name, value in program.data.items()}
        found = jax.grad(lambda d: weights @ layer(**d))(data)
    return {name: symmetric(program, name, np.asarray(value)) for name, value in found.items()}


def symmetric(program: Program, name: str, value: np.ndarray) -> np.ndarray:
    return (value + value.T) / 2 if f"{name}: psd" in program.text else value


def compare_with_differences(
    layer: dc.Layer,
    program: Program,
    gradient: dict[str, np.ndarray],
    weights: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """The reverse gradient along a random direction against a central difference of solves."""
    ways = {name: symmetric(program, name, rng.normal(size=v.shape)) for name, v in program.data.items()}
    values = []
    for sign in (1, -1):
        moved = layer.solve(**{name: v + sign * STEP * ways[name] for name, v in program.data.items()})
        values.append(float(weights @ moved.x))
    difference = (values[0] - values[1]) / (2 * STEP)
    implicit = sum(float(np.sum(gradient[name] * ways[name])) for name in gradient)
    assert implicit == pytest.approx(difference, rel=1e-4, abs=1e-5), program.text


def check_convex(program: Program) -> str:
    """Compares one program; returns the engine that ran, or why its gradient has no meaning."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=program.n)
    layer = dc.compile(program.text)
    reference = dc.compile(program.text, backend="cvxpy")
    solution, expected = layer.solve(**program.data), reference.solve(**program.data)
    assert solution.ok, f"{solution}\n{program.text}"
    assert expected.ok, f"{expected}\n{program.text}"
    np.testing.assert_allclose(solution.x, expected.x, rtol=1e-5, atol=1e-6, err_msg=program.text)
    if solution.derivative.item() is not dc.DerivativeStatus.REGULAR:
        return str(solution.derivative.item())
    ours, theirs = (gradient(one, program, weights) for one in (layer, reference))
    compare_with_differences(layer, program, ours, weights, rng)
    for name in ours:
        np.testing.assert_allclose(
            ours[name], theirs[name], rtol=1e-4, atol=2e-5, err_msg=f"{name}\n{program.text}"
        )
    return str(layer.info["engine"])


def check_equations(program: Program) -> str:
    rng = np.random.default_rng(7)
    weights = rng.normal(size=program.n)
    layer = dc.compile(program.text)
    solution = layer.solve(**program.data)
    assert solution.ok, f"{solution}\n{program.text}"
    compare_with_differences(layer, program, gradient(layer, program, weights), weights, rng)
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

    @quick(250)
    @given(convex_programs())
    def convex(program: Program) -> None:
        outcomes[check_convex(program)] += 1
        jax.clear_caches()

    @quick(50)
    @given(equations())
    def other(program: Program) -> None:
        outcomes[check_equations(program)] += 1
        jax.clear_caches()

    convex()
    other()
    with capsys.disabled():
        print(f"\n{outcomes.total()} random programs agree: {dict(outcomes)}")
    irregular = sum(count for name, count in outcomes.items() if name in map(str, dc.DerivativeStatus))
    assert irregular <= outcomes.total() // 10
