"""The derivative of a quadratic program in blocks, by the factor of its active rows, and its regularity."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg
from declarative.backends.jax.qp import active_set, scaling
from declarative.backends.jax.qp.derivative import Map
from declarative.backends.jax.qp.program import Split, present
from declarative.backends.jax.qp.regular import WEAK
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Factor, Square
from declarative.layer.contract import Point
from declarative.layer.status import DerivativeStatus

POWERS = 12  # of the inverse iterations that look for a null vector


class Fixed(NamedTuple):
    """What the derivative holds constant."""

    active: Array  # [m] bool
    factor: Factor  # of the scaled program, see `active_set.factorised`
    columns: Array
    rows: Array
    cost: Array


def fixed(problem: scaling.Scaled, equalities: int, active: Array) -> Fixed:
    factor = active_set.factorised(problem, _rows(equalities, active))
    return Fixed(active, factor, problem.columns, problem.rows, problem.cost)


def optimality(data: Split, y: Point, fixed: Fixed) -> Point:
    """See `derivative.optimality`."""
    P, q, E, d = data.program
    p, z = y.eq.shape[0], jnp.concatenate([y.eq, y.ineq])
    missed = E @ y.z - d
    return Point(P @ y.z + q + E.T @ z, missed[:p], jnp.where(fixed.active, missed[p:], y.ineq))


def linear(data: Split, fixed: Fixed) -> tuple[Map, Map]:
    """Solves with the Jacobian of `optimality` and with its transpose, see `derivative.linear`; where it is singular, a
    solution of small norm, or what leaves the least residual."""
    p = data.b.shape[0]

    def solve(rhs: Point, transposed: bool) -> Point:
        second = jnp.where(fixed.active, rhs.ineq, 0)
        idle = jnp.zeros_like(rhs.ineq) if transposed else rhs.ineq - second
        both = jnp.concatenate([rhs.z, rhs.eq, second, idle])[:, None]
        found = _solved(data, fixed, both)[:, 0]
        x, eq, ineq = jnp.split(found, [rhs.z.shape[0], rhs.z.shape[0] + p])
        return Point(x, eq, jnp.where(fixed.active, ineq, 0 if transposed else rhs.ineq))

    return lambda rhs: solve(rhs, False), lambda rhs: solve(rhs, True)


def _element(data: Split, fixed: Fixed, rhs: Array) -> Array:
    """Columns (x, y) with P x + E_a'y = r - E'idle and E_a x = t for those of rhs = (r, t, idle)."""
    n, p, m = data.q.shape[0], data.b.shape[0], data.h.shape[0]
    problem = _scaled(data, fixed)
    r, t, idle = jnp.split(rhs, [n, n + p + m])
    rows, columns = fixed.rows[:, None], fixed.columns[:, None]
    dual = rows / fixed.cost
    shifted = jnp.concatenate([jnp.zeros_like(t[:p]), idle]) / dual
    r, t = fixed.cost * columns * r - problem.E.T @ shifted, rows * t
    (x, z), _ = active_set.solve(problem, _rows(p, fixed.active), fixed.factor, (r, t))
    return jnp.concatenate([columns * x, dual * z])


_solved = linalg.elementwise(_element, columns=True)


def _scaled(data: Split, fixed: Fixed) -> scaling.Scaled:
    given = present(data.program)
    return scaling.scaled(given, fixed.columns, fixed.rows, fixed.cost)


def _rows(equalities: int, active: Array) -> Array:
    return jnp.concatenate([jnp.ones(equalities, bool), active])


# ---- regularity --------------------------------------------------------------------------------


def regularity(data: Split, y: Point, fixed: Fixed, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns, as `regular.regularity` gives it; the ranks by inverse
    iteration, which needs nothing but factors in blocks."""
    return _regularity(data, y, fixed, jnp.arange(y.z.shape[0]) < (y.z.shape[0] if own is None else own))


@linalg.elementwise
def _regularity(data: Split, y: Point, fixed: Fixed, own: Array) -> Array:
    problem = _scaled(data, fixed)
    P, q, E, d = problem.P, problem.q, problem.E, problem.d
    x = y.z / problem.columns
    z = jnp.concatenate([y.eq, y.ineq]) * problem.cost / problem.rows
    inequality = jnp.arange(d.shape[0]) >= y.eq.shape[0]
    tiny = jnp.finfo(x.dtype).tiny
    small = max(WEAK, float(jnp.finfo(x.dtype).eps) ** 0.5)
    force = jnp.maximum(jnp.max(jnp.abs(P @ x)), jnp.max(jnp.abs(q)))
    touching = jnp.abs(d - E @ x) <= small * jnp.maximum(jnp.max(jnp.abs(x)), tiny)
    idle = jnp.abs(z) <= small * jnp.maximum(force, tiny)
    seen = matrix.row_sizes(E) > 0
    weak = jnp.any(inequality & seen & touching & idle)
    active = ~inequality | (_rows(y.eq.shape[0], fixed.active) | touching) & seen
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    dependent, singular = rank_defects_in_blocks(P, E, active, own)
    code = jnp.where(singular, DerivativeStatus.SINGULAR.code, code)
    return jnp.where(dependent, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(jnp.int8)


def rank_defects_in_blocks(P: Square, E: matrix.Wide, active: Array, own: Array) -> tuple[Array, Array]:
    """See `regular.rank_defects`."""
    return _dependent(P, E, active), _flat(P, E, active, own)


def _flat(P: Square, E: matrix.Wide, active: Array, own: Array) -> Array:
    """Whether `own` unknowns move along the null space of P and the active rows."""
    H = matrix.gram(P, E, active.astype(P.dtype))
    cut = float(jnp.finfo(P.dtype).eps) ** 0.5
    lift = cut / 100 * jnp.max(matrix.column_sizes(H))
    factor = matrix.factorised(H, lift)
    length, vector = _longest(lambda v: lift * matrix.solve(factor, v), H.shape[0], P.dtype)
    return (length >= 0.5) & (jnp.sum(jnp.where(own, vector**2, 0)) > cut)


def _dependent(P: Square, E: matrix.Wide, active: Array) -> Array:
    """Whether a combination of active rows vanishes."""
    weight = active.astype(P.dtype)
    normal = matrix.gram(jax.tree.map(jnp.zeros_like, P), E, weight)
    lift = float(jnp.finfo(P.dtype).eps) ** 0.75 * jnp.max(matrix.column_sizes(normal), initial=0)
    lift = jnp.maximum(lift, jnp.finfo(P.dtype).tiny)
    factor = matrix.factorised(normal, lift)

    def apply(v: Array) -> Array:
        """lift (E_a E_a' + lift)^-1 v."""
        v = weight[:, None] * v
        return -matrix.solve_with_rows(factor, E, weight, jnp.zeros((E.shape[1], 1), P.dtype), v)[1]

    return _longest(apply, E.shape[0], P.dtype)[0] >= 0.5


def _longest(apply: Callable[[Array], Array], size: int, dtype: jnp.dtype) -> tuple[Array, Array]:
    """The largest eigenvalue of a matrix between 0 and 1, and its vector [size], by powers of it."""
    start = jnp.sin(jnp.arange(1, size + 1, dtype=dtype) ** 1.5)  # along no vector in particular

    def turn(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        vector = carry[0]
        moved = apply(vector[:, None])[:, 0]
        length = jnp.sqrt(jnp.sum(moved**2))
        return moved / jnp.where(length > 0, length, 1), length

    vector, length = lax.fori_loop(
        0, POWERS, turn, (start / jnp.sqrt(jnp.sum(start**2)), jnp.ones((), dtype))
    )
    return length, vector
