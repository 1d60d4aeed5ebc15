"""A hand-made program, `A @ x = b` with a solver that can be told to fail, so that the layer is tested alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp

from declarative import ir
from declarative.dims import Dim
from declarative.layer.contract import Point, Root, SolveOptions
from declarative.layer.layer import Layer
from declarative.layer.options import Options
from declarative.layer.program import Program
from declarative.layer.status import DerivativeStatus, Status

N = Dim.of("n")
MATRIX, VECTOR = ir.Type("real", (N, N)), ir.Type("real", (N,))


class Linear:
    """Solves A x = b; an element with A[0, 0] == -k fails with the status of code k.

    Where it attempts, it leaves an element with A[0, 1] == 5 unsolved.
    """

    def __init__(self, attempts: bool = False):
        self.attempts = attempts

    def solve(self, p: Any, start: Any, options: SolveOptions) -> Root:
        A, b, _ = p
        x = jnp.linalg.solve(A, b)
        code = jnp.where(A[0, 0] < 0, -A[0, 0], 0).astype(jnp.int8)
        if options.attempt:
            code = jnp.where(A[0, 1] == 5, jnp.int8(Status.MAX_ITERATIONS.code), code)
        empty = jnp.zeros(0, x.dtype)
        count = jnp.int32(1) if start is None else jnp.int32(2)
        return Root(Point(x, empty, empty), (), code, count, jnp.max(jnp.abs(A @ x - b)))

    def optimality(self, y: Point, p: Any, fixed: Any) -> Point:
        return Point(p[0] @ y.z - p[1], y.eq, y.ineq)

    def linear(self, y: Point, p: Any, fixed: Any) -> None:
        return None

    def regularity(self, y: Point, p: Any, fixed: Any) -> Any:
        return jnp.where(p[0][0, 0] == 7, DerivativeStatus.SINGULAR.code, 0).astype(jnp.int8)


def outputs(y: Point, p: Any) -> tuple[Any, ...]:
    return y.z, p[2] * jnp.sum(y.z)


def toy(on_fail: str = "nan", start: dict[str, Any] | None = None, **changes: Any) -> Layer:
    """`toy(A, b, scale = 2) -> x, total`."""
    x = ir.Unknown("x", VECTOR)
    problem = ir.Problem(
        name="toy",
        params=(
            ir.Parameter("A", MATRIX, frozenset({"pd"}) if changes.get("pd") else frozenset()),
            ir.Parameter("b", VECTOR),
            ir.Parameter("scale", ir.Type(), default=ir.Const(2)),
        ),
        unknowns=(ir.Variable("x", VECTOR),),
        statement=ir.Root(((x, x),)),
        outputs=(ir.Output("x", x), ir.Output("total", x)),
        dims=("n",),
        doc="A linear system.",
    )
    module = SimpleNamespace(
        SOLVER=Linear(changes.get("attempts", False)),
        size=lambda p: p[1].shape[0],
        unpack=lambda z, p: (z,),
        outputs=outputs,
        duals=lambda y, p: {"half": y.z / 2},
    )
    program = Program(
        problem=problem,
        solved=problem,
        backend="jax",
        engine="toy",
        source="SOLVER = ...\n",
        load=lambda static: module,
        explain=lambda: "by hand",
        latex=lambda: "A x = b",
        info={"outputs": ("x", "total")},
        static={},
        defaults={"scale": 2},
    )

    def again(**more: Any) -> Layer:
        return toy(**{"on_fail": on_fail, "start": start, **changes, **more})

    return Layer(program, Options(on_fail=on_fail, start=start or {}), again)


def failing(kind: Status, n: int = 2) -> Any:
    """A matrix on which the solver says that it failed."""
    return jnp.eye(n).at[0, 0].set(-float(kind.code))


__all__ = ["failing", "jax", "toy"]
