"""A linear function -> the function with the absolute values of its matrix, which is never formed.

The function's trace is evaluated with every coefficient by its size, differences as sums. Where two
paths lead from an entry in to an entry out their sizes add: row and column sums are then upper bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend import core

Linear = Callable[[Array], Array]

PLAIN = frozenset(
    {
        "add", "add_any", "broadcast_in_dim", "concatenate", "convert_element_type", "copy", "copy_p", "cumsum",
        "dynamic_slice", "dynamic_update_slice", "expand_dims", "gather", "pad", "reduce_sum", "reshape", "rev",
        "scatter-add", "scatter", "select_n", "slice", "split", "squeeze", "transpose", "stop_gradient",
    }
)  # fmt: skip
WEIGHTED = frozenset({"mul", "div", "dot_general"})
NESTED = frozenset({"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat"})


class Opaque(Exception):
    """The function's trace holds a step whose coefficients do not show."""


def magnitudes(linear: Linear, like: Array) -> Linear | None:
    """|M| of `linear`, x -> M x, for nonnegative arguments; None where M's coefficients do not show."""
    closed = jax.make_jaxpr(linear)(like)

    def absolute(x: Array) -> Array:
        return _evaluated(closed.jaxpr, closed.consts, [x], [True])[0][0]

    try:
        jax.eval_shape(absolute, like)
    except Opaque:
        return None
    return absolute


Values = list[tuple[Any, bool]]


def _evaluated(jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], moving: Sequence[bool]) -> Values:
    """The outputs, each with whether it depends on what is `moving`, which is nonnegative."""
    known: dict[Any, tuple[Any, bool]] = {}

    def read(atom: Any) -> tuple[Any, bool]:
        return (atom.val, False) if isinstance(atom, core.Literal) else known[atom]

    known.update(zip(jaxpr.constvars, ((value, False) for value in consts), strict=True))
    known.update(zip(jaxpr.invars, zip(args, moving, strict=True), strict=True))
    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        known.update(zip(eqn.outvars, _step(eqn, inputs), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _step(eqn: Any, inputs: Values) -> Values:
    name, values = eqn.primitive.name, [value for value, _ in inputs]
    if name in NESTED:
        inner = next(eqn.params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in eqn.params)
        jaxpr, consts = (inner.jaxpr, inner.consts) if hasattr(inner, "jaxpr") else (inner, ())
        return _evaluated(jaxpr, consts, values, [moves for _, moves in inputs])
    if not any(moves for _, moves in inputs):
        return [(out, False) for out in _bound(eqn, values)]
    if name == "neg":
        return [(values[0], True)]
    if name == "sub":
        return [(sum(_sizes(inputs)), True)]
    if name in PLAIN or name in WEIGHTED:
        return [(out, True) for out in _bound(eqn, _sizes(inputs))]
    raise Opaque(name)


def _sizes(inputs: Values) -> list[Any]:
    return [
        value if moves or not jnp.issubdtype(jnp.result_type(value), jnp.floating) else jnp.abs(value)
        for value, moves in inputs
    ]


def _bound(eqn: Any, values: list[Any]) -> list[Any]:
    out = eqn.primitive.bind(*values, **eqn.params)
    return list(out) if eqn.primitive.multiple_results else [out]
