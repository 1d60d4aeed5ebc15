"""One contender on one case, in a process of its own: prepares, then runs as often as it is told.

    python -m benchmarks.worker PEERS CONTENDER CASE.npz OUT.npz THREADS

PEERS is the module with the table of contenders.

Reads lines from stdin, a number of calls each; writes a JSON line to stdout for the start and for each line read.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Case, Contender

LONG = 0.3  # seconds; shorter calls are warmed up in each round
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}


def seconds(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    began = {name: clock() for name, clock in CLOCKS.items()}
    result = work()
    return result, {name: clock() - began[name] for name, clock in CLOCKS.items()}


def memory() -> float:
    """Largest resident set of this process, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def missing(contender: Contender) -> str | None:
    """Why its modules cannot be imported."""
    for module in contender.modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken package may raise anything
            return f"{module}: {error}"
    return None


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"


def serve(contender: Contender, case: Case, out: Path, say: Callable[[dict[str, Any]], None]) -> None:
    reason, imports = seconds(lambda: missing(contender))
    if reason is not None:
        return say({"absent": reason})
    versions = {package: version(package) for package in contender.packages}
    base = memory()

    def start() -> Any:
        prepared = contender.prepare[case.family](case)
        return prepared, prepared.run()

    (prepared, result), first = seconds(start)
    outcome = prepared.read(result)
    gradients = {f"gradient_{name}": value for name, value in outcome.gradients.items()}
    np.savez(out, solution=outcome.solution, **gradients)
    _, second = seconds(prepared.run)
    say({"versions": versions, "imports": imports, "first": first, "second": second, "base": base})
    for line in sys.stdin:
        calls = int(line)
        if second["wall"] < LONG:
            prepared.run()

        def repeat(calls: int = calls) -> None:
            for _ in range(calls):
                prepared.run()

        _, spent = seconds(repeat)
        say({name: value / calls for name, value in spent.items()} | {"peak": memory()})


def main() -> None:
    peers, name, path, out, threads = sys.argv[1:]
    if threads != "all" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    # Packages print what they like: the answers get a channel of their own.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=channel, flush=True)

    try:
        table: tuple[Contender, ...] = importlib.import_module(peers).CONTENDERS
        contender = next(each for each in table if each.name == name)
        serve(contender, Case.load(Path(path)), Path(out), say)
    except Exception as error:  # whatever a package raises is its result
        traceback.print_exc()
        say({"failed": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
