"""Smooth unconstrained minimisation by Newton's method, damped by a parallel line search.

Where the Hessian is not positive definite the step uses the absolute values of its eigenvalues
(saddle-free Newton), and at a stationary point follows negative curvature, so that saddles are
left. Statuses: `solved` if the last Newton step is at most the tolerance relative to 1 + |z|
(default 1e-8 in float64, 1e-4 in float32; the step is taken), and, where the Hessian is singular, the
gradient at most the tolerance relative to 1 + its first size; `inaccurate` if at most the square root
of that; `unbounded` where the objective falls without end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.linear import dense_solver
from declarative.layer.status import Status

MAX_ITER = 200
CLOSE = 1e-6  # relative error of a factor up to which one refinement is exact to rounding

Cost = Callable[[Array], Array]
SecondOrder = Callable[[Array], tuple[Array, Array]]
"""z -> gradient and Hessian."""
Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Factor(NamedTuple):
    """Of the Hessian where the last step started, which is near the solution."""

    lower: Array  # [n, n], Cholesky
    definite: Array


class State(NamedTuple):
    z: Array
    value: Array  # of the objective where it was last looked at
    factor: Factor
    steps: Array
    residual: Array  # relative size of the last Newton step
    full: Array  # that step was taken whole
    moving: Array
    falling: Array  # the objective or the iterate has run away


class Solver:
    """`derivatives(z, params)` gives gradient and Hessian; without it they are found by differentiation."""

    def __init__(
        self,
        cost: Callable[[Array, Params], Array],
        size: Callable[[Params], int],
        derivatives: Callable[[Array, Params], tuple[Array, Array]] | None = None,
    ):
        self._cost, self._size, self._derivatives = cost, size, derivatives

    def _second_order(self, p: Params) -> SecondOrder:
        known = self._derivatives
        return by_differentiation(lambda z: self._cost(z, p)) if known is None else lambda z: known(z, p)

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-8, 1e-4)
        cost = lambda z: self._cost(z, p)  # noqa: E731
        first = iteration.evaluated(cost, z) if start is None else iteration.at(cost, z)
        return minimise(cost, first, tol, options.max_iter or MAX_ITER, self._second_order(p))

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=self._second_order(p)(y.z)[0])

    def linear(self, y: Point, p: Params, fixed: Factor) -> Operators:
        return linear(lambda z: self._second_order(p)(z)[0], y.z, fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        return iteration.local_uniqueness(lambda z: self._second_order(p)(z)[1], y.z)


def by_differentiation(cost: Cost) -> SecondOrder:
    return lambda z: (jax.grad(cost)(z), jax.hessian(cost)(z))


def minimise(
    cost: Cost, start: iteration.Evaluated, tol: Array, limit: int, derivatives: SecondOrder | None = None
) -> Root:
    """A local minimiser near the start."""
    z, second_order = start.z, derivatives or by_differentiation(cost)
    scale = 1 + jnp.max(jnp.abs(start.slope), initial=0)
    infinite = jnp.asarray(jnp.inf, z.dtype)
    none = Factor(jnp.eye(z.size, dtype=z.dtype), jnp.asarray(False))
    yes, no = jnp.asarray(True), jnp.asarray(False)
    first = State(z, start.value, none, jnp.int32(0), infinite, no, yes, no)

    def advance(state: State) -> State:
        slope, hessian = second_order(state.z)
        factor, step = _direction(hessian, slope, state.z)
        steepness = jnp.max(jnp.abs(slope), initial=0) / scale
        residual = jnp.maximum(iteration.relative(step, state.z), jnp.where(factor.definite, 0, steepness))
        descent = jnp.sum(slope * step)
        # Steps that halve converge to a minimiser, whatever the objective says: rounding may hide its
        # decrease in the end.
        halved = state.full & (residual <= state.residual / 2) | (residual <= tol)

        def searched() -> tuple[Array, Array]:
            lower = cost(state.z + step)
            enough = (lower <= state.value + iteration.ARMIJO * descent) & factor.definite
            wide = ~factor.definite
            search = lambda: iteration.line_search(cost, state.z, step, state.value, descent, wide)  # noqa: E731
            return linalg.lazily(~enough, search, (jnp.ones_like(lower), lower))

        full = (jnp.ones_like(state.value), state.value)
        length, lower = linalg.lazily(~(halved & factor.definite), searched, full)
        z = state.z + length * step
        distance = jnp.max(jnp.abs(z), initial=0)
        falling = (distance > iteration.FAR) | (lower < -iteration.FAR * (1 + jnp.abs(first.value)))
        moving = (residual > tol) & (length > 0) & ~falling
        return State(z, lower, factor, state.steps + 1, residual, length == 1, moving, falling)

    last = lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, first)
    status = iteration.verdict(iteration.inside(cost, last.z, last.residual), tol, last.steps, limit)
    falling = last.falling & (last.value < first.value)
    status = jnp.where(falling, Status.UNBOUNDED.code, status).astype(jnp.int8)
    empty = jnp.zeros(0, z.dtype)
    return Root(Point(last.z, empty, empty), last.factor, status, last.steps, last.residual)


def linear(slope: Callable[[Array], Array], z: Array, factor: Factor) -> Operators:
    """Solves with the Hessian at z by a factor from near there, refined once.

    The correction's size is the factor's relative error, which refinement squares; where that is not
    small, or the Hessian not definite, the dense solve at z decides.
    """

    def product(v: Array) -> Array:
        return jax.jvp(slope, (z,), (v,))[1]

    def solve(rhs: Point) -> Point:
        rough = linalg.cholesky_solve(factor.lower, rhs.z)
        correction = linalg.cholesky_solve(factor.lower, rhs.z - product(rough))
        largest = lambda v: jnp.max(jnp.abs(v), initial=0)  # noqa: E731
        close = factor.definite & (largest(correction) <= CLOSE * largest(rough))
        dense, _ = dense_solver(product, jnp.asarray(True))
        return rhs._replace(z=linalg.lazily(~close, dense, rough + correction, rhs.z))

    return solve, solve


def _direction(hessian: Array, slope: Array, z: Array) -> tuple[Factor, Array]:
    """The factor of H, and -|H|^-1 g."""
    lower = linalg.cholesky(hessian)
    # A failed factor is NaN; a pivot that has lost all digits of its diagonal entry is noise.
    floor = 64 * slope.size * jnp.finfo(slope.dtype).eps * jnp.diagonal(hessian)
    definite = jnp.all(jnp.diagonal(lower) ** 2 > floor)
    step = -linalg.cholesky_solve(lower, slope)
    return Factor(lower, definite), linalg.lazily(~definite, _indefinite, step, hessian, slope, z)


def _indefinite(hessian: Array, slope: Array, z: Array) -> Array:
    """-|H|^-1 g, along flat directions -g by the largest curvature; off a stationary point downhill."""
    sound = jnp.all(jnp.isfinite(hessian))
    values, vectors = linalg.eigh(jnp.where(sound, hessian, 0))
    sizes = jnp.abs(values)
    largest = jnp.max(sizes, initial=0)
    eps = jnp.finfo(slope.dtype).eps
    flat = sizes <= eps**0.75 * largest
    sizes = jnp.where(flat, jnp.where(largest > 0, largest, 1), sizes)
    step = -vectors @ ((vectors.T @ slope) / sizes)
    reach = 1 + jnp.max(jnp.abs(z), initial=0)
    trapped = (values[0] < -jnp.sqrt(eps) * largest) & (
        jnp.max(jnp.abs(step), initial=0) <= jnp.sqrt(eps) * reach
    )
    return jnp.where(trapped, reach * vectors[:, 0], step)
