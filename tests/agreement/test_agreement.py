"""Random programs: the JAX engines, the cvxpy backend and finite differences give one answer."""

from __future__ import annotations

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


def loss(layer: dc.Layer, data: dict[str, np.ndarray], weights: np.ndarray) -> jax.Array:
    return weights @ layer(**data)


def gradient(layer: dc.Layer, data: dict[str, np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    with jax.enable_x64(True):
        found = jax.grad(lambda d: loss(layer, d, weights))({k: jax.numpy.asarray(v) for k, v in data.items()})
    return {name: np.asarray(value) for name, value in found.items()}


def along(gradient: dict[str, np.ndarray], direction: dict[str, np.ndarray]) -> float:
    return sum(float(np.sum(gradient[name] * direction[name])) for name in gradient)


def compare_with_differences(layer: dc.Layer, program: Program, weights: np.ndarray, rng: np.random.Generator) -> None:
    """The reverse gradient along a random direction against a central difference of solves."""
    directions = {name: rng.normal(size=value.shape) for name, value in program.data.items()}
    for name, direction in directions.items():
        if direction.ndim == 2 and f"{name}: psd" in program.text:
            directions[name] = direction + direction.T
    shifted = [
        {name: value + sign * STEP * directions[name] for name, value in program.data.items()} for sign in (1, -1)
    ]
    ahead, behind = (float(loss(layer, data, weights)) for data in shifted)
    difference = (ahead - behind) / (2 * STEP)
    implicit = along(gradient(layer, program.data, weights), directions)
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
    if solution.derivative != dc.DerivativeStatus.REGULAR:
        return str(solution.derivative)
    compare_with_differences(layer, program, weights, rng)
    ours, theirs = (gradient(one, program.data, weights) for one in (layer, reference))
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=2e-5, err_msg=f"{name}\n{program.text}")
    return str(layer.info["engine"])


def check_equations(program: Program) -> str:
    rng = np.random.default_rng(7)
    layer = dc.compile(program.text)
    solution = layer.solve(**program.data)
    assert solution.ok, f"{solution}\n{program.text}"
    compare_with_differences(layer, program, rng.normal(size=program.n), rng)
    return str(layer.info["engine"])


@quick(16)
@given(convex_programs())
def test_convex_programs_agree(program: Program) -> None:
    check_convex(program)


@quick(6)
@given(equations())
def test_fixed_points_and_roots_agree_with_differences(program: Program) -> None:
    check_equations(program)
