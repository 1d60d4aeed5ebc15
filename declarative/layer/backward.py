"""Ways to differentiate a solve: the implicit rule, or what the engine offers besides: a series, a smoothed problem.

At a fixed point z = g(z) with J = dg/dz the implicit rule needs (I - J)^-1. The series
tau * sum over i < k of ((1 - tau) I + tau J)^i tends to it: `neumann(k)` and `truncated(k)` (k steps
unrolled at the solution, which is the same sum) have tau = 1, `one_step` has k = 1, and
`phantom(k, tau)` is Geng et al., "On training implicit models", NeurIPS 2021.

`smoothed(mu)` differentiates the point on the central path of parameter mu in place of the solution, at every
order; the value stays the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.layer import implicit
from declarative.layer.contract import Params, Point, Root, SolveOptions, Solver
from declarative.layer.options import Backward

SERIES_TERMS = 5
"""Terms where the mode names no number."""


def solver(way: Backward, solver: Solver) -> Solver:
    """What is differentiated: the engine's solver but for `smoothed`, whose point is another one."""
    return solver.smoothed(way.args[0]) if way.mode == "smoothed" else solver  # type: ignore[attr-defined]


def differentiable(
    way: Backward, solver: Solver, options: SolveOptions, keep_failed: bool
) -> Callable[[Params, Array | None], Root]:
    """`(p, start) -> Root` for one element, differentiable in p in the chosen way; `solver` is that of `way`."""
    if way.mode == "smoothed":
        return _exact_value(implicit.differentiable(solver, options, keep_failed))
    if way.mode != "implicit":
        terms = 1 if way.mode == "one_step" else int(way.args[0]) if way.args else SERIES_TERMS
        damping = way.args[1] if len(way.args) > 1 else 1.0
        solver = _Series(solver, terms, damping)
    return implicit.differentiable(solver, options, keep_failed)


def _exact_value(smooth: Callable[[Params, Array | None], Root]) -> Callable[[Params, Array | None], Root]:
    """The exact point, held by `fixed`, with the derivatives of the smoothed one."""

    def solve(p: Params, start: Array | None) -> Root:
        root = smooth(p, start)
        return root._replace(
            y=jax.tree.map(
                lambda exact, near: _finite(lax.stop_gradient(exact)) + (near - lax.stop_gradient(near)),
                root.fixed.exact,
                root.y,
            )
        )

    def _finite(x: Array) -> Array:
        return jnp.where(jnp.isfinite(x), x, 0)

    return solve


class _Series:
    """A solver of F(z) = g(z) - z whose linear solve is the truncated series."""

    def __init__(self, solver: Solver, terms: int, damping: float):
        self._solver, self._terms, self._damping = solver, terms, damping

    def __getattr__(self, name: str) -> Any:
        return getattr(self._solver, name)

    def linear(
        self, y: Point, p: Params, fixed: Any
    ) -> tuple[Callable[[Point], Point], Callable[[Point], Point]]:
        def forward(v: Point) -> Point:
            return jax.jvp(lambda x: self._solver.optimality(x, p, fixed), (y,), (v,))[1]

        backward = jax.linear_transpose(forward, y)
        return self._series(forward), self._series(lambda v: backward(v)[0])

    def _series(self, product: Callable[[Point], Point]) -> Callable[[Point], Point]:
        """-tau * sum of (I + tau F')^i, since F' = J - I."""

        def solve(rhs: Point) -> Point:
            def add(_: int, carry: tuple[Point, Point]) -> tuple[Point, Point]:
                total, term = carry
                moved = jax.tree.map(lambda t, d: t + self._damping * d, term, product(term))
                return jax.tree.map(jnp.add, total, moved), moved

            total, _ = lax.fori_loop(1, self._terms, add, (rhs, rhs))
            return jax.tree.map(lambda x: -self._damping * x, total)

        return solve
