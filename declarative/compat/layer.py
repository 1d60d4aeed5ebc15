"""`CvxpyLayer`: the signature and the batching rules of cvxpylayers over a layer of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from declarative.compat.problem import from_cvxpy
from declarative.errors import ArgumentError, diagnostic
from declarative.layer.layer import Layer
from declarative.layer.solution import Solution


class CvxpyLayer:
    """`layer(*params)` gives a tuple: the solution's values of `variables`, in NumPy, JAX or PyTorch as the params.

    `parameters` and `variables` are lists of a `cvxpy.Problem`'s own; `variables` may have dual variables of its
    constraints, too. cvxpy canonicalises the problem, once; JAX solves and differentiates it. So a call stands in
    `jit` and `vmap`, and derivatives of any order go forward and in reverse; in PyTorch likewise.

    An argument has the shape of its parameter, or one batch axis in front; arguments without it are shared by the
    batch. Outside of JAX's transformations problems are solved in float64, whatever the arguments' dtype, which the
    values have; inside of them in the arguments' dtype.

    `on_fail="raise"`, as cvxpylayers: a call with an element that has no solution raises `SolveError`, which
    names the elements and their statuses. With "nan" (and always inside of a transformation, where nothing can be
    raised) these elements are NaN, and the others right. `layer.solve(*params)` has the statuses and raises nothing.

    `solver`, `solver_args`, `warm_start` and `verbose` are for solvers that are not called here: they change
    nothing. Further options are those of `dc.compile`: tol, max_iter, backward.

    Raises `ArgumentError`, a `ValueError`, for problems that are not DPP and for arguments that do not fit.
    """

    def __init__(
        self,
        problem: Any,
        parameters: Sequence[Any],
        variables: Sequence[Any],
        solver: str | None = None,
        gp: bool = False,
        verbose: bool = False,
        canon_backend: str | None = None,
        solver_args: Mapping[str, Any] | None = None,
        **options: Any,
    ):
        if not (solver is None or isinstance(solver, str)):
            raise ArgumentError(diagnostic("D710", None, found=type(solver).__name__))
        options = {"on_fail": "raise", **options}
        self.layer = from_cvxpy(
            problem, parameters, variables, gp=gp, canon_backend=canon_backend, precision="float64", **options
        )

    def __call__(
        self, *params: Any, solver_args: Mapping[str, Any] | None = None, warm_start: bool = False
    ) -> tuple[Any, ...]:
        """The values of the variables, in their order."""
        self._check_batch(params)
        found = self.layer(*params)
        return tuple(found) if isinstance(found, tuple) else (found,)

    def solve(self, *params: Any) -> Solution:
        """The values of the variables by name, with statuses and multipliers; nothing is raised."""
        self._check_batch(params)
        return self._silent.solve(*params)

    @cached_property
    def _silent(self) -> Layer:
        layer = self.layer
        return layer if layer.options.on_fail != "raise" else layer.with_options(on_fail="nan")

    def _check_batch(self, params: tuple[Any, ...]) -> None:
        for declared, value in zip(self.layer.given, params, strict=False):
            shape, rank = np.shape(value), len(declared.type.shape)
            if len(shape) > rank + 1:
                lead, core = shape[: len(shape) - rank], tuple(map(str, declared.type.shape))
                raise ArgumentError(
                    diagnostic("D708", None, name=declared.name, lead=lead, shape=f"[{', '.join(core)}]")
                )

    def __repr__(self) -> str:
        return f"CvxpyLayer({self.layer.signature})"
