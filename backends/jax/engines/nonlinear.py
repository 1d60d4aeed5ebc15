"""Smooth convex minimisation with constraints: an interior point near the solution, then Newton's method.

Equalities are affine, inequalities smooth and convex; the objective may be defined for positive entries of
some unknowns alone. Without inequalities it is Newton's method from a start that need not be feasible; with
them a primal-dual interior point shows which are active, and Newton's method then takes those as equations.
Statuses: `solved` if the optimality conditions hold to the tolerance (`program.residual`, default 1e-8 in
float64, 1e-4 in float32), `inaccurate` if to its square root; `infeasible` and `unbounded` with a checked proof
alone. `max_iter` (default 200) bounds the steps of each of at most four attempts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.backends.jax.forms import Quadratic
from declarative.backends.jax.qp import regular, scaling
from declarative.backends.jax.smooth import active, interior, recession, separation
from declarative.backends.jax.smooth.program import Program, largest
from declarative.backends.jax.structure.partition import newton_cost
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import Status

MAX_ITER = 200
FAR = 1e6  # times its start: a solution so far away may be none
PULLS = 1e-4, 1e-8  # of the first slope's size

Function = Callable[[Array, Params], Array]
"""Of the flat unknowns and the parameters."""


class Solver:
    """`derivatives(z, p)` gives gradient and Hessian of the cost; `diagonal` says that all Hessians are, and
    `inside(p)` which entries must be positive for the cost to be defined."""

    def __init__(
        self,
        cost: Function,
        size: Callable[[Params], int],
        equalities: Function | None = None,
        inequalities: Function | None = None,
        inside: Callable[[Params], Array] | None = None,
        derivatives: Callable[[Array, Params], tuple[Array, Array]] | None = None,
        diagonal: bool = False,
        own: Callable[[Params], int] | None = None,
    ):
        self._cost, self._size, self._own = cost, size, own
        self._equalities, self._inequalities = equalities, inequalities
        self._inside, self._derivatives, self._diagonal = inside, derivatives, diagonal

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        first = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, first.dtype, 1e-8, 1e-4)
        limit = options.max_iter or MAX_ITER
        return linalg.elementwise(lambda p, first, tol: self._solved(p, first, tol, limit))(p, first, tol)

    def _solved(self, p: Params, first: Array, tol: Array, limit: int) -> Root:
        program = self._program(p, first)
        if program.inside is not None:
            first = jnp.where(program.inside & ~(first > 0), 1, first)
        found = _attempts(program, first, tol, limit)
        now, error = found.state.now, found.state.error
        y = Point(now.x, now.y, now.z)
        fixed = active.Fixed(now.z > now.s, found.state.factor)
        if y.ineq.size:
            y, fixed, error = active.polish(program, y, now.s, error)
        code = iteration.verdict(error, tol, found.state.steps, limit)
        failed = error > jnp.sqrt(tol)
        failed &= ~found.endless
        proven = linalg.lazily(
            failed, lambda: separation.infeasible(program, first, tol), jnp.zeros_like(failed)
        )
        code = jnp.where(failed & proven, Status.INFEASIBLE.code, code)
        code = jnp.where(found.endless, Status.UNBOUNDED.code, code).astype(jnp.int8)
        return Root(y, fixed, code, found.steps, error)

    def optimality(self, y: Point, p: Params, fixed: active.Fixed) -> Point:
        def lagrangian(x: Array) -> tuple[Array, tuple[Array, Array]]:
            missed, above = self._constraints(x, p)
            return self._cost(x, p) + y.eq @ missed + y.ineq @ above, (missed, above)

        slope, (missed, above) = jax.grad(lagrangian, has_aux=True)(y.z)
        return Point(slope, missed, jnp.where(fixed.active, above, y.ineq))

    def linear(self, y: Point, p: Params, fixed: active.Fixed) -> tuple[active.Map, active.Map]:
        return active.linear(self._program(p, y.z), y, fixed)

    def regularity(self, y: Point, p: Params, fixed: active.Fixed) -> Array:
        """Of the quadratic program that the problem looks like at the solution."""
        program, x = self._program(p, y.z), y.z
        local, H = program.at(x), program.curvature(x, y.ineq)
        count = y.eq.size
        A, G = local.E[:count], local.E[count:]
        times = H * x if H.ndim == 1 else H @ x
        P = jnp.diag(H) if H.ndim == 1 else H
        data = Quadratic(P, local.slope - times, A, A @ x - local.eq, G, G @ x - local.ineq)
        problem = scaling.equilibrated(data)
        z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
        rows = jnp.concatenate([jnp.ones(count, bool), fixed.active])
        own = None if self._own is None else self._own(p)
        return regular.regularity(problem, count, rows, x / problem.columns, z, own)

    def operations(self, p: Params) -> float:
        """Of a solve, all matrices dense."""
        n = self._size(p)
        x = jax.ShapeDtypeStruct((n,), jnp.result_type(float))
        rows = jax.eval_shape(self._constraints, x, p)
        return newton_cost(n, sum(side.size for side in rows), self._diagonal)

    def _program(self, p: Params, x: Array) -> Program:
        equal, unequal, derivatives = self._equalities, self._inequalities, self._derivatives
        origin, none = jnp.zeros_like(x), jnp.zeros(0, x.dtype)
        return Program(
            cost=lambda x: self._cost(x, p),
            inequalities=(lambda x: none) if unequal is None else lambda x: unequal(x, p),
            A=jnp.zeros((0, x.size), x.dtype) if equal is None else jax.jacrev(equal)(origin, p),
            b=none if equal is None else -equal(origin, p),
            inside=None if self._inside is None else self._inside(p),
            hessian=None if derivatives is None else lambda x: derivatives(x, p)[1],
            diagonal=self._diagonal,
        )

    def _constraints(self, x: Array, p: Params) -> tuple[Array, Array]:
        none = jnp.zeros(0, x.dtype)
        return tuple(none if f is None else f(x, p) for f in (self._equalities, self._inequalities))  # type: ignore[return-value]


def _level(program: Program, inside: Array) -> Array:
    """Of the size that equations ask of entries that must be positive, at least one: to fall is easier than to rise."""
    reach = jnp.abs(program.A) @ inside.astype(program.A.dtype)
    return jnp.max(jnp.where(reach > 0, jnp.abs(program.b) / jnp.where(reach > 0, reach, 1), 1), initial=1)


# ---- attempts ----------------------------------------------------------------------------------


class _Attempts(NamedTuple):
    number: Array
    state: interior.State  # the best of those without a pull
    end: Array  # [n] where the last one with a pull ended
    endless: Array  # the cost falls for ever
    steps: Array  # of all


def _attempts(program: Program, start: Array, tol: Array, limit: int) -> _Attempts:
    """Where the iteration fails, it is repeated with a pull to zero, a weaker one, and none, each from where the
    one before has ended. What the weaker pull holds farther away may be the way on which the cost falls for ever.
    """
    scale = (1 + largest(program.at(start).slope)) / (1 + largest(start))
    pulls = scale * jnp.asarray([0, *PULLS, 0], start.dtype)

    def attempt(before: _Attempts) -> _Attempts:
        number, last = before.number, len(PULLS)
        pulled = replace(program, pull=pulls[number])
        begin = jnp.where(number == 0, start, before.end)
        state = interior.iterate(pulled, begin, tol / 10, limit, number == 0)
        plain = (number == 0) | (number > last)
        better = (number == 0) | (plain & (state.error < before.state.error))
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), state, before.state)
        x = state.now.x
        endless = linalg.lazily(
            number == last,
            lambda: recession.unbounded(program, before.end, x),
            jnp.zeros_like(before.endless),
        )
        end = jnp.where(plain | ~jnp.all(jnp.isfinite(x)), before.end, x)
        return _Attempts(number + 1, best, end, endless, before.steps + state.steps)

    def going(now: _Attempts) -> Array:
        state = now.state
        unclear = (state.error > tol) | (largest(state.now.x) > FAR * (1 + largest(start)))
        return (now.number == 0) | ((now.number < pulls.size) & unclear & ~now.endless)

    shapes = jax.eval_shape(lambda: interior.iterate(program, start, tol, limit, tol > 0))
    none = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes)
    end = start
    if program.inside is not None:
        end = jnp.where(program.inside, jnp.maximum(start, _level(program, program.inside)), start)
    return lax.while_loop(going, attempt, _Attempts(jnp.int32(0), none, end, tol < 0, jnp.int32(0)))
