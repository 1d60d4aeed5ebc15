"""How our time grows with the number of unknowns and with the batch: quadratic programs, forward and backward.

    python -m benchmarks.scaling [--out FOLDER] [--rounds 5]

n from 10 to 400 in a batch of 16, batches from 1 to 10,000 of n = 20; one thread. Slopes are those of log-log lines
through the larger half of the points.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.__main__ import progress
from benchmarks.peers.ours import CONTENDERS
from benchmarks.rounds import Row, Settings, measure
from benchmarks.workload import Point
from benchmarks.workloads import qp

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
SIZES = (10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320, 400)
BATCH = 16
BATCHES = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
N = 20
UNKNOWNS = "unknowns"


@dataclass(frozen=True)
class Curve:
    """Seconds of a call against one size, the others fixed."""

    name: str
    fixed: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    first: tuple[float, ...]  # CPU time of the first call
    errors: tuple[float, ...]

    @property
    def half(self) -> slice:
        return slice(len(self.sizes) // 2, None)

    @property
    def line(self) -> tuple[float, float]:
        """Slope, and logarithm of the factor, of the larger half."""
        slope, factor = np.polyfit(np.log(self.sizes[self.half]), np.log(self.seconds[self.half]), 1)
        return float(slope), float(factor)


def curve(name: str, fixed: str, sizes: Sequence[int], points: Sequence[Point], rounds: int) -> Curve:
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for point in points:
        rows += measure(point, CONTENDERS[:1], Settings(rounds=rounds, limit=600), rng, progress)
        row = rows[-1]
        print(f"{point.name:24} {row.verdict} {row.time * 1e3:10.3f} ms {row.reason}", flush=True)
    good = [(size, row) for size, row in zip(sizes, rows, strict=True) if row.verdict == "right"]
    return Curve(
        name,
        fixed,
        tuple(size for size, _ in good),
        tuple(row.time for _, row in good),
        tuple(row.first_cpu or np.nan for _, row in good),
        tuple(row.gradient_error or 0.0 for _, row in good),
    )


def point(n: int, batch: int) -> Point:
    return Point(qp.name(n, batch, True), "qp", partial(qp.case, n, batch, True))


def to_markdown(curves: Sequence[Curve]) -> str:
    parts = [
        "# Growth",
        "CPU milliseconds of a call, forward and backward, float64, one thread; `python -m benchmarks.scaling`. "
        "The slope is that of a log-log line through the larger half of the points. The work is cubic in the unknowns, "
        "but the rates of the kernels grow with them too ([floor](floor.md)), which keeps the slope below three; the "
        "grey line is one interior-point iteration of that floor for each element. Up to 88 rows of constraints the "
        "solution takes rank-one pivots, above them about ten Cholesky factorisations. Elements of a batch are "
        "independent of one another: the slope is one as soon as the call itself no longer counts, and a little more "
        "where data and results of the whole batch leave the caches.",
        "![Time against unknowns and against the batch](scaling.png)",
    ]
    for each in curves:
        rows = [
            f"| {size} | {time * 1e3:.3g} | {first:.1f} | {error:.0e} |"
            for size, time, first, error in zip(
                each.sizes, each.seconds, each.first, each.errors, strict=True
            )
        ]
        head = [f"| {each.name} | ms | first call, s | gradient error |", "|---:|---:|---:|---:|"]
        parts += [f"## {each.name}, {each.fixed}: slope {each.line[0]:.2f}", "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def floor(folder: Path) -> tuple[list[int], list[float]] | None:
    """Milliseconds of an iteration of the whole batch, as `benchmarks.floor` has measured it."""
    path = folder / "floor.json"
    if not path.exists():
        return None
    floors = json.loads(path.read_text())["floors"]
    return [each["n"] for each in floors], [each["iteration"] * BATCH * 1e3 for each in floors]


def plot(curves: Sequence[Curve], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    floors = floor(path.parent)
    for axes, each in zip(figure.subplots(1, len(curves)), curves, strict=True):
        axes.loglog(each.sizes, np.array(each.seconds) * 1e3, "o", color="C0", label="measured")
        slope, factor = each.line
        ends = np.array(each.sizes[each.half])[[0, -1]]
        fitted = np.exp(factor) * ends**slope * 1e3
        axes.loglog(ends, fitted, color="black", linewidth=1, label=f"slope {slope:.2f}")
        if each.name == UNKNOWNS and floors:
            axes.loglog(*floors, color="grey", linewidth=1, label="floor of an iteration")
        axes.set_xlabel(f"{each.name} ({each.fixed})")
        axes.set_ylabel("ms a call, forward and backward")
        axes.grid(which="both", linewidth=0.3)
        axes.legend()
    figure.savefig(path, dpi=130)


def to_json(curves: Sequence[Curve]) -> str:
    data: dict[str, Any] = {"machine": report.machine(), "curves": [vars(each) for each in curves]}
    return json.dumps(data, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=OUT)
    parser.add_argument("-r", "--rounds", type=int, default=5)
    args = parser.parse_args()
    curves = (
        curve(UNKNOWNS, f"batch {BATCH}", SIZES, [point(n, BATCH) for n in SIZES], args.rounds),
        curve("batch", f"{N} unknowns", BATCHES, [point(N, batch) for batch in BATCHES], args.rounds),
    )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scaling.json").write_text(to_json(curves))
    (args.out / "scaling.md").write_text(to_markdown(curves))
    plot(curves, args.out / "scaling.png")
    print(to_markdown(curves))


if __name__ == "__main__":
    main()
