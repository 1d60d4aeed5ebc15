"""Dense linear and convex quadratic programs: principal pivoting, or interior point and active set.

A strictly convex program is solved exactly in the space of its multipliers, and the point is checked.
What does not pass (linear or degenerate programs, infeasible and unbounded ones) goes to the
interior-point iteration on the homogeneous embedding, then to the exact solution for its active rows.

Where the unknowns fall into blocks of which only neighbours are coupled, and a factor block by block is much cheaper
than a dense one, the iteration runs on the blocks from the start (see `structure`).

Statuses: `solved` if `optimality.residual` is at most the tolerance (default 1e-8 in float64, 1e-4 in
float32), `inaccurate` if at most its square root, or if P is not positive semidefinite and the
point is stationary; `infeasible` and `unbounded` only with a certificate that was checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.conic.smoothed import Smoothed
from declarative.backends.jax.engines import linear_system
from declarative.backends.jax.forms import Cones, Conic, Curvature, Quadratic
from declarative.backends.jax.qp import (
    active_set,
    blockwise,
    derivative,
    embedding,
    kkt,
    optimality,
    pivoting,
    program,
    scaling,
)
from declarative.backends.jax.qp.derivative import Map
from declarative.backends.jax.qp.program import Split
from declarative.backends.jax.structure.detect import Detector
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 100
ROUNDED = 1e4  # a residual below so many eps is rounding error


class Solver:
    """`own(p)` counts the user's unknowns, which auxiliary ones may follow; None means all. `curvature` gives
    the data's P by rows, if it is known so."""

    attempts = True

    def __init__(
        self,
        data: Callable[[Params], Quadratic],
        own: Callable[[Params], int] | None = None,
        curvature: Callable[[Params], Curvature] | None = None,
    ):
        self._data, self._own = data, own
        self._layout = Detector(data, curvature)

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """The iteration needs no start; `options.tol` and `options.max_iter` count. An attempt only pivots."""
        data = self._data(p)
        if not data.h.size:
            return self._equations.solve(p, start, options)
        tol = options.tol or (1e-8 if data.q.dtype == jnp.float64 else 1e-4)
        pivots = 5 * (data.b.size + data.h.size) + 10
        limits = _Limits(
            jnp.asarray(tol, data.q.dtype),
            jnp.asarray(options.max_iter or MAX_ITER),
            jnp.asarray(options.max_iter or pivots),
        )
        blocks = self._split(p)
        return _solve(data, limits, options.attempt) if blocks is None else _blockwise(blocks, limits)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        if not y.ineq.size:
            return self._equations.optimality(y, p, fixed)
        blocks = self._split(p)
        if blocks is not None:
            return blockwise.optimality(blocks, y, fixed)
        return derivative.optimality(self._data(p), y, fixed)

    def linear(self, y: Point, p: Params, fixed: Any) -> tuple[Map, Map]:
        if not y.ineq.size:
            return self._equations.linear(y, p, fixed)
        blocks = self._split(p)
        if blocks is not None:
            return blockwise.linear(blocks, fixed)
        return derivative.linear(self._data(p), fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        if not y.ineq.size:
            return self._equations.regularity(y, p, fixed)
        own = None if self._own is None else self._own(p)
        blocks = self._split(p)
        if blocks is not None:
            return blockwise.regularity(blocks, y, fixed, own)
        return derivative.regularity(self._data(p), y, fixed, own)

    def describe(self, p: Params) -> str:
        """How matrices of such a size are factorised."""
        return self._layout.describe(p)

    def smoothed(self, mu: float) -> Smoothed:
        """For `backward="smoothed(mu)"`."""
        return Smoothed(self, self._conic, mu)

    def _conic(self, p: Params) -> Conic:
        data, blocks = self._data(p), self._split(p)
        P, q, E, d = program.program(data) if blocks is None else blocks.program
        cones = Cones(zero=data.b.shape[0], nonneg=data.h.shape[0])
        return Conic(P, q, E, d, q[:0], cones)  # type: ignore[arg-type]

    def _split(self, p: Params) -> Split | None:
        """The data in blocks, where that pays."""
        found = self._layout(p)
        if found is None:
            return None
        return program.split(self._data(p), self._layout.square(p), found.rows)

    @property
    def _equations(self) -> linear_system.Solver:
        """Without inequalities the optimality conditions are one linear system."""
        return linear_system.Solver(self._data)


# ---- one element -------------------------------------------------------------------------------


class _Limits(NamedTuple):
    tol: Array
    iterations: Array
    pivots: Array


class _Solved(NamedTuple):
    y: Point
    active: Array  # [m] bool
    sound: Array  # the factor of the pivots solves with the active rows to rounding error
    status: Array
    steps: Array
    residual: Array


def _solve(data: Quadratic, limits: _Limits, attempt: bool) -> Root:
    """By pivoting where the program is strictly convex and not degenerate, else by the interior point.
    An attempt leaves out the latter, which most programs do not need."""
    small = data.q.shape[0] <= linalg.SMALL
    quick, inverse, dual = (_paired if small else _shared)(data, limits)
    missed = quick.status != Status.SOLVED.code
    solved = quick if attempt else linalg.lazily(missed, _rescued, quick, missed, quick, data, limits)
    fixed = derivative.Fixed(solved.active, dual, inverse, solved.sound)
    return Root(solved.y, fixed, solved.status, solved.steps, solved.residual)


def _paired(data: Quadratic, limits: _Limits) -> tuple[_Solved, Array, kkt.Dual]:
    dual = kkt.dual(data.P, data.A, data.G)
    return *_pivoted(data, dual, limits), dual


@jax.custom_batching.custom_vmap
def _shared(data: Quadratic, limits: _Limits) -> tuple[_Solved, Array, kkt.Dual]:
    """A batch that shares P, A and G shares what depends on them alone; else it is one loop."""
    return _paired(data, limits)


@_shared.def_vmap
def _rule(size: int, batched: Any, data: Quadratic, limits: _Limits) -> Any:
    if batched[0].P or batched[0].A or batched[0].G:
        result = linalg.over(_paired_each, size, batched, data, limits)
        return result, jax.tree.map(lambda _: True, result)
    dual = _dual_each(data.P, data.A, data.G)
    quick, inverse = linalg.over(_pivoted_each, size, (batched[0], False, batched[1]), data, dual, limits)
    moves = jax.tree.map(lambda _: True, (quick, inverse))
    return (quick, inverse, dual), (*moves, jax.tree.map(lambda _: False, dual))


def _pivoted(data: Quadratic, dual: kkt.Dual, limits: _Limits) -> tuple[_Solved, Array]:
    """The exact solution if the active rows that pivoting finds are right; the status tells.

    And the inverse of the active rows of the dual.
    """
    p = data.b.shape[0]
    M, d = optimality.stacked(data)
    w, c = kkt.minimum(dual, data.q, d)
    basis = pivoting.solve(dual.S, dual.scale * c, p, jnp.where(dual.definite, limits.pivots, 0))
    z = dual.scale * basis.y
    x = kkt.primal(dual, w, z)
    if kkt.single(x.dtype):
        rhs = jnp.concatenate([-data.q, jnp.where(basis.basic, d, 0)])[:, None]
        factor = kkt.Factor(dual, basis.basic, basis.inverse)
        x, z = (part[:, 0] for part in kkt.corrected(M, factor, rhs, x[:, None], z[:, None]))
    y = _point(p, x, z)
    residual = optimality.residual(data, y)
    # A good factor leaves nothing but rounding errors, here and in the derivative.
    exact = residual <= jnp.minimum(limits.tol, ROUNDED * jnp.finfo(residual.dtype).eps)
    solved = exact & dual.definite & pivoting.independent(basis)
    code = jnp.where(solved, Status.SOLVED.code, Status.MAX_ITERATIONS.code).astype(jnp.int8)
    return _Solved(y, basis.basic[p:], solved, code, basis.steps, residual), basis.inverse


_paired_each = linalg.elementwise(_paired)
_dual_each = linalg.elementwise(kkt.dual)
_pivoted_each = linalg.elementwise(_pivoted)


def _point(p: int, x: Array, z: Array) -> Point:
    return Point(x, z[:p], jnp.maximum(z[p:], 0))


@linalg.elementwise
def _rescued(needed: Array, quick: _Solved, data: Quadratic, limits: _Limits) -> _Solved:
    return linalg.lazily(needed, _dense, quick, data, limits)


def _dense(data: Quadratic, limits: _Limits) -> _Solved:
    return _robust(program.program(data), data.b.shape[0], limits)[0]


@linalg.elementwise
def _blockwise(data: Split, limits: _Limits) -> Root:
    """Without an attempt by pivots, whose matrices have no blocks."""
    equalities = data.b.shape[0]
    solved, problem = _robust(data.program, equalities, limits)
    fixed = blockwise.fixed(problem, equalities, solved.active)
    return Root(solved.y, fixed, solved.status, solved.steps, solved.residual)


def _robust(given: program.Program, equalities: int, limits: _Limits) -> tuple[_Solved, scaling.Scaled]:
    """Interior point, certificates, and the active-set solution where the point shows it."""
    tol = limits.tol
    valid, given = program.checked(given, equalities)
    problem = scaling.balanced(program.present(given))
    # Far below the tolerance the active set shows; it then gives the solution to rounding error.
    state = embedding.iterate(problem, equalities, tol / 10, tol / 100000, limits.iterations)
    x, z, s = (part / state.best.tau for part in state.best[:3])
    polished = active_set.polish(problem, equalities, x, z, s)

    active = (jnp.arange(z.shape[0]) < equalities) | (z > s)
    xs = jnp.stack([polished.x, x, x]) * problem.columns
    zs = jnp.stack([polished.z, jnp.where(active, z, 0), z]) * problem.rows / problem.cost
    points = jax.vmap(lambda x, z: _point(equalities, x, z))(xs, zs)
    residuals = jax.vmap(lambda y: optimality.measured(given, y))(points)
    # The interior point's small multipliers stay only where they are needed for a solution.
    residuals = jnp.where(jnp.isfinite(residuals), residuals, jnp.inf)
    pick = jnp.where(residuals[0] <= tol, 0, jnp.where(residuals[1] <= tol, 1, jnp.argmin(residuals)))
    residual, active = residuals[pick], jnp.where(pick == 0, polished.active, active)
    proofs = state.infeasible, state.unbounded
    status = iteration.certified(valid, residual, tol, optimality.convex(problem.P), *proofs)
    y = jax.tree.map(lambda part: part[pick], points)
    solved = _Solved(y, active[equalities:], jnp.zeros_like(valid), status, state.steps, residual)
    return solved, problem
