"""Known projections and proximal maps in closed form: half ||x - v||^2 over a named set.

Every map of `projections.py` and `proximal.py` has the residual F = x - formula(v), whose Jacobian in x is the
identity. The positive semidefinite cone has F = X^2 - (X V + V X) / 2, of which the projection is the
root with 2X - V = |V|: its Jacobian is diagonal in the eigenbasis of V, repeated eigenvalues or not.
Statuses: `solved`, `infeasible` where the set is empty, `invalid_input` where a weight is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.composite.parts import WEIGHTED
from declarative.backends.jax.iteration import invalid
from declarative.backends.jax.projections import Args
from declarative.backends.jax.proximal import MAPS
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.status import DerivativeStatus, Status

NEAR = 1e-7  # relative distance from the border of two cases at which the derivative is one-sided


Centre = Callable[[Params], Array]
Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Solver:
    """`Solver("ball", centre, set_args)`: the point to be projected and what fixes the set.

    `shift(params)` is where the set stands; the point is seen from there.
    """

    def __new__(
        cls, name: str, centre: Centre, set_args: Callable[[Params], Args], shift: Centre | None = None
    ) -> Any:
        solver: Any = _Semidefinite(centre) if name == "psd" else _Cases(name, centre, set_args)
        return solver if shift is None else _Moved(solver, shift)


class _Moved:
    """A set that stands at `shift`: everything is as at the origin, but for the solution's place."""

    def __init__(self, solver: Any, shift: Centre):
        self._solver, self._shift = solver, shift

    def _seen(self, y: Point, p: Params) -> Point:
        return y._replace(z=y.z - jnp.ravel(self._shift(p)))

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        root: Root = self._solver.solve(p, None, options)
        return root._replace(y=root.y._replace(z=root.y.z + jnp.ravel(self._shift(p))))

    def optimality(self, y: Point, p: Params, fixed: Any) -> Any:
        return self._solver.optimality(self._seen(y, p), p, fixed)

    def linear(self, y: Point, p: Params, fixed: Any) -> Any:
        return self._solver.linear(self._seen(y, p), p, fixed)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Any:
        return self._solver.regularity(self._seen(y, p), p, fixed)


class _Cases:
    def __init__(self, name: str, centre: Centre, set_args: Callable[[Params], Args]):
        self._set, self._centre, self._args = MAPS[name], centre, set_args
        self._weighted = name in WEIGHTED

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        v, args = jnp.ravel(self._centre(p)), self._args(p)
        case, z = self._set.find(v, args)
        concave = jnp.any(jnp.asarray(args[0]) < 0) if self._weighted else jnp.asarray(False)
        return _root(z, case, v, jnp.asarray(self._set.empty(args)), concave)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        v = jnp.ravel(self._centre(p))
        return y._replace(z=y.z - self._set.formula(v, fixed, self._args(p)))

    def linear(self, y: Point, p: Params, fixed: Any) -> Operators:
        return (lambda rhs: rhs), (lambda rhs: rhs)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        v = jnp.ravel(self._centre(p))
        return _status(self._set.edge(v, fixed, self._args(p), _near(v)))


class _Semidefinite:
    """`fixed` holds the eigenvectors of V and the sums of the sizes of its eigenvalues, two by two."""

    def __init__(self, centre: Centre):
        self._centre = centre

    def _matrix(self, p: Params) -> Array:
        v = self._centre(p)
        return (v + v.T) / 2

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        v = self._matrix(p)
        values, vectors = linalg.eigh(v)
        x = (vectors * jnp.maximum(values, 0)) @ vectors.T
        sums = jnp.abs(values)[:, None] + jnp.abs(values)[None, :]
        return _root(jnp.ravel(x), (vectors, sums), values, never := jnp.asarray(False), never)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        v = self._matrix(p)
        x = y.z.reshape(v.shape)
        half = x @ (x - v)  # of symmetric matrices: the other half is its transpose
        return y._replace(z=jnp.ravel(half + half.T) / 2)

    def linear(self, y: Point, p: Params, fixed: Any) -> Operators:
        """(H |V| + |V| H) / 2 = rhs, a symmetric operator; zero where two eigenvalues are zero."""
        vectors, sums = fixed

        def solve(rhs: Point) -> Point:
            turned = vectors.T @ rhs.z.reshape(sums.shape) @ vectors
            turned = jnp.where(sums > 0, 2 * turned / jnp.where(sums > 0, sums, 1), 0)
            return rhs._replace(z=jnp.ravel(vectors @ turned @ vectors.T))

        return solve, solve

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        sizes = jnp.diagonal(fixed[1]) / 2
        return _status(jnp.any(sizes <= _near(sizes)))


def _root(z: Array, fixed: Any, seen: Array, empty: Array, concave: Array) -> Root:
    code = jnp.where(empty, Status.INFEASIBLE.code, Status.SOLVED.code)
    code = invalid(jnp.where(concave, Status.INVALID_INPUT.code, code), seen)
    none = jnp.zeros(0, z.dtype)
    return Root(Point(z, none, none), fixed, code, jnp.int32(0), jnp.zeros((), z.dtype))


def _near(v: Array) -> Array:
    small = max(NEAR, float(jnp.finfo(v.dtype).eps) ** 0.5)
    return small * (1 + jnp.max(jnp.abs(v), initial=0))


def _status(edge: Array) -> Array:
    code = jnp.where(edge, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    return code.astype(jnp.int8)
