"""The linear system of a conic program about complementary pairs, by one Cholesky factor and refinement.

    P x + B'D w = r,   B x - (1 - D) w = U't,   D = diag(weight), B = U'A:

Newton's system for the pairs of `frame`, whose steps are z = U D w and s = -U (1 - D) w. Rows of weight 1 are
equations, rows of weight 0 give their own w, those between add the curvature of their cone's boundary to P.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import groups
from declarative.backends.jax.conic.blockwise import turned_rows
from declarative.backends.jax.conic.frame import Basis, turned, turned_back
from declarative.backends.jax.conic.program import Program
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.border import BorderedRows
from declarative.backends.jax.structure.matrix import Factor, Square, Wide
from declarative.layer.linear import solve_equilibrated

REFINEMENTS = 8
ROUNDED = 128  # a relative residual of so many eps is rounding error
FEW, LONG = 4, 8  # second-order cones of one size at most, and their least size, for which A'A is kept


class System(NamedTuple):
    """Of a scaled program, whose entries are of size one."""

    problem: Program
    B: Wide  # [m, n]; where the unknowns lie in cones, see `_owned`, its first rows: those of the zero cone
    basis: Basis
    penalty: Array  # [m], weight / (1 - weight), that of active rows large, not infinite
    factor: Factor  # of the matrix that `approximate` inverts

    def times(self, x: Array) -> Array:
        """B x, for columns."""
        found = _times(self.B, x)
        return jnp.concatenate([found, x]) if _owned(self.problem) else found

    def back(self, w: Array) -> Array:
        """B'w, for columns."""
        if _owned(self.problem):
            zero = self.problem.cones.zero
            return self.combined(w[:zero]) + w[zero:]
        return self.combined(w)

    def combined(self, w: Array) -> Array:
        few = isinstance(self.B, Array) and w.shape[1] == 1
        return (w[:, 0] @ self.B)[:, None] if few else self.B.T @ w


class Constant(NamedTuple):
    """What is the same at all pairs of a program."""

    equations: Square  # [n, n], P and the lifted rows of the zero cone
    terms: tuple[Array | None, ...]
    """Per group A'A of second-order cones [count, n, n], the squares of rows that see one unknown, or None."""


def constant(problem: Program) -> Constant:
    """See `factorised`."""
    P, A, cones = problem.P, problem.A, problem.cones
    kinds = groups.groups(cones)
    if not (isinstance(P, Array) and isinstance(A, Array)) or _owned(problem):
        return Constant(P, (None,) * len(kinds))
    rho = _lifts(P.dtype)[1]
    terms: list[Array | None] = []
    for group, part in zip(kinds, groups.parts(cones, A), strict=True):
        if group.kind == groups.SOC and group.count <= FEW and group.size >= LONG:
            terms.append(jax.vmap(linalg.gram)(part))
        elif group.kind == groups.NONNEG and _single(problem, group):
            terms.append(part[:, 0] ** 2)
        else:
            terms.append(None)
    return Constant(P + linalg.gram(A[: cones.zero]) / rho if cones.zero else P, tuple(terms))


def factorised(problem: Program, constant: Constant, basis: Basis, weight: Array) -> System:
    """`constant` is that of the program."""
    A, zero = problem.A, problem.cones.zero
    delta, rho = _lifts(weight.dtype)
    penalty = weight / (1 - weight + rho * weight)
    found = System(problem, A, basis, penalty, penalty)
    if _owned(problem):
        assert isinstance(A, Array)
        equations = turned(problem.cones, basis, _placed(problem, A[:zero].T))[zero:].T
        root = jnp.sqrt(1 / (penalty[zero:] + delta))
        schur = linalg.gram(root[:, None] * equations.T) + rho * jnp.eye(zero, dtype=A.dtype)
        return found._replace(B=equations, factor=linalg.cholesky(schur) if zero else schur)
    found = found._replace(B=turned_rows(problem.cones, basis, A))
    H = _normal(found, constant) if isinstance(A, Array) else matrix.gram(problem.P, found.B, penalty)
    return found._replace(factor=matrix.factorised(H, delta))


def _normal(system: System, constant: Constant) -> Array:
    """P + A'U diag(penalty) U'A.

    Second-order cones whose A'A is known add a multiple of it, and two rows: their other weights are equal.
    """
    assert isinstance(system.B, Array)
    assert isinstance(constant.equations, Array)
    H, rows, weights = constant.equations, [], []
    cones, n = system.problem.cones, system.B.shape[1]
    blocks = zip(
        groups.groups(cones),
        constant.terms,
        groups.cut(cones, system.B),
        groups.cut(cones, system.penalty),
        strict=True,
    )
    for group, term, part, own in blocks:
        if group.kind == groups.ZERO:
            continue
        if term is None:
            rows.append(part.reshape(-1, n))
            weights.append(own.ravel())
        elif group.kind == groups.NONNEG:
            H = H + jnp.eye(n, dtype=H.dtype) * (own[:, 0] @ term)
        else:
            for cone in range(group.count):
                rest = own[cone, 2]
                H = H + rest * term[cone]
                for row, value in zip(part[cone, :2], own[cone, :2], strict=True):
                    H = H + (value - rest) * row[:, None] * row
    if rows:
        H = H + linalg.gram(jnp.sqrt(jnp.concatenate(weights))[:, None] * jnp.concatenate(rows))
    return H


# ---- unknowns in cones ---------------------------------------------------------------------------


def _owned(problem: Program) -> bool:
    """Whether the unknowns themselves lie in semidefinite cones and half-lines, and P is zero.

    Then the unknowns are turned, too, instead of all rows: their matrix in the cones' rows is the identity, and the
    factor that of the equations' Schur complement, which is not kept: the basis would have to be.
    """
    single, cones = problem.sparsity.single, problem.cones
    if single is None or problem.sparsity.curved or not cones.psd or cones.soc or cones.exp or cones.power:
        return False
    return sorted(single[cones.zero :]) == list(range(problem.q.shape[0]))


def _placed(problem: Program, r: Array) -> Array:
    """Columns of the first equations, for the unknowns, as [m, columns] for the cones' rows."""
    place, slope = _places(problem)
    return jnp.concatenate([jnp.zeros((problem.cones.zero, r.shape[1]), r.dtype), r[place] / slope])


def _taken(problem: Program, x: Array) -> Array:
    """The transpose of `_placed`."""
    place, slope = _places(problem)
    return (x[problem.cones.zero :] / slope)[np.argsort(place)]


def _places(problem: Program) -> tuple[np.ndarray, Array]:
    """The unknown that each row of the cones sees, and how large there, as a column."""
    assert isinstance(problem.A, Array)
    zero = problem.cones.zero
    place = np.asarray(problem.sparsity.single, np.int32)[zero:]
    return place, problem.A[np.arange(zero, zero + place.size, dtype=np.int32), place][:, None]


def _single(problem: Program, group: groups.Group) -> bool:
    """Whether each row of half-lines sees but one unknown."""
    single = problem.sparsity.single
    return single is not None and all(single[row] >= 0 for row in group.starts)


# ---- solves --------------------------------------------------------------------------------------


def solve(
    system: System, r: Array, t: Array, accuracy: Array | float = 0.0
) -> tuple[tuple[Array, Array, Array], Array]:
    """Columns (x, s, z) with P x + A'z = r and A x + s = t for steps s and z of the pairs, and the largest relative
    residual left, of which `accuracy` is enough."""
    problem, basis, penalty = system.problem, system.basis, system.penalty[:, None]
    cones, owned, columns = problem.cones, _owned(problem), r.shape[1]
    rho = _lifts(r.dtype)[1]
    there = turned(cones, basis, jnp.concatenate([t, _placed(problem, r)], 1) if owned else t)
    if owned:
        t, r = there[:, :columns], there[cones.zero :, columns:]
    else:
        t = there

    # In place of w the unknown is u = (1 - weight + rho weight) w: penalty u = weight w.
    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, u = point
        moved = penalty * u
        slope = system.back(moved)
        slope = _times(problem.P, x) + slope if problem.sparsity.curved else slope
        return slope, system.times(x) - u + rho * moved

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        r, t = rhs
        if isinstance(system.B, BorderedRows):
            x, z = matrix.solve_with_rows(system.factor, system.B, penalty[:, 0], r, t)
            return x, jnp.where(penalty > 0, z / jnp.where(penalty > 0, penalty, 1), system.times(x) - t)
        if _owned(problem):
            return _through_schur(system, r, t)
        x = matrix.solve(system.factor, r + system.back(penalty * t))
        return x, system.times(x) - t

    enough = jnp.maximum(ROUNDED, accuracy / jnp.finfo(r.dtype).eps)
    (x, u), error = linalg.refined(exact, approximate, (r, t), REFINEMENTS, enough)
    z = penalty * u
    steps = [rho * z - u, z]
    if owned:
        steps.append(jnp.concatenate([jnp.zeros((cones.zero, columns), x.dtype), x]))
    s, z, *own = jnp.split(turned_back(cones, basis, jnp.concatenate(steps, 1)), len(steps), 1)
    return (_taken(problem, own[0]) if owned else x, s, z), error


def _through_schur(system: System, r: Array, t: Array) -> tuple[Array, Array]:
    """Columns (x, u) where all but the equations is diagonal."""
    E, zero = system.B, system.problem.cones.zero
    delta, rho = _lifts(r.dtype)
    own, there = system.penalty[zero:, None], t[zero:]
    right, y = r + own * there, t[:0]
    if zero:
        y = matrix.solve(system.factor, _times(E, right / (own + delta)) - t[:zero])
        right = right - system.combined(y)
    x = right / (own + delta)
    return x, jnp.concatenate([rho * y, x - there])


def least_norm(
    problem: Program, basis: Basis, weight: Array, r: Array, t: Array
) -> tuple[Array, Array, Array]:
    """The same for a singular system: the whole matrix, symmetric in x and the steps of z."""
    P, A, cones = problem.P, problem.A, problem.cones
    assert isinstance(P, Array)
    assert isinstance(A, Array)
    B, right = turned(cones, basis, A), turned(cones, basis, t)
    n = P.shape[0]
    moving = weight > 0
    rest = jnp.where(moving, (1 - weight) / jnp.where(moving, weight, 1), 1)
    rows = jnp.where(moving[:, None], B, 0)
    whole = jnp.block([[P, rows.T], [rows, -jnp.diag(rest)]])
    rhs = jnp.concatenate([r, jnp.where(moving[:, None], right, 0)])
    point = jax.vmap(lambda b: solve_equilibrated(whole, b, False), in_axes=1, out_axes=1)(rhs)
    x, z = point[:n], turned_back(cones, basis, point[n:])
    return x, t - A @ x, z


def _times(A: Square | Wide, x: Array) -> Array:
    """A x; a product with one vector needs no copies."""
    return linalg.times(A, x) if isinstance(A, Array) and x.shape[1] == 1 else A @ x


def _lifts(dtype: jnp.dtype) -> tuple[float, float]:
    """Proximal terms on x and on active rows; refinement takes them out."""
    eps = float(jnp.finfo(dtype).eps)
    return eps**0.5, eps**0.375
