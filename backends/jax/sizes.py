"""Dimension names -> Python text that reads each from the shapes of one element's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from declarative import ir
from declarative.backends.jax.printer import dim_text
from declarative.dims import Dim


@dataclass(frozen=True)
class Reading:
    """`name = text`, where the text reads the shape of `param` and the dimensions in `needs`."""

    name: str
    param: str
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
                found.append(Reading(name, param, text, dim.names - missing))
                have.add(name)
                progress = True
    return tuple(found)


def _solved(length: str, dim: Dim, name: str, parts: tuple[Dim, Dim], names: Mapping[str, str]) -> str:
    factor, rest = parts
    text = length if not rest.terms else f"{length} - ({dim_text(rest, names)})"
    if factor.constant == 1:
        return text
    return f"({text}) // ({dim_text(factor, names)})"
