"""The condensed matrix P + G'(H + delta)^-1 G of any program: its Cholesky factor, then that of the zero rows.

Each cone says what it adds: a diagonal, a matrix, or whitened rows, whose products are summed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.conic.cones.cone import Cone
from declarative.backends.jax.conic.layout import seen
from declarative.backends.jax.conic.product import inverse, split
from declarative.backends.jax.conic.rows import Product
from declarative.backends.jax.conic.scaling import Scaled

Begin: TypeAlias = Callable[[Array, Array], tuple[Array, Array, Array]]
"""e [k, kept] and d [k, rows] of `kkt` -> a point that meets the linear equation and the cones': x, z and s."""
Approximate: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]
"""Residuals of the slope [k, n] and of the zero rows [k, zero] -> what is to be added to such a point."""


def condensed(
    problem: Scaled, cones: tuple[Cone, ...], product: Product
) -> Callable[[list[Any], Array], tuple[Begin, Approximate]]:
    zero = problem.cones.zero
    P, A = problem.P, problem.A
    assert isinstance(P, Array) and isinstance(A, Array)  # noqa: PT018
    E = A[:zero]
    single = split(cones, seen(problem.cones, problem.sparsity)[zero:])
    given = zip(cones, split(cones, A[zero:]), single, strict=True)
    prepared = [cone.prepared(rows, columns) for cone, rows, columns in given]
    # E'E does not change the solution and keeps the matrix definite in directions that only E sees.
    fixed = P + linalg.gram(E) if zero else P

    def factorised(scalings: list[Any], delta: Array) -> tuple[Begin, Approximate]:
        L = linalg.cholesky(_sum(fixed, cones, scalings, prepared, delta))
        Y = linalg.forward(L, E.T) if zero else E.T
        S = linalg.cholesky(linalg.gram(Y) + delta * jnp.eye(zero, dtype=delta.dtype)) if zero else L

        def begin(e: Array, d: Array) -> tuple[Array, Array, Array]:
            z = -inverse(cones, scalings, e[:, zero:] + d)
            return jnp.zeros((len(e), E.shape[1]), e.dtype), jnp.pad(z, ((0, 0), (zero, 0))), e

        def approximate(r: Array, a: Array) -> tuple[Array, Array]:
            if not zero:
                x = linalg.forward_rows(L, linalg.forward_rows(L, r), transposed=True)
                return x, inverse(cones, scalings, product.along(x))
            lifted = linalg.forward_rows(L, r + a @ E)
            y = linalg.cholesky_solve(S, (lifted @ Y - a).T).T
            x = linalg.forward_rows(L, lifted - y @ Y.T, transposed=True)
            z = jnp.concatenate([y, inverse(cones, scalings, product.along(x)[:, zero:])], axis=1)
            return x, lax.optimization_barrier(z)

        return begin, approximate

    return factorised


def _sum(
    fixed: Array, cones: tuple[Cone, ...], scalings: list[Any], prepared: list[Any], delta: Array
) -> Array:
    terms = [cone.term(*each) for cone, *each in zip(cones, scalings, prepared, strict=True)]
    total = fixed + sum(term.matrix for term in terms if term.matrix is not None)
    rows = [term.rows for term in terms if term.rows is not None]
    if rows:
        total = total + linalg.gram(rows[0] if len(rows) == 1 else jnp.concatenate(rows))
    diagonal = delta + sum(term.diagonal for term in terms if term.diagonal is not None)
    return total + diagonal * jnp.eye(fixed.shape[0], dtype=fixed.dtype)
