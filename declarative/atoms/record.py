"""The record of one atom: all that every stage knows about a function, as pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

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
Values = tuple[float | None, ...]
"""The arguments' numbers where they are constants of the text, None elsewhere; () is all None."""
Attrs = Mapping[str, object]
ShapeRule = Callable[[tuple[Shape, ...], Attrs], Shape]
"""Shapes of the arguments and the attributes -> shape; raises `ShapeError`."""


class SignRule(Protocol):
    def __call__(self, signs: Signs, values: Values = ()) -> Sign: ...


class CurvatureRule(Protocol):
    def __call__(self, signs: Signs, values: Values = ()) -> Curvature: ...


class MonotoneRule(Protocol):
    def __call__(self, signs: Signs, values: Values = ()) -> tuple[Monotone, ...]: ...


ConicRule = Callable[[Signs, Values], str | None]
"""Signs and constants of the arguments -> the conic form there."""


class ShapeError(Exception):
    """Arguments whose shapes an atom cannot take: a code of the catalogue and the fields of its words.

    `places` are (argument, axis) pairs at fault, for the carets; axis None means the whole argument.
    """

    def __init__(self, code: str, *places: tuple[int, int | None], **fields: object):
        super().__init__(code)
        self.code, self.places, self.fields = code, places, fields


class Example(NamedTuple):
    """Arguments (nested tuples of numbers) and attributes on which tests evaluate the atom."""

    args: tuple[object, ...]
    attrs: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Atom:
    """One row of the table.

    `jax`, `cvxpy` and `latex` are `str.format` templates over the arguments `{0}`, `{1}`, …, over
    `{args}` (all of them, joined by ", ") and over the attributes by name; `cvxpy` None means that
    disciplined convex programs cannot hold it. Templates name `jnp`, `jax`, `jsp` (jax.scipy.special)
    and `rt` (backends/jax/runtime.py), or `cp`, `np` and `ct` (backends/cvxpy/runtime.py). A template is an
    operator where `precedence` is below 100: who fills it puts parentheses where they are needed.

    `curvature`, `monotone` and `sign` speak of the atom as a function of all its arguments on its
    domain, given their signs (so `square` is increasing on nonneg arguments) and, for `pow`, the
    constant exponent. Atoms that are products (`mul`, `matmul`, `div`, `quad_form`, …) are affine or
    convex in some arguments while the others are constant: `constant_in` gives, per alternative, the
    indices that must be constant for `curvature` to hold, the empty set meaning no condition.
    A domain of "symmetric" or "psd" must be known to hold for `curvature` and `sign` to hold.

    `conic` is the conic form of a convex or concave atom: a program of the language, its lines separated by
    semicolons, whose `given`s are the arguments and then the attributes, and whose optimal value is the atom's.
    It may use simpler atoms; what they become in the end is affine, with second-order, semidefinite, exponential
    and power cones. An elementwise atom's form is that of one entry, that of an atom along `axis` is for a
    vector, and the last given of an atom of any number of arguments stands for all that are left.

    Attributes are settings, not arguments: "axis" (int or None), "shape" (tuple of Dim), "size" and
    "k" (Dim), "p" (float). `defaults` fill trailing arguments: `huber(r)` is `huber(r, 1)`.
    """

    name: str
    arity: int | tuple[int, int | None]
    doc: str
    shape: ShapeRule
    sign: SignRule
    curvature: CurvatureRule
    monotone: MonotoneRule
    jax: str
    cvxpy: str | None
    latex: str
    domain: tuple[str, ...] = ()  # per argument: "real" "nonneg" "positive" "> -1" "symmetric" "psd"
    constant_in: tuple[frozenset[int], ...] = (frozenset(),)
    attrs: tuple[tuple[str, object], ...] = ()  # attribute names and defaults
    defaults: tuple[float, ...] = ()
    order: int = 2  # continuous derivatives inside the domain: 2 or more, 1, 0 (kinks), -1 (jumps)
    elementwise: bool = False
    takes: str = "number"  # base of the arguments: "number", "bool", "any", "choice" (a bool first)
    result: str = "real"  # base of the result: "real", "bool", "same" (int if all arguments are)
    conic: str | ConicRule | None = None
    precedence: int = 100  # or 1, and 2, not 3, comparison 4, sum 5, product 6, sign 7, power 8
    example: tuple[Example, ...] = ()

    @property
    def smooth(self) -> bool:
        """Twice continuously differentiable on the interior of its domain."""
        return self.order >= 2
