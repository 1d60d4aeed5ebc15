"""Fixed points z = g(z): Picard's plain iteration while it contracts, Anderson's acceleration where it does not.

Statuses: `solved` if |g(z) - z| is at most the tolerance relative to 1 + |z| (default 1e-10 in
float64, 1e-5 in float32), `inaccurate` if at most its square root; `diverged` where the iterates
run away or become infinite.

A step of Picard's costs one value of g, of a whole batch at once; the rate that it shows decides how
long it goes on. Where nothing better than zero is known, the first digits are found in single precision,
at half the price a step: a start and no more, since every residual is taken in full precision.
Anderson (type II, memory 5) follows Walker and Ni, SIAM J. Numer. Anal. 49 (2011); its ridge is relative
to the history, and a step that makes the residual much worse falls back to Picard's.
The derivative's linear system x = g'(z) x + b is a fixed point as well: it is iterated in the same way, its
residual checked, and solved densely where the iteration fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import iteration, linalg
from declarative.layer.contract import Params, Point, Root, SolveOptions
from declarative.layer.linear import dense_solver

MAX_ITER = 1000
MEMORY = 5
RIDGE = 1e-8
WORSE = 10.0  # an accelerated step may multiply the residual by this before it is given up
PROBE = 4  # steps after which Picard's rate counts
PATIENCE = 40.0  # further steps that Picard's iteration is worth
ROUGH, HASTE = 1e-6, 24  # what single precision is asked for, and the most steps it is given

Map = Callable[[Array], Array]
Operators = tuple[Callable[[Point], Point], Callable[[Point], Point]]


class Found(NamedTuple):
    z: Array
    residual: Array  # at most the tolerance where z is a fixed point; infinite where the iterates ran away
    steps: Array


class Solver:
    def __init__(self, step: Callable[[Array, Params], Array], size: Callable[[Params], int]):
        self._step, self._size = step, size

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        z = iteration.initial(p, self._size(p), start)
        tol = iteration.tolerance(options, z.dtype, 1e-10, 1e-5)
        limit = options.max_iter or MAX_ITER
        before = jnp.int32(0)
        if start is None and options.variant is None:
            single = _single(p)
            z, before = _rough(lambda z: self._step(z, single), z, limit // 2)
        found = _iterated(lambda z: self._step(z, p), z, tol, limit - before, options.variant)
        found = found._replace(steps=before + found.steps)
        status = iteration.verdict(found.residual, tol, found.steps, limit)
        residual = iteration.relative(self._step(found.z, p) - found.z, found.z)
        empty = jnp.zeros(0, z.dtype)
        return Root(Point(found.z, empty, empty), (), status, found.steps, residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        return y._replace(z=self._step(y.z, p) - y.z)

    def linear(self, y: Point, p: Params, fixed: Any) -> Operators:
        full, single = _products(self._step, y.z, p), _products(self._step, _single(y.z), _single(p))
        return _linear(full[0], single[0]), _linear(full[1], single[1])

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        identity = jnp.eye(y.z.size, dtype=y.z.dtype)
        return iteration.local_uniqueness(lambda z: jax.jacfwd(self._step)(z, p) - identity, y.z)


def _products(step: Callable[[Array, Params], Array], z: Array, p: Params) -> tuple[Map, Map]:
    """With the Jacobian of the step, and with its transpose."""
    _, product = jax.linearize(lambda z: step(z, p).astype(z.dtype), z)
    transposed = jax.linear_transpose(product, z)
    return product, lambda v: transposed(v)[0]


def _linear(product: Map, rough: Map) -> Callable[[Point], Point]:
    """Solves (J - I) x = b as x = J x - b, for b of size one; no longer than the dense solve would take.

    The error is the residual over one less the rate, which Picard's keeps away from one: he may stop earlier.
    """

    def solve(rhs: Point) -> Point:
        size = jnp.max(jnp.abs(rhs.z), initial=0)
        b = -rhs.z / jnp.where(size > 0, size, 1)
        double, limit = b.dtype == jnp.float64, 2 * b.size + 20
        enough, tol = (jnp.asarray(x, b.dtype) for x in ((1e-10, 1e-12) if double else (1e-6, 1e-6)))
        single = _single(b)
        start, _ = _rough(lambda x: rough(x) + single, b, limit)
        plain = _picard(lambda x: product(x) + b, start, enough, limit, PATIENCE)
        plain = plain._replace(residual=jnp.where(plain.residual <= enough, 0, plain.residual))
        found = _anderson(lambda x: product(x) + b, plain, tol, limit)
        dense, _ = dense_solver(lambda x: x - product(x), jnp.asarray(True))
        return rhs._replace(z=size * linalg.lazily(~(found.residual <= tol), dense, found.z, b))

    return solve


def _single(tree: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(jnp.float32) if x.dtype == jnp.float64 else x, tree)


def _rough(step: Map, z: Array, limit: int) -> tuple[Array, Array]:
    """The first digits by Picard's iteration in single precision: where to start, and the steps it took."""
    if z.dtype != jnp.float64:
        return z, jnp.int32(0)
    low = _single(z)
    tol, limit = jnp.asarray(ROUGH, low.dtype), min(limit, HASTE)
    found = _picard(lambda z: step(z).astype(low.dtype), low, tol, limit, HASTE)
    return jnp.where(jnp.isfinite(found.residual), found.z.astype(z.dtype), z), found.steps


def _iterated(step: Map, z: Array, tol: Array, limit: int | Array, variant: str | None) -> Found:
    if variant == "picard":
        return _picard(step, z, tol, limit, jnp.inf)
    if variant == "anderson":
        return _anderson(step, Found(z, jnp.full_like(tol, jnp.inf), jnp.int32(0)), tol, limit)
    return _anderson(step, _picard(step, z, tol, limit, PATIENCE), tol, limit)


def _excess(image: Array, z: Array, tol: Array) -> Array:
    """The largest |g(z) - z| - tol |z|: a step is small, entry by entry, where this is at most `tol`."""
    return jnp.max(jnp.abs(image - z) - tol * jnp.abs(z), initial=0)


# ---- Picard ------------------------------------------------------------------------------------


class Plain(NamedTuple):
    z: Array
    residual: Array
    first: Array  # the residual at the start
    steps: Array
    moving: Array


def _picard(step: Map, z: Array, tol: Array, limit: int | Array, patience: float) -> Found:
    """Until it is done, or would need more than `patience` further steps at its mean rate so far.

    To look at the residual costs as much as a small step: it is done at every other one.
    """

    def advance(state: Plain) -> Plain:
        middle, steps = step(state.z), state.steps + 2
        image = step(middle)
        residual = _excess(image, middle, tol)
        first = jnp.where(state.steps == 0, residual, state.first)
        sound = residual < iteration.FAR  # false for NaN
        fall = jnp.log(residual / first) / (steps - 2)
        slow = (steps >= PROBE) & (jnp.log(residual / tol) + patience * fall > 0)
        moving = sound & (residual > tol) & ~(slow & jnp.isfinite(patience))
        return Plain(jnp.where(sound, image, state.z), residual, first, steps, moving)

    infinite = jnp.full_like(tol, jnp.inf)
    start = Plain(z, infinite, infinite, jnp.int32(0), jnp.asarray(True))
    last = lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, start)
    closer = last.residual <= last.first  # otherwise the start was the better point
    sound = last.residual < iteration.FAR
    return Found(jnp.where(closer, last.z, z), jnp.where(sound, last.residual, jnp.inf), last.steps)


# ---- Anderson ----------------------------------------------------------------------------------


class State(NamedTuple):
    z: Array
    images: Array  # [MEMORY, n], the latest g(z), a ring
    gaps: Array  # [MEMORY, n], the latest g(z) - z
    known: Array  # how many of them
    residual: Array
    steps: Array
    moving: Array


def _anderson(step: Map, start: Found, tol: Array, limit: int | Array) -> Found:
    """From where `start` left off, if that is not a fixed point already."""

    def advance(state: State) -> State:
        image = step(state.z)
        gap = image - state.z
        residual = _excess(image, state.z, tol)
        slot = jnp.arange(MEMORY) == state.known % MEMORY
        images = jnp.where(slot[:, None], image, state.images)
        gaps = jnp.where(slot[:, None], gap, state.gaps)
        known = jnp.arange(MEMORY) <= state.known
        mixed = _mix(image, gap, images, gaps, known & ~slot)
        trusted = jnp.all(jnp.isfinite(mixed)) & (residual <= WORSE * state.residual)
        z = jnp.where(trusted, mixed, image)
        sound = jnp.all(jnp.isfinite(z)) & (jnp.max(jnp.abs(z), initial=0) < iteration.FAR)
        done = residual <= tol
        z = jnp.where(sound & ~done, z, state.z)
        residual = jnp.where(sound, residual, jnp.inf)
        return State(z, images, gaps, state.known + 1, residual, state.steps + 1, sound & ~done)

    history = jnp.zeros((MEMORY, start.z.size), start.z.dtype)
    infinite = jnp.full_like(tol, jnp.inf)
    done = start.residual <= tol
    first = State(start.z, history, history, jnp.int32(0), infinite, start.steps, ~done)
    last = lax.while_loop(lambda s: s.moving & (s.steps < limit), advance, first)
    residual = jnp.where(done | (last.known == 0), start.residual, last.residual)
    return Found(last.z, residual, last.steps)


def _mix(image: Array, gap: Array, images: Array, gaps: Array, others: Array) -> Array:
    """The combination of images whose gaps nearly cancel: min |gap - (gap - gaps)' w|."""
    differences = jnp.where(others[:, None], gap - gaps, 0)
    gram = differences @ differences.T
    size = jnp.trace(gram)
    ridge = RIDGE * size / MEMORY + jnp.finfo(gram.dtype).tiny
    # A row that is zero gets a unit pivot and so a zero weight.
    idle = jnp.diagonal(gram) == 0
    system = gram + jnp.diag(jnp.where(idle, jnp.maximum(size, 1), ridge))
    weights = linalg.cholesky_solve(linalg.cholesky(system), differences @ gap)
    return image - weights @ jnp.where(others[:, None], image - images, 0)
