"""The linear system of a conic program about complementary pairs, by one Cholesky factor and refinement.

    P x + B'D w = r,   B x - (1 - D) w = t,   D = diag(weight), B = U'A:

Newton's system for the pairs of `frame`, w the step of z - s in the basis U. Rows of weight 1 are equations, rows
of weight 0 give their own w, those between add the curvature of their cone's boundary to P.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import groups
from declarative.backends.jax.conic.blockwise import rotated_rows
from declarative.backends.jax.conic.frame import (
    Basis,
    aligned,
    along,
    coordinates,
    ends,
    rotated,
    turned,
    turned_back,
)
from declarative.backends.jax.conic.program import Program
from declarative.backends.jax.forms import Cones
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.border import BorderedRows
from declarative.backends.jax.structure.matrix import Factor, Square, Wide
from declarative.layer.linear import solve_equilibrated

REFINEMENTS = 8
ROUNDED = 16  # a relative residual of so many eps is rounding error
FEW, LONG = 4, 8  # second-order cones of one size at most, and their least size, for which A'A is kept


class System(NamedTuple):
    """Of a scaled program, whose entries are of size one."""

    problem: Program
    B: Wide  # [m, n], in `frame.turned` coordinates if dense, else in those of `frame.rotated`
    basis: Basis
    weight: Array  # [m]
    factor: Factor  # of the matrix that `approximate` inverts, or of one near it

    def into(self, r: Array) -> Array:
        """Columns of the first equations, for the unknowns of B, see `_owned`."""
        if not _owned(self.problem):
            return r
        place, slope = _places(self.problem)
        return turned(_solid(self.problem), self._own_basis(), r[place] / slope)

    def out(self, x: Array) -> Array:
        """The transpose of `into`."""
        if not _owned(self.problem):
            return x
        place, slope = _places(self.problem)
        return (turned_back(_solid(self.problem), self._own_basis(), x) / slope)[np.argsort(place)]

    def _own_basis(self) -> Basis:
        return self.basis[1:] if self.problem.cones.zero else self.basis


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


def nothing(problem: Program) -> Factor:
    """Zeros in place of a factor. Where the unknowns lie in cones, none is kept."""
    return jnp.zeros(0) if _owned(problem) else matrix.nothing(problem.P, problem.A)


def kept(system: System) -> Factor:
    return jnp.zeros(0) if _owned(system.problem) else system.factor


def system(problem: Program, basis: Basis, weight: Array, factor: Factor) -> System:
    A, cones = problem.A, problem.cones
    if not isinstance(A, Array):
        return System(problem, rotated_rows(cones, basis, A), basis, weight, factor)
    if not _owned(problem):
        return System(problem, turned(cones, basis, A), basis, weight, factor)
    zero, found = cones.zero, System(problem, A, basis, weight, factor)
    equations, own = found.into(A[:zero].T).T, jnp.eye(A.shape[1], dtype=A.dtype)
    delta, rho = _lifts(weight.dtype)
    root = jnp.sqrt(1 / (_penalty(weight[zero:]) + delta))
    schur = linalg.gram(root[:, None] * equations.T) + rho * jnp.eye(zero, dtype=A.dtype)
    inner = linalg.cholesky(schur) if zero else schur
    return found._replace(B=jnp.concatenate([equations, own]), factor=inner)


def factorised(problem: Program, constant: Constant, basis: Basis, weight: Array) -> System:
    """`constant` is that of the program."""
    found = system(problem, basis, weight, jnp.zeros(0))
    if _owned(problem):
        return found
    penalty, dense = _penalty(weight), isinstance(problem.A, Array)
    H = _normal(found, constant, penalty) if dense else matrix.gram(problem.P, found.B, penalty)
    return found._replace(factor=matrix.factorised(H, _lifts(weight.dtype)[0]))


def _penalty(weight: Array) -> Array:
    return weight / (1 - weight + _lifts(weight.dtype)[1] * weight)


def _normal(system: System, constant: Constant, penalty: Array) -> Array:
    """P + A'U diag(penalty) U'A.

    Second-order cones whose A'A is known add a multiple of it, and two rows: their other weights are equal.
    """
    assert isinstance(system.B, Array)
    assert isinstance(constant.equations, Array)
    H, rows, weights = constant.equations, [], []
    cones, n = system.problem.cones, system.B.shape[1]
    blocks = zip(
        groups.groups(cones),
        system.basis,
        constant.terms,
        groups.cut(cones, system.B),
        groups.cut(cones, penalty),
        strict=True,
    )
    for group, u, term, part, own in blocks:
        if group.kind == groups.ZERO:
            continue
        if term is None:
            there = coordinates(u, part) if group.kind == groups.SOC else part
            rows.append(there.reshape(-1, n))
            weights.append(own.ravel())
        elif group.kind == groups.NONNEG:
            H = H + jnp.eye(n, dtype=H.dtype) * (own[:, 0] @ term)
        else:
            pair = ends(u, part)
            for cone in range(group.count):
                rest = own[cone, 2]
                H = H + rest * term[cone]
                for row, value in zip(pair[cone], own[cone], strict=False):
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


def _places(problem: Program) -> tuple[np.ndarray, Array]:
    """The unknown that each row of the cones sees, and how large there, as a column."""
    assert isinstance(problem.A, Array)
    zero, n = problem.cones.zero, problem.q.shape[0]
    place = np.asarray(problem.sparsity.single, np.int32)[zero:]
    there = np.eye(n, dtype=problem.A.dtype)[place]
    return place, jnp.sum(problem.A[zero:] * there, axis=1, keepdims=True)


def _solid(problem: Program) -> Cones:
    return replace(problem.cones, zero=0)


def _single(problem: Program, group: groups.Group) -> bool:
    """Whether each row of half-lines sees but one unknown."""
    single = problem.sparsity.single
    return single is not None and all(single[row] >= 0 for row in group.starts)


# ---- solves --------------------------------------------------------------------------------------


def solve(
    system: System, r: Array, t: Array, accuracy: Array | float = 0.0
) -> tuple[tuple[Array, Array], Array]:
    """Columns (x, w), and the largest relative residual left, of which `accuracy` is enough; t and w are in
    `frame.turned` coordinates."""
    problem, B, basis, weight, factor = system
    dense, cones = isinstance(B, Array), problem.cones
    curved = problem.sparsity.curved
    t = t if dense else aligned(cones, basis, t)
    rho = _lifts(r.dtype)[1]
    rest = 1 - weight + rho * weight

    def scaled(values: Array, v: Array) -> Array:
        return along(cones, basis, values, v) if dense else values[:, None] * v

    def exact(point: tuple[Array, Array]) -> tuple[Array, Array]:
        x, w = point
        moved = scaled(weight, w)
        slope = _back(B, moved)
        return _times(problem.P, x) + slope if curved else slope, _times(B, x) - w + moved

    def approximate(rhs: tuple[Array, Array]) -> tuple[Array, Array]:
        r, t = rhs
        if isinstance(B, BorderedRows):
            x, z = matrix.solve_with_rows(factor, B, weight / rest, r, t)
            heavy = weight[:, None]
            return x, jnp.where(heavy > 0, z / jnp.where(heavy > 0, heavy, 1), B @ x - t)
        if _owned(problem):
            return _through_schur(system, r, t)
        x = matrix.solve(factor, r + _back(B, scaled(weight / rest, t)))
        return x, scaled(1 / rest, _times(B, x) - t)

    enough = jnp.maximum(ROUNDED, accuracy / jnp.finfo(r.dtype).eps)
    (x, w), error = linalg.refined(exact, approximate, (system.into(r), t), REFINEMENTS, enough)
    return (system.out(x), w if dense else aligned(cones, basis, w, back=True)), error


def _through_schur(system: System, r: Array, t: Array) -> tuple[Array, Array]:
    """Columns (x, w) where all but the equations is diagonal."""
    B, zero = system.B, system.problem.cones.zero
    assert isinstance(B, Array)
    delta, rho = _lifts(r.dtype)
    E, weight = B[:zero], system.weight[zero:, None]
    rest = 1 - weight + rho * weight
    whole, right = weight / rest + delta, r + weight / rest * t[zero:]
    y = t[:0]
    if zero:
        y = matrix.solve(system.factor, _times(E, right / whole) - t[:zero])
        right = right - _back(E, y)
    x = right / whole
    return x, jnp.concatenate([y, (x - t[zero:]) / rest])


def least_norm(problem: Program, basis: Basis, weight: Array, r: Array, t: Array) -> tuple[Array, Array]:
    """The same for a singular system: the whole matrix, symmetric in x and the steps of z."""
    P, A, cones = problem.P, problem.A, problem.cones
    assert isinstance(P, Array)
    assert isinstance(A, Array)
    B, t = rotated(cones, basis, A), aligned(cones, basis, t)
    n = P.shape[0]
    moving = weight > 0
    rest = jnp.where(moving, (1 - weight) / jnp.where(moving, weight, 1), 1)
    rows = jnp.where(moving[:, None], B, 0)
    whole = jnp.block([[P, rows.T], [rows, -jnp.diag(rest)]])
    rhs = jnp.concatenate([r, jnp.where(moving[:, None], t, 0)])
    point = jax.vmap(lambda b: solve_equilibrated(whole, b, False), in_axes=1, out_axes=1)(rhs)
    x, z = point[:n], point[n:]
    w = jnp.where(moving[:, None], z / jnp.where(moving, weight, 1)[:, None], B @ x - t)
    return x, aligned(cones, basis, w, back=True)


def _times(A: Square | Wide, x: Array) -> Array:
    """A x; a product with one vector needs no copies."""
    return linalg.times(A, x) if isinstance(A, Array) and x.shape[1] == 1 else A @ x


def _back(A: Wide, w: Array) -> Array:
    """A'w."""
    return (w[:, 0] @ A)[:, None] if isinstance(A, Array) and w.shape[1] == 1 else A.T @ w


def _lifts(dtype: jnp.dtype) -> tuple[float, float]:
    """Proximal terms on x and on active rows; refinement takes them out."""
    eps = float(jnp.finfo(dtype).eps)
    return eps**0.5, eps**0.375
