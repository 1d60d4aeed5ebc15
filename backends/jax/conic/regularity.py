"""Whether the solution of a conic program has a derivative: independent active rows, curvature, strict
complementarity, and pairs that belong to it."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import faces, groups, polish
from declarative.backends.jax.conic.blockwise import turned_rows
from declarative.backends.jax.conic.complementarity import Pairs
from declarative.backends.jax.conic.program import Program
from declarative.backends.jax.qp.blockwise import rank_defects_in_blocks
from declarative.backends.jax.qp.regular import WEAK, rank_defects
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.blocks import Rows
from declarative.backends.jax.structure.border import BorderedRows
from declarative.layer.status import DerivativeStatus


def regularity(problem: Program, x: Array, pairs: Pairs, own: int | None = None) -> Array:
    """DerivativeStatus.code of the first `own` unknowns, from the scaled problem.

    In the basis of `frame` the rows of weight 1 are active: dependent if they are rank-deficient, singular if
    neither P nor the curvature of the cones moves their null space, weakly active if an eigenvalue
    of s and z is zero in both, or an exponential or power cone's pair lies at the end of its face. Singular, too,
    where no complementary pairs were found next to the solution: the derivative is taken at others.
    """
    weight, size, basis = pairs.frame
    low, high = (1 - weight) * size, weight * size
    B = turned_rows(problem.cones, basis, problem.A)
    n = x.shape[0]
    small = max(WEAK, float(jnp.finfo(x.dtype).eps) ** 0.5)
    tiny = jnp.finfo(x.dtype).tiny
    force = small * jnp.maximum(jnp.max(jnp.abs(jnp.concatenate([problem.P @ x, problem.q]))), tiny)
    slack = small * jnp.maximum(jnp.max(jnp.abs(x)), tiny)
    slope, rows = polish.residuals(problem, x, pairs)
    adrift = (linalg.extent(slope) > small + force) | (linalg.extent(rows) > small + slack)
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
    present = matrix.row_sizes(B) > 0
    touching = jnp.concatenate(symmetric) & present & (low <= slack)
    weak |= jnp.any(touching & (jnp.abs(high) <= force))
    active = (weight == 1) | touching
    # How strong the curvature is does not matter: its weight has the same null space.
    bent = jnp.where(active, 0, weight)
    curved = matrix.gram(problem.P, B, bent)
    mine = jnp.arange(n) < (n if own is None else own)
    if isinstance(B, Rows | BorderedRows):
        dependent, singular = rank_defects_in_blocks(curved, B, active & (present | (weight == 1)), mine)
    else:
        count = jnp.sum(active & (present | (weight == 1)))
        dependent, singular = rank_defects(curved, jnp.where(active[:, None], B, 0), count, mine)
    code = jnp.where(adrift, DerivativeStatus.SINGULAR.code, DerivativeStatus.REGULAR.code)
    code = jnp.where(weak, DerivativeStatus.WEAKLY_ACTIVE.code, code)
    code = jnp.where(singular, DerivativeStatus.SINGULAR.code, code)
    return jnp.where(dependent, DerivativeStatus.DEPENDENT_CONSTRAINTS.code, code).astype(jnp.int8)
