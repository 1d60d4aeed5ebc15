"""A smooth convex program at one value of its parameters: what the iterations ask of it at a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg

Function = Callable[[Array], Array]


class Local(NamedTuple):
    """First derivatives at a point; the rows of E are those of A, then the gradients of the inequalities."""

    slope: Array  # [n], of the cost
    eq: Array  # [p], A x - b
    ineq: Array  # [m], at most zero where they hold
    E: Array  # [p + m, n]


@dataclass(frozen=True)
class Program:
    """minimise cost(x) subject to A x = b and inequalities(x) <= 0, where x[inside] > 0."""

    cost: Function
    inequalities: Function  # [m], may be empty
    A: Array  # [p, n]
    b: Array  # [p]
    inside: Array | None = None  # [n] bool: the cost is defined where these entries are positive
    hessian: Function | None = None  # of the cost
    diagonal: bool = False  # the Hessian of the Lagrangian is
    pull: Array | float = 0.0  # towards zero: its share of x' x / 2 is added to the cost

    def at(self, x: Array) -> Local:
        ineq = self.inequalities(x)
        if not ineq.size:
            return Local(self._slope(x), self.A @ x - self.b, ineq, self.A)
        rows = (jax.jacrev if ineq.size < x.size else jax.jacfwd)(self.inequalities)(x)
        E = jnp.concatenate([self.A, rows.reshape(ineq.size, x.size)])
        return Local(self._slope(x), self.A @ x - self.b, ineq, E)

    def curvature(self, x: Array, z: Array) -> Array:
        """The Hessian of cost + z' inequalities: [n, n], or its diagonal [n]."""
        if self.diagonal:
            return jax.jvp(jax.grad(self._lagrangian(z)), (x,), (jnp.ones_like(x),))[1] + self.pull
        return self._matrix(x, z) + self.pull * jnp.eye(x.size, dtype=x.dtype)

    def _slope(self, x: Array) -> Array:
        return jax.grad(self.cost)(x) + self.pull * x

    def _matrix(self, x: Array, z: Array) -> Array:
        if self.hessian is None:
            return jax.hessian(self._lagrangian(z))(x)
        own = self.hessian(x)
        return own + jax.hessian(lambda x: z @ self.inequalities(x))(x) if z.size else own

    def _lagrangian(self, z: Array) -> Function:
        return (lambda x: self.cost(x) + z @ self.inequalities(x)) if z.size else self.cost


def residual(local: Local, x: Array, y: Array, z: Array) -> Array:
    """Largest violation of the optimality conditions, relative to 1 + the largest of the terms it sums.

    Stationarity, feasibility, and complementarity against 1 + |x' slope|; z is taken as given, nonnegative.
    """
    forces = (jnp.concatenate([y, z]) if z.size else y) @ local.E
    slope, force, left = linalg.reduced(
        *(linalg.largest(v) for v in (local.slope, forces, local.slope + forces))
    )
    column = 1 + jnp.maximum(slope, force)
    row = 1 + largest(local.E @ x)
    missed = jnp.maximum(largest(local.eq), largest(jnp.maximum(local.ineq, 0)))
    if not z.size:
        return jnp.maximum(left / column, largest(local.eq) / row)
    pairs = jnp.sum(jnp.abs(z * local.ineq)) / (1 + jnp.abs(x @ local.slope))
    return jnp.maximum(jnp.maximum(left / column, missed / row), pairs)


def largest(v: Array) -> Array:
    return linalg.extent(v) if v.size else jnp.zeros((), v.dtype)
