"""What an engine gives for one element of a batch: a point, and the residual it is a root of."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from jax import Array

Params = tuple[Any, ...]
"""The non-static `given`s in order; arrays, or pytrees for `any`."""


class Point(NamedTuple):
    """Flat primal-dual point: unknowns (raveled, in order), equality and inequality multipliers."""

    z: Array  # [n]
    eq: Array  # [p], may be empty
    ineq: Array  # [m], >= 0, may be empty


class Root(NamedTuple):
    """One solve. `fixed` is what the residual needs besides (y, p) and is held constant, such as
    the mask of active constraints; a factorisation to be reused by `linear` may travel in it too."""

    y: Point
    fixed: Any
    status: Array  # int8, Status.code
    iterations: Array  # int32
    residual: Array  # scaled optimality residual, in the solve's dtype


class SolveOptions(NamedTuple):
    """Static settings of a solve; engines document the ones that they use."""

    tol: float | None = None  # None: the engine's default for the dtype
    max_iter: int | None = None
    variant: str | None = None  # e.g. "anderson", "picard" within the fixed-point engine
    attempt: bool = False  # give up early: who asks solves again what this leaves unsolved


class Solver(Protocol):
    """Built by the emitted module from the problem's functions; every method handles one element,
    is traceable, and is vmapped by the layer.

    Of the shapes of parameters it may tell besides, by `describe(p) -> str`, how it factorises matrices, and by
    `operations(p) -> float`, what about a solve costs, where another engine may need less.
    """

    attempts: bool
    """Whether most problems need but a small part of the program, which `options.attempt` asks for. May be missing."""

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        """Values only: never differentiated."""
        ...

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        """F(y, p), zero at the solution, smooth in y and p for the given `fixed`."""
        ...

    def linear(self, y: Point, p: Params, fixed: Any) -> Any | None:
        """None, or (solve, transpose_solve): Point -> Point, applying (dF/dy)^-1 and its transpose."""
        ...

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        """int8, DerivativeStatus.code."""
        ...
