"""PyTorch tensors through a traceable JAX function: DLPack without a copy, and autograd at every order.

`_Function` makes an autograd.Function of any JAX function of arrays. Its derivatives are JAX functions
again, so that double backward is the same class one level up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from declarative.layer.adapters.traced import Traced
from declarative.layer.batches import Padding
from declarative.layer.run import Result

Pair = tuple[tuple[Any, ...], tuple[Any, ...]]


def call(traced: Traced, arrays: list[Any], padding: Padding | None) -> Result:
    """The result as tensors on the device of the arguments; `values` carry gradients."""
    function: Function = traced.__dict__.setdefault("as_torch", _flat(traced))
    device = next(a.device for a in arrays if isinstance(a, torch.Tensor))
    tensors = [
        a if isinstance(a, torch.Tensor) else torch.as_tensor(np.array(a), device=device) for a in arrays
    ]
    if padding is not None:  # by PyTorch, so that its gradients pass through
        tensors = padding.fill(tensors, _lengthened)
    learns = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    if learns or _transformed():
        outputs = _Function.apply(function, {} if learns else None, *tensors)
    else:
        outputs = _Function.forward(function, None, *tensors)
    if padding is not None:
        outputs = [output[: padding.size] for output in outputs]
    values, facts = function.trees
    split = values.num_leaves
    return Result(jax.tree.unflatten(values, outputs[:split]), jax.tree.unflatten(facts, outputs[split:]))


class Function:
    """A JAX function of arrays -> (differentiable outputs, other outputs), and the functions made of it."""

    def __init__(self, function: Callable[..., Pair], precision: Callable[[], AbstractContextManager[Any]]):
        self.function = function
        self.precision = precision
        self.trees: Any = None
        self._made: dict[Any, Function] = {}

    @cached_property
    def compiled(self) -> Callable[..., Pair]:
        return jax.jit(self.function)

    @cached_property
    def with_pullback(self) -> Callable[..., tuple[Pair, Callable[..., Any]]]:
        """The outputs, and the map of their cotangents: a plain backward pass then solves nothing again."""

        def run(*arrays: jax.Array) -> Any:
            moving, whole = _moving(arrays)
            values, pullback, others = jax.vjp(lambda *m: self.function(*whole(m)), *moving, has_aux=True)
            return (values, others), pullback

        return jax.jit(run)

    def transposed(self, count: int) -> Function:
        """(`count` arguments, cotangents) -> cotangents of the floating arguments."""

        def run(*arrays: jax.Array) -> Pair:
            moving, whole = _moving(arrays[:count])
            _, pullback, _ = jax.vjp(lambda *m: self.function(*whole(m)), *moving, has_aux=True)
            return pullback(tuple(arrays[count:])), ()

        return self._derived(("transposed", count), run)

    def pushed(self, count: int) -> Function:
        """(`count` arguments, tangents of the floating ones) -> tangents of the outputs."""

        def run(*arrays: jax.Array) -> Pair:
            moving, whole = _moving(arrays[:count])
            _, slopes, _ = jax.jvp(
                lambda *m: self.function(*whole(m)), moving, tuple(arrays[count:]), has_aux=True
            )
            return slopes, ()

        return self._derived(("pushed", count), run)

    def batched(self, axes: tuple[int | None, ...], size: int) -> Function:
        def run(*arrays: jax.Array) -> Pair:
            return jax.vmap(self.function, in_axes=axes, axis_size=size)(*arrays)

        return self._derived(("batched", axes, size), run)

    def _derived(self, key: Any, run: Callable[..., Pair]) -> Function:
        if key not in self._made:
            self._made[key] = Function(run, self.precision)
        return self._made[key]


class _Function(torch.autograd.Function):
    """`apply(function, memory, *tensors)`; `memory`, a dict, keeps the pullback of a plain backward pass."""

    @staticmethod
    def forward(function: Function, memory: dict[str, Any] | None, *tensors: torch.Tensor) -> Any:
        with function.precision():
            arrays = [_to_jax(t) for t in tensors]
            if memory is None:
                values, others = function.compiled(*arrays)
            else:
                (values, others), memory["pullback"] = function.with_pullback(*arrays)
            device = tensors[0].device
            return tuple(_to_torch(x, device) for x in (*values, *others))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        function, memory, *tensors = inputs
        ctx.function, ctx.memory = function, memory
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        count = function.trees[0].num_leaves if function.trees is not None else len(output)
        ctx.mark_non_differentiable(*output[count:])
        ctx.shapes = [(x.shape, x.dtype, x.device) for x in output[:count]]
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors  # read first: PyTorch checks here that none was changed in place
        filled = [_filled(c, like) for c, like in zip(cotangents, ctx.shapes, strict=False)]
        moving = [t.is_floating_point() for t in tensors]
        if ctx.memory and not torch.is_grad_enabled() and not any(map(_mapped, filled)):
            with ctx.function.precision():
                pulled = _apply(ctx.memory["pullback"], tuple(_to_jax(c) for c in filled))
                found = iter([_to_torch(x, tensors[0].device) for x in pulled])
        else:
            found = iter(_Function.apply(ctx.function.transposed(len(tensors)), None, *tensors, *filled))
        return None, None, *(next(found) if moves else None for moves in moving)

    @staticmethod
    def jvp(ctx: Any, _f: None, _m: None, *tangents: torch.Tensor | None) -> tuple[Any, ...]:
        tensors = ctx.saved_tensors
        given = [
            _filled(d, (t.shape, t.dtype, t.device))
            for t, d in zip(tensors, tangents, strict=True)
            if t.is_floating_point()
        ]
        slopes = _Function.apply(ctx.function.pushed(len(tensors)), None, *tensors, *given)
        others = 0 if ctx.function.trees is None else ctx.function.trees[1].num_leaves
        return (*slopes, *(None for _ in range(others)))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], function: Function, memory: Any, *tensors: torch.Tensor
    ) -> Any:
        mapped = function.batched(tuple(in_dims[2:]), info.batch_size)
        mapped.trees = function.trees
        outputs = _Function.apply(mapped, None, *tensors)
        function.trees = function.trees or mapped.trees
        return outputs, tuple(0 for _ in outputs)


@jax.jit
def _apply(pullback: Callable[..., Any], cotangents: tuple[jax.Array, ...]) -> Any:
    return pullback(cotangents)


def _flat(traced: Traced) -> Function:
    """The function of a layer with its result flattened; its trees are noted when it is traced."""

    def run(*arrays: jax.Array) -> Pair:
        result = traced.function(*arrays)
        flat.trees = jax.tree.structure(result.values), jax.tree.structure(result.facts)
        return tuple(jax.tree.leaves(result.values)), tuple(jax.tree.leaves(result.facts))

    flat = Function(run, traced.precision)
    return flat


def _moving(arrays: tuple[jax.Array, ...]) -> tuple[tuple[jax.Array, ...], Callable[..., list[jax.Array]]]:
    """The floating arrays, and the way to put others in their places."""
    places = [i for i, array in enumerate(arrays) if jnp.issubdtype(array.dtype, jnp.floating)]

    def whole(moved: tuple[jax.Array, ...]) -> list[jax.Array]:
        filled = list(arrays)
        for place, array in zip(places, moved, strict=True):
            filled[place] = array
        return filled

    return tuple(arrays[i] for i in places), whole


def _filled(tensor: torch.Tensor | None, like: tuple[Any, Any, Any]) -> torch.Tensor:
    shape, dtype, device = like
    return torch.zeros(shape, dtype=dtype, device=device) if tensor is None else tensor


def _lengthened(tensor: torch.Tensor, extra: int) -> torch.Tensor:
    return torch.cat([tensor, tensor[-1:].expand(extra, *tensor.shape[1:])])


def _transformed() -> bool:
    """Whether a torch.func transformation or forward mode may hide something in a tensor."""
    forward_mode = torch.autograd.forward_ad._current_level >= 0
    return forward_mode or torch._C._functorch.maybe_current_level() is not None


def _mapped(tensor: torch.Tensor) -> bool:
    """Whether a torch.func transformation hides the numbers, as for a batch of cotangents."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def _to_jax(tensor: torch.Tensor) -> Any:
    """Without a copy: on the CPU as a NumPy view, which JAX takes faster than DLPack."""
    tensor = tensor.detach()
    if tensor.is_cpu and tensor.dtype is not torch.bfloat16:
        return tensor.numpy()
    if tensor.numel() == 0 or tensor.dtype in (torch.bool, torch.int64):
        return jnp.asarray(tensor.cpu().numpy())
    return jax.dlpack.from_dlpack(tensor.contiguous())


def _to_torch(array: jax.Array, device: torch.device) -> torch.Tensor:
    if array.size == 0:
        return torch.as_tensor(np.array(array), device=device)
    return torch.from_dlpack(array)
