"""Sparsity from the jaxpr: never misses an entry that some argument moves, and is exact where the program is plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.structure.pattern import pattern

N = 6
VECTOR, MATRIX = jax.ShapeDtypeStruct((N,), "float32"), jax.ShapeDtypeStruct((N, N), "float32")


def moved(function: Callable[..., Any], *shapes: Any) -> np.ndarray[Any, Any]:
    """Which entries some of a few random arguments make nonzero."""
    rng = np.random.default_rng(0)
    runs = [function(*(jnp.asarray(rng.normal(size=s.shape), s.dtype) for s in shapes)) for _ in range(4)]
    return np.any([np.asarray(run) != 0 for run in runs], axis=0)


def banded(A: Any) -> Any:
    return jnp.kron(jnp.eye(3), A) + jnp.kron(jnp.eye(3, k=1), A.T)


EXACT: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "diagonal": (jnp.diag, (VECTOR,)),
    "kron": (banded, (MATRIX,)),
    "product": (lambda A: jnp.eye(N)[2:] @ A @ jnp.eye(N)[:, :3], (MATRIX,)),
    "blocks": (lambda A: jnp.block([[A, jnp.zeros((N, 2))], [jnp.zeros((2, N)), jnp.eye(2)]]), (MATRIX,)),
    "triangle": (jnp.tril, (MATRIX,)),
    "places": (lambda v: jnp.zeros((N, N)).at[jnp.arange(N), (jnp.arange(N) + 2) % N].set(v), (VECTOR,)),
    "stacked": (lambda A: jnp.stack([jnp.tril(A), jnp.triu(A), jnp.zeros((N, N))], axis=2), (MATRIX,)),
    "unstacked": (lambda A: jnp.unstack(jnp.triu(A), axis=1)[1], (MATRIX,)),
    "tiled": (lambda A: jnp.tile(jnp.tril(A), (1, 2)), (MATRIX,)),
    "padded": (lambda A: jnp.pad(A, ((1, 0), (0, 2))), (MATRIX,)),
    "hessian": (
        lambda v: jax.hessian(lambda x: jnp.sum(v[:-1] * jnp.diff(x) ** 2) + jnp.sum(x[::2] ** 2))(0 * v),
        (VECTOR,),
    ),
    "jacobian": (
        lambda A: jax.jacfwd(lambda x: jax.vmap(lambda t: A @ x[t] - x[t + 1])(jnp.arange(3)).ravel())(
            jnp.zeros((4, N))
        ),
        (MATRIX,),
    ),
    "cumulated": (lambda v: jax.jacfwd(jnp.cumsum)(v), (VECTOR,)),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    function, shapes = EXACT[name]
    assert (pattern(function, *shapes) == moved(function, *shapes)).all()


SOUND: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "functions": (lambda A: jnp.exp(jnp.tril(A)) - 1, (MATRIX,)),
    "branches": (lambda A: jax.lax.cond(A[0, 0] > 0, jnp.tril, jnp.triu, A), (MATRIX,)),
    "where": (lambda A: jnp.where(A > 0, A, jnp.eye(N)), (MATRIX,)),
    "loop": (lambda A: jax.lax.fori_loop(0, 3, lambda _, B: B @ A, jnp.eye(N)), (MATRIX,)),
    "scan": (lambda v: jax.lax.scan(lambda c, x: (c + x, c), 0.0, v)[1], (VECTOR,)),
    "inverse": (lambda A: jnp.linalg.inv(jnp.tril(A) + 9 * jnp.eye(N)), (MATRIX,)),
    "sorted": (lambda v: jnp.zeros(2 * N).at[jnp.argsort(v)].set(v), (VECTOR,)),
    "chosen": (lambda v: jax.lax.dynamic_update_slice(jnp.zeros(2 * N), v, (jnp.argmax(v),)), (VECTOR,)),
    "powers": (lambda A: jnp.tril(A) ** 3 + jnp.tril(A) ** 0.0, (MATRIX,)),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    function, shapes = SOUND[name]
    assert (pattern(function, *shapes) >= moved(function, *shapes)).all()


def test_what_stays_zero_is_found_where_it_is_chosen_by_constants() -> None:
    found = pattern(lambda A: jnp.where(jnp.eye(N, dtype=bool), A, 0), MATRIX)
    assert (found == np.eye(N, dtype=bool)).all()
