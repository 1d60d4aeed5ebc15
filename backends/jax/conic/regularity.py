"""Whether the solution of a conic program has a derivative: independent active rows, curvature, strict
complementarity."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax.conic import faces, groups
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.frame import rotated
from declarative.backends.jax.conic.polish import Program
from declarative.backends.jax.qp.regular import WEAK, rank_defects
from declarative.layer.status import DerivativeStatus


def regularity(problem: Program, x: Array, pairs: Pairs, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns, from the scaled problem.

    In the basis of `frame` the rows of weight 1 are active: dependent if they are rank-deficient, singular if
    neither P nor the curvature of the cones moves their null space, weakly active if an eigenvalue
    of s and z is zero in both, or an exponential or power cone's pair lies at the end of its face.
    """
    weight, low, high, basis = pairs.frame
    B = rotated(problem.cones, basis, problem.A)
    n = x.shape[0]
    small = max(WEAK, float(jnp.finfo(x.dtype).eps) ** 0.5)
    tiny = jnp.finfo(x.dtype).tiny
    force = small * jnp.maximum(jnp.max(jnp.abs(jnp.concatenate([problem.P @ x, problem.q]))), tiny)
    slack = small * jnp.maximum(jnp.max(jnp.abs(x)), tiny)
    symmetric, weak = [], jnp.zeros((), bool)
    blocks = zip(
        groups.groups(problem.cones),
        groups.parts(problem.cones, pairs.s),
        groups.parts(problem.cones, pairs.z),
        strict=True,
    )
    at = 0
    for group, s, z in blocks:
        symmetric.append(jnp.full(group.count * group.size, group.kind != groups.ZERO and not group.solid))
        if group.solid:
            face = pairs.held.face[at : at + group.count]
            exponents = problem.alpha if group.kind == groups.POWER else jnp.full(group.count, 0.5, x.dtype)
            weak |= jnp.any(faces.weak(group.kind, exponents, face, s, z, slack, force))
            at += group.count
    present = jnp.any(B != 0, axis=1)
    touching = jnp.concatenate(symmetric) & present & (low <= slack)
    weak |= jnp.any(touching & (jnp.abs(high) <= force))
    active = (weight == 1) | touching
    # How strong the curvature is does not matter: its weight has the same null space.
    bent = jnp.where(active, 0, weight)
    dependent, singular = rank_defects(
        problem.P + B.T @ (bent[:, None] * B),
        jnp.where(active[:, None], B, 0),
        jnp.sum(active & (present | (weight == 1))),
        jnp.arange(n) < (n if own is None else own),
    )
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, DerivativeStatus.REGULAR.code)
    code = jnp.where(singular, DerivativeStatus.SINGULAR.code, code)
    return jnp.where(dependent, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(jnp.int8)
