"""A conic program, and the scales that its interior point has found -> the program with entries of size near one."""

from __future__ import annotations

from typing import NamedTuple

from jax import Array

from declarative.backends.jax.conic import layout, scaling
from declarative.backends.jax.forms import Cones, Conic, Sparsity
from declarative.backends.jax.structure import matrix
from declarative.backends.jax.structure.matrix import Square, Wide


class Scales(NamedTuple):
    columns: Array  # [n]: unscaled x = columns * x
    rows: Array  # [m]: unscaled s = s / rows, unscaled z = rows * z / cost
    cost: Array


class Program(NamedTuple):
    """A conic program with rows and columns of size near one, in the order of the rows as given."""

    P: Square  # [n, n]
    q: Array  # [n]
    A: Wide  # [m, n]
    b: Array  # [m]
    alpha: Array  # [power]
    cones: Cones
    sparsity: Sparsity
    scales: Scales


def scales(problem: scaling.Scaled) -> Scales:
    order = layout.layout(problem.cones)
    return Scales(problem.columns, problem.rows if order.plain else problem.rows[order.first], problem.cost)


def program(data: Conic, scales: Scales) -> Program:
    A, b = scaling.present(data)
    columns, rows, cost = scales
    P, A = scaling.curvature(data, columns, cost), matrix.scaled_rows(rows, A, columns)
    return Program(P, cost * columns * data.q, A, rows * b, data.alpha, data.cones, data.sparsity, scales)
