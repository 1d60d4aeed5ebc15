"""Parameters that a module owns: first values, and the maps that keep the promises of their declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from declarative import ir
from declarative.errors import ArgumentError, diagnostic
from declarative.layer import bind, values
from declarative.layer.layer import Layer

Learn = Sequence[str] | Mapping[str, Any]


def learnable(layer: Layer, learn: Learn) -> tuple[dict[str, ir.Parameter], dict[str, Any]]:
    """The declarations of the parameters to learn, and the first values that were given."""
    first = dict(learn) if isinstance(learn, Mapping) else dict.fromkeys(learn)
    params = {p.name: p for p in layer.given if p.type.base == "real" and "static" not in p.properties}
    for name in first:
        if name not in params:
            there = ", ".join(f"`{known}`" for known in params)
            hint = f"; what can be learned is {there}"
            raise ArgumentError(
                diagnostic(
                    "D602", None, problem=layer.__name__, name=name, hint=hint, signature=layer.signature
                )
            )
    return {name: params[name] for name in first}, {k: v for k, v in first.items() if v is not None}


def sizes_of_first(layer: Layer, first: Mapping[str, Any]) -> dict[str, int]:
    """The dimensions that first values determine."""
    params = tuple(p for p in layer.given if p.name in first)
    shapes = {p.name: values.leaf(p, first[p.name]).shape for p in params}
    return dict(bind.shapes(params, shapes, {}).sizes)


def sizes_of(
    layer: Layer,
    first: Mapping[str, Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    owned: Mapping[str, Any],
) -> dict[str, int]:
    """The dimensions that first values and the arguments of a call determine."""
    rest = tuple(p for p in layer.given if p.name not in owned)
    given = {**bind.match(layer.__name__, rest, args, kwargs), **first}
    arrays = tuple(p for p in layer.given if p.name in given and p.type.base != "any")
    shapes = {p.name: values.leaf(p, given[p.name]).shape for p in arrays if "static" not in p.properties}
    return dict(bind.shapes(tuple(p for p in arrays if p.name in shapes), shapes, {}).sizes)


def first_value(
    param: ir.Parameter, sizes: Mapping[str, int], rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """A raw first value: small noise with the usual scaling, an identity for definite matrices."""
    missing = sorted({name for dim in param.type.shape for name in dim.names if name not in sizes})
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise ArgumentError(diagnostic("D615", param.span, name=param.name, names=names))
    shape = bind.shape_of(param.type.shape, sizes)
    if param.properties & {"psd", "pd"}:
        return np.eye(shape[-1])
    if param.properties & {"nonneg", "positive", "nonpos", "negative"}:
        return np.full(shape, np.log(np.e - 1))  # softplus gives 1
    return rng.normal(size=shape) / np.sqrt(max(1, shape[-1] if shape else 1))


def raw_value(param: ir.Parameter, value: Any) -> np.ndarray[Any, Any]:
    """The raw value that `constrained` maps to this one."""
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, float)
    if param.properties & {"psd", "pd"}:
        spectrum, vectors = np.linalg.eigh((array + array.swapaxes(-1, -2)) / 2)
        return vectors * np.sqrt(np.maximum(spectrum, 1e-12))[..., None, :]
    if param.properties & {"nonpos", "negative"}:
        array = -array
    if param.properties & {"nonneg", "positive", "nonpos", "negative"}:
        clipped = np.maximum(array, 1e-8)
        return clipped + np.log(-np.expm1(-clipped))  # the inverse of softplus
    return array


def constrained(param: ir.Parameter, raw: Any, xp: Any) -> Any:
    """A value that keeps the promises, from one that is free; `xp` is torch or jax.numpy."""
    kept = param.properties
    if kept & {"psd", "pd"}:
        return raw @ xp.swapaxes(raw, -1, -2)
    if "symmetric" in kept:
        return (raw + xp.swapaxes(raw, -1, -2)) / 2
    if "skew" in kept:
        return (raw - xp.swapaxes(raw, -1, -2)) / 2
    if kept & {"nonneg", "positive"}:
        return xp.logaddexp(raw, xp.zeros_like(raw))
    if kept & {"nonpos", "negative"}:
        return -xp.logaddexp(raw, xp.zeros_like(raw))
    return raw
