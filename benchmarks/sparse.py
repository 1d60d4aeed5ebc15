"""Linear and quadratic programs on the engines that keep matrices sparse -> docs/benchmarks/sparse.md.

    python -m benchmarks.sparse [--data DIR] [--set netlib|maros_meszaros] [--max-iter N] [--write] [NAME ...]

A row a problem and engine: status, steps, error of the objective against the stored optimum, residual, seconds of CPU
time without compilation, status of the derivative and error of its gradients where the data hold an oracle. Then the
same linear programs with their objective bounded below the optimum, which are infeasible. Ends with exit code 1 if a
problem that is called solved is wrong, or a feasible one is called infeasible.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from benchmarks.maros_meszaros import DATA
from declarative.backends.cvxpy import clarabel
from declarative.backends.cvxpy.runtime import Model
from declarative.backends.jax.engines import first_order
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.sparse import Sparse, read
from declarative.layer.status import DerivativeStatus, Status

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "sparse.md"


class Program(NamedTuple):
    """min 1/2 x'Px + q'x + constant subject to A x = b, G x <= h, lower <= x <= upper, all sparse."""

    name: str
    P: Any | None
    q: Any
    A: Any
    b: Any
    G: Any
    h: Any
    lower: Any
    upper: Any
    constant: float
    optimum: float
    stored: dict[str, Any]


class Row(NamedTuple):
    status: Status
    steps: int
    error: float
    residual: float
    derivative: DerivativeStatus
    gradient: float
    seconds: float


def load(path: Path) -> Program:
    with np.load(path) as file:
        stored = dict(file)
    m, n = map(int, stored["shape"])
    linear = "c" in stored
    A = scipy.sparse.csr_array((stored["A_data"], stored["A_indices"], stored["A_indptr"]), shape=(m, n))
    P = None
    if not linear:
        P = scipy.sparse.csc_array((stored["P_data"], stored["P_indices"], stored["P_indptr"]), shape=(n, n))
    low, high = stored["l"], stored["u"]
    equal = low == high
    above, below = np.isfinite(high) & ~equal, np.isfinite(low) & ~equal
    return Program(
        path.stem, P, stored["c"] if linear else stored["q"], A[equal], low[equal],
        scipy.sparse.vstack([A[above], -A[below]]).tocsr(), np.concatenate([high[above], -low[below]]),
        stored["lb"], stored["ub"], float(stored["c0"] if linear else stored["r"]),
        float(stored["f_highs"] if linear else stored["f_ref"]), stored,
    )  # fmt: skip


def cut(program: Program) -> Program:
    """Its objective below the optimum, by a tenth or one: no point is feasible."""
    side = program.optimum - program.constant - max(1.0, 0.1 * abs(program.optimum))
    rows = scipy.sparse.vstack([program.G, scipy.sparse.csr_array(program.q[None, :])]).tocsr()
    return program._replace(G=rows, h=np.append(program.h, side))


# ---- the two engines ---------------------------------------------------------------------------


def matrices(program: Program) -> tuple[Any, ...]:
    parts = [None if M is None else read(M) for M in (program.P, program.A, program.G)]
    held = [None if M is None else Sparse(jnp.asarray(M.data), M.pattern) for M in parts]
    return (*held, *(jnp.asarray(part) for part in (program.q, program.b, program.h)))


def by_products(program: Program) -> Any:
    """The bounds stand in the functions: they may be infinite."""
    n = program.q.size
    lower, upper = jnp.asarray(program.lower), jnp.asarray(program.upper)

    def cost(z: Any, p: Any) -> Any:
        return p[3] @ z if p[0] is None else z @ (p[0] @ z) / 2 + p[3] @ z

    def inequalities(z: Any, p: Any) -> Any:
        return jnp.concatenate([p[2] @ z - p[5], lower - z, z - upper])

    rows = program.h.size
    return first_order.Solver(
        cost,
        lambda p: n,
        equalities=lambda z, p: p[1] @ z - p[4],
        inequalities=inequalities,
        bounds=lambda p: ((rows, 0, n, False), (rows + n, 0, n, True)),
        linear=program.P is None,
    )


def by_factors(program: Program) -> Any:
    below, above = np.flatnonzero(np.isfinite(program.lower)), np.flatnonzero(np.isfinite(program.upper))

    def state(p: Any, model: Model) -> Any:
        x = model.find(program.q.size)
        if program.b.size:
            model.require(model.given(p[1]) @ x == model.given(p[4]))
        if program.h.size:
            model.require(model.given(p[2]) @ x <= model.given(p[5]))
        if below.size:
            model.require(x[below] >= program.lower[below])
        if above.size:
            model.require(x[above] <= program.upper[above])
        linear = model.given(p[3]) @ x
        curved = 0 if p[0] is None else cp.quad_form(x, model.given(p[0]), assume_PSD=True) / 2
        return cp.Minimize(curved + linear)

    return clarabel.Solver(state)


ENGINES = {"first_order": by_products, "clarabel": by_factors}


def run(program: Program, engine: str, max_iter: int | None, gradients: bool = True) -> Row:
    solver, p = ENGINES[engine](program), matrices(program)
    limit = max_iter if engine == "first_order" else None

    def solve(p: Any) -> Any:
        root = solver.solve(p, None, SolveOptions(max_iter=limit))
        return root, solver.regularity(root.y, p, root.fixed)

    compiled = jax.jit(solve).lower(p).compile()
    began = time.process_time()
    root, derivative = jax.block_until_ready(compiled(p))
    seconds = time.process_time() - began
    x = np.asarray(root.y.z)[: program.q.size]
    value = program.q @ x + program.constant + (0 if program.P is None else x @ (program.P @ x) / 2)
    gradient = np.nan
    status = list(Status)[int(root.status)]
    if gradients and status is Status.SOLVED and "dL_dq" in program.stored:
        weights = jnp.asarray(program.stored["w"])

        def loss(q: Any) -> Any:
            moved = (*p[:3], q, *p[4:])
            return weights @ differentiable(solver, SolveOptions(max_iter=limit))(moved, None).y.z[: q.size]

        found, oracle = np.asarray(jax.jit(jax.grad(loss))(p[3])), program.stored["dL_dq"]
        gradient = float(np.linalg.norm(found - oracle) / (np.linalg.norm(oracle) or 1.0))
    return Row(
        status, int(root.iterations), abs(value - program.optimum) / max(1.0, abs(program.optimum)),
        float(root.residual), list(DerivativeStatus)[int(derivative)], gradient, seconds,
    )  # fmt: skip


def wrong(row: Row) -> bool:
    return (row.status is Status.SOLVED and not row.error < 1e-6) or row.status in (
        Status.INFEASIBLE,
        Status.UNBOUNDED,
    )


# ---- tables ------------------------------------------------------------------------------------

HEAD = (
    "| problem | unknowns | rows | entries | engine | status | steps | objective | residual | derivative | gradient |"
    " seconds |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(program: Program, engine: str, row: Row) -> str:
    size = f"{program.q.size} | {program.b.size + program.h.size} | {program.A.nnz + program.G.nnz}"
    gradient = "" if np.isnan(row.gradient) else f"{row.gradient:.0e}"
    return (
        f"| {program.name} | {size} | {engine} | {row.status} | {row.steps} | {row.error:.0e} |"
        f" {row.residual:.0e} | {row.derivative} | {gradient} | {row.seconds:.2f} |"
    )


def tables(paths: list[Path], max_iter: int | None) -> Iterator[tuple[str, bool]]:
    """Lines, and whether one tells of a wrong answer."""
    yield HEAD, False
    for path in paths:
        program = load(path)
        for engine in ENGINES:
            row = run(program, engine, max_iter)
            yield line(program, engine, row), wrong(row)


def infeasible(paths: list[Path], max_iter: int | None) -> Iterator[tuple[str, bool]]:
    yield "| problem, cut below its optimum | " + " | ".join(ENGINES) + " |\n|---|---|---|", False
    for path in paths:
        program = load(path)
        if program.P is not None:
            continue
        rows = [run(cut(program), engine, max_iter, gradients=False) for engine in ENGINES]
        cells = [f"{row.status}, {row.steps} steps, {row.seconds:.2f} s" for row in rows]
        bad = any(row.status in (Status.SOLVED, Status.UNBOUNDED) for row in rows)
        yield f"| {program.name} | {' | '.join(cells)} |", bad


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="problems; all by default")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--set", action="append", choices=("netlib", "maros_meszaros"), help="both by default"
    )
    parser.add_argument("--max-iter", type=int, help="of the first-order engine")
    parser.add_argument("--write", action="store_true", help=f"the tables into {PAGE.name}")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    sets = args.set or ("netlib", "maros_meszaros")
    paths = [path for one in sets for path in sorted((args.data / one).glob("*.npz"))]
    paths = [path for path in paths if not args.names or path.stem in args.names]
    lines, bad = [], False
    for table in (tables, infeasible):
        for text, broken in table(paths, args.max_iter):
            print(text + ("  WRONG" if broken else ""), flush=True)
            lines.append(text)
            bad |= broken
        lines.append("")
    if args.write:
        head = PAGE.read_text(encoding="utf-8").partition("\n| ")[0]
        PAGE.write_text(head + "\n" + "\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return bad


if __name__ == "__main__":
    sys.exit(main())
