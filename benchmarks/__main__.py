"""Runs the workloads with whichever peers are installed, and writes docs/benchmarks.

python -m benchmarks                        every workload, one thread
python -m benchmarks qp-n50* sparsemax      some, by pattern
python -m benchmarks --quick                a few cases, few rounds, nothing written unless --out is given
python -m benchmarks --list                 what there is
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.rounds import Row, Settings, measure
from benchmarks.workload import Contender, Point
from benchmarks.workloads import POINTS

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("workloads", nargs="*", metavar="PATTERN", help="cases, all by default")
    made.add_argument(
        "-c", "--contender", action="append", metavar="PATTERN", help="contenders, all by default"
    )
    made.add_argument("-r", "--rounds", type=int, help="9 by default, 3 of a quick run")
    made.add_argument(
        "-t",
        "--threads",
        nargs="+",
        default=["1"],
        metavar="1|all",
        help="threads of each process: 1, all, or both",
    )
    made.add_argument("-q", "--quick", action="store_true", help="a few cases, three rounds")
    made.add_argument(
        "-p",
        "--python",
        action="append",
        default=[],
        metavar="PATTERN=PATH",
        help="interpreter of the contenders that the pattern names; the first that fits",
    )
    made.add_argument(
        "--peers", default="benchmarks.peers", metavar="MODULE", help="where the table CONTENDERS is"
    )
    made.add_argument("--seed", type=int, default=0, help="of the order of contenders in a round")
    made.add_argument("--budget", type=float, default=10, help="seconds of rounds for a contender on a case")
    made.add_argument("--limit", type=float, default=120, help="seconds to wait for an answer")
    made.add_argument("-o", "--out", type=Path, help=f"folder of speed.json, .md and .png; {OUT} by default")
    made.add_argument(
        "-k", "--keep", action="store_true", help="keep the earlier rows of cases that are not run now"
    )
    made.add_argument("--list", action="store_true", help="the cases and contenders, and stop")
    return made


def main(arguments: list[str] | None = None) -> int:
    command = parser()
    args = command.parse_args(arguments)
    points = [
        point
        for point in POINTS
        if matches(point.name, args.workloads or ["*"]) and (point.quick or not args.quick)
    ]
    running = [each for each in contenders(args.peers) if matches(each.name, args.contender or ["*"])]
    if not points or not running:
        command.error("no such workload or contender: --list shows them")
    if args.list:
        print(listing(points, running))
        return 0
    pythons = tuple((pattern, path) for pattern, _, path in (each.partition("=") for each in args.python))
    if not all(path for _, path in pythons):
        command.error("--python wants PATTERN=PATH")
    rng = np.random.default_rng(args.seed)
    print(f"seed {args.seed}, {len(points)} cases, {len(running)} contenders", flush=True)
    folder = args.out or (None if args.quick else OUT)
    kept = earlier(folder) if args.keep and folder else ()
    rows: list[Row] = []
    run = report.Run(told(args), datetime.date.today().isoformat(), report.machine(), args.seed, ())
    for threads in args.threads:
        rounds = args.rounds or (3 if args.quick else 9)
        settings = Settings(rounds, threads, args.budget, args.limit, pythons, args.peers)
        for point in points:
            found = measure(point, running, settings, rng, progress)
            rows += found
            progress("")
            print(f"\n{point.name}, threads: {threads}\n{report.table(found)}", flush=True)
            # Reasons are told once: who is not installed is not asked again.
            gone = {row.contender for row in found if row.verdict == "absent"}
            running = [each for each in running if each.name not in gone]
            run = replace(run, rows=merged(kept, rows))
            if folder:
                write(run, folder)  # an interrupted run keeps what it has
    print(f"\n{report.summary(run.cases())}\n")
    for name, reason in report.absent(rows).items():
        print(f"absent: {name}: {reason}")
    if folder:
        print(f"written: {folder}/speed.json, .md, .png")
    return 0


def earlier(folder: Path) -> tuple[Row, ...]:
    path = folder / "speed.json"
    return report.from_json(path.read_text()).rows if path.exists() else ()


def merged(kept: Iterable[Row], rows: Sequence[Row]) -> tuple[Row, ...]:
    """Of the earlier rows, those of cases that are not measured anew; all in the order of the table of cases."""
    anew = {(row.case, row.threads) for row in rows}
    order = {point.name: index for index, point in enumerate(POINTS)}
    together = [*(row for row in kept if (row.case, row.threads) not in anew), *rows]
    return tuple(sorted(together, key=lambda row: (row.threads, order.get(row.case, -1))))


def told(args: argparse.Namespace) -> str:
    """The command, but for paths."""
    parts = ["python -m benchmarks", *args.workloads, *(f"-c {each}" for each in args.contender or [])]
    parts += ["--quick"] if args.quick else []
    parts += [f"--rounds {args.rounds}"] if args.rounds else []
    return " ".join([*parts, "--threads", *args.threads]) + (
        ", other cases from earlier runs" if args.keep else ""
    )


def write(run: report.Run, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.json").write_text(report.to_json(run))
    (folder / "speed.md").write_text(report.to_markdown(run))
    report.plot(run, folder / "speed.png")


def contenders(module: str) -> tuple[Contender, ...]:
    found: tuple[Contender, ...] = importlib.import_module(module).CONTENDERS
    return found


def matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def listing(points: list[Point], contenders: list[Contender]) -> str:
    lines = [
        "cases:",
        *(f"  {point.name}{'  (quick)' if point.quick else ''}" for point in points),
        "contenders:",
    ]
    for each in contenders:
        lines.append(f"  {each.name:24} {', '.join(each.prepare)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
