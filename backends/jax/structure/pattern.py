"""A traced function -> which entries of its results may differ from zero, whatever its arguments are.

Each operation of the jaxpr is followed on boolean arrays: an entry is True unless it is zero for every finite
argument. What depends on constants alone is computed, so that selections, identities and index sets are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.extend import core

Arr: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Value:
    mask: Arr  # bool
    known: Arr | None = None  # the value itself


def pattern(function: Callable[..., Any], *shapes: Any) -> Any:
    """The tree of the function's results, an array of bool for each. `shapes` are trees of `jax.ShapeDtypeStruct`."""
    closed, results = jax.make_jaxpr(function, return_shape=True)(*shapes)
    given = [_full(variable.aval) for variable in closed.jaxpr.invars]
    found = _run(closed.jaxpr, [_constant(const) for const in closed.consts], given)
    return jax.tree.unflatten(jax.tree.structure(results), [value.mask for value in found])


def _run(jaxpr: Any, consts: list[Value], args: list[Value]) -> list[Value]:
    seen = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(atom: Any) -> Value:
        return _constant(atom.val) if isinstance(atom, core.Literal) else seen[atom]

    for eqn in jaxpr.eqns:
        found = _followed(eqn, [read(atom) for atom in eqn.invars])
        seen.update(zip(eqn.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _constant(value: Any) -> Value:
    if isinstance(value, jax.core.Tracer):
        return _full(value.aval)
    known = np.asarray(value)
    return Value(known != 0, known)


def _full(aval: Any) -> Value:
    return Value(np.ones(aval.shape, bool))


def _followed(eqn: Any, args: list[Value]) -> list[Value]:
    name, params = eqn.primitive.name, eqn.params
    if name in CALLS:
        inner = next(params[key] for key in ("jaxpr", "call_jaxpr", "call") if key in params)
        consts = [_constant(const) for const in getattr(inner, "consts", ())]
        return _run(getattr(inner, "jaxpr", inner), consts, args)
    if name == "cond":
        runs = [
            _run(each.jaxpr, [_constant(c) for c in each.consts], args[1:]) for each in params["branches"]
        ]
        return [
            Value(np.logical_or.reduce([value.mask for value in values]))
            for values in zip(*runs, strict=True)
        ]
    known = [arg.known for arg in args]
    if all(value is not None for value in known):
        return [Value(result != 0, result) for result in _computed(eqn, known)]
    masks = [arg.mask for arg in args]
    if name in MOVED:
        return [Value(MOVED[name](params, *masks) > 0)]
    if name == "split":
        ends = np.cumsum(params["sizes"])[:-1]
        return [Value(part) for part in np.split(masks[0], ends, axis=params["axis"])]
    if name == "unstack":
        return [Value(part) for part in np.moveaxis(masks[0], params["axis"], 0)]
    if name in ZERO_AT_ZERO or (name in ("integer_pow", "pow") and _positive(params, args)):
        return [Value(masks[0])]
    if name in JOINED:
        return [Value(JOINED[name](*masks))]
    if name == "select_n":
        return [Value(_selected(args))]
    if name in INDEXED and all(value is not None for value in known[INDEXED[name]]):
        places = range(len(args))[INDEXED[name]]
        given = [
            arg.known if i in places else arg.mask.astype(variable.aval.dtype)
            for i, (arg, variable) in enumerate(zip(args, eqn.invars, strict=True))
        ]
        return [Value(result != 0) for result in _bound(eqn, given)]
    return [_full(variable.aval) for variable in eqn.outvars]


def _positive(params: dict[str, Any], args: list[Value]) -> bool:
    """Whether the exponent of a power is positive."""
    if "y" in params:
        return bool(params["y"] > 0)
    return args[1].known is not None and bool(np.all(args[1].known > 0))


def _selected(args: list[Value]) -> Arr:
    which, *cases = args
    masks = [case.mask for case in cases]
    if which.known is None:
        return np.logical_or.reduce(masks)
    return np.choose(np.broadcast_to(which.known, masks[0].shape).astype(int), masks)


# ---- constants ---------------------------------------------------------------------------------


def _computed(eqn: Any, known: list[Any]) -> list[Arr]:
    """What an operation makes of constants; by NumPy where that is simple, which compiles nothing."""
    name, params = eqn.primitive.name, eqn.params
    dtype = eqn.outvars[0].aval.dtype
    if name == "iota":
        shape, axis = params["shape"], params["dimension"]
        line = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        return [np.broadcast_to(line, shape).astype(dtype)]
    if name == "convert_element_type" and known[0].dtype != bool and np.issubdtype(dtype, np.inexact):
        return [known[0].astype(dtype)]
    if name in MOVED and name != "dot_general" and not name.startswith("reduce"):
        return [MOVED[name](params, *known).astype(dtype)]
    if name in NUMPY:
        return [np.asarray(NUMPY[name](*known)).astype(dtype)]
    return _bound(eqn, known)


def _bound(eqn: Any, args: list[Any]) -> list[Arr]:
    with jax.ensure_compile_time_eval():
        found = eqn.primitive.bind(*map(jax.numpy.asarray, args), **eqn.params)
    return [np.asarray(one) for one in (found if eqn.primitive.multiple_results else [found])]


# ---- operations that move entries, or add up products of them: on zeros and ones they count ------------------


def _broadcast(params: dict[str, Any], x: Arr) -> Arr:
    shape, axes = params["shape"], params["broadcast_dimensions"]
    lengths = [1] * len(shape)
    for axis, length in zip(axes, x.shape, strict=True):
        lengths[axis] = length
    return np.broadcast_to(x.reshape(lengths), shape)


def _sliced(params: dict[str, Any], x: Arr) -> Arr:
    strides = params["strides"] or [1] * x.ndim
    ends = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return x[tuple(slice(*each) for each in ends)]


def _padded(params: dict[str, Any], x: Arr, value: Arr) -> Arr:
    config = params["padding_config"]
    shape = [
        low + high + length + max(length - 1, 0) * inner
        for (low, high, inner), length in zip(config, x.shape, strict=True)
    ]
    whole = np.full(shape, value, dtype=x.dtype)
    places, kept = [], []
    for (low, _, inner), length, size in zip(config, x.shape, shape, strict=True):
        place = low + np.arange(length) * (inner + 1)
        inside = (place >= 0) & (place < size)
        places.append(place[inside])
        kept.append(np.flatnonzero(inside))
    whole[np.ix_(*places)] = x[np.ix_(*kept)]
    return whole


def _product(params: dict[str, Any], a: Arr, b: Arr) -> Arr:
    """Batch axes first, then what is left of a, then of b."""
    (left, right), (batch_a, batch_b) = params["dimension_numbers"]

    def arranged(x: Arr, batch: Any, summed: Any, last: bool) -> tuple[Arr, tuple[int, ...]]:
        rest = [axis for axis in range(x.ndim) if axis not in (*batch, *summed)]
        moved = x.transpose([*batch, *rest, *summed] if last else [*batch, *summed, *rest])
        lengths = [math.prod(x.shape[axis] for axis in axes) for axes in (batch, rest, summed)]
        shape = (lengths[0], *lengths[1:]) if last else (lengths[0], lengths[2], lengths[1])
        return moved.reshape(shape).astype(np.float32), tuple(x.shape[axis] for axis in rest)

    first, rows = arranged(a, batch_a, left, True)
    second, columns = arranged(b, batch_b, right, False)
    return (first @ second).reshape((*(a.shape[axis] for axis in batch_a), *rows, *columns))


def _reduced(params: dict[str, Any], x: Arr) -> Arr:
    return np.asarray(x.any(axis=tuple(params["axes"])))


def _summed_up(params: dict[str, Any], x: Arr) -> Arr:
    turned = np.flip(x, params["axis"]) if params["reverse"] else x
    sums = np.cumsum(turned, axis=params["axis"])
    return np.flip(sums, params["axis"]) if params["reverse"] else sums


MOVED: dict[str, Callable[..., Arr]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": lambda params, x: x.reshape(params["new_sizes"]),
    "transpose": lambda params, x: x.transpose(params["permutation"]),
    "squeeze": lambda params, x: x.squeeze(tuple(params["dimensions"])),
    "expand_dims": lambda params, x: np.expand_dims(x, tuple(params["dimensions"])),
    "rev": lambda params, x: np.flip(x, tuple(params["dimensions"])),
    "slice": _sliced,
    "concatenate": lambda params, *xs: np.concatenate(xs, axis=params["dimension"]),
    "stack": lambda params, *xs: np.stack(xs, axis=params["axis"]),
    "tile": lambda params, x: np.tile(x, params["reps"]),
    "pad": _padded,
    "dot_general": _product,
    "reduce_sum": _reduced,
    "reduce_max": _reduced,
    "reduce_min": _reduced,
    "cumsum": _summed_up,
}
CALLS = set(
    "jit pjit closed_call core_call remat remat2 checkpoint custom_jvp_call custom_vjp_call custom_vmap_call".split()
)
ZERO_AT_ZERO = set(
    """
    neg convert_element_type abs sign sqrt square cbrt sin tan tanh sinh asin asinh atan atanh expm1 log1p floor
    ceil round erf copy copy_p real reduce_precision stop_gradient div scatter_mul scatter-mul
    """.split()
)
"""Zero where their first argument is: a quotient, and what is multiplied in places, too."""
JOINED: dict[str, Callable[..., Arr]] = {
    "mul": np.logical_and,
    "add": np.logical_or,
    "add_any": np.logical_or,
    "sub": np.logical_or,
    "max": np.logical_or,
    "min": np.logical_or,
}
INDEXED: dict[str, slice] = {
    "gather": slice(1, 2),
    "scatter": slice(1, 2),
    "scatter-add": slice(1, 2),
    "scatter_add": slice(1, 2),
    "dynamic_slice": slice(1, None),
    "dynamic_update_slice": slice(2, None),
}
"""Which of their arguments are places, and must be known."""
NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "max": np.maximum,
    "min": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "copy": lambda x: x,
    "copy_p": lambda x: x,
    "convert_element_type": lambda x: x,
}
