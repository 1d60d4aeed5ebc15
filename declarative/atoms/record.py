"""The record of one atom: all that every stage knows about a function, as pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from declarative.dims import Shape


class Sign(Enum):
    ZERO = "zero"
    NONNEG = "nonneg"
    NONPOS = "nonpos"
    UNKNOWN = "unknown"


class Curvature(Enum):
    CONSTANT = "constant"  # in the unknowns: parameters alone are constant
    AFFINE = "affine"
    CONVEX = "convex"
    CONCAVE = "concave"
    UNKNOWN = "unknown"


class Monotone(Enum):
    INCREASING = "increasing"
    DECREASING = "decreasing"
    NEITHER = "neither"


Signs = tuple[Sign, ...]
ShapeRule = Callable[[tuple[Shape, ...], Mapping[str, object]], Shape]
"""Shapes of the arguments and the attributes -> shape; raises `ShapeError` with words for people."""


class ShapeError(Exception):
    """Arguments whose shapes an atom cannot take; the checker turns it into a diagnostic."""


@dataclass(frozen=True)
class Atom:
    """One row of the table.

    `jax`, `cvxpy` and `latex` are `str.format` templates over the arguments `{0}`, `{1}`, … and the
    attributes by name; `cvxpy` None means that disciplined convex programs cannot hold it.
    `curvature`, `monotone` and `sign` speak of the atom as a function of all its arguments on its
    domain, given their signs (so `square` is increasing on nonneg arguments). Atoms that are
    products (`mul`, `matmul`, `div`, `quad_form`, …) are affine or convex in some arguments while
    the others are constant: `constant_in` gives, per alternative, the indices that must be constant
    for `curvature` to hold, the empty set meaning no condition.
    """

    name: str
    arity: int | tuple[int, int | None]
    doc: str
    shape: ShapeRule
    sign: Callable[[Signs], Sign]
    curvature: Callable[[Signs], Curvature]
    monotone: Callable[[Signs], tuple[Monotone, ...]]
    jax: str
    cvxpy: str | None
    latex: str
    domain: tuple[str, ...] = ()  # per argument: "real", "nonneg", "positive", "symmetric", "psd"
    constant_in: tuple[frozenset[int], ...] = (frozenset(),)
    attrs: tuple[tuple[str, object], ...] = ()  # attribute names and defaults
    smooth: bool = True  # twice continuously differentiable on the interior of its domain
    elementwise: bool = False
    result: str = "real"  # base of the result: "real", "int" or "bool"
    example: tuple[tuple[object, ...], ...] = ()  # argument values on which tests evaluate it
