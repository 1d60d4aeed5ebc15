"""Dimension names -> Python text that reads each from the shapes of one element's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from declarative import ir
from declarative.backends.jax.printer import dim_text
from declarative.dims import Dim


@dataclass(frozen=True)
class Reading:
    """`name = text`, where the text reads shapes of the `params` and the dimensions in `needs`."""

    name: str
    params: tuple[str, ...]
    text: str
    needs: frozenset[str]


def readings(
    params: tuple[ir.Parameter, ...], known: frozenset[str], names: Mapping[str, str]
) -> tuple[Reading, ...]:
    """One reading for each dimension that the parameters determine, each after those that it needs."""
    found: list[Reading] = []
    have = set(known)
    axes = [(param.name, axis, dim) for param in params for axis, dim in enumerate(param.type.shape)]
    axes.sort(key=lambda entry: len(entry[2].names) != 1 or entry[2] != Dim.of(str(entry[2])))  # names first
    progress = True
    while progress:
        progress = False
        for param, axis, dim in axes:
            missing = dim.names - have
            if len(missing) == 1 and (factor := dim.linear_in(*missing)) is not None:
                (name,) = missing
                text = _solved(f"{names[param]}.shape[{axis}]", dim, name, factor, names)
                found.append(Reading(name, (param,), text, dim.names - missing))
                have.add(name)
                progress = True
    return (*found, *_systems(axes, have, names))


def _systems(axes: list[tuple[str, int, Dim]], have: set[str], names: Mapping[str, str]) -> Iterator[Reading]:
    """Dimensions that only several shapes together determine, as [m + n] and [m - n] do."""
    joint = [(param, axis, dim) for param, axis, dim in axes if dim.names - have]
    equations = "".join(f"({dim.terms!r}, {names[param]}.shape[{axis}]), " for param, axis, dim in joint)
    for name in sorted({name for _, _, dim in joint for name in dim.names - have}):
        yield Reading(
            name, tuple(param for param, _, _ in joint), f"rt.dimension({name!r}, {equations})", frozenset()
        )


def _solved(length: str, dim: Dim, name: str, parts: tuple[Dim, Dim], names: Mapping[str, str]) -> str:
    factor, rest = parts
    text = length if not rest.terms else f"{length} - ({dim_text(rest, names)})"
    if factor.constant == 1:
        return text
    return f"({text}) // ({dim_text(factor, names)})"
