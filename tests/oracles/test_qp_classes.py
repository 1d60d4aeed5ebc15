"""Seven classes of QPs in their natural parameters: solutions and gradients against stored oracles."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import declarative as dc
from tests.oracles.data import first, folder
from tests.oracles.qp_classes import PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_solution_and_gradient_of_every_instance(name: str) -> None:
    """The whole class is one batch; the oracle is L = w . x with gradients of every parameter."""
    with np.load(folder("qp_classes") / f"{name}.npz") as stored:
        data = {key: stored[key] for key in stored.files}
    theta = {key.removeprefix("theta_"): value for key, value in data.items() if key.startswith("theta_")}
    fixed = {key.removeprefix("fixed_"): value for key, value in data.items() if key.startswith("fixed_")}
    static = {"T": int(fixed.pop("T")[0])} if "T" in fixed else {}
    layer = dc.compile(PROGRAMS[name], static=static)
    weights = data["w_primary"]

    solution = layer.solve(**theta, **fixed)
    assert solution.ok, str(solution)
    found = np.reshape(first(solution), (len(data["f_opt"]), -1))
    np.testing.assert_allclose(found, data["x_primary_opt"], atol=1e-6)

    with jax.enable_x64(True):
        theta = {key: jax.numpy.asarray(value) for key, value in theta.items()}
        loss = lambda t: (layer(**t, **fixed).reshape(len(found), -1) @ weights).sum()  # noqa: E731
        gradient = jax.grad(loss)(theta)
    for key, value in gradient.items():
        oracle = data[f"grad_{key}"]
        error = np.abs(np.asarray(value) - oracle).max() / max(1.0, np.abs(oracle).max())
        assert error < 1e-5, f"{key}: {error:.1e}"
    assert all(status is dc.DerivativeStatus.REGULAR for status in np.ravel(solution.derivative))
