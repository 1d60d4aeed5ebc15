"""Projections onto known sets, each in two steps: a case, then a formula that is smooth within it.

The case (a mask, the blocks of a fit, a branch) is found from the point v and held constant; the
formula, differentiated as it stands, is then the derivative of the projection, at every order.
`edge` says where v lies on the border of two cases, `empty` where the set has no point; `at_once`
gives case and projection together where they are found together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Args = tuple[Any, ...]


def _never(*_: Any) -> Array:
    return jnp.asarray(False)


@dataclass(frozen=True)
class Projection:
    """`case(v, args)`, `formula(v, case, args) -> x`, `edge(v, case, args, tol)`, `empty(args)`; v is flat."""

    case: Callable[[Array, Args], Any]
    formula: Callable[[Array, Any, Args], Array]
    edge: Callable[[Array, Any, Args, Array], Array] = _never
    empty: Callable[[Args], Array] = _never
    at_once: Callable[[Array, Args], tuple[Any, Array]] | None = None

    def find(self, v: Array, args: Args) -> tuple[Any, Array]:
        """The case and the projection."""
        if self.at_once is not None:
            return self.at_once(v, args)
        case = self.case(v, args)
        return case, self.formula(v, case, args)


# ---- entry by entry ----------------------------------------------------------------------------


def _box_case(v: Array, args: Args) -> tuple[Array, Array]:
    lower, upper = args
    return v < jnp.ravel(lower), v > jnp.ravel(upper)


def _box(v: Array, case: tuple[Array, Array], args: Args) -> Array:
    lower, upper = (jnp.ravel(end).astype(v.dtype) for end in args)
    return jnp.where(case[0], lower, jnp.where(case[1], upper, v))


def _box_edge(v: Array, case: Any, args: Args, tol: Array) -> Array:
    return jnp.any(jnp.stack([jnp.abs(v - jnp.ravel(end)) <= tol for end in map(jnp.asarray, args)]))


BOX = Projection(_box_case, _box, _box_edge, lambda args: jnp.any(jnp.ravel(args[0]) > jnp.ravel(args[1])))
NONNEG = Projection(
    lambda v, args: v > 0,
    lambda v, case, args: jnp.where(case, v, 0),
    lambda v, case, args, tol: jnp.any(jnp.abs(v) <= tol),
)
FREE = Projection(lambda v, args: (), lambda v, case, args: v)


# ---- the simplex and the cross-polytope --------------------------------------------------------


def _radius(args: Args) -> Any:
    return args[0] if args else 1.0


def _threshold(v: Array, radius: Any) -> Array:
    """The shift above which entries stay positive, by Michelot's finite iteration (1986).

    It grows in every round, from a start that is too low; then fewer entries lie above it.
    """

    def grow(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        shift, _ = carry
        kept = v > shift
        size = jnp.sum(kept.astype(v.dtype))
        moved = jnp.maximum((jnp.sum(jnp.where(kept, v, 0)) - radius) / jnp.maximum(size, 1), shift)
        return moved, moved > shift

    first = jnp.max(v, initial=-jnp.inf) - radius
    return jax.lax.while_loop(lambda carry: carry[1], grow, (first, jnp.asarray(True)))[0]


def _shift(v: Array, signs: Array, radius: Any) -> Array:
    """tau for which v - tau * signs, on the support, has signs . x == radius."""
    return (jnp.sum(signs * v) - radius) / jnp.maximum(jnp.sum(jnp.abs(signs)), 1)


def _onto_face(v: Array, signs: Array, radius: Any) -> Array:
    return jnp.where(signs != 0, v - signs * _shift(v, signs, radius), 0)


def _face_edge(v: Array, signs: Array, radius: Any, tol: Array) -> Array:
    """An entry of the support near zero, or one outside near the shift."""
    gap = jnp.where(signs == 0, 1, signs) * v - _shift(v, signs, radius)
    return jnp.any(jnp.abs(jnp.where(signs == 0, jnp.abs(v) - _shift(v, signs, radius), gap)) <= tol)


def _simplex(v: Array, args: Args) -> tuple[Array, Array]:
    shift = _threshold(v, _radius(args))
    return (v > shift).astype(v.dtype), jnp.maximum(v - shift, 0)


SIMPLEX = Projection(
    lambda v, args: _simplex(v, args)[0],
    lambda v, signs, args: _onto_face(v, signs, _radius(args)),
    lambda v, signs, args, tol: jnp.any(jnp.abs(v - _shift(v, signs, _radius(args))) <= tol),
    lambda args: jnp.asarray(_radius(args)) < 0,
    _simplex,
)


def _cross_case(v: Array, args: Args) -> tuple[Array, Array]:
    outside = jnp.sum(jnp.abs(v)) > args[0]
    return outside, jnp.where(jnp.abs(v) > _threshold(jnp.abs(v), args[0]), jnp.sign(v), 0)


BALL_1 = Projection(
    _cross_case,
    lambda v, case, args: jnp.where(case[0], _onto_face(v, case[1], args[0]), v),
    lambda v, case, args, tol: (
        (jnp.abs(jnp.sum(jnp.abs(v)) - args[0]) <= tol) | (case[0] & _face_edge(v, case[1], args[0], tol))
    ),
    lambda args: args[0] < 0,
)


# ---- round sets --------------------------------------------------------------------------------


def norm(v: Array) -> Array:
    """The 2-norm with derivative zero, not NaN, at the origin."""
    square = jnp.sum(v**2)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)


def _onto_sphere(v: Array, radius: Any) -> Array:
    length = norm(v)
    return v * (radius / jnp.where(length > 0, length, 1))


BALL = Projection(
    lambda v, args: norm(v) > args[0],
    lambda v, outside, args: jnp.where(outside, _onto_sphere(v, args[0]), v),
    lambda v, outside, args, tol: jnp.abs(norm(v) - args[0]) <= tol,
    lambda args: args[0] < 0,
)
SPHERE = Projection(
    lambda v, args: (),
    lambda v, case, args: _onto_sphere(v, _radius(args)),
    lambda v, case, args, tol: norm(v) <= tol,
    lambda args: jnp.asarray(_radius(args)) < 0,
)


def _soc_case(v: Array, args: Args) -> Array:
    """0 inside the cone, 1 inside its polar, 2 between."""
    length = norm(v[1:])
    return jnp.where(length <= v[0], 0, jnp.where(length <= -v[0], 1, 2))


def _soc(v: Array, case: Array, args: Args) -> Array:
    length = norm(v[1:])
    height = (v[0] + length) / 2
    between = jnp.concatenate([height[None], height / jnp.where(length > 0, length, 1) * v[1:]])
    return jnp.where(case == 0, v, jnp.where(case == 1, 0, between))


SOC = Projection(
    _soc_case,
    _soc,
    lambda v, case, args, tol: jnp.abs(norm(v[1:]) - jnp.abs(v[0])) <= tol,
)


# ---- order -------------------------------------------------------------------------------------


def _blocks(v: Array, args: Args) -> Array:
    """Block of each entry of the isotonic fit x[i] = max over j <= i of min over k >= i of mean(v[j..k])."""
    n = v.size
    sums = jnp.concatenate([jnp.zeros(1, v.dtype), jnp.cumsum(v)])
    first, last = jnp.arange(n)[:, None], jnp.arange(n)[None, :]
    means = jnp.where(
        first <= last, (sums[last + 1] - sums[first]) / jnp.maximum(last - first + 1, 1), jnp.inf
    )
    lowest = jax.lax.cummin(means, axis=1, reverse=True)  # [j, i]: min over k >= i
    fit = jnp.max(jnp.where(first <= last, lowest, -jnp.inf), axis=0)
    level = 64 * jnp.finfo(v.dtype).eps * (1 + jnp.max(jnp.abs(v), initial=0))
    return jnp.cumsum(jnp.diff(fit, prepend=fit[:1]) > level)


def _block_means(v: Array, blocks: Array, args: Args) -> Array:
    same = (blocks[:, None] == blocks[None, :]).astype(v.dtype)
    return same @ v / jnp.sum(same, axis=1)


def _block_edge(v: Array, blocks: Array, args: Args, tol: Array) -> Array:
    """Two blocks at one height, or a block that could be cut: a head whose mean is the block's."""
    fit = _block_means(v, blocks, args)
    met = (jnp.diff(blocks) > 0) & (jnp.diff(fit) <= tol)
    excess = jnp.cumsum(v - fit)[:-1]  # positive within a block, zero at its end
    cut = (jnp.diff(blocks) == 0) & (excess <= tol)
    return jnp.any(met | cut)


MONOTONE = Projection(_blocks, _block_means, _block_edge)

PROJECTIONS: dict[str, Projection] = {
    "free": FREE,
    "nonneg": NONNEG,
    "box": BOX,
    "simplex": SIMPLEX,
    "ball": BALL,
    "ball_1": BALL_1,
    "sphere": SPHERE,
    "soc": SOC,
    "monotone": MONOTONE,
}
