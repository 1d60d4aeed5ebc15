"""A program and the structure of a call -> one traceable function of the arrays, batched by nested vmap."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from declarative.layer import backward, implicit
from declarative.layer.bind import Lead
from declarative.layer.contract import Params, Root, SolveOptions, Solver
from declarative.layer.finite import all_finite
from declarative.layer.host import Held
from declarative.layer.options import Options
from declarative.layer.program import Emitted
from declarative.layer.sparse import Pattern, Sparse
from declarative.layer.status import Status

Tree = Any


@dataclass(frozen=True)
class Structure:
    """All about a call that is not in its arrays: two calls of one structure share a compilation."""

    params: tuple[
        Tree, ...
    ]  # per parameter: None, the pattern of a sparse matrix, or (treedef, static leaves)
    leads: tuple[Lead, ...]  # per array: its batch axes
    batch: Lead
    solve_dtype: str
    out_dtype: str
    unknowns: tuple[str, ...]  # of the solved variant
    start: tuple[str, ...]  # unknowns whose first values follow the parameters' arrays
    static: tuple[tuple[str, Any], ...]
    full: bool  # all of a Solution, or the outputs and statuses only


class Result(NamedTuple):
    """`values` are differentiable: outputs, then (if full) the objective and duals. `facts` are not."""

    values: Tree
    facts: dict[str, Array]


class Guarded:
    """A solver that sees 1 in place of NaN and infinity, and says `invalid_input` for such an element.

    The replacement is entry by entry, so that data shared by a batch stay shared, and its
    derivative is the identity, so that a broken element cannot make 0 * NaN of its neighbours.
    """

    def __init__(self, solver: Solver):
        self._solver = solver

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._solver, name)
        if name in ("optimality", "linear", "regularity"):
            return lambda y, p, fixed: method(y, guarded(p), fixed)
        return method

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        root = self._solver.solve(guarded(p), start, options)
        broken = jnp.int8(Status.INVALID_INPUT.code)
        return root._replace(status=jnp.where(finite(p), root.status, broken).astype(jnp.int8))


def finite(p: Params) -> Array:
    checks = [all_finite(leaf) for leaf in jax.tree.leaves(p) if _floating(leaf)]
    return functools.reduce(jnp.logical_and, checks, jnp.asarray(True))


def guarded(p: Params) -> Params:
    return jax.tree.map(lambda leaf: _ones_for_nan(leaf) if _floating(leaf) else leaf, p)


def _floating(leaf: Array) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jnp.floating))


@jax.custom_jvp
def _ones_for_nan(x: Array) -> Array:
    return jnp.where(jnp.isfinite(x), x, 1)


@_ones_for_nan.defjvp
def _identity(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return _ones_for_nan(*primals), tangents[0]


def function(
    module: Emitted, structure: Structure, options: Options, attempt: bool = False
) -> Callable[..., Result]:
    """The traceable function of all arrays of a call, in order."""
    element = _element(module, structure, options, attempt)

    def call(*arrays: Array) -> Result:
        cast = [_cast(array, structure.solve_dtype) for array in arrays]
        result = _batched(element, structure)(*cast)
        return Result(jax.tree.map(lambda x: x.astype(structure.out_dtype), result.values), result.facts)

    return call


def _element(module: Emitted, structure: Structure, options: Options, attempt: bool) -> Callable[..., Result]:
    """One element of the batch."""
    keep = options.on_fail == "keep"
    solver = Guarded(backward.solver(options.backward, module.SOLVER))
    asked = options.solve._replace(attempt=attempt)
    solve = backward.differentiable(options.backward, solver, asked, keep)

    def element(*arrays: Array) -> Result:
        p, rest = _params(arrays, structure)
        start = _start(module, structure, options, p, rest)
        root = solve(p, start)
        safe, good = guarded(p), keep or implicit.usable(root.status)

        def shown(tree: Tree) -> Tree:
            cast = jax.tree.map(lambda x: _cast(jnp.asarray(x), structure.solve_dtype), tree)
            return jax.tree.map(lambda x: implicit.poison(x, good), cast)

        values: dict[str, Any] = {"outputs": shown(tuple(module.outputs(root.y, safe)))}
        facts = {"status": root.status}
        if structure.full:
            facts |= {
                "iterations": root.iterations,
                "residual": root.residual,
                "gradient_error": jnp.full_like(root.residual, jnp.nan),
            }
            has_value = hasattr(module, "objective")
            value = module.objective(module.unpack(root.y.z, safe), safe) if has_value else jnp.nan
            values |= {"objective": shown(value), "dual": shown(module.duals(root.y, safe))}
            still = jax.lax.stop_gradient((root.y, p, root.fixed))
            facts["derivative"] = solver.regularity(*still)
        return Result(values, jax.tree.map(jax.lax.stop_gradient, facts))

    return element


def matrices(module: Emitted, structure: Structure, arrays: list[Any]) -> str | None:
    """How the engine factorises matrices of such a call, in words; None where it does not say."""
    return _asked(module, "describe", structure, arrays)


def operations(module: Emitted, structure: Structure, arrays: list[Any]) -> float | None:
    """About how many a solve of such a call takes; None where the engine does not say."""
    return _asked(module, "operations", structure, arrays)


def _asked(module: Emitted, question: str, structure: Structure, arrays: list[Any]) -> Any:
    """What a solver answers to the shapes of one element; None if it does not know the question."""
    answer = getattr(module.SOLVER, question, None)
    if answer is None:
        return None
    one = [
        jax.ShapeDtypeStruct(array.shape[len(lead) :], _dtype(array, structure.solve_dtype))
        for array, lead in zip(arrays, structure.leads, strict=True)
    ]
    with jax.enable_x64(True) if structure.solve_dtype == "float64" else nullcontext():
        return answer(_params(tuple(one), structure)[0])  # type: ignore[arg-type]


def _dtype(array: Any, solve: str) -> str:
    """Of the solve, for floating arrays of any library; others stay what they are."""
    own = str(array.dtype).removeprefix("torch.")
    return solve if "float" in own else own


def _params(arrays: tuple[Array, ...], structure: Structure) -> tuple[Params, tuple[Array, ...]]:
    """The parameters of one element, and the arrays left for the start."""
    rest = list(arrays)
    p: list[Any] = []
    for shape in structure.params:
        if shape is None:
            p.append(rest.pop(0))
        elif isinstance(shape, Pattern):
            p.append(Sparse(rest.pop(0), shape))
        else:
            count = sum(one is None for one in shape[1])
            p.append(Held(rest[:count], shape))
            del rest[:count]
    return tuple(p), tuple(rest)


def _start(
    module: Emitted, structure: Structure, options: Options, p: Params, given: tuple[Array, ...]
) -> Array | None:
    """The flat first value: what was given, zero elsewhere."""
    named: dict[str, Any] = dict(zip(structure.start, given, strict=True))
    if options.start_from is not None:
        place, unknown = options.start_from
        named.setdefault(unknown, guarded(jax.lax.stop_gradient(p[place])))
    if not named:
        return None
    dtype = jnp.dtype(structure.solve_dtype)
    pieces = jax.eval_shape(lambda: module.unpack(jnp.zeros(module.size(p), dtype), p))
    filled = [
        jnp.ravel(named.get(name, jnp.zeros(piece.shape, dtype)))
        for name, piece in zip(structure.unknowns, pieces, strict=True)
    ]
    return jnp.concatenate(filled)


def _cast(array: Array, dtype: str) -> Array:
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array


def _batched(element: Callable[..., Result], structure: Structure) -> Callable[..., Result]:
    """One vmap for each batch axis; an array that lacks an axis, or has length 1 there, stays unbatched."""
    batch = structure.batch
    if 0 in batch:
        return _empty(element, structure)
    plan = [_axes(lead, batch) for lead in structure.leads]
    mapped = element
    for level in reversed(range(len(batch))):
        axes = tuple(0 if moves[level] else None for moves in plan)
        mapped = jax.vmap(mapped, in_axes=axes, axis_size=batch[level])

    def call(*arrays: Array) -> Result:
        parts = zip(arrays, structure.leads, plan, strict=True)
        return mapped(*(_squeezed(array, lead, moves) for array, lead, moves in parts))

    return call


def _axes(lead: Lead, batch: Lead) -> tuple[bool, ...]:
    """For each batch axis, whether this array moves along it."""
    absent = (False,) * (len(batch) - len(lead))
    return absent + tuple(mine == full for mine, full in zip(lead, batch[len(absent) :], strict=True))


def _squeezed(array: Array, lead: Lead, moves: tuple[bool, ...]) -> Array:
    own = moves[len(moves) - len(lead) :]
    return jnp.squeeze(array, tuple(axis for axis, moving in enumerate(own) if not moving))


def _empty(element: Callable[..., Result], structure: Structure) -> Callable[..., Result]:
    """A batch without elements: the right shapes, nothing to solve."""

    def call(*arrays: Array) -> Result:
        parts = zip(arrays, structure.leads, strict=True)
        one = [jax.ShapeDtypeStruct(array.shape[len(lead) :], array.dtype) for array, lead in parts]
        shape = jax.eval_shape(element, *one)
        return jax.tree.map(lambda s: jnp.zeros((*structure.batch, *s.shape), s.dtype), shape)

    return call
