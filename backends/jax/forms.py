"""Standard forms that the emitter fills and the engines read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
from jax import Array


class Quadratic(NamedTuple):
    """min 1/2 z'Pz + q'z subject to A z = b, G z <= h.

    P is symmetric; G may have no rows, as may A. An entry +inf of h stands for an absent row.
    """

    P: Array  # [n, n]
    q: Array  # [n]
    A: Array  # [p, n]
    b: Array  # [p]
    G: Array  # [m, n]
    h: Array  # [m]


class Curvature(NamedTuple):
    """P of a program, rest + rows' diag(weights) rows, of which each part is positive semidefinite."""

    rest: Array  # [n, n]
    rows: Array  # [k, n]
    weights: Array  # [k], not negative


@dataclass(frozen=True)
class Cones:
    """K, a product of cones in the order of its rows; it is structure, not data.

    | cone | rows | s is in it where | multipliers are in |
    |---|---|---|---|
    | zero | 1 each | s == 0 | all of space |
    | nonneg | 1 each | s >= 0 | itself |
    | soc | size each | s[0] >= norm(s[1:]) | itself |
    | psd | k * (k + 1) / 2 each, k the order | mat(s) is positive semidefinite | itself |
    | exp | 3 each | s[2] >= s[1] * exp(s[0] / s[1]), s[1] > 0, and limits | its dual |
    | power | 3 each | s[0]^a * s[1]^(1 - a) >= abs(s[2]), s[0], s[1] >= 0 | its dual |

    A symmetric matrix is stored as the columns of its lower triangle, one after the other, its entries off the
    diagonal times sqrt(2), so that products of such vectors are those of the matrices.
    """

    zero: int = 0
    nonneg: int = 0
    soc: tuple[int, ...] = ()
    psd: tuple[int, ...] = ()
    exp: int = 0
    power: int = 0

    @property
    def rows(self) -> int:
        triangles = sum(order * (order + 1) // 2 for order in self.psd)
        return self.zero + self.nonneg + sum(self.soc) + triangles + 3 * (self.exp + self.power)


jax.tree_util.register_static(Cones)


@dataclass(frozen=True)
class Sparsity:
    """What is known of a conic program's zeros, whatever its parameters are; structure, not data."""

    single: tuple[int, ...] | None = None
    """Of each row of A: the only unknown that it sees, -1 where it may see others. None: nothing is known."""
    curved: bool = True
    """False: P is zero."""


jax.tree_util.register_static(Sparsity)


class Conic(NamedTuple):
    """min 1/2 z'Pz + q'z subject to A z + s = b, s in K.

    P is symmetric. An entry +inf of b on a nonneg row stands for an absent row.
    """

    P: Array  # [n, n]
    q: Array  # [n]
    A: Array  # [m, n]
    b: Array  # [m]
    alpha: Array  # [power], the exponents of the power cones
    cones: Cones
    sparsity: Sparsity = Sparsity()
