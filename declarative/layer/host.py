"""Host functions: the pytrees that they take, and a check of the arrays that they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from declarative import dims, ir
from declarative.dims import Dim
from declarative.errors import ArgumentError, diagnostic
from declarative.layer.bind import shape_of


@jax.tree_util.register_pytree_node_class
class Held:
    """A pytree argument in flight: only its arrays are leaves; functions and texts are its structure."""

    def __init__(self, arrays: list[Any], shape: tuple[Any, tuple[Any, ...]]):
        self.arrays, self.shape = arrays, shape

    def tree_flatten(self) -> tuple[list[Any], Any]:
        return self.arrays, self.shape

    @classmethod
    def tree_unflatten(cls, shape: Any, arrays: Any) -> Held:
        return cls(list(arrays), shape)

    def tree(self) -> Any:
        """What the caller gave, with the arrays of now."""
        structure, still = self.shape
        arrays = iter(self.arrays)
        return jax.tree.unflatten(structure, [next(arrays) if one is None else one[0] for one in still])


def host_function(signature: ir.ExternSignature, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as the emitted module calls it; `ArgumentError` where its result is not as declared."""

    def call(*args: Any) -> Any:
        result = function(*(arg.tree() if isinstance(arg, Held) else arg for arg in args))
        wanted = _shape(signature, args)
        try:
            array = None if isinstance(result, tuple | list | dict) else jnp.asarray(result)
        except (TypeError, ValueError):
            array = None
        if (
            array is None
            or len(array.shape) != len(wanted)
            or any(
                length is not None and length != found
                for length, found in zip(wanted, array.shape, strict=True)
            )
        ):
            found = f"an array of shape {array.shape}" if array is not None else f"a {type(result).__name__}"
            axes = ", ".join(map(str, signature.result.shape))
            expected = ", ".join("?" if length is None else str(length) for length in wanted)
            raise ArgumentError(
                diagnostic(
                    "D624", signature.span, name=signature.name, found=found, axes=axes, expected=expected
                )
            )
        return array

    return call


def _shape(signature: ir.ExternSignature, args: tuple[Any, ...]) -> tuple[int | None, ...]:
    """The result's shape, as far as the arguments' shapes determine it."""
    equations = [
        (pattern, Dim.of(length))
        for (_, kind), arg in zip(signature.params, args, strict=True)
        if kind.base != "any"
        for pattern, length in zip(kind.shape, jnp.shape(arg), strict=True)
    ]
    known, _ = dims.bind(equations)
    sizes = {name: size.constant for name, size in known.items() if size.constant is not None}
    return tuple(
        shape_of((dim,), sizes)[0] if dim.names <= sizes.keys() else None for dim in signature.result.shape
    )
