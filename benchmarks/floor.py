"""How fast this machine multiplies, factors and copies, and what an interior-point iteration costs at the least.

    python -m benchmarks.floor [--out FOLDER]

One thread, float64. The kernels are those of BLAS and LAPACK, one call at a time, on matrices that stay in the cache;
the cost of the call from Python, measured on matrices of one entry, is taken off. What `docs/benchmarks/speed.json`
holds is set against the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy loads

import numpy as np  # noqa: E402
from scipy.linalg import blas, lapack  # noqa: E402

from benchmarks import report  # noqa: E402

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
SIZES = (10, 20, 50, 100, 200, 400)
GIGA = 1e9


@dataclass(frozen=True)
class Floor:
    """Rates in Gflop/s, times in seconds, of n unknowns, n inequalities, n/10 equalities."""

    n: int
    gemm: float
    potrf: float
    potrf_single: float  # float32
    iteration: float


def best(work: Callable[[], Any], least: float = 0.05) -> float:
    """Seconds of a call: the fastest of several stretches."""
    calls = 1
    while True:
        began = time.process_time()
        for _ in range(calls):
            work()
        spent = time.process_time() - began
        if spent > least / 5:
            break
        calls *= 4
    times = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(calls):
            work()
        times.append((time.process_time() - began) / calls)
    return min(times)


def net(make: Callable[[int], Callable[[], Any]], n: int) -> float:
    """Without the cost of the call."""
    return max(best(make(n)) - best(make(1)), 1e-9)


def gemm(n: int) -> Callable[[], Any]:
    a, b, c = (np.asfortranarray(np.random.default_rng(0).normal(size=(n, n))) for _ in range(3))
    return lambda: blas.dgemm(1.0, a, b, 0.0, c, overwrite_c=1)


def potrf(n: int, dtype: Any = np.float64) -> Callable[[], Any]:
    factor = np.asfortranarray(np.eye(n, dtype=dtype))  # its own factor: it may be factored in place again
    routine = lapack.dpotrf if dtype is np.float64 else lapack.spotrf
    return lambda: routine(factor, lower=1, overwrite_a=1, clean=0)


def syrk(n: int) -> Callable[[], Any]:
    """P + G'WG from the scaled G."""
    a, c = np.asfortranarray(np.ones((n, n))), np.asfortranarray(np.eye(n))
    return lambda: blas.dsyrk(1.0, a, beta=1.0, c=c, trans=1, overwrite_c=1, lower=1)


def scale(n: int) -> Callable[[], Any]:
    rows, weights, out = np.ones((n, n)), np.ones((n, 1)), np.empty((n, n))
    return lambda: np.multiply(rows, weights, out=out)


def trsm(n: int) -> Callable[[], Any]:
    """The factor's solve with the equalities."""
    factor, b = np.asfortranarray(np.eye(n)), np.asfortranarray(np.ones((n, max(n // 10, 1))))
    return lambda: blas.dtrsm(1.0, factor, b, lower=1, overwrite_b=1)


def trsv(n: int) -> Callable[[], Any]:
    factor, b = np.asfortranarray(np.eye(n)), np.ones(n)
    return lambda: blas.dtrsv(factor, b, lower=1, overwrite_x=1)


def gemv(n: int) -> Callable[[], Any]:
    a, x, y = np.asfortranarray(np.ones((n, n))), np.ones(n), np.ones(n)
    return lambda: blas.dgemv(1.0, a, x, y=y, overwrite_y=1)


def iteration(n: int) -> float:
    """Condense, factor, eliminate the equalities; predictor and corrector: two solves each, G twice each, P once."""
    parts = ((syrk, 1), (scale, 1), (potrf, 1), (trsm, 1), (trsv, 4), (gemv, 5))
    return sum(count * net(part, n) for part, count in parts)


def bandwidth() -> float:
    """Bytes a second, read and written, of a copy that no cache holds."""
    source = np.ones(2**25)
    target = np.empty_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source))


def measure() -> list[Floor]:
    return [
        Floor(
            n,
            2 * n**3 / net(gemm, n) / GIGA,
            n**3 / 3 / net(potrf, n) / GIGA,
            n**3 / 3 / net(lambda size: potrf(size, np.float32), n) / GIGA,
            iteration(n),
        )
        for n in SIZES
    ]


def to_markdown(floors: list[Floor], copied: float, run: report.Run | None) -> str:
    lines = [
        "# Floor",
        "",
        "One thread, float64, from `python -m benchmarks.floor`. An iteration is the linear algebra of one "
        "predictor-corrector step on the condensed system of n unknowns, n inequalities and n/10 equalities, as "
        "native BLAS and LAPACK calls.",
        "",
        f"A copy that no cache holds moves {copied / GIGA:.1f} GB/s.",
        "",
        "| n | dgemm, Gflop/s | dpotrf, Gflop/s | spotrf, Gflop/s | one iteration, µs |",
        "|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {each.n} | {each.gemm:.1f} | {each.potrf:.1f} | {each.potrf_single:.1f} | {each.iteration * 1e6:.1f} |"
        for each in floors
    ]
    told = against(floors, run) if run else []
    if told:
        lines += [
            "",
            "Forward and backward of one element, in iterations of that floor:",
            "",
            "| case | ours, µs an element | in iterations | fastest right peer, in iterations |",
            "|---|---:|---:|---:|",
            *told,
        ]
    return "\n".join(lines) + "\n"


def against(floors: list[Floor], run: report.Run) -> list[str]:
    iterations = {each.n: each.iteration for each in floors}
    lines = []
    for (case, threads), rows in run.cases().items():
        ours, peer = report.named(rows, report.OURS), report.fastest(rows)
        if rows[0].family != "qp" or threads != "1" or ours is None:
            continue
        n, batch = (int(part[1:]) for part in case.split("-")[1:3])
        one = ours.time / batch
        theirs = f"{peer.time / batch / iterations[n]:.1f}" if peer else "–"
        lines.append(f"| {case} | {one * 1e6:.1f} | {one / iterations[n]:.1f} | {theirs} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    folder = parser.parse_args().out
    floors, copied = measure(), bandwidth()
    speed = folder / "speed.json"
    text = to_markdown(floors, copied, report.from_json(speed.read_text()) if speed.exists() else None)
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    data = {"bandwidth": copied, "floors": [asdict(each) for each in floors], "machine": report.machine()}
    (folder / "floor.json").write_text(json.dumps(data, indent=1) + "\n")
    (folder / "floor.md").write_text(text)


if __name__ == "__main__":
    main()
