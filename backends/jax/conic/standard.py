"""The condensed matrix where the unknowns themselves lie in the cones: G'(H + delta)^-1 G is inverted cone by cone.

Each unknown is seen by one row of the cones, and P is zero, as in a linear or semidefinite program in standard form.
With G+ = (G'G)^-1 G', the inverse is G+ (H + delta) G+'; what is left is the zero rows' E G+ (H + delta) G+'E'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Cone, Symmetric
from declarative.backends.jax.conic.normal import Approximate
from declarative.backends.jax.conic.product import mapped, times
from declarative.backends.jax.conic.scaling import Scaled


def owners(problem: Scaled, cones: tuple[Cone, ...]) -> tuple[Symmetric, ...] | None:
    """The cones, if the unknowns lie in them, each in one."""
    single, zero = problem.sparsity.single, problem.cones.zero
    if single is None or problem.sparsity.curved or not zero:
        return None
    if sorted(single[zero:]) != list(range(problem.q.shape[0])):
        return None
    symmetric = tuple(cone for cone in cones if isinstance(cone, Symmetric))
    return symmetric if len(symmetric) == len(cones) else None


def condensed(problem: Scaled, cones: tuple[Symmetric, ...]) -> Callable[[list[Any], Array], Approximate]:
    zero, A = problem.cones.zero, problem.A
    assert isinstance(A, Array)
    E, G = A[:zero], A[zero:]
    square = jnp.sum(G * G, axis=0)
    F = G / jnp.where(square > 0, square, 1)
    rows = E @ F.T
    # An unknown whose row is absent is free; refinement takes out what holds it here.
    loose = jnp.where(square > 0, 0, float(jnp.finfo(A.dtype).eps) ** -0.5)
    lift = linalg.gram(jnp.sqrt(loose)[:, None] * E.T)

    def factorised(scalings: list[Any], delta: Array) -> Approximate:
        V = mapped(cones, lambda cone, scaling, part: cone.coloured(scaling, part), scalings, rows.T)
        S = linalg.cholesky(linalg.gram(V) + lift + delta * jnp.eye(zero, dtype=delta.dtype))

        def approximate(r: Array, a: Array) -> tuple[Array, Array]:
            lifted, free = r @ F.T, loose * r
            y = linalg.cholesky_solve(S, (times(cones, scalings, lifted) @ rows.T + free @ E.T - a).T).T
            z = lifted - y @ rows  # not from x, whose digits (H + delta)^-1 would lose
            return times(cones, scalings, z) @ F + free - loose * (y @ E), jnp.concatenate([y, z], axis=1)

        return approximate

    return factorised
