"""Structure of a conic program -> the records of its cones, one for each kind and size.

A cone is one file and one line in this table.
"""

from __future__ import annotations

from collections.abc import Callable

from jax import Array

from declarative.backends.jax.conic.cones.cone import Cone
from declarative.backends.jax.conic.cones.exponential import Exponential
from declarative.backends.jax.conic.cones.nonnegative import Nonnegative
from declarative.backends.jax.conic.cones.power import Power
from declarative.backends.jax.conic.cones.second_order import SecondOrder
from declarative.backends.jax.conic.cones.semidefinite import Semidefinite
from declarative.backends.jax.forms import Cones

Kind = Callable[[Cones, Array], list[Cone]]


def _equal(sizes: tuple[int, ...], kind: Callable[[int, int], Cone]) -> list[Cone]:
    return [kind(sizes.count(size), size) for size in sorted(set(sizes))]


KINDS: tuple[Kind, ...] = (
    lambda cones, alpha: [Nonnegative(cones.nonneg)] if cones.nonneg else [],
    lambda cones, alpha: _equal(cones.soc, SecondOrder),
    lambda cones, alpha: _equal(cones.psd, Semidefinite),
    lambda cones, alpha: [Exponential(cones.exp)] if cones.exp else [],
    lambda cones, alpha: [Power(cones.power, alpha)] if cones.power else [],
)
"""In the order of their rows in `Cones`; those of one kind by size."""


def grouped(cones: Cones, alpha: Array) -> tuple[Cone, ...]:
    """The cones of K but the zero cone, equal ones as one record, in the order of `layout.Layout`."""
    return tuple(cone for kind in KINDS for cone in kind(cones, alpha))
