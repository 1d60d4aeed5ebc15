"""Arguments of a call -> one value per parameter, the dimensions, and the batch axes; or ArgumentError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from declarative import dims, ir
from declarative.dims import Dim, Shape
from declarative.errors import ArgumentError, diagnostic
from declarative.grammar.words import ascii_name
from declarative.walk import constant

Sizes = dict[str, int]
Lead = tuple[int, ...]


@dataclass(frozen=True)
class Bound:
    """`leads` holds the batch axes of each array by name; `batch` what they broadcast to."""

    sizes: Mapping[str, int]
    leads: Mapping[str, Lead]
    batch: Lead


def signature(name: str, params: tuple[ir.Parameter, ...]) -> str:
    """`ridge(X: real[m, d], y: real[m], lam: positive real = 1)`."""
    return f"{name}({', '.join(map(declared, params))})"


def declared(param: ir.Parameter) -> str:
    value = constant(param.default) if param.default is not None else None
    default = "" if param.default is None else f" = {value:g}" if value is not None else " = ..."
    return f"{param.name}: {type_text(param)}{default}"


def type_text(param: ir.Parameter | ir.Variable) -> str:
    words = [*sorted(param.properties), param.type.base]
    shape = f"[{', '.join(map(str, param.type.shape))}]" if param.type.shape else ""
    return " ".join(words) + shape


def match(
    problem: str, params: tuple[ir.Parameter, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The value of each parameter that was given one; a parameter with a default may be left out."""
    call = signature(problem, params)
    if len(args) > len(params):
        raise ArgumentError(
            diagnostic("D603", None, problem=problem, expected=len(params), found=len(args), signature=call)
        )
    values = {param.name: arg for param, arg in zip(params, args, strict=False)}
    by_name = {param.name: param for param in params}
    for spelt, value in kwargs.items():
        name = ascii_name(spelt)  # `λ=1` and `lam=1` are one name, as in the text
        if name not in by_name:
            near = get_close_matches(name, list(by_name), n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ArgumentError(
                diagnostic("D602", None, problem=problem, name=name, hint=hint, signature=call)
            )
        if name in values:
            raise ArgumentError(diagnostic("D604", by_name[name].span, name=name, signature=call))
        values[name] = value
    missing = [param for param in params if param.name not in values and param.default is None]
    if missing:
        names = ", ".join(f"`{param.name}`" for param in missing)
        raise ArgumentError(diagnostic("D601", missing[0].span, problem=problem, names=names, signature=call))
    return values


def shapes(
    params: tuple[ir.Parameter, ...], found: Mapping[str, tuple[int, ...]], known: Mapping[str, int]
) -> Bound:
    """Splits each found shape into batch axes and declared ones, and binds the dimensions.

    `found` has the arrays only (no `any`); `known` are static dimensions.
    """
    held = [param for param in params if param.name in found]
    cores: dict[str, tuple[int, ...]] = {}
    leads: list[Lead] = []
    for param in held:
        shape, rank = found[param.name], len(param.type.shape)
        if len(shape) < rank:
            raise ArgumentError(
                diagnostic(
                    "D605",
                    param.span,
                    name=param.name,
                    shape=shape,
                    rank=rank,
                    declared=type_text(param),
                    axes=", ".join(map(str, param.type.shape)),
                )
            )
        cores[param.name] = shape[len(shape) - rank :]
        leads.append(shape[: len(shape) - rank])
    sizes = _dimensions(held, cores, leads, known)
    return Bound(sizes, {p.name: lead for p, lead in zip(held, leads, strict=True)}, _broadcast(held, leads))


def _dimensions(
    held: list[ir.Parameter],
    cores: Mapping[str, tuple[int, ...]],
    leads: list[Lead],
    known: Mapping[str, int],
) -> Sizes:
    sizes: Sizes = dict(known)
    who = {name: f"`{name}` is static" for name in known}
    axes = [
        (param, axis, dim, cores[param.name][axis])
        for param in held
        for axis, dim in enumerate(param.type.shape)
    ]
    waiting = axes
    while waiting:
        later = []
        for param, axis, dim, length in waiting:
            missing = dim.names - sizes.keys()
            if len(missing) == 1 and (linear := dim.linear_in(*missing)) is not None:
                (name,) = missing
                sizes[name] = _solved(param, axis, dim, name, linear, length, sizes)
                who[name] = f"{name} = {sizes[name]} was bound by axis {axis} of `{param.name}`"
            elif missing:
                later.append((param, axis, dim, length))
        if len(later) == len(waiting):
            break
        waiting = later
    for name, size in (_joint(waiting, sizes) if waiting else {}).items():
        sizes[name], who[name] = size, f"{name} = {size} follows from the other shapes"
    for param, axis, dim, length in waiting:
        if unknown := sorted(dim.names - sizes.keys()):
            raise _unsolvable(param, axis, dim, length, "`, `".join(unknown), "")
    batched = {param.name: bool(lead) for param, lead in zip(held, leads, strict=True)}
    for param, axis, dim, length in axes:
        if dim.names <= sizes.keys() and dim.value(sizes) != length:
            expected = dim.value(sizes)
            raise ArgumentError(
                diagnostic(
                    "D607",
                    param.span,
                    name=param.name,
                    axis=axis,
                    dim=dim,
                    found=length,
                    expected=expected if dim.constant is None else f"the number {expected}",
                    batch=", counted after the batch axes" if batched[param.name] else "",
                    who="; ".join(who[name] for name in sorted(dim.names)) or "the declaration fixes it",
                )
            )
    return sizes


def _unsolvable(
    param: ir.Parameter, axis: int, dim: Dim, length: int, unknown: str, who: str
) -> ArgumentError:
    found = diagnostic(
        "D608", param.span, name=param.name, axis=axis, dim=dim, found=length, unknown=unknown, who=who
    )
    return ArgumentError(found)


def _joint(waiting: list[tuple[ir.Parameter, int, Dim, int]], sizes: Sizes) -> Sizes:
    """Dimensions that only several shapes together determine, as [m + n] and [m - n] do."""
    given = [(Dim.of(name), Dim.of(size)) for name, size in sizes.items()]
    known, _ = dims.bind([*given, *((dim, Dim.of(length)) for _, _, dim, length in waiting)])
    return {
        name: size.constant
        for name, size in known.items()
        if name not in sizes and size.constant is not None and size.constant >= 0
    }


def _solved(
    param: ir.Parameter, axis: int, dim: Dim, name: str, linear: tuple[Dim, Dim], length: int, sizes: Sizes
) -> int:
    factor, rest = linear[0].value(sizes), linear[1].value(sizes)
    if factor == 0 or (length - rest) % factor or (length - rest) // factor < 0:
        others = sorted(dim.names - {name})
        who = "".join(f"; {other} = {sizes[other]}" for other in others)
        raise _unsolvable(param, axis, dim, length, name, who)
    return (length - rest) // factor


def _broadcast(held: list[ir.Parameter], leads: list[Lead]) -> Lead:
    batch: Lead = ()
    first: dict[int, str] = {}  # batch axis, counted from the right -> the argument that set it
    for param, lead in zip(held, leads, strict=True):
        try:
            joined = np.broadcast_shapes(batch, lead)
        except ValueError:
            names = list(dict.fromkeys(f"`{name}`" for name in first.values()))
            raise ArgumentError(
                diagnostic(
                    "D610",
                    param.span,
                    name=param.name,
                    found=lead,
                    expected=batch,
                    declared=type_text(param),
                    who=f"they were set by {', '.join(names)}",
                )
            ) from None
        for back in range(1, len(lead) + 1):
            if lead[-back] != 1 and -back not in first:
                first[-back] = param.name
        batch = joined
    return batch


def shape_of(dims: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(dim.value(sizes) for dim in dims)
