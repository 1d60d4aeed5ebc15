"""The one derivative: an engine's solve and its residual F(y, p) -> a function differentiable in p.

Implicit function theorem: F(y(p), p) = 0 gives dy = -(dF/dy)^-1 dF/dp dp. The rule below is a
`custom_jvp` whose tangent comes from `custom_linear_solve`, so that reverse mode is its transpose;
the rule calls the differentiable solve itself, so that it holds at every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from declarative.layer.contract import Params, Point, Root, SolveOptions, Solver
from declarative.layer.linear import LinearMap, dense_solver
from declarative.layer.status import Status


def differentiable(
    solver: Solver, options: SolveOptions = SolveOptions(), keep_failed: bool = False
) -> Callable[[Params, Array | None], Root]:
    """`(p, start) -> Root` for one element; `root.y` is differentiable in p, forward and reverse, at any order.

    The point of a failed element is its last finite iterate; its derivative is NaN unless
    `keep_failed`, but zero for a zero cotangent, so that a loss that masks failures stays finite.
    """

    @jax.custom_jvp
    def solve(p: Params, start: Array | None) -> Root:
        root = solver.solve(p, start, options)
        return root._replace(y=jax.tree.map(lambda x: jnp.where(jnp.isfinite(x), x, 0), root.y))

    @solve.defjvp
    def rule(primals: tuple[Params, Array | None], tangents: tuple[Params, Any]) -> tuple[Root, Root]:
        p, start = primals
        root = solve(p, start)
        good = keep_failed | usable(root.status)
        tangent = _tangent(solver, root, p, tangents[0], good)
        still = jax.tree.map(_zero_tangent, root)
        return root, still._replace(y=tangent)

    return solve


def usable(status: Array) -> Array:
    """Whether a status code stands for an answer that users may rely on."""
    return (status == Status.SOLVED.code) | (status == Status.INACCURATE.code)


@jax.custom_jvp
def poison(value: Array, good: Array) -> Array:
    """`value` where `good`, else NaN; derivatives pass untouched (the failed solve makes them NaN)."""
    return jnp.where(good, value, jnp.nan) if jnp.issubdtype(value.dtype, jnp.inexact) else value


@poison.defjvp
def _poison_rule(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    return poison(*primals), tangents[0]


def _tangent(solver: Solver, root: Root, p: Params, dp: Params, good: Array) -> Point:
    y, fixed = root.y, root.fixed
    # One flat vector, since the transpose of custom_linear_solve wants every leaf to move.
    residual, unravel = ravel_pytree(jax.jvp(lambda q: solver.optimality(y, q, fixed), (p,), (dp,))[1])

    def at(y: Point, p: Params) -> LinearMap:
        def matvec(v: Array) -> Array:
            moved = jax.jvp(lambda x: solver.optimality(x, p, fixed), (y,), (unravel(v),))[1]
            return ravel_pytree(moved)[0]

        return matvec

    constant = lax.stop_gradient((y, p, fixed))
    given = solver.linear(*constant)
    if given is None:
        solve, transpose = dense_solver(at(*constant[:2]), good)
    else:
        solve, transpose = (_flat(one, unravel) for one in given)
    # Differentiated again, custom_linear_solve fails where neither its matrix nor its right-hand side
    # moves with p but something else does: 0 * y always moves.
    product, still = at(y, p), 0 * ravel_pytree(y)[0]
    return unravel(
        lax.custom_linear_solve(
            lambda v: product(v) + still * v,
            -residual,
            solve=lambda _, b: _all_nan_unless(good, solve(b)),
            transpose_solve=lambda _, b: _nan_unless_zero(good, transpose(b), b),
        )
    )


def _flat(solve: Callable[[Point], Point], unravel: Callable[[Array], Point]) -> LinearMap:
    return lambda b: ravel_pytree(solve(unravel(b)))[0]


def _zero_tangent(x: Array) -> Any:
    return (
        jnp.zeros_like(x) if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.zeros(x.shape, jax.dtypes.float0)
    )


def _all_nan_unless(good: Array, x: Array) -> Array:
    return jnp.where(good, x, jnp.nan)


def _nan_unless_zero(good: Array, x: Array, cotangent: Array) -> Array:
    wrong = jnp.where(jnp.all(cotangent == 0), 0, jnp.nan).astype(x.dtype)
    return jnp.where(good, x, wrong)
