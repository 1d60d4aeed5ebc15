"""What the interior point needs to know of a cone; equal cones are handled together, as one record.

Vectors are flat, [rows]; matrices are [rows, columns] with such vectors as their columns. The rows of
a semidefinite cone hold the whole matrix. `s` lies inside of the cone, `z` inside of its dual.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jax import Array

Seen: TypeAlias = np.ndarray[Any, Any]
"""[rows] int, outside of any trace: of each row of G the only unknown that it sees, -1 where it may see others."""

Pair: TypeAlias = tuple[Array, Array]
"""A direction: of s and of z."""


class Term(NamedTuple):
    """What a cone adds to the condensed matrix: G'(H + delta)^-1 G is the sum of its parts."""

    matrix: Array | None = None  # [n, n]
    diagonal: Array | None = None  # [n]
    rows: Array | None = None  # [any, n], whose gram is the rest


class Cone(Protocol):
    @property
    def count(self) -> int:
        """How many cones."""

    @property
    def rows(self) -> int:
        """Of all the cones together."""

    @property
    def degree(self) -> int:
        """The parameter of the barrier, of all the cones together."""

    def start(self, like: Array) -> tuple[Array, Array]:
        """The pair (s, z) with s = -grad f*(z) that is farthest inside, of the dtype of `like`."""

    def scaling(self, s: Array, z: Array, mu: Array, delta: Array) -> Any:
        """N with N'N = (H + delta)^-1, as factors; H is positive definite and H z = s. Matrices take no delta."""

    def whitened(self, scaling: Any, v: Array) -> Array:
        """N v of a matrix."""

    def unwhitened(self, scaling: Any, v: Array) -> Array:
        """N'v of a matrix."""

    def inverse(self, scaling: Any, v: Array) -> Array:
        """(H + delta)^-1 v of vectors that are the rows of v [k, rows]."""

    def energy(self, scaling: Any, z: Array) -> Array:
        """z'(H + delta) z, as a sum of squares."""

    def prepared(self, G: Array, seen: Seen) -> Any:
        """What `term` needs of the rows [rows, n]; the same for all steps."""

    def term(self, scaling: Any, prepared: Any) -> Term: ...

    def moves(self, scaling: Any, ds: Array, dz: Array) -> Any:
        """A direction, as `shift` and `steepest` take it."""

    def shift(self, scaling: Any, s: Array, z: Array, moves: Any, target: Array) -> Array:
        """d for which directions with ds + H dz = -d lead to the central pair of size `target`.

        `moves` is the direction whose second-order error is corrected.
        """

    def outside(self, s: Array) -> Array:
        """How far s lies outside of the cone: its distance up to a constant, the largest of all the cones."""

    def outside_dual(self, z: Array) -> Array:
        """The same of z and the dual cone."""


@runtime_checkable
class Symmetric(Cone, Protocol):
    """A cone of squares: along a direction its determinants are products over a spectrum."""

    def steepest(self, scaling: Any, s: Array, z: Array, moves: Any) -> Array:
        """The least eigenvalue e: s + t ds is inside as long as 1 + t e > 0, and so is z + t dz."""

    def times(self, scaling: Any, v: Array) -> Array:
        """(H + delta) v of vectors that are the rows of v [k, rows]."""

    def coloured(self, scaling: Any, v: Array) -> Array:
        """N'^-1 v of vectors that are the rows of v [k, rows]."""

    def product(self, v: Array, w: Array) -> Array:
        """The Jordan product of vectors."""


@runtime_checkable
class Nonsymmetric(Cone, Protocol):
    def inside(self, s: Array, z: Array, mu: Array) -> Array:
        """Whether all s and z are inside, and not far from the central path at mu."""
