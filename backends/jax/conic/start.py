"""A scaled conic program -> the point of the embedding where its iteration starts: Mehrotra's (SIAM J. Optim. 2, 1992).

The shortest s of A x + s = b, and the shortest z of the dual equations, each moved into its cones, and further until
both are of one size. Where a cone is not symmetric, a point of the central path instead.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import kkt
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.cones.cone import Cone, Symmetric
from declarative.backends.jax.conic.product import join, split
from declarative.backends.jax.conic.progress import Iterate
from declarative.backends.jax.conic.scaling import Scaled

MARGIN = 1.5  # times the distance to the cone
SHARE = 0.5  # of the mean product, the least distance to its border
LEAST = 1e-2


def start(problem: Scaled, delta: Array) -> Iterate:
    cones, zero = grouped(problem.cones, problem.alpha), problem.cones.zero
    q, b, one = problem.q, problem.b, jnp.ones_like(problem.cost)
    pairs = [cone.start(q) for cone in cones]
    first, second = ([pair[i] for pair in pairs] for i in range(2))
    none = jnp.zeros(zero, q.dtype)
    central = Iterate(jnp.zeros_like(q), join([none, *second], none), join([none, *first], none), one, one)
    if not all(isinstance(cone, Symmetric) for cone in cones):
        return central
    scalings = [cone.scaling(*pair, one, delta) for cone, pair in zip(cones, pairs, strict=True)]
    solve = kkt.prepared(problem, cones)(scalings, delta)
    # With H = 1 the first solution has z = -s; the second one's z is the shortest.
    still = jnp.zeros((2, b.shape[0] - zero), q.dtype)
    solved = solve(jnp.stack([0 * q, -q]), jnp.stack([b, 0 * b]), still, jnp.inf * one)
    x, z, _ = jnp.split(solved, [q.shape[0], q.shape[0] + b.shape[0]], axis=1)
    y = z[1, :zero]
    units = jnp.stack([join(first, none), join(second, none)])
    s, z = _inside(cones, units, jnp.stack([-z[0, zero:], z[1, zero:]]))
    product, of_z, of_s = linalg.reduced(
        linalg.total(s * z), linalg.total(units[0] * z), linalg.total(units[1] * s)
    )
    more = jnp.maximum(SHARE * product / jnp.stack([of_z, of_s]), LEAST)
    s, z = jnp.stack([s, z]) + more[:, None] * units
    found = Iterate(x[0], jnp.concatenate([y, z]), jnp.concatenate([none, s]), one, one)
    finite = jnp.isfinite(product)
    return Iterate(*(jnp.where(finite, a, b) for a, b in zip(found, central, strict=True)))


def _inside(cones: tuple[Cone, ...], units: Array, v: Array) -> Array:
    """Of s and z, [2, rows]; both cones are one."""
    parts = zip(cones, split(cones, units.T), split(cones, v.T), strict=True)
    far = [jnp.repeat(jax.vmap(cone.outside, 1)(part)[None], len(part), 0) for cone, _, part in parts]
    return v + MARGIN * join(far, v.T).T * units
