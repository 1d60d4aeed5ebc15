"""The Maros-Meszaros quadratic programs on the dense engine: solved or not, how well, and the derivative.

    python benchmarks/maros_meszaros.py [--limit 500] [--data DIR] [--set maros_meszaros|netlib] [NAME ...]

A row a problem: status, iterations, relative error of the objective against the published optimum,
residual, status of the derivative, and the largest relative error of the gradients for which the data
hold an oracle. Ends with exit code 1 if a problem reported as solved is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from declarative.backends.jax.engines import interior_point
from declarative.backends.jax.forms import Quadratic
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

DATA = Path(os.environ.get("DECLARATIVE_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
Arrays = dict[str, np.ndarray]


class Program(NamedTuple):
    """Two-sided rows and bounds as a Quadratic; `origin` says where each right-hand side comes from."""

    data: Quadratic
    origin: list[tuple[str, np.ndarray, float]]  # parts of (b, h) in order: oracle's name, entries, sign
    constant: float
    optimum: float
    stored: Arrays


class Outcome(NamedTuple):
    status: Status
    iterations: int
    objective_error: float
    residual: float
    derivative: DerivativeStatus
    gradient_error: float  # NaN without an oracle


def load(path: Path) -> Program:
    with np.load(path) as file:
        stored = dict(file)
    m, n = stored["shape"]
    linear = "c" in stored
    P = np.zeros((n, n)) if linear else _dense(stored, "P", (n, n)).T
    q, constant = (stored["c"], stored["c0"]) if linear else (stored["q"], stored["r"])
    A = _dense(stored, "A", (m, n))
    low, high, lb, ub = (stored[key] for key in ("l", "u", "lb", "ub"))
    rows, fixed = low == high, lb == ub
    eye = np.eye(n)
    parts = [
        ("deq_row", np.flatnonzero(rows), 1.0, A, high),
        ("dfix", np.flatnonzero(fixed), 1.0, eye, ub),
        ("du_row", np.flatnonzero(np.isfinite(high) & ~rows), 1.0, A, high),
        ("dl_row", np.flatnonzero(np.isfinite(low) & ~rows), -1.0, A, low),
        ("dub", np.flatnonzero(np.isfinite(ub) & ~fixed), 1.0, eye, ub),
        ("dlb", np.flatnonzero(np.isfinite(lb) & ~fixed), -1.0, eye, lb),
    ]
    matrices = [sign * matrix[index] for _, index, sign, matrix, _ in parts]
    sides = [sign * side[index] for _, index, sign, _, side in parts]
    stack = [np.concatenate(each) for each in (matrices[:2], sides[:2], matrices[2:], sides[2:])]
    data = Quadratic(*(jnp.asarray(each, float) for each in (P, q, *stack)))
    origin = [(name, index, sign) for name, index, sign, *_ in parts]
    # The published table leaves out the constant of one linear program.
    optimum = stored["f_highs"] if linear else stored["f_ref"]
    return Program(data, origin, float(constant), float(optimum), stored)


def _dense(stored: Arrays, name: str, shape: tuple[int, int]) -> np.ndarray:
    """From compressed rows."""
    values, columns, starts = (stored[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
    matrix = np.zeros(shape)
    np.add.at(matrix, (np.repeat(np.arange(shape[0]), np.diff(starts)), columns), values)
    return matrix


SOLVER = interior_point.Solver(lambda p: Quadratic(*p))


@jax.jit
def _solve(data: Quadratic) -> Any:
    root = SOLVER.solve(tuple(data), None, SolveOptions())
    return root, SOLVER.regularity(root.y, tuple(data), root.fixed)


@jax.jit
def _gradients(data: Quadratic, weights: jax.Array) -> Quadratic:
    solution = differentiable(SOLVER)
    return jax.grad(lambda data: weights @ solution(tuple(data), None).y.z)(data)


def run(program: Program) -> Outcome:
    root, derivative = _solve(program.data)
    x = root.y.z
    value = float(x @ program.data.P @ x / 2 + program.data.q @ x) + program.constant
    error = abs(value - program.optimum) / max(1.0, abs(program.optimum))
    return Outcome(
        list(Status)[int(root.status)],
        int(root.iterations),
        error,
        float(root.residual),
        list(DerivativeStatus)[int(derivative)],
        _gradient_error(program) if "dL_dq" in program.stored else np.nan,
    )


def _gradient_error(program: Program) -> float:
    """Relative to the norm of each oracle, or to 1 where the oracle vanishes."""
    found = _gradients(program.data, jnp.asarray(program.stored["w"]))
    oracle = {
        key.removeprefix("dL_"): value for key, value in program.stored.items() if key.startswith("dL_")
    }
    grads = {name: np.zeros_like(value) for name, value in oracle.items()}
    grads["dq"] = np.asarray(found.q)
    sides = np.concatenate([found.b, found.h])
    at = 0
    for name, index, sign in program.origin:
        grads[name][index] = sign * sides[at : at + index.size]
        at += index.size
    largest = max(np.linalg.norm(value) for value in oracle.values())
    return max(
        float(np.linalg.norm(grads[name] - value) / (np.linalg.norm(value) or largest or 1.0))
        for name, value in oracle.items()
    )


def wrong(outcome: Outcome) -> bool:
    return outcome.status is Status.SOLVED and not outcome.objective_error < 1e-6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="problems; all by default")
    parser.add_argument("--limit", type=int, default=500, help="largest number of unknowns")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--set", default="maros_meszaros")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    paths = sorted((args.data / args.set).glob("*.npz"))
    if not paths:
        parser.error(f"no problems in {args.data / args.set}: give --data or DECLARATIVE_DATA")
    print(
        f"{'problem':10} {'n':>5} {'p':>4} {'m':>5}  {'status':14} {'it':>3} {'objective':>9} {'residual':>9}"
        f"  {'derivative':21} {'gradient':>8} {'seconds':>7}"
    )
    bad = []
    for path in paths:
        if args.names and path.stem not in args.names:
            continue
        program = load(path)
        n, p, m = program.data.q.size, program.data.b.size, program.data.h.size
        if n > args.limit:
            continue
        began = time.perf_counter()
        outcome = run(program)
        seconds = time.perf_counter() - began
        gradient = "" if np.isnan(outcome.gradient_error) else f"{outcome.gradient_error:.1e}"
        print(
            f"{path.stem:10} {n:5} {p:4} {m:5}  {outcome.status!s:14} {outcome.iterations:3}"
            f" {outcome.objective_error:9.1e} {outcome.residual:9.1e}  {outcome.derivative!s:21} {gradient:>8}"
            f" {seconds:7.1f}",
            flush=True,
        )
        if wrong(outcome):
            bad.append(path.stem)
    print("wrong:", ", ".join(bad) if bad else "none")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
