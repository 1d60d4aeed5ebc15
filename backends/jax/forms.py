"""Standard forms that the emitter fills and the engines read."""

from __future__ import annotations

from typing import NamedTuple

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
