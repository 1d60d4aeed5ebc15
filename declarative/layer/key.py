"""Arguments of a call -> the key under which its preparation is kept, and its arrays and numbers in order.

Two calls of one key differ in their numbers only: they bind alike and are solved by one function. A key must
cost microseconds, so nothing is converted or checked here.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import numpy as np

from declarative import ir

NUMBERS = frozenset({bool, int, float})

Key = tuple[Hashable, ...]


class Keys:
    """`of(args, kwargs)` for the parameters of one layer; None for calls that must be looked at each time."""

    def __init__(self, params: tuple[ir.Parameter, ...]):
        self._order = tuple(param.name for param in params)
        self._kinds = {p.name: "static" if "static" in p.properties else p.type.base for p in params}

    def of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Key, list[Any]] | None:
        if len(args) > len(self._order):
            return None
        parts: list[Hashable] = [len(args), *kwargs]
        leaves: list[Any] = []
        for name, value in (*zip(self._order, args, strict=False), *kwargs.items()):
            part: Hashable
            match self._kinds.get(name):
                case None:
                    return None
                case "static":
                    part = _constant(value)
                case "any":
                    part = _tree(value, leaves)
                case _:
                    part = _number(value) or _array(value)
                    leaves.append(value)
            if part is None:
                return None
            parts.append(part)
        return tuple(parts), leaves


def _number(value: Any) -> Hashable:
    """The kind of a plain number; None for anything else."""
    kind: Any = type(value)
    return kind if kind in NUMBERS else None


def _array(value: Any) -> Hashable:
    """What an array is besides its entries; None for anything else."""
    if isinstance(value, np.ndarray | np.generic):
        return type(value), value.shape, value.dtype
    if isinstance(value, jax.Array):
        return type(value), value.shape, value.dtype, spread(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return torch.Tensor, value.shape, value.dtype, value.device, torch.get_default_dtype()
    return None


def spread(value: Any) -> bool:
    """Whether a JAX array lies on more than one device."""
    return (
        isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) and len(value.devices()) > 1
    )


def _constant(value: Any) -> Hashable:
    return (type(value), value) if isinstance(value, Hashable) and _array(value) is None else None


def _tree(value: Any, leaves: list[Any]) -> Hashable:
    """A pytree's structure and its leaves: arrays and floats are data, the others belong to the program."""
    flat, structure = jax.tree.flatten(value)
    parts: list[Hashable] = [structure]
    for leaf in flat:
        part = float if type(leaf) is float else _array(leaf)
        if part is not None:
            leaves.append(leaf)
        else:
            part = _constant(leaf)
        if part is None:
            return None
        parts.append(part)
    return tuple(parts)
