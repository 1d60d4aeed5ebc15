"""One kernel of many operations: the same numbers, and one call in the compiled program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax

from declarative.backends.jax.kernels import MOST, fits, mapped_kernel, one_kernel


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def halved(x: Array, limit: Array) -> tuple[Array, Array]:
    """Halves entries until their sum is below the limit; and how often."""
    return lax.while_loop(
        lambda state: jnp.sum(state[0]) > limit,
        lambda state: (jnp.where(state[0] == jnp.max(state[0]), state[0] / 2, state[0]), state[1] + 1),
        (x, jnp.int32(0)),
    )


def mapped(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda rows, limit: lax.map(lambda row: function(row, limit), rows)


def batched(function: Callable[..., Any]) -> Callable[..., Any]:
    return jax.vmap(function, (0, None))


@pytest.mark.parametrize("over", [mapped, batched])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_numbers_are_the_same_however_it_is_called(over: Callable[..., Any], dtype: type) -> None:
    x = jnp.asarray(np.random.default_rng(3).uniform(1, 2, (6, 5)), dtype)
    limit = jnp.asarray(3, dtype)
    wanted, found = (jax.jit(over(each))(x, limit) for each in (halved, one_kernel(halved)))
    np.testing.assert_array_equal(found[0], wanted[0])
    assert found[1].tolist() == wanted[1].tolist()
    assert found[0].dtype == dtype


def test_a_batch_may_be_so_large_that_no_kernel_could_hold_it() -> None:
    x = jnp.asarray(np.random.default_rng(3).uniform(1, 2, (3000, 5)))
    wanted, found = (jax.jit(batched(each))(x, jnp.asarray(3.0)) for each in (halved, one_kernel(halved)))
    np.testing.assert_array_equal(found[0], wanted[0])


def test_a_cpu_compiles_it_as_one_call() -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("other devices have no such calls")
    text = jax.jit(one_kernel(halved)).lower(jnp.ones(300), jnp.asarray(9.0)).compile().as_text()
    entry = text[text.index("ENTRY") :]
    assert 'xla_cpu_small_call="true"' in entry
    assert " while(" not in entry


SPLIT: dict[str, tuple[Callable[..., Any], int, bool]] = {
    "loops and reductions": (lambda x: halved(x, jnp.asarray(9.0, x.dtype)), 300, True),
    "the largest": (lambda x: jnp.sum(x**2) + jnp.max(x), MOST - 1, True),
    "one larger": (lambda x: jnp.sum(x**2) + jnp.max(x), MOST, False),
    "tiny": (jnp.exp, 3, False),
    "a product": (lambda x: jnp.outer(x, x) @ x, 40, False),
    "a sort inside a branch": (lambda x: lax.cond(x[0] > 0, jnp.sort, jnp.sin, x), 40, False),
}


@pytest.mark.parametrize("name", SPLIT)
def test_a_kernel_is_made_where_it_fits(name: str) -> None:
    function, size, wanted = SPLIT[name]
    x = jnp.asarray(np.random.default_rng(4).uniform(0.1, 1, (2, 3, size)))
    assert fits(function, x[0, 0]) == wanted
    whole = jax.jit(jax.vmap(jax.vmap(lambda row: mapped_kernel(function, row))))
    if jax.default_backend() == "cpu":
        assert ("xla_cpu_small_call" in (whole.lower(x).compile().as_text() or "")) == wanted
    found, plain = whole(x), jax.vmap(jax.vmap(function))(x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), found, plain)
