"""A smooth convex program and two points that run away -> whether its cost falls for ever, with the proof.

The proof is a ray: equations hold along it, entries whose domain is the positive numbers do not fall, inequalities
rise by nothing, all relative to the ray's length, and each factor of a million farther out the cost falls at
least as much as for the one before, as a logarithm does. Points farther away than that are not looked at.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.smooth.program import Program, largest

SHARE = 1e-7  # of a ray's length: zero
FAR = 1e4, 1e8, 1e12


def unbounded(program: Program, point: Array, farther: Array) -> Array:
    """Whether the direction from a feasible point to a farther one is such a ray."""
    ray = farther - point
    size = largest(ray)
    ray = ray / jnp.where(size > 0, size, 1)
    share = jnp.maximum(SHARE, float(jnp.finfo(ray.dtype).eps) ** 0.5)
    ray = jnp.where(jnp.abs(ray) <= 10 * share, 0, ray)
    lengths = jnp.asarray(FAR, ray.dtype) * (1 + largest(point))
    path = point + lengths[:, None] * ray
    costs = jax.vmap(program.cost)(path)
    falls = costs[:-1] - costs[1:]
    falling = (falls[0] > share * (1 + jnp.abs(program.cost(point)))) & (falls[1] >= 0.9 * falls[0])
    rows = jnp.max(jnp.abs(program.A), axis=1, initial=0)
    along = jnp.all(jnp.abs(program.A @ ray) <= share * rows)
    rises = jax.vmap(program.inequalities)(path) - program.inequalities(point)
    below = jnp.all(rises <= share * lengths[:, None])
    if program.inside is not None:
        along &= ~jnp.any(program.inside & (ray < 0))
    return falling & along & below & jnp.all(jnp.isfinite(path))
