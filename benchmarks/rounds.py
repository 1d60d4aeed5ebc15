"""Measures contenders on a case: a process each, rounds in random order, medians; judges their answers."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.workload import Case, Contender, Outcome, Point, compare

ROOT = Path(__file__).parents[1]
RIGHT = 1e-3  # a larger error than this is wrong, and its time means nothing
STRETCH = 0.05  # seconds: calls shorter than this are repeated within a round
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
Verdict = Literal["right", "wrong", "failed", "absent"]


@dataclass(frozen=True)
class Settings:
    rounds: int = 9
    threads: str = "1"
    budget: float = 10.0  # seconds of rounds that a contender may take on a case
    limit: float = 120.0  # seconds for an answer
    pythons: tuple[tuple[str, str], ...] = ()  # pattern of contenders, interpreter
    peers: str = "benchmarks.peers"  # module with the table of contenders


@dataclass(frozen=True)
class Row:
    """A contender on a case. Times in seconds, one of each kind a round; memory in megabytes."""

    case: str
    family: str
    contender: str
    peer: bool
    threads: str
    verdict: Verdict
    settings: str
    reason: str = ""  # why it is absent or has failed
    solution_error: float | None = None
    gradient_error: float | None = None  # the worst of
    gradient_errors: Mapping[str, float] = field(default_factory=dict)
    cpu: tuple[float, ...] = ()
    wall: tuple[float, ...] = ()
    calls: int = 0  # in a round
    first_cpu: float | None = None  # from arrays to the first result, compilation included
    first_wall: float | None = None
    imports_wall: float | None = None
    peak: float | None = None
    base: float | None = None  # memory after imports
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def time(self) -> float:
        """Median CPU time of a call; of all threads together."""
        return float(np.median(self.cpu)) if self.cpu else float("nan")

    @property
    def elapsed(self) -> float:
        return float(np.median(self.wall)) if self.wall else float("nan")


class Silent(Exception):
    """A worker ended, or gave no answer in time."""


class Worker:
    """The process of one contender on one case."""

    def __init__(self, contender: Contender, case: Path, folder: Path, settings: Settings):
        patterns = (python for pattern, python in settings.pythons if fnmatch(contender.name, pattern))
        python = next(patterns, None) or sys.executable
        self.out = folder / "out.npz"
        self._log = (folder / "log").open("w+")
        self._limit = settings.limit
        place = (settings.peers, contender.name, case, self.out, settings.threads)
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", *map(str, place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=ROOT,
            env=environment(settings.threads, folder),
        )

    def answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], self._limit)[0]:
            raise Silent(f"no answer in {self._limit:g} s")
        line = stdout.readline()
        if not line:
            raise Silent(f"the process ended: {self._last_words()}")
        return json.loads(line)

    def ask(self, calls: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(calls, file=self._process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        if self._log.closed:
            return
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        return (self._log.read().strip().splitlines() or ["without a word"])[-1]


def environment(threads: str, folder: Path) -> dict[str, str]:
    """Float64 on the CPU, no cache of earlier runs, one thread where one is asked for."""
    kept = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    kept |= {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    kept |= {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    if threads != "all":
        kept |= dict.fromkeys(SINGLE, threads)
    if threads == "1":
        kept["XLA_FLAGS"] = f"{kept.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return kept


def measure(
    point: Point,
    contenders: Sequence[Contender],
    settings: Settings,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> list[Row]:
    """A row for each contender that knows the family of the point."""
    case, exact = point.make()
    workers: dict[int, Worker] = {}
    rows: dict[int, Row] = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "case.npz"
        case.save(path)
        try:
            for index, contender in enumerate(contenders):
                if case.family not in contender.prepare:
                    continue
                folder = Path(name) / str(index)
                folder.mkdir()
                say(f"{case.name}: {contender.name} starts")
                workers[index] = worker = Worker(contender, path, folder, settings)
                rows[index] = started(worker, contender, case, exact, settings)
                if not rows[index].calls:
                    worker.close()  # it may still be at work, and would disturb the others
            for turn in range(settings.rounds):
                say(f"{case.name}: round {turn + 1} of {settings.rounds}")
                running = [index for index, row in rows.items() if affordable(row, settings)]
                for index in rng.permutation(running):
                    rows[index] = again(workers[index], rows[index])
                    if not rows[index].calls:
                        workers[index].close()
        finally:
            for worker in workers.values():
                worker.close()
    return list(rows.values())


def affordable(row: Row, settings: Settings) -> bool:
    return row.calls > 0 and sum(row.wall) * row.calls < settings.budget


def started(worker: Worker, contender: Contender, case: Case, exact: Outcome, settings: Settings) -> Row:
    row = Row(
        case.name,
        case.family,
        contender.name,
        contender.peer,
        settings.threads,
        "failed",
        contender.settings,
    )
    try:
        told = worker.answer()
    except Silent as error:
        return replace(row, reason=str(error))
    if "absent" in told:
        return replace(row, verdict="absent", reason=told["absent"])
    if "failed" in told:
        return replace(row, reason=told["failed"])
    try:
        error = compare(case, outcome(worker.out), exact)
    except (KeyError, ValueError) as problem:
        return replace(row, reason=f"not an answer: {problem}")
    return replace(
        row,
        verdict="right" if error.solution <= RIGHT and error.gradient <= RIGHT else "wrong",  # NaN is wrong
        solution_error=error.solution,
        gradient_error=error.gradient,
        gradient_errors=error.gradients,
        calls=int(np.clip(round(STRETCH / max(min(told["second"].values()), 1e-6)), 1, 1000)),
        first_cpu=told["first"]["cpu"],
        first_wall=told["first"]["wall"],
        imports_wall=told["imports"]["wall"],
        base=told["base"],
        versions=told["versions"],
    )


def again(worker: Worker, row: Row) -> Row:
    """The row with one more round."""
    try:
        told = worker.ask(row.calls)
    except (Silent, BrokenPipeError) as error:
        return replace(row, verdict="failed", reason=str(error), calls=0)
    if "failed" in told:
        return replace(row, verdict="failed", reason=told["failed"], calls=0)
    return replace(row, cpu=(*row.cpu, told["cpu"]), wall=(*row.wall, told["wall"]), peak=told["peak"])


def outcome(path: Path) -> Outcome:
    with np.load(path) as file:
        gradients = {key.removeprefix("gradient_"): file[key] for key in file if key.startswith("gradient_")}
        return Outcome(file["solution"], gradients)
