"""Exponential and power cones: the face on which a complementary pair (s, z) lies, and the equations there.

| face | s | z |
|---|---|---|
| INTERIOR | free | 0 |
| APEX | 0 | free |
| SMOOTH | on a ray of the smooth boundary | on the ray normal to it |
| FLAT, exp only | (x <= 0, 0, z >= 0) | (0, y >= 0, 0) |
| EDGE, exp only | (x <= 0, 0, 0) | (0, y >= 0, z >= 0) |

These are the faces that a generic pair lies on: next to it the pairs are a smooth manifold of three dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import groups

INTERIOR, APEX, SMOOTH, FLAT, EDGE = range(5)
POSITIVE = {FLAT: ((-1, 0, 1), (0, 1, 0)), EDGE: ((-1, 0, 0), (0, 1, 1))}
"""Signs of the entries of s and z, 0 where they vanish."""


class Pairs(NamedTuple):
    """Of `count` cones; see `frame` for basis and weight."""

    s: Array  # [count, 3]
    z: Array  # [count, 3]
    face: Array  # [count] int8
    basis: Array  # [count, 3, 3]
    weight: Array  # [count, 3]


class Chart(NamedTuple):
    """The smooth boundary as a curve of rays, each with its normal; slopes up to multiples of themselves."""

    ray: Array  # [count, 3], largest entry near one
    normal: Array  # [count, 3]
    ray_slope: Array  # [count, 3]
    normal_slope: Array  # [count, 3]


def nearest(kind: str, alpha: Array, s: Array, z: Array) -> Pairs:
    """The complementary pairs near (s, z): on each face the nearest, or one near it, then the best of these."""
    chart = _exponential(s, z) if kind == groups.EXP else _power(alpha, s, z)
    on_ray, on_normal = _along(chart.ray, s), _along(chart.normal, z)
    inside, inside_dual = members(kind, alpha, s, z)
    none = jnp.zeros_like(s)
    found = {
        INTERIOR: (jnp.where(inside[:, None], s, on_ray), none),
        APEX: (none, jnp.where(inside_dual[:, None], z, on_normal)),
        SMOOTH: (on_ray, on_normal),
    }
    if kind == groups.EXP:
        for face, (first, second) in POSITIVE.items():
            found[face] = _signed(first, s), _signed(second, z)
    distance = jnp.stack([jnp.sum((a - s) ** 2 + (b - z) ** 2, axis=1) for a, b in found.values()])
    both = jnp.any(on_ray != 0, axis=1) & jnp.any(on_normal != 0, axis=1)
    distance = distance.at[SMOOTH].set(jnp.where(both, distance[SMOOTH], jnp.inf))
    closest = jnp.argmin(distance, axis=0)
    pick = lambda values: jnp.select([(closest == f)[:, None] for f in values], list(values.values()))  # noqa: E731
    s = pick({f: pair[0] for f, pair in found.items()})
    z = pick({f: pair[1] for f, pair in found.items()})
    basis, curved = _frame(chart, on_ray, on_normal)
    smooth = (closest == SMOOTH)[:, None]
    flat = jnp.asarray([[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 1, 0], [0, 1, 1]], s.dtype)
    weight = jnp.where(smooth, curved, flat[closest])
    basis = jnp.where(smooth[:, :, None], basis, jnp.eye(3, dtype=s.dtype))
    return Pairs(s, z, closest.astype(jnp.int8), basis, weight)


def central(kind: str, alpha: Array, s: Array, mu: Array) -> Pairs:
    """The pairs with z = -mu grad barrier(s); s inside the cone."""

    def dual(s: Array, alpha: Array) -> Array:
        return -mu * jax.grad(barrier(kind))(s, alpha)

    z = jax.vmap(dual)(s, alpha)
    curvature = -jax.vmap(jax.jacfwd(dual))(s, alpha)
    values, basis = jax.vmap(linalg.eigh)((curvature + jnp.swapaxes(curvature, 1, 2)) / 2)
    values = jnp.maximum(values, 0)
    face = jnp.full(s.shape[0], SMOOTH, jnp.int8)
    return Pairs(s, z, face, basis, values / (1 + values))


def barrier(kind: str) -> Callable[[Array, Array], Array]:
    """The logarithmic barrier of one cone, of parameter 3."""

    def exponential(s: Array, alpha: Array) -> Array:
        x, y, z = s
        log_y, log_z = jnp.log(y), jnp.log(z)
        return -jnp.log(y * (log_z - log_y) - x) - log_y - log_z

    def power(s: Array, alpha: Array) -> Array:
        x, y, z = s
        log_x, log_y = jnp.log(x), jnp.log(y)
        room = jnp.exp(2 * (alpha * log_x + (1 - alpha) * log_y)) - z**2
        return -jnp.log(room) - (1 - alpha) * log_x - alpha * log_y

    return exponential if kind == groups.EXP else power


def members(kind: str, alpha: Array, s: Array, z: Array) -> tuple[Array, Array]:
    """Whether s is in the interior of the cone, and z in that of its dual."""
    room, dual_room = rooms(kind, alpha, s, z)
    return room > 0, dual_room > 0


def rooms(kind: str, alpha: Array, s: Array, z: Array) -> tuple[Array, Array]:
    """How far the largest step against one axis may be until s leaves the cone, and z its dual; not positive
    outside."""
    outside = jnp.full(s.shape[0], -1, s.dtype)

    def log(x: Array) -> Array:
        return jnp.log(jnp.where(x > 0, x, 1))

    if kind == groups.EXP:
        good = (s[:, 1] > 0) & (s[:, 2] > 0)
        primal = jnp.where(good, s[:, 1] * (log(s[:, 2]) - log(s[:, 1])) - s[:, 0], outside)
        # -u exp(v / u) <= e w, so that v >= u (1 + log(w / -u)) where u < 0
        good = (z[:, 0] < 0) & (z[:, 2] > 0)
        dual = jnp.where(good, z[:, 1] - z[:, 0] * (1 + log(z[:, 2]) - log(-z[:, 0])), outside)
        return primal, dual

    def below(v: Array, first: Array, second: Array) -> Array:
        mean = jnp.exp(alpha * log(v[:, 0] / first) + (1 - alpha) * log(v[:, 1] / second))
        return jnp.where((v[:, 0] > 0) & (v[:, 1] > 0), mean - jnp.abs(v[:, 2]), outside)

    one = jnp.ones_like(alpha)
    return below(s, one, one), below(z, alpha, 1 - alpha)


def equations(kind: str, alpha: Array, face: Array, s: Array, z: Array) -> Array:
    """[3] for one cone, zero on complementary pairs near one on the given face; smooth in s, z and alpha."""
    smooth = face == SMOOTH
    if kind == groups.EXP:
        (x, y, w), (u, v, t) = jnp.where(smooth, s, 1), z
        ratio = jnp.log(w / y)
        curve = jnp.stack([x - y * ratio, v + u * (ratio - 1), t + u * y / w])
    else:
        curve = _power_curve(alpha, jnp.where(smooth, s, 1), jnp.where(smooth, z, -1))
    cases = [z, s, curve]
    if kind == groups.EXP:
        cases += [jnp.stack([z[0], s[1], z[2]]), jnp.stack([z[0], s[1], s[2]])]
    return jnp.select([face == code for code in range(len(cases))], cases)


def weak(kind: str, alpha: Array, face: Array, s: Array, z: Array, slack: Array, force: Array) -> Array:
    """[count] bool: the pair lies, up to `slack` in s and `force` in z, at the end of its face."""
    room, dual_room = rooms(kind, alpha, s, z)
    idle = jnp.max(jnp.abs(s), axis=1) <= slack, jnp.max(jnp.abs(z), axis=1) <= force
    cases = [room <= slack, dual_room <= force, idle[0] | idle[1]]
    if kind == groups.EXP:
        ahead, above = -s[:, 0] <= slack, s[:, 2] <= slack
        cases += [ahead | above | (z[:, 1] <= force), ahead | (jnp.minimum(z[:, 1], z[:, 2]) <= force)]
    return jnp.select([face == code for code in range(len(cases))], cases)


# ---- charts ------------------------------------------------------------------------------------


def _exponential(s: Array, z: Array) -> Chart:
    """Rays y (r, 1, e^r) and normals u (-1, r - 1, e^-r), of the r that s and z show the one nearest to both."""
    x, y, _ = s.T
    u, v, _ = z.T
    primal = jnp.where(y > 0, x / jnp.where(y > 0, y, 1), 0)
    dual = jnp.where(u < 0, 1 - v / jnp.where(u < 0, u, -1), 0)
    end = 1 / float(jnp.finfo(s.dtype).eps)
    return _closest(jax.vmap(_exponential_chart)(jnp.clip(jnp.stack([primal, dual]), -end, end)), s, z)


def _exponential_chart(r: Array) -> Chart:
    h = jnp.exp(-jnp.abs(r))
    one, none = jnp.ones_like(r), jnp.zeros_like(r)
    rising = (r >= 0)[:, None]
    pick = lambda a, b: jnp.where(rising, jnp.stack(a, 1), jnp.stack(b, 1))  # noqa: E731
    return Chart(
        pick([r * h, h, one], [r, one, h]),
        pick([-one, r - 1, h], [-h, (r - 1) * h, one]),
        pick([h, none, one], [one, none, h]),
        pick([none, one, -h], [-h, r * h, none]),
    )


def _power(alpha: Array, s: Array, z: Array) -> Chart:
    """Rays (e^(1-a)r, e^-ar, sign) and normals (a e^-(1-a)r, (1-a) e^ar, -sign), of all r and signs that s and z
    show those nearest to both."""
    rest = 1 - alpha
    (x, y, w), (u, v, t) = s.T, z.T
    shown = jnp.stack([*_shown(alpha, x, y, w), *_shown(rest, v / rest, u / alpha, t)])
    end = -0.8 * float(np.log(jnp.finfo(s.dtype).tiny))  # all entries are normal numbers
    signs = jnp.where(jnp.stack([w, w, -t, -t]) < 0, -1, 1)
    return _closest(
        jax.vmap(_power_chart, in_axes=(None, 0, 0))(alpha, signs, jnp.clip(shown, -end, end)), s, z
    )


def _closest(charts: Chart, s: Array, z: Array) -> Chart:
    """Of several charts, along the first axis, the one whose pair is nearest."""

    def distance(chart: Chart) -> Array:
        return jnp.sum((_along(chart.ray, s) - s) ** 2 + (_along(chart.normal, z) - z) ** 2, axis=1)

    which = jnp.argmin(jax.vmap(distance)(charts), axis=0)
    return jax.tree.map(lambda part: jnp.take_along_axis(part, which[None, :, None], 0)[0], charts)


def _power_chart(alpha: Array, sign: Array, r: Array) -> Chart:
    rest = 1 - alpha
    low, high = -alpha * r, rest * r
    top = jnp.maximum(jnp.maximum(low, high), 0)
    first, second, third = jnp.exp(high - top), jnp.exp(low - top), jnp.exp(-top)
    # The normal is the ray turned over: its entries are products of the other two.
    peak = jnp.maximum(jnp.maximum(-low, -high), 0)
    fourth, fifth, sixth = jnp.exp(-high - peak), jnp.exp(-low - peak), jnp.exp(-peak)
    none = jnp.zeros_like(r)
    return Chart(
        jnp.stack([first, second, sign * third], 1),
        jnp.stack([alpha * fourth, rest * fifth, -sign * sixth], 1),
        jnp.stack([rest * first, -alpha * second, none], 1),
        jnp.stack([-alpha * rest * fourth, alpha * rest * fifth, none], 1),
    )


def _shown(alpha: Array, x: Array, y: Array, w: Array) -> tuple[Array, Array]:
    """r by the first two entries, and by the third and the larger of these: the smaller is a power of it, and says
    little where it is small."""
    log = lambda v: jnp.log(jnp.where(v > 0, v, jnp.finfo(v.dtype).tiny))  # noqa: E731
    third = log(jnp.abs(w))
    edge = jnp.where(y >= x, (third - log(y)) / alpha, (log(x) - third) / (1 - alpha))
    return log(x) - log(y), edge


def _power_curve(alpha: Array, s: Array, z: Array) -> Array:
    """[3], zero where s is on a ray and z on its normal.

    With h = 1/a and k = (1-a)/a, where x <= y: x = y |o|^h, v/(1-a) = u/a |o|^h and t = -u/a o |o|^(k-1) for
    o = w/y, all smooth even where o is zero if k >= 1. Where k < 1 it is w that is a power of t; where x > y the
    first two change places.
    """
    first = s[0] <= s[1]
    x, y = jnp.where(first, s[:2], s[1::-1])
    dual = z[:2] / jnp.stack([alpha, 1 - alpha])
    large, small = jnp.where(first, dual, dual[::-1])
    own = jnp.where(first, alpha, 1 - alpha)
    primal = own <= 1 - own
    least = jnp.minimum(own, 1 - own)
    # the one of (w, y) and (-t, large) that the other, `above`, is a power of
    leads, above = jnp.where(primal, s[2], -z[2]), jnp.where(primal, -z[2], s[2])
    scale, other = jnp.where(primal, y, large), jnp.where(primal, large, y)
    ratio = leads / scale
    extent = jnp.maximum(jnp.abs(ratio), jnp.finfo(s.dtype).tiny)
    power = extent ** (1 / least)
    return jnp.stack(
        [x - y * power, small - large * power, above - other * ratio * extent ** (1 / least - 2)]
    )


def _along(ray: Array, v: Array) -> Array:
    """The nearest point of the ray."""
    length = jnp.sum(ray * v, axis=1) / jnp.sum(ray * ray, axis=1)
    return jnp.maximum(length, 0)[:, None] * ray


def _signed(signs: tuple[int, ...], v: Array) -> Array:
    sign = jnp.asarray(signs, v.dtype)
    return sign * jnp.maximum(sign * v, 0)


def _frame(chart: Chart, s: Array, z: Array) -> tuple[Array, Array]:
    """Columns normal, tangent, ray; weights 1, that of the curvature, 0."""

    def unit(v: Array) -> Array:
        return v / jnp.sqrt(jnp.sum(v * v, axis=1, keepdims=True))

    dot = lambda a, b: jnp.sum(a * b, axis=1)  # noqa: E731
    normal, ray = unit(chart.normal), unit(chart.ray)
    tangent = jnp.cross(normal, ray)
    forward = dot(s, chart.ray) / dot(chart.ray, chart.ray) * dot(chart.ray_slope, tangent)
    bend = -dot(z, chart.normal) / dot(chart.normal, chart.normal) * dot(chart.normal_slope, tangent)
    size = jnp.abs(forward) + jnp.abs(bend)
    curved = jnp.where(size > 0, jnp.abs(bend) / jnp.where(size > 0, size, 1), 0)
    one = jnp.ones_like(curved)
    return jnp.stack([normal, tangent, ray], 2), jnp.stack([one, curved, 0 * one], 1)
