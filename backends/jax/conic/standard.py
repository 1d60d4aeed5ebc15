"""The condensed matrix where the unknowns themselves lie in the cones: G'(H + delta)^-1 G is inverted cone by cone.

Each unknown is seen by one row of the cones, and P is zero, as in a linear or semidefinite program in standard form.
With G+ = (G'G)^-1 G', the inverse is G+ (H + delta) G+'; what is left is the zero rows' E G+ (H + delta) G+'E'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Cone, Symmetric
from declarative.backends.jax.conic.cones.nonnegative import Nonnegative
from declarative.backends.jax.conic.layout import seen
from declarative.backends.jax.conic.normal import Approximate, Begin
from declarative.backends.jax.conic.product import coloured, split, split_rows, times
from declarative.backends.jax.conic.rows import Product, products
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


def condensed(
    problem: Scaled, cones: tuple[Symmetric, ...], product: Product
) -> Callable[[list[Any], Array], tuple[Begin, Approximate]]:
    zero, A = problem.cones.zero, problem.A
    assert isinstance(A, Array)
    G = products(A[zero:], seen(problem.cones, problem.sparsity)[zero:])
    E, square = A[:zero], jnp.sum(A[zero:] ** 2, axis=0)
    shrink = 1 / jnp.where(square > 0, square, 1)
    rows = G.along(E * shrink)
    turned = lax.optimization_barrier(jnp.concatenate([rows, E], axis=1).T)  # one product costs less than two
    # An unknown whose row is absent is free; refinement takes out what holds it here.
    loose = jnp.where(square > 0, 0, float(jnp.finfo(A.dtype).eps) ** -0.5)
    lift = linalg.gram(jnp.sqrt(loose)[:, None] * E.T)

    def factorised(scalings: list[Any], delta: Array) -> tuple[Begin, Approximate]:
        V = coloured(cones, scalings, rows)
        S = linalg.cholesky(linalg.gram(V.T) + lift + delta * jnp.eye(zero, dtype=delta.dtype))

        def begin(e: Array, d: Array) -> tuple[Array, Array, Array]:
            t = e[:, zero:] + d
            x = G.back(t) * shrink
            # On absent rows, which see no unknown, the multipliers meet it.
            alone = [
                -cone.inverse(scaling, jnp.where(given, 0, part))
                if isinstance(cone, Nonnegative)
                else jnp.zeros_like(part)
                for cone, scaling, part, given in zip(
                    cones, scalings, split_rows(cones, t), split(cones, G.numbers != 0), strict=True
                )
            ]
            return x, jnp.concatenate([jnp.zeros_like(e[:, :zero]), *alone], axis=1), e - product.along(x)

        def approximate(r: Array, a: Array) -> tuple[Array, Array]:
            lifted, free = G.along(r * shrink), loose * r
            right = jnp.concatenate([times(cones, scalings, lifted), free], axis=1) @ turned
            y = linalg.cholesky_solve(S, (right - a).T).T
            z = lifted - y @ rows  # not from x, whose digits (H + delta)^-1 would lose
            x = G.back(times(cones, scalings, z)) * shrink + free - loose * (y @ E)
            return x, lax.optimization_barrier(jnp.concatenate([y, z], axis=1))

        return begin, approximate

    return factorised
