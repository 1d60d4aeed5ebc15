"""The published problems: values as cvxpy's own, gradients as central differences, in PyTorch and JAX."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import jax
import numpy as np
import pytest

from declarative.compat import CvxpyLayer
from tests.compat.problems import QUICK, SLOW, Case, case, everything

STEP = 1e-5


class Points:
    """A batch: the data, and for each parameter both ends of a short way along a random direction."""

    def __init__(self, found: Case):
        rng = np.random.default_rng(7)
        self.ways = []
        for parameter, value in zip(found.parameters, found.values, strict=True):
            way = rng.normal(size=np.shape(value))
            self.ways.append(way + way.T if parameter.is_symmetric() and way.ndim == 2 else way)
        size = 1 + 2 * len(self.ways)
        self.arrays = [np.stack([np.asarray(value, float)] * size) for value in found.values]
        for number, way in enumerate(self.ways):
            self.arrays[number][1 + 2 * number] += STEP * way
            self.arrays[number][2 + 2 * number] -= STEP * way

    def check(self, costs: Any, slopes: Any) -> None:
        """`costs` of each element; `slopes` of the first one's cost, by parameter."""
        for number, (way, slope) in enumerate(zip(self.ways, slopes, strict=True)):
            difference = (costs[1 + 2 * number] - costs[2 + 2 * number]) / (2 * STEP)
            assert np.sum(way * slope) == pytest.approx(difference, rel=1e-6, abs=1e-7)


def weights(outputs: Any) -> list[Any]:
    rng = np.random.default_rng(8)
    return [rng.normal(size=output.shape[1:]) for output in outputs]


def check_values(found: Case, outputs: Any) -> None:
    """The first element against a solve by cvxpy."""
    for parameter, value in zip(found.parameters, found.values, strict=True):
        parameter.value = np.asarray(value)
    found.problem.solve(solver=cp.CLARABEL, gp=found.gp)
    for variable, output in zip(found.variables, outputs, strict=True):
        assert output.shape[1:] == variable.shape
        np.testing.assert_allclose(
            output[0], np.reshape(variable.value, variable.shape), rtol=1e-4, atol=2e-5
        )


@pytest.mark.parametrize("name", everything())
def test_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = case(name)
    points = Points(found)
    layer = CvxpyLayer(found.problem, found.parameters, found.variables, gp=found.gp)
    tensors = [torch.tensor(array, requires_grad=True) for array in points.arrays]
    outputs = layer(*tensors)
    costs = sum(
        (output * torch.tensor(weight)).reshape(len(output), -1).sum(1)
        for output, weight in zip(outputs, weights(outputs), strict=True)
    )
    slopes = torch.autograd.grad(costs[0], tensors)
    points.check(costs.detach().numpy(), [slope[0].numpy() for slope in slopes])
    check_values(found, [output.detach().numpy() for output in outputs])


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in QUICK | SLOW])
def test_in_jax(name: str) -> None:
    found = case(name)
    points = Points(found)
    layer = CvxpyLayer(found.problem, found.parameters, found.variables, gp=found.gp)

    def cost(*params: Any) -> Any:
        outputs = layer(*params)
        return sum(
            (output * weight).sum()
            for output, weight in zip(outputs, weights([o[None] for o in outputs]), strict=True)
        ), outputs

    with jax.enable_x64(True):
        places = tuple(range(len(points.arrays)))
        both = jax.jit(jax.vmap(jax.value_and_grad(cost, argnums=places, has_aux=True)))
        (costs, outputs), slopes = jax.tree.map(np.asarray, both(*map(jax.numpy.asarray, points.arrays)))
    points.check(costs, [slope[0] for slope in slopes])
    check_values(found, outputs)
