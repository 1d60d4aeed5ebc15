"""What emitted modules call besides jax.numpy: index sets, flattening, and a few functions it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative import dims
from declarative.backends.jax.atoms import concat as concat
from declarative.backends.jax.atoms import cumsum as cumsum
from declarative.backends.jax.atoms import diff as diff
from declarative.backends.jax.atoms import entropy as entropy
from declarative.backends.jax.atoms import eye as eye
from declarative.backends.jax.atoms import full as full
from declarative.backends.jax.atoms import huber as huber
from declarative.backends.jax.atoms import inv as inv
from declarative.backends.jax.atoms import inv_pos as inv_pos
from declarative.backends.jax.atoms import kl as kl
from declarative.backends.jax.atoms import maximum as maximum
from declarative.backends.jax.atoms import minimum as minimum
from declarative.backends.jax.atoms import norm2 as norm2
from declarative.backends.jax.atoms import norm_p as norm_p
from declarative.backends.jax.atoms import quad_form as quad_form
from declarative.backends.jax.atoms import rel_entropy as rel_entropy
from declarative.backends.jax.atoms import softplus as softplus
from declarative.backends.jax.atoms import sum_largest as sum_largest
from declarative.backends.jax.atoms import sum_squares as sum_squares
from declarative.backends.jax.cone_rows import EXP as EXP
from declarative.backends.jax.cone_rows import POWER as POWER
from declarative.backends.jax.cone_rows import first as first
from declarative.backends.jax.cone_rows import smat as smat
from declarative.backends.jax.cone_rows import svec as svec
from declarative.backends.jax.cone_rows import symmetric as symmetric
from declarative.backends.jax.cone_rows import triangle as triangle
from declarative.backends.jax.forms import Cones, Conic, Curvature, Quadratic
from declarative.backends.jax.matrix_functions import det as det
from declarative.backends.jax.matrix_functions import eig_max as eig_max
from declarative.backends.jax.matrix_functions import eig_min as eig_min
from declarative.backends.jax.matrix_functions import log_det as log_det
from declarative.backends.jax.matrix_functions import norm_nuc as norm_nuc
from declarative.backends.jax.matrix_functions import norm_spec as norm_spec
from declarative.backends.jax.matrix_functions import solve as solve
from declarative.backends.jax.matrix_functions import sqrtm as sqrtm
from declarative.backends.jax.qp.low_rank import Factors
from declarative.dims import Dim

Range = tuple[int, int]


# ---- dtypes and flat vectors -------------------------------------------------------------------


def dtype(params: tuple[Any, ...]) -> Any:
    """The common floating dtype of one element's parameters."""
    leaves = [leaf.dtype for leaf in jax.tree.leaves(params) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.result_type(*leaves) if leaves else jnp.result_type(float)


def flat(*arrays: Array, like: tuple[Any, ...]) -> Array:
    """The arrays raveled and joined, in the dtype of the parameters `like`."""
    kind = dtype(like)
    if not arrays:
        return jnp.zeros(0, kind)
    return jnp.concatenate([jnp.ravel(jnp.asarray(array)).astype(kind) for array in arrays])


def matrix(value: Any, like: tuple[Any, ...]) -> Array:
    return jnp.asarray(value).astype(dtype(like))


def dimension(name: str, *equations: tuple[Any, int]) -> int:
    """One dimension out of a linear system: pairs of a dimension's terms and its number."""
    found = dims.bind([(Dim(terms), Dim.of(length)) for terms, length in equations])[0][name].constant
    assert found is not None
    return found


# ---- index sets --------------------------------------------------------------------------------


def grid(*ranges: Range) -> list[Array]:
    """All index tuples of the product of half-open ranges, as one vector per index, in C order."""
    axes = np.meshgrid(*(np.arange(*ends) for ends in ranges), indexing="ij")
    return [jnp.asarray(axis.ravel()) for axis in axes]


def pick(where: Callable[..., Any], *ranges: Range) -> list[np.ndarray[Any, Any]]:
    """The index tuples of `grid` for which `where` holds; it is written in NumPy, of indices and sizes only."""
    axes = [axis.ravel() for axis in np.meshgrid(*(np.arange(*ends) for ends in ranges), indexing="ij")]
    kept = np.broadcast_to(where(*axes), axes[0].shape)
    return [axis[kept] for axis in axes]


def spread(values: Array, kept: list[np.ndarray[Any, Any]], *ranges: Range, shape: tuple[int, ...]) -> Array:
    """Rows given for the picked index tuples only -> an array over all of them, zero elsewhere."""
    rows = values.reshape(kept[0].shape[0], -1)
    offsets = tuple(index - first for index, (first, _) in zip(kept, ranges, strict=True))
    whole = jnp.zeros((*(last - first for first, last in ranges), rows.shape[1]), values.dtype)
    return whole.at[offsets].set(rows).reshape(shape)


def reduce_where(op: str, values: Array, mask: Array) -> Array:
    """Sum, max, min, prod or mean over the leading axis, where the mask holds."""
    mask = mask.reshape(mask.shape + (1,) * (values.ndim - 1))
    if op == "mean":
        return jnp.sum(jnp.where(mask, values, 0), axis=0) / jnp.sum(mask)
    neutral = {"sum": 0.0, "prod": 1.0, "max": -jnp.inf, "min": jnp.inf}[op]
    return getattr(jnp, op)(jnp.where(mask, values, neutral), axis=0)


def mask_rows(rows: Array, mask: Array, neutral: float) -> Array:
    """Rows of a quantified constraint; those whose filter fails always hold."""
    return jnp.where(mask.reshape(mask.shape + (1,) * (rows.ndim - 1)), rows, neutral)


# ---- derivatives -------------------------------------------------------------------------------


def entry_slopes(
    cost: Callable[[Array, Any], Array], flat: Array, params: tuple[Any, ...]
) -> tuple[Array, Array]:
    """Gradient of a sum of functions of one entry each, and the diagonal of its Hessian."""
    return jax.jvp(jax.grad(lambda z: cost(z, params)), (flat,), (jnp.ones_like(flat),))


# ---- quadratic programs ------------------------------------------------------------------------


def zeros(size: int, params: tuple[Any, ...]) -> Array:
    return jnp.zeros(size, dtype(params))


def linear_part(function: Callable[[Array, Any], Array], size: int, params: tuple[Any, ...]) -> Array:
    """The matrix of an affine function of the flat unknowns."""
    return jax.jacfwd(function)(zeros(size, params), params)


def constant_part(function: Callable[[Array, Any], Array], size: int, params: tuple[Any, ...]) -> Array:
    """Minus the value at zero of an affine function: the right-hand side that goes with its matrix."""
    return -function(zeros(size, params), params)


def second_order(function: Callable[[Array, Any], Array], size: int, params: tuple[Any, ...]) -> Array:
    """The Hessian of a quadratic function."""
    return jax.hessian(function)(zeros(size, params), params)


def first_order(function: Callable[[Array, Any], Array], size: int, params: tuple[Any, ...]) -> Array:
    """The gradient at zero of a quadratic function."""
    return jax.grad(function)(zeros(size, params), params)


def quadratic(params: tuple[Any, ...], *, P: Any, q: Any, A: Any, b: Any, G: Any, h: Any) -> Quadratic:
    """The data of a quadratic program in the dtype of the parameters."""
    kind = dtype(params)
    return Quadratic(*(jnp.asarray(block).astype(kind) for block in (P, q, A, b, G, h)))


def curvature(params: tuple[Any, ...], rest: Any, *weighted: tuple[Any, Any]) -> Curvature:
    """P as a matrix and rows, a weight for each or one for all rows of a block, in the dtype of the parameters."""
    kind = dtype(params)
    blocks = [jnp.asarray(rows).astype(kind) for _, rows in weighted]
    weights = [
        jnp.broadcast_to(jnp.ravel(jnp.asarray(weight).astype(kind)), rows.shape[:1])
        for (weight, _), rows in zip(weighted, blocks, strict=True)
    ]
    return Curvature(jnp.asarray(rest).astype(kind), jnp.concatenate(blocks), jnp.concatenate(weights))


def conic(
    params: tuple[Any, ...],
    *,
    P: Any,
    q: Any,
    A: Any,
    b: Any,
    G: Any,
    h: Any,
    M: Any = None,
    v: Any = None,
    soc: tuple[int, ...] = (),
    psd: tuple[int, ...] = (),
    exp: int = 0,
    power: int = 0,
    alpha: Any = (),
) -> Conic:
    """The data of a conic program in the dtype of the parameters: A z = b, G z <= h, M z + v in cones."""
    kind = dtype(params)
    rows = [jnp.asarray(block).astype(kind) for block in (A, G, *(() if M is None else (-M,)))]
    right = [jnp.asarray(block).astype(kind) for block in (b, h, *(() if v is None else (v,)))]
    cones = Cones(right[0].size, right[1].size, soc, psd, exp, power)
    cost = jnp.asarray(P).astype(kind), jnp.asarray(q).astype(kind)
    exponents = jnp.asarray(alpha).astype(kind)
    return Conic(*cost, jnp.concatenate(rows), jnp.concatenate(right), exponents, cones)


def low_rank(params: tuple[Any, ...], diagonal: Any, *weighted: tuple[Any, Any]) -> Factors:
    """A diagonal and rows, each block of them scaled by the root of its weight."""
    blocks = [jnp.sqrt(jnp.reshape(jnp.asarray(weight), (-1, 1))) * rows for weight, rows in weighted]
    rows = matrix(jnp.concatenate(blocks), params)
    return Factors(jnp.broadcast_to(matrix(diagonal, params), rows.shape[1:]), rows)
