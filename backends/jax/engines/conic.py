"""Dense conic programs: interior point on the homogeneous embedding, then Newton's method on the cones' boundary.

The interior point shows which faces of the cones the solution lies on; the polish takes it to rounding error, and
the derivative solves the same linear system there.

Statuses: `solved` if `conic.optimality.residual` is at most the tolerance (default 1e-8 in float64, 1e-4 in
float32), `inaccurate` if at most its square root, or if P is not positive semidefinite and the
point is stationary; `infeasible` and `unbounded` only with a certificate that was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.conic import derivative, embedding, optimality, polish, program, scaling
from declarative.backends.jax.conic import regularity as regular
from declarative.backends.jax.conic.blockwise import split
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.derivative import Map
from declarative.backends.jax.conic.layout import narrowed
from declarative.backends.jax.conic.smoothed import Smoothed
from declarative.backends.jax.engines import linear_system
from declarative.backends.jax.forms import Conic, Curvature, Quadratic
from declarative.backends.jax.qp.optimality import convex
from declarative.backends.jax.structure.detect import Detector
from declarative.backends.jax.structure.sparsity import Observer
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.finite import all_finite

MAX_ITER = 100
ROUGH = 1e-2, 1e-4  # residuals from which the polish mostly arrives
ROUNDED = 1e4  # a residual below so many eps is rounding error


class Solver:
    """`own(p)` counts the user's unknowns, which auxiliary ones may follow; None means all. `curvature` gives
    the data's P by rows, if it is known so.

    The point's `eq` are the multipliers of the zero rows, `ineq` those of all the others, in the dual cone.
    """

    attempts = False

    def __init__(
        self,
        data: Callable[[Params], Conic],
        own: Callable[[Params], int] | None = None,
        curvature: Callable[[Params], Curvature] | None = None,
    ):
        self._data, self._own = data, own
        self._layout, self._sparsity = Detector(data, curvature), Observer(data)

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """The iteration needs no start; `options.tol` and `options.max_iter` count."""
        data = self._split(p)
        if data.cones.rows == data.cones.zero:
            return self._equations.solve(p, start, options)
        tol = options.tol or (1e-8 if data.q.dtype == jnp.float64 else 1e-4)
        limits = jnp.asarray(tol, data.q.dtype), jnp.asarray(options.max_iter or MAX_ITER)
        valid = _valid(data)
        last, scales, convex = _solve(valid, data, *limits)
        y = Point(last.x, last.z[: data.cones.zero], last.z[data.cones.zero :])
        proofs = last.infeasible, last.unbounded
        status = iteration.certified(valid, last.residual, limits[0], convex, *proofs)
        fixed = derivative.fixed(data.cones, _clean(valid, data).alpha, scales, last.pairs)
        return Root(y, fixed, status, last.steps, last.residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        data = self._split(p)
        if not y.ineq.size:
            return self._equations.optimality(y, p, fixed)
        return derivative.optimality(data, y, fixed)

    def linear(self, y: Point, p: Params, fixed: Any) -> tuple[Map, Map]:
        if not y.ineq.size:
            return self._equations.linear(y, p, fixed)
        return derivative.linear(self._split(p), fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        if not y.ineq.size:
            return self._equations.regularity(y, p, fixed)
        data, own = self._split(p), None if self._own is None else self._own(p)
        problem = program.program(data, fixed.scales)
        return regular.regularity(problem, y.z / fixed.scales.columns, fixed.pairs, own)

    def describe(self, p: Params) -> str:
        """How matrices of such a size are factorised."""
        return self._layout.describe(p)

    def operations(self, p: Params) -> float:
        """Of a solve, in blocks where that pays."""
        return self._layout.operations(p)

    def smoothed(self, mu: float) -> Smoothed:
        """For `backward="smoothed(mu)"`."""
        return Smoothed(self, self._split, mu)

    def _split(self, p: Params) -> Conic:
        """The data, their matrices in blocks where that pays, else with what is known of their zeros."""
        found, data = self._layout(p), self._data(p)
        if found is None:
            return data._replace(sparsity=self._sparsity(p))
        return split(data, self._layout.square(p), found.rows)

    @property
    def _equations(self) -> linear_system.Solver:
        """Without cones but the zero cone the optimality conditions are one linear system."""

        def quadratic(p: Params) -> Quadratic:
            data = self._data(p)
            return Quadratic(data.P, data.q, data.A, data.b, data.A[:0], data.b[:0])

        return linear_system.Solver(quadratic)


# ---- one element -------------------------------------------------------------------------------


class _Attempt(NamedTuple):
    """What an iteration to some accuracy and the polish after it have found."""

    x: Array  # [n]
    z: Array  # [m]
    pairs: Pairs  # scaled
    residual: Array
    steps: Array
    infeasible: Array
    unbounded: Array


@linalg.elementwise
def _solve(valid: Array, data: Conic, tol: Array, max_iter: Array) -> tuple[_Attempt, program.Scales, Array]:
    """A rough point is mostly enough for the polish; where it is not, the iteration goes on. With the scales of
    its pairs, and whether P is positive semidefinite."""
    data = _clean(valid, data)
    problem = scaling.equilibrated(data)
    scales = program.scales(problem)
    scaled = program.program(data, scales)
    enough = jnp.minimum(tol, ROUNDED * jnp.finfo(tol.dtype).eps)
    goals = jnp.stack([*(jnp.maximum(rough, tol / 10) for rough in ROUGH), tol / 100])

    def attempt(number: Array, before: embedding.State) -> tuple[embedding.State, _Attempt]:
        goal = goals[number]
        near = jnp.maximum(goal, tol / 10)
        state = embedding.run(problem, before, near, goal, max_iter)
        found = embedding.result(problem, state, near)
        near_s, near_z = (narrowed(data.cones, part) for part in (found.s, found.z))
        polished = polish.polish(scaled, found.x, near_s, near_z)
        pairs = polished.pairs
        new = scales.columns * polished.x, pairs.s / scales.rows, scales.rows * pairs.z / scales.cost
        error = _residual(data, *new)

        def compared() -> tuple[Array, Array, Array]:
            x, z, s = scaling.restored(problem, found.x, found.z, found.s)
            other = _residual(data, x, s, z)
            better = error <= other
            return jnp.where(better, new[0], x), jnp.where(better, new[2], z), jnp.minimum(error, other)

        # Where the polish has arrived, the point that it came from cannot be better.
        x, z, error = linalg.lazily(error > enough, compared, (new[0], new[2], error))
        return state, _Attempt(x, z, pairs, error, found.steps, found.infeasible, found.unbounded)

    once = jax.jit(attempt, inline=True)  # traced once for its shapes and for the loop

    def going(carry: tuple[Array, embedding.State, _Attempt]) -> Array:
        number, _, last = carry
        done = (last.residual <= enough) | last.infeasible | last.unbounded | (last.steps >= max_iter)
        return (number == 0) | ((number < goals.shape[0]) & ~done)

    none, start = jnp.int32(0), embedding.begin(problem)
    shapes = jax.eval_shape(once, none, start)[1]
    first = none, start, jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    *_, last = lax.while_loop(going, lambda carry: (carry[0] + 1, *once(*carry[:2])), first)
    return last, scales, convex(problem.P) if data.sparsity.curved else jnp.asarray(True)


def _residual(data: Conic, x: Array, s: Array, z: Array) -> Array:
    found = optimality.residual(data, x, s, z)
    return jnp.where(jnp.isfinite(found), found, jnp.inf)


def _valid(data: Conic) -> Array:
    """Whether all numbers are in order."""
    row, cones = jnp.arange(data.b.shape[0]), data.cones
    half_line = (row >= cones.zero) & (row < cones.zero + cones.nonneg)
    valid = jnp.all((data.alpha > 0) & (data.alpha < 1))
    b = jnp.where(half_line & jnp.isposinf(data.b), 0, data.b)
    for part in jax.tree.leaves((data.P if data.sparsity.curved else (), data.q, data.A, b)):
        valid &= all_finite(part)
    return valid


def _clean(valid: Array, data: Conic) -> Conic:
    """Zeros in place of invalid data."""
    P, q, A, b = jax.tree.map(lambda part: jnp.where(valid, part, 0), tuple(data[:4]))
    return Conic(P, q, A, b, jnp.where(valid, data.alpha, 0.5), data.cones, data.sparsity)
