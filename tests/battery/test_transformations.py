"""Every engine under every transformation of JAX, against its closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.battery.cases import CASES, Case


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def layer(case: Case) -> Any:
    return case.layer()


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def scalar(function: Callable[..., Any]) -> Callable[..., Any]:
    """A weighted sum of the output, as a function of the tuple of parameters."""
    return lambda data: jnp.vdot(jnp.arange(1.0, 4.0), function(**data))


def close(got: Any, want: Any, tol: float) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tol, atol=tol), got, want)


def arrays(case: Case) -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in case.data.items()}


def batch(data: dict[str, Any], *shape: int) -> dict[str, Any]:
    """Slightly different elements."""
    scale = 1 + 0.01 * jnp.arange(np.prod(shape)).reshape(shape)
    return {
        name: jnp.einsum("...,...->...", scale.reshape(shape + (1,) * value.ndim), value)
        for name, value in data.items()
    }


def test_value_and_status(case: Case, layer: Any) -> None:
    solution = layer.solve(**case.data)
    assert solution.ok
    close(next(iter(solution.outputs.values())), case.closed(**case.data), case.tol)


def test_first_derivatives(case: Case, layer: Any) -> None:
    data = arrays(case)
    for transform in (jax.grad, jax.jacfwd, jax.jacrev):
        close(jax.jit(transform(scalar(layer)))(data), transform(scalar(case.closed))(data), 10 * case.tol)


def test_hessian(case: Case, layer: Any) -> None:
    data = arrays(case)
    close(jax.jit(jax.hessian(scalar(layer)))(data), jax.hessian(scalar(case.closed))(data), 100 * case.tol)


def test_batches(case: Case, layer: Any) -> None:
    """Leading axes, vmap and vmap of vmap say the same; so do gradients."""
    data = batch(arrays(case), 2, 3)
    want = jax.vmap(jax.vmap(jax.value_and_grad(scalar(case.closed))))(data)
    close(jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(scalar(layer)))))(data), want, 10 * case.tol)
    close(layer(**data) @ jnp.arange(1.0, 4.0), want[0], case.tol)


def test_scan(case: Case, layer: Any) -> None:
    data = batch(arrays(case), 3)
    want = jax.vmap(scalar(case.closed))(data)
    _, got = jax.lax.scan(lambda total, one: (total, scalar(layer)(one)), 0.0, data)
    close(got, want, case.tol)
