"""Factorisations and solves: the one place where they are called, safe and fast on every device.

Two batched LAPACK calls that run at the same time on a CPU can wait for each other for good, so
a batch becomes a loop over its elements there; on accelerators it stays batched.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.layer.devices import by_platform

T = TypeVar("T")

SECTIONS, ROUNDS = 8, 10  # of an interval around an eigenvalue
SECTIONED = 16  # orders up to which these are faster than all eigenvalues
SMALL = 10  # matrices up to this order are safe, and faster, as a batch on every device
FEW = 4  # products of so many small matrices are faster as sums on the CPU


def elementwise(function: Callable[..., Any], columns: bool = False) -> Callable[..., Any]:
    """`function` of one element; under `vmap`, however nested, a mapped loop on the CPU.

    It closes over no tracer: everything it reads is an argument. With `columns`, the last argument
    and the result hold vectors as their columns: a `vmap` over it alone only adds columns, so that
    what depends on the other arguments is computed once.
    """
    function = jax.jit(function, inline=True)  # traced once, though JAX asks for it time and again
    one = jax.custom_batching.custom_vmap(function)

    @one.def_vmap
    def rule(size: int, batched: Any, *args: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        moves = jax.tree.leaves(batched)
        if columns and not any(moves[:-1]):
            many = args[-1]  # [size, n, k]
            flat = jnp.moveaxis(many, 0, 1).reshape(many.shape[1], -1)
            result = one(*args[:-1], flat)
            return jnp.moveaxis(result.reshape(-1, size, many.shape[2]), 1, 0), True
        moving = [leaf for leaf, move in zip(leaves, moves, strict=True) if move]

        def call(each: Callable[..., Any], parts: tuple[Array, ...]) -> Any:
            supply = iter(parts)
            pairs = zip(leaves, moves, strict=True)
            return each(*jax.tree.unflatten(tree, [next(supply) if move else leaf for leaf, move in pairs]))

        def looped(*parts: Array) -> Any:
            return lax.map(lambda element: call(one, element), parts)

        def batch(*parts: Array) -> Any:
            return jax.vmap(lambda *element: call(function, element))(*parts)

        result = by_platform(*moving, cpu=looped, default=batch)
        return result, jax.tree.map(lambda _: True, result)

    return one


def over(function: Callable[..., Any], size: int, moving: Any, *args: Any) -> Any:
    """`function` over a batch of `size`, of which only the leaves that are `moving` have a batch axis: the
    arguments of a rule of `custom_vmap`."""
    axes = jax.tree.map(lambda moves: 0 if moves else None, tuple(moving))
    return jax.vmap(function, axes, axis_size=size)(*args)


def lazily(needed: Array, compute: Callable[..., T], otherwise: T, *operands: Any) -> T:
    """`compute(*operands)` where needed; a batch in which no element needs it does not pay for it.

    Under `vmap` the conditional asks whether any element needs it. A loop of at most one round would
    not do: XLA moves out of a loop what is constant in it, and so computes it always.
    """
    closed = jax.make_jaxpr(lambda: compute(*operands))()
    old, tree = jax.tree.flatten(otherwise)

    def new(consts: list[Array]) -> list[Array]:
        found = jax.core.eval_jaxpr(closed.jaxpr, consts)
        return [leaf.astype(one.dtype) for leaf, one in zip(found, old, strict=True)]

    @jax.custom_batching.custom_vmap
    def choose(needed: Array, old: list[Array], consts: list[Array]) -> list[Array]:
        return lax.cond(needed, lambda: new(consts), lambda: old)

    @choose.def_vmap
    def rule(size: int, batched: Any, *parts: Any) -> tuple[list[Array], list[bool]]:
        def each(needed: Array, old: list[Array], consts: list[Array]) -> list[Array]:
            return [jnp.where(needed, a, b) for a, b in zip(new(consts), old, strict=True)]

        together = lambda *parts: over(each, size, batched, *parts)  # noqa: E731
        whole = over(lambda old: old, size, (batched[1],), parts[1])
        return lazily(jnp.any(parts[0]), together, whole, *parts), [True] * len(whole)

    return jax.tree.unflatten(tree, choose(needed, old, closed.consts))


def cholesky(matrix: Array) -> Array:
    """Lower factor of a symmetric positive definite matrix; NaN where it is not."""
    if matrix.shape[-1] == 1:
        return jnp.sqrt(jnp.where(matrix > 0, matrix, jnp.nan))
    return _cholesky(matrix) if matrix.shape[-1] <= SMALL else _upper_each(matrix).T


def _cholesky(matrix: Array) -> Array:
    return lax.linalg.cholesky(matrix, symmetrize_input=False)


@elementwise
def _upper_each(matrix: Array) -> Array:
    """The factor's transpose: LAPACK stores columns, XLA rows, so that a loop then copies nothing."""
    return _cholesky(matrix.T).T


def cholesky_solve(factor: Array, rhs: Array) -> Array:
    """For a vector, or for the columns of a matrix."""
    return forward(factor, forward(factor, rhs), transposed=True)


def forward(factor: Array, rhs: Array, transposed: bool = False) -> Array:
    """factor^-1 rhs, or its transpose, for a lower factor."""
    if factor.shape[-1] == 1:
        return rhs / factor[0]
    many = rhs if rhs.ndim == 2 else rhs[:, None]
    solved = lax.linalg.triangular_solve(factor, many, left_side=True, lower=True, transpose_a=transposed)
    return solved if rhs.ndim == 2 else solved[:, 0]


def forward_rows(factor: Array, rows: Array, transposed: bool = False) -> Array:
    """`forward` for the rows of a matrix, which are columns to LAPACK: nothing is copied."""
    return lax.optimization_barrier(forward(factor, rows.T, transposed).T)


def gram(rows: Array) -> Array:
    """rows' rows. A copy of the transpose pays: XLA's product of it is the faster one on the CPU."""
    return lax.optimization_barrier(rows.T) @ rows


def times(matrix: Array, columns: Array) -> Array:
    """matrix @ columns for few columns, one after the other: products with vectors need no copies."""
    return jnp.stack([matrix @ v for v in columns.T], axis=1)


def product(a: Array, b: Array) -> Array:
    """a @ b for square matrices. On the CPU few small ones are sums: they cost a third of a call of a library, and are
    done together with what is before and after them. In a batch they are many."""
    if a.shape[-1] > SMALL or max(a.size, b.size) > FEW * SMALL**2:
        return a @ b
    return by_platform(a, b, cpu=_summed, default=jnp.matmul)


@jax.custom_batching.custom_vmap
def _summed(a: Array, b: Array) -> Array:
    return jnp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)


@_summed.def_vmap
def _in_batch(size: int, moving: Any, a: Array, b: Array) -> tuple[Array, bool]:
    return over(jnp.matmul, size, moving, a, b), True


def inner(v: Array, w: Array) -> Array:
    """Sums of v * w over the last axis."""
    return jnp.sum(v * w, axis=-1)


Term: TypeAlias = tuple[Callable[[Array, Array], Array], float, Array]
"""An operation, what it starts from, and vectors along the last axis."""


def total(v: Array) -> Term:
    return lax.add, 0, v


def largest(v: Array) -> Term:
    """The largest size of an entry."""
    return lax.max, 0, jnp.abs(v)


def least(v: Array) -> Term:
    return lax.min, jnp.inf, v


def reduced(*terms: Term) -> list[Array]:
    """The results along the last axis, of arrays of one shape, in one pass. On the CPU it costs less than a single
    sum of more than a few numbers, which XLA takes apart into three operations."""
    operations, starts, vectors = zip(*terms, strict=True)
    first = tuple(jnp.asarray(start, v.dtype) for start, v in zip(starts, vectors, strict=True))

    def combined(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(operation(*pair) for operation, *pair in zip(operations, a, b, strict=True))

    return list(lax.reduce(vectors, first, combined, (vectors[0].ndim - 1,)))


def extent(v: Array) -> Array:
    """The largest size of an entry along the last axis, zero of none: both extremes in one pass."""
    high, low = reduced((lax.max, 0, v), (lax.min, 0, v))
    return jnp.maximum(high, -low)


@elementwise
def lu_factor(matrix: Array) -> tuple[Array, Array]:
    return jax.scipy.linalg.lu_factor(matrix)


def lu_solve(factors: tuple[Array, Array], rhs: Array, transposed: bool = False) -> Array:
    return jax.scipy.linalg.lu_solve(factors, rhs, trans=int(transposed))


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Ascending eigenvalues, and orthonormal eigenvectors as columns, of a symmetric matrix."""
    if matrix.shape[-1] == 1:
        return matrix[0], jnp.ones_like(matrix)
    return _eigh(matrix) if matrix.shape[-1] <= SMALL else _eigh_each(matrix)


def _eigh(matrix: Array) -> tuple[Array, Array]:
    values, vectors = jnp.linalg.eigh(matrix)
    return values, vectors


_eigh_each = elementwise(_eigh)


def least_eigenvalue(matrix: Array) -> Array:
    """Of each symmetric matrix of a batch [count, k, k], or a little less."""
    if not 1 < matrix.shape[-1] <= SECTIONED:
        return jax.vmap(eigh)(matrix)[0][:, 0]
    return by_platform(matrix, cpu=_sectioned, default=lambda matrix: jax.vmap(eigh)(matrix)[0][:, 0])


def _sectioned(matrix: Array) -> Array:
    """By the signs of the pivots of the tridiagonal form less shifts (Barth, Martin and Wilkinson, 1967), many at
    a time. All pivots are written out: a small loop without loops inside XLA compiles as one operation."""
    _, diagonal, beside, _ = lax.linalg.tridiagonal(matrix)
    squares = beside * beside
    reach = jnp.max(jnp.sum(jnp.abs(matrix), axis=2), axis=1, keepdims=True)
    places = jnp.arange(1, SECTIONS, dtype=matrix.dtype)

    def narrow(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, width = ends
        width = width / SECTIONS
        shifts = low + places * width
        least = last = diagonal[:, :1] - shifts
        for i in range(1, matrix.shape[-1]):
            last = diagonal[:, i : i + 1] - shifts - squares[:, i - 1 : i] / last
            least = jnp.minimum(least, last)
        below = (least > 0).astype(matrix.dtype)
        return low + width * jnp.sum(below, axis=1, keepdims=True), width

    return lax.fori_loop(0, ROUNDS, narrow, (-reach, 2 * reach))[0][:, 0]


@elementwise
def singular_values(matrix: Array) -> Array:
    return jnp.linalg.svd(matrix, compute_uv=False)


@elementwise
def svd(matrix: Array) -> tuple[Array, Array, Array]:
    left, values, right = jnp.linalg.svd(matrix, full_matrices=True)
    return left, values, right


def refined(
    apply: Callable[[T], T], solve: Callable[[T], T], rhs: T, steps: int, enough: Array | float = 0.25
) -> tuple[T, Array]:
    """Columns x with apply(x) = rhs, by iterative refinement of `solve`, an approximate inverse.

    `rhs` is a tree of matrices whose columns belong together, each solved relative to its own size.
    Gives the best point met and the largest relative residual left. Stops when a step no longer
    halves that, or it is `enough` units of rounding.
    """
    leaves, tree = jax.tree.flatten(rhs)
    ends = list(itertools.accumulate(leaf.shape[0] for leaf in leaves))[:-1]

    def joined(parts: T) -> Array:
        return jnp.concatenate(jax.tree.leaves(parts))

    def parted(whole: Array) -> T:
        return jax.tree.unflatten(tree, jnp.split(whole, ends))

    def going(carry: Any) -> Array:
        step, _, _, error, previous = carry
        return (step < steps) & ~(error >= previous / 2) & (error > floor)

    def improve(carry: Any) -> Any:
        step, x, left, error, _ = carry
        moved = x + joined(solve(parted(left)))
        left = unit - joined(apply(parted(moved)))  # of no use where it is not better: that step is the last
        size = jnp.max(extent(left.T))
        better = (size < error) | (step == 0)
        return step + 1, jnp.where(better, moved, x), left, jnp.where(better, size, error), error

    whole = joined(rhs)
    scale = extent(whole.T)
    scale = jnp.where(scale > 0, scale, 1)
    unit = whole / scale
    floor = enough * jnp.finfo(scale.dtype).eps
    one = jnp.ones_like(scale[0])
    start = 0, jnp.zeros_like(unit), unit, one, jnp.inf * one
    _, x, _, error, _ = lax.while_loop(going, improve, start)
    return parted(x * scale), error
