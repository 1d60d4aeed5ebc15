"""A function of many small operations -> the same function as one kernel on the CPU.

XLA starts each operation of a program by itself, for some 50 nanoseconds: more than a vector of a
hundred entries takes to compute. A call that carries these two attributes is compiled as a whole, as
XLA does of its own accord with loops on a kilobyte of data. It may hold loops, reductions and
elementwise operations, but no product, sort or factorisation, which XLA refuses to compile there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from declarative.backends.jax import linalg
from declarative.layer.devices import by_platform

F = TypeVar("F", bound=Callable[..., Any])

KNOWN = jax.__version_info__ < (0, 13)
"""Whether this was tried with the installed JAX: the attributes are XLA's own and may change."""


def one_kernel(function: F) -> F:
    """Arguments and results are arrays, or trees of them. Under `vmap` it is the plain function again: the
    reductions of a batch may be so large that XLA gives them to a library, which no kernel can call."""
    compiled = jax.jit(function)
    plain = jax.jit(function, inline=True)

    def whole(*args: Any) -> Any:
        return set_xla_metadata(compiled(*args), inlineable="false", xla_cpu_small_call="true")

    @jax.custom_batching.custom_vmap
    def call(*args: Any) -> Any:
        return by_platform(*args, cpu=whole if KNOWN else plain, default=plain)

    @call.def_vmap
    def rule(size: int, batched: Any, *args: Any) -> Any:
        result = linalg.over(plain, size, batched, *args)
        return result, jax.tree.map(lambda _: True, result)

    return functools.wraps(function)(call)  # type: ignore[return-value]


# ---- whole solvers -----------------------------------------------------------------------------

LEAST = 32
"""Entries in the largest array below which a batch fills the processor's vectors better than one element."""
MOST = 4096
"""Entries from which on XLA gives reductions to a library, which no kernel can call."""

CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "while", "cond"}
HELD = CALLS | set(
    """
    abs acos acosh add and argmax argmin asin asinh atan atan2 atanh broadcast_in_dim cbrt ceil clamp concatenate
    convert_element_type copy copy_p cos cosh digamma div dynamic_slice eq erf erf_inv erfc exp exp2 expand_dims
    expm1 floor ge gt integer_pow iota is_finite le lgamma log log1p logistic lt max min mul ne neg not or pad pow
    reduce_and reduce_max reduce_min reduce_or reduce_sum rem reshape rev round rsqrt select_n sign sin sinh slice
    split sqrt square squeeze stack stop_gradient sub tan tanh transpose xor
    """.split()
)
"""Operations that XLA turns into loops, and those that hold others."""


def mapped_kernel(function: F, *args: Any) -> Any:
    """The function of the arguments; where it fits, as one kernel, which a loop runs for each element of a batch.

    Each element then ends when it is done, and its data stay close to the processor. The function closes
    over no tracer.
    """
    function = jax.jit(function, inline=True)  # type: ignore[assignment]  # traced once
    return linalg.elementwise(one_kernel(function))(*args) if fits(function, *args) else function(*args)


def fits(function: Callable[..., Any], *args: Any) -> bool:
    """Whether all operations are such that a kernel can hold them, on arrays neither tiny nor large."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), args)
    operations = list(_operations(jax.make_jaxpr(function)(*shapes).jaxpr))
    sizes = [v.aval.size for each in operations for v in (*each.invars, *each.outvars)]
    return {each.primitive.name for each in operations} <= HELD and LEAST <= max(sizes, default=0) < MOST


def _operations(jaxpr: Any) -> Iterator[Any]:
    for each in jaxpr.eqns:
        yield each
        for value in each.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                part = getattr(part, "jaxpr", part)
                if hasattr(part, "eqns"):
                    yield from _operations(part)
