"""Linear and convex quadratic programs of any size by products of matrices and vectors, which may be sparse.

Restarted Halpern iteration of primal-dual hybrid gradients on the equilibrated program, then the solution of
the optimality system of the active rows and bounds by MINRES. No matrix is formed.

`tol` (default 1e-8 in float64, 1e-4 in float32) bounds the violation of the optimality conditions relative to
their terms, `max_iter` (default 200,000) the steps, two products each. Statuses: `solved` at the tolerance,
`inaccurate` up to its square root; `infeasible` and `unbounded` with a certificate that was checked: a ray that
leaves its cone by at most 1e-7 (1e-4) of what it gains. The objective must be convex, as the plan has certified.

The derivative solves the optimality system of the active set by MINRES as well; NaN where that does not settle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax.first_order import inspection, iteration, kkt, scaling
from declarative.backends.jax.first_order.inspection import Look
from declarative.backends.jax.first_order.inspection import Point as Pair
from declarative.backends.jax.first_order.kkt import Active
from declarative.backends.jax.first_order.program import Program, program
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import DerivativeStatus, Status

MAX_ITER = 200_000
WEAK = 1e-6  # multiplier and slack both below it, scaled: weakly active

Rows = Callable[[Array, Params], Array]
Map = Callable[[Point], Point]


class Bound(NamedTuple):
    """Rows of the inequalities that bound unknowns: x <= h where `above`, else -x <= h."""

    row: int
    first: int
    length: int
    above: bool


class Solver:
    """`cost` is quadratic (affine if `linear`), `equalities` and `inequalities` are affine; `bounds` names the
    inequalities that bound one unknown each; `own` counts the user's unknowns, which auxiliary ones may follow."""

    def __init__(
        self,
        cost: Rows,
        size: Callable[[Params], int],
        equalities: Rows | None = None,
        inequalities: Rows | None = None,
        bounds: Callable[[Params], tuple[tuple[int, int, int, bool], ...]] | None = None,
        linear: bool = False,
        own: Callable[[Params], int] | None = None,
    ):
        none: Rows = lambda z, p: jnp.zeros(0, z.dtype)  # noqa: E731
        self._cost, self._size, self._linear, self._own = cost, size, linear, own
        self._equalities, self._inequalities = equalities or none, inequalities or none
        self._bounds = bounds or (lambda p: ())

    # ---- the contract --------------------------------------------------------------------------

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """`start` is where the primal iterates begin; zero by default."""
        form = self._form(p)
        whole = form.program
        double = whole.q.dtype == jnp.float64
        tol = options.tol or (1e-8 if double else 1e-4)
        problem, scales = scaling.equilibrated(whole)

        def unscaled(point: Pair) -> Pair:
            x = jnp.clip(point.x * scales.columns, whole.lower, whole.upper)
            # Exactly on the bounds where the scaled point is.
            x = jnp.where(point.x <= problem.lower, whole.lower, x)
            return Pair(jnp.where(point.x >= problem.upper, whole.upper, x), point.y * scales.rows)

        def inspect(point: Pair, drift: Pair) -> Look:
            rays = Pair(drift.x * scales.columns, drift.y * scales.rows)
            return inspection.look(whole, unscaled(point), rays)

        x = jnp.zeros_like(whole.q) if start is None else start / scales.columns
        first = Pair(jnp.clip(x, problem.lower, problem.upper), jnp.zeros_like(whole.d))
        limit = jnp.asarray(options.max_iter or MAX_ITER)
        end = iteration.iterate(problem, first, inspect, jnp.asarray(tol, whole.q.dtype), limit)
        rough = unscaled(end.best)
        point = unscaled(kkt.polished(problem, end.best))
        errors = inspection.error(whole, rough), inspection.error(whole, point)
        better = errors[1] < errors[0]
        point = jax.tree.map(lambda a, b: jnp.where(better, a, b), point, rough)
        error = jnp.minimum(*errors)
        crossed = jnp.any(whole.lower > whole.upper)
        status = _status(error, tol, end.look, crossed)
        y, active = form.spread(point, kkt.active(whole, point))
        return Root(y, active, status, end.steps, error)

    def optimality(self, y: Point, p: Params, fixed: Array) -> Point:
        """Stationarity, equalities, and per inequality its left side if active, else its multiplier."""
        z = y.z
        missed, pull = jax.vjp(lambda z: self._equalities(z, p), z)
        over, push = jax.vjp(lambda z: self._inequalities(z, p), z)
        slope = jax.grad(lambda z: self._cost(z, p))(z) + pull(y.eq)[0] + push(y.ineq)[0]
        return Point(slope, missed, jnp.where(fixed, over, y.ineq))

    def linear(self, y: Point, p: Params, fixed: Array) -> tuple[Map, Map]:
        form = self._form(p)
        problem, scales = scaling.equilibrated(form.program)
        active = form.gathered(fixed)
        bound = ~active.free

        def solve(rhs: Point, transposed: bool) -> Point:
            """Rows of idle inequalities give their multiplier, active bounds their unknown."""
            idle = jnp.where(fixed, 0, rhs.ineq)
            held, sides = form.split(jnp.where(fixed, rhs.ineq, 0), active)
            r, s = rhs.z, jnp.concatenate([rhs.eq, sides])
            if not transposed:
                r = r - form.push(idle)
            x = jnp.where(bound, held, 0)
            r = r - (form.program.slope(x, jnp.zeros_like(s)) - form.program.q)
            s = s - form.program.rows(x)
            found = kkt.solve(problem, active, scales.columns * r, scales.rows * s)
            x = x + scales.columns * found.point.x
            rows = scales.rows * found.point.y
            left = rhs.z - (form.program.slope(x, rows) - form.program.q)
            if not transposed:
                left = left - form.push(idle)
            eq, ineq = form.joined(rows, jnp.where(bound, left, 0), active)
            ineq = jnp.where(fixed, ineq, 0 if transposed else rhs.ineq)
            good = found.settled
            return jax.tree.map(lambda part: jnp.where(good, part, jnp.nan), Point(x, eq, ineq))

        return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)

    def regularity(self, y: Point, p: Params, fixed: Array) -> Array:
        """`weakly_active` by multipliers and slacks; `dependent` and `singular` by the null vector that one
        solution with a right-hand side at random leaves: found almost surely, not proved absent."""
        form = self._form(p)
        whole = form.program
        if not whole.q.size:
            return jnp.int8(DerivativeStatus.REGULAR.code)
        problem, _ = scaling.equilibrated(whole)
        active = form.gathered(fixed)
        n = whole.q.size
        noise = jax.random.normal(jax.random.key(2), (n + whole.d.size,), whole.q.dtype)
        found = kkt.solve(problem, active, noise[:n], noise[n:])
        own = jnp.arange(n) < (n if self._own is None else self._own(p))
        cut = 1e-6 if whole.q.dtype == jnp.float64 else 1e-3
        loose = jnp.any(jnp.where(own, jnp.abs(found.left.x), 0) > cut)
        double = jnp.any(jnp.abs(found.left.y) > cut)
        weak = form.weak(y, active)
        code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
        code = jnp.where(loose | ~found.settled, DerivativeStatus.SINGULAR.code, code)
        return jnp.where(double & found.settled, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(
            jnp.int8
        )

    # ---- rows and bounds -----------------------------------------------------------------------

    def _form(self, p: Params) -> _Form:
        from declarative.backends.jax.runtime import dtype

        zero = jnp.zeros(self._size(p), dtype(p))
        equal, unequal = self._equalities(zero, p), self._inequalities(zero, p)
        bounds = [Bound(*one) for one in self._bounds(p)]
        taken = np.concatenate([np.arange(b.row, b.row + b.length) for b in bounds] or [np.zeros(0, int)])
        kept = np.setdiff1d(np.arange(unequal.size), taken)
        lower, upper = jnp.full_like(zero, -jnp.inf), jnp.full_like(zero, jnp.inf)
        for b in bounds:
            side, at = -unequal[b.row : b.row + b.length], slice(b.first, b.first + b.length)
            if b.above:
                upper = upper.at[at].min(side)
            else:
                lower = lower.at[at].max(-side)
        whole = program(
            lambda z: jnp.concatenate([self._equalities(z, p), self._inequalities(z, p)[kept]]),
            equal.size,
            lambda z: self._cost(z, p),
            self._linear,
            lower,
            upper,
        )
        _, push = jax.vjp(lambda z: self._inequalities(z, p), zero)
        return _Form(whole, bounds, kept, unequal, lambda y: push(y)[0])


class _Form(NamedTuple):
    """The program, and the way between its rows and bounds and all inequalities in their order."""

    program: Program
    bounds: list[Bound]
    kept: np.ndarray[Any, Any]  # inequalities that are rows
    offset: Array  # [m] the inequalities at zero
    push: Callable[[Array], Array]  # multipliers of all inequalities -> their pull on the unknowns

    def spread(self, point: Pair, active: Active) -> tuple[Point, Array]:
        """The point with multipliers of all constraints, and which inequalities are active."""
        slope = self.program.slope(*point)
        eq, ineq = self.joined(point.y, jnp.where(active.free, 0, -slope), active)
        mask = jnp.zeros(self.offset.size, bool).at[self.kept].set(active.rows[self.program.equalities :])
        for b, winner in self._winners(active):
            mask = mask.at[b.row : b.row + b.length].set(winner)
        return Point(point.x, eq, jnp.maximum(ineq, 0)), mask

    def joined(self, rows: Array, force: Array, active: Active) -> tuple[Array, Array]:
        """Multipliers in order: those of rows, and those of bounds from the force that they hold."""
        equalities = self.program.equalities
        ineq = jnp.zeros(self.offset.size, rows.dtype).at[self.kept].set(rows[equalities:])
        for b, winner in self._winners(active):
            at = slice(b.first, b.first + b.length)
            value = force[at] if b.above else -force[at]
            ineq = ineq.at[b.row : b.row + b.length].set(jnp.where(winner, value, 0))
        return rows[:equalities], ineq

    def split(self, sides: Array, active: Active) -> tuple[Array, Array]:
        """Right-hand sides of all inequalities -> where they hold unknowns at bounds, and those of the rows."""
        held = jnp.zeros_like(self.program.q)
        for b, winner in self._winners(active):
            value = jnp.where(winner, sides[b.row : b.row + b.length], 0)
            held = held.at[b.first : b.first + b.length].add(value if b.above else -value)
        return held, sides[self.kept]

    def gathered(self, mask: Array) -> Active:
        """Active rows and bounds from active inequalities."""
        size, equalities = self.program.q.size, self.program.equalities
        sides = {True: jnp.zeros(size, bool), False: jnp.zeros(size, bool)}
        for b in self.bounds:
            at = slice(b.first, b.first + b.length)
            sides[b.above] = sides[b.above].at[at].max(mask[b.row : b.row + b.length])
        rows = jnp.concatenate([jnp.ones(equalities, bool), mask[self.kept]])
        return Active(rows, sides[False], sides[True])

    def weak(self, y: Point, active: Active) -> Array:
        """Whether an inequality is met with equality and pulls at nothing."""
        program = self.program
        slack = (program.d - program.rows(y.z))[program.equalities :]
        pull = y.ineq[self.kept]
        force = jnp.maximum(jnp.max(jnp.abs(program.q), initial=0), jnp.finfo(pull.dtype).tiny)
        reach = jnp.maximum(jnp.max(jnp.abs(y.z), initial=0), jnp.finfo(pull.dtype).tiny)
        small = max(WEAK, float(jnp.finfo(pull.dtype).eps) ** 0.5)
        rows = (jnp.abs(slack) <= small * reach) & (jnp.abs(pull) <= small * force)
        slope = program.slope(y.z, jnp.concatenate([y.eq, pull]))
        near = jnp.minimum(y.z - program.lower, program.upper - y.z) <= small * reach
        bounds = near & (jnp.abs(slope) <= small * force)
        return jnp.any(rows) | jnp.any(bounds)

    def _winners(self, active: Active) -> list[tuple[Bound, Array]]:
        """Of several bounds on one side of an unknown the first that is tight counts."""
        found = []
        taken = {True: jnp.zeros_like(active.lower), False: jnp.zeros_like(active.lower)}
        for b in self.bounds:
            at = slice(b.first, b.first + b.length)
            side = -self.offset[b.row : b.row + b.length]
            tight = (side == self.program.upper[at]) if b.above else (-side == self.program.lower[at])
            here = (active.upper if b.above else active.lower)[at]
            winner = here & tight & ~taken[b.above][at]
            taken[b.above] = taken[b.above].at[at].max(winner)
            found.append((b, winner))
        return found


def _status(error: Array, tol: float, look: Look, crossed: Array) -> Array:
    code = jnp.where(error <= tol**0.5, Status.INACCURATE.code, Status.MAX_ITERATIONS.code)
    code = jnp.where(look.unbounded, Status.UNBOUNDED.code, code)
    code = jnp.where(look.infeasible | crossed, Status.INFEASIBLE.code, code)
    code = jnp.where((error <= tol) & ~crossed, Status.SOLVED.code, code)
    return code.astype(jnp.int8)
