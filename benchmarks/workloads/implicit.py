"""The exact answer as a root of optimality conditions: Newton's method near a known point, then its derivative.

The conditions hold on the face where the solution lies (which entries are zero, say), so that they are smooth there
and have as many equations as unknowns. Their derivatives are JAX's own, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from benchmarks.workload import Arrays, Outcome
from benchmarks.workloads import exact

STEPS = 6
Conditions = Callable[[Any, Any, Any], Sequence[jax.Array]]


class Maps(NamedTuple):
    """Of the flat unknowns, compiled, over a batch; also which of the unknowns are the solution."""

    values: Callable[..., jax.Array]
    matrices: Callable[..., jax.Array]  # derivatives in the unknowns
    pulls: Callable[..., dict[str, jax.Array]]  # of minus an adjoint, through the derivatives in the inputs
    place: np.ndarray


def answer(
    conditions: Conditions,
    start: Arrays,
    face: Arrays,
    inputs: Arrays,
    weights: np.ndarray,
    shared: frozenset[str] = frozenset(),
) -> Outcome:
    """Of `conditions(unknowns, face, inputs)` for one element; the solution is the first of the unknowns.

    All arrays are batches but for the shared inputs, whose gradients are sums over the batch. JAX gives derivatives,
    NumPy solves the systems. Raises ArithmeticError where no root is found.
    """
    shapes = tuple((name, value.shape[1:]) for name, value in start.items())
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        maps = compiled(conditions, shapes, tuple((name, name in shared) for name in inputs))
        rest = (dict(face), {name: np.asarray(value, float) for name, value in inputs.items()})
        y = np.stack([ravel_pytree({name: start[name][k] for name in start})[0] for k in range(len(weights))])
        for _ in range(STEPS):
            y = (
                y
                - np.linalg.solve(maps.matrices(y, *rest), np.asarray(maps.values(y, *rest))[..., None])[
                    ..., 0
                ]
            )
        if not (left := np.abs(maps.values(y, *rest)).max()) < 1e-11:
            raise ArithmeticError(f"the conditions have no root here: {left:.1e} is left")
        right = np.zeros(y.shape)
        right[:, maps.place.ravel()] = weights.reshape(len(weights), -1)
        matrices = np.asarray(maps.matrices(y, *rest))
        adjoint = exact.solve(matrices.swapaxes(1, 2), right, steps=2).astype(float)
        pulled = maps.pulls(y, *rest, adjoint)
    gradients = {name: np.asarray(pulled[name]) for name in inputs}
    totals = {name: each.sum(axis=0) if name in shared else each for name, each in gradients.items()}
    return Outcome(y[:, maps.place], totals)


@cache
def compiled(
    conditions: Conditions,
    shapes: tuple[tuple[str, tuple[int, ...]], ...],
    inputs: tuple[tuple[str, bool], ...],
) -> Maps:
    """For unknowns of these shapes, and inputs that are shared or not."""
    one, unravel = ravel_pytree({name: jnp.zeros(shape) for name, shape in shapes})
    axes = (0, 0, {name: None if together else 0 for name, together in inputs})

    def residual(y: Any, face: Any, given: Any) -> Any:
        return ravel_pytree(conditions(unravel(y), face, given))[0]

    def pull(y: Any, face: Any, given: Any, adjoint: Any) -> Any:
        return jax.vjp(lambda given: residual(y, face, given), given)[1](-adjoint)[0]

    return Maps(
        jax.jit(jax.vmap(residual, axes)),
        jax.jit(jax.vmap(jax.jacfwd(residual), axes)),
        jax.jit(jax.vmap(pull, (*axes, 0))),
        np.asarray(unravel(jnp.arange(one.size, dtype=one.dtype))[shapes[0][0]]).astype(int),
    )
