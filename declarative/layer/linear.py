"""Dense solve of a linear map given by its matvec: factorised once, least-norm where it is singular.

Batches run as a mapped loop on the CPU: concurrent batched LAPACK calls can deadlock there, and only
the singular elements pay for a singular value decomposition.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.layer.devices import by_platform

LinearMap = Callable[[Array], Array]


def dense_solver(matvec: LinearMap, good: Array) -> tuple[LinearMap, LinearMap]:
    """(solve, transpose_solve) on flat vectors; elements that are not `good` are given the identity."""

    def solver(transposed: bool) -> LinearMap:
        def solve(rhs: Array) -> Array:
            basis = jnp.eye(rhs.size, dtype=rhs.dtype)
            columns = jax.vmap(matvec, out_axes=1)(basis)
            matrix = jnp.where(good & jnp.all(jnp.isfinite(columns)), columns, basis)
            return solve_equilibrated(matrix, rhs, transposed)

        return solve

    return solver(False), solver(True)


def solve_equilibrated(matrix: Array, rhs: Array, transposed: bool) -> Array:
    """matrix [n, n]^-1 rhs [n] (or of its transpose), least-norm in the equilibrated scaling if singular."""
    if matrix.shape == (1, 1):
        return jnp.where(matrix[0] == 0, 0, rhs / jnp.where(matrix[0] == 0, 1, matrix[0]))
    rows, columns = equilibrate(matrix)
    scaled = rows[:, None] * matrix * columns
    before, after = (columns, rows) if transposed else (rows, columns)
    return after * _solver(transposed)(scaled, (before * rhs)[:, None])[:, 0]


def equilibrate(matrix: Array) -> tuple[Array, Array]:
    """Positive row and column factors after which every row and column has largest entry near one."""

    def inverse(size: Array) -> Array:
        return jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 1)

    rows = inverse(jnp.max(jnp.abs(matrix), axis=1, initial=0))
    columns = inverse(jnp.max(jnp.abs(rows[:, None] * matrix), axis=0, initial=0))
    return rows, columns


def _solver(transposed: bool) -> Callable[[Array, Array], Array]:
    """(matrix [n, n], rhs [n, k]) -> [n, k], with its own rule for vmap."""

    def element(matrix: Array, rhs: Array) -> Array:
        factors = jax.scipy.linalg.lu_factor(matrix)
        return lax.cond(
            _singular(factors[0]),
            lambda: _least_norm(matrix, rhs, transposed),
            lambda: _refined(factors, matrix, rhs, transposed),
        )

    def together(matrix: Array, rhs: Array) -> Array:
        factors = jax.vmap(jax.scipy.linalg.lu_factor)(matrix)
        singular = jax.vmap(_singular)(factors[0])
        regular = jax.vmap(lambda f, m, b: _refined(f, m, b, transposed))(factors, matrix, rhs)
        least = lambda: jax.vmap(lambda m, b: _least_norm(m, b, transposed))(matrix, rhs)  # noqa: E731
        return lax.cond(
            jnp.any(singular),
            lambda: jnp.where(singular[:, None, None], least(), regular),
            lambda: regular,
        )

    solve = jax.custom_batching.custom_vmap(element)

    def one_by_one(matrix: Array, rhs: Array) -> Array:
        return lax.map(lambda pair: solve(*pair), (matrix, rhs))

    @solve.def_vmap
    def rule(size: int, batched: list[bool], matrix: Array, rhs: Array) -> tuple[Array, bool]:
        if not batched[0]:  # one matrix for all right-hand sides: one factorisation
            n, k = rhs.shape[1:]
            wide = jnp.moveaxis(rhs, 0, 1).reshape(n, size * k)
            return jnp.moveaxis(solve(matrix, wide).reshape(n, size, k), 1, 0), True
        rhs = rhs if batched[1] else jnp.broadcast_to(rhs, (size, *rhs.shape))
        return by_platform(matrix, rhs, cpu=one_by_one, default=together), True

    return solve


def _singular(lu: Array) -> Array:
    """Whether a pivot of the equilibrated matrix has fallen to rounding error."""
    pivots = jnp.abs(jnp.diagonal(lu))
    floor = 8 * lu.shape[0] * jnp.finfo(lu.dtype).eps
    return jnp.any(pivots <= floor * jnp.max(pivots, initial=0)) | ~jnp.all(jnp.isfinite(pivots))


def _refined(factors: tuple[Array, Array], matrix: Array, rhs: Array, transposed: bool) -> Array:
    trans = int(transposed)
    x = jax.scipy.linalg.lu_solve(factors, rhs, trans=trans)
    product = matrix.T @ x if transposed else matrix @ x
    return x + jax.scipy.linalg.lu_solve(factors, rhs - product, trans=trans)


def _least_norm(matrix: Array, rhs: Array, transposed: bool) -> Array:
    left, values, right = jnp.linalg.svd(matrix)
    cut = jnp.sqrt(jnp.finfo(matrix.dtype).eps) * jnp.max(values, initial=0) * 1e-3
    inverse = jnp.where(values > cut, 1 / jnp.where(values > cut, values, 1), 0)
    if transposed:
        return left @ (inverse[:, None] * (right @ rhs))
    return right.T @ (inverse[:, None] * (left.T @ rhs))
