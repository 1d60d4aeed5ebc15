"""What a layer costs besides its solve: dispatch, gradients outside of `jit`, first calls, many batch sizes.

    python -m benchmarks.latency [--out FOLDER]

Calls are timed in CPU time, interleaved, as medians; first calls in processes of their own, in wall and in CPU time,
since another program on the machine stretches the first only. Writes `latency.json` and `latency.md` to
docs/benchmarks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import machine

ROOT = Path(__file__).parent
SPARSEMAX = (ROOT / "programs" / "sparsemax.decl").read_text()
EQUALITY = """\
problem equality
  given P: psd real[n, n], q: real[n], A: real[p, n], b: real[p], c: real[n], scale: real
  find x: real[n]
  minimize 1/2 * x' @ P @ x + (q + scale * c)' @ x
  subject to
    A @ x == b
"""
OPTNET = ROOT.parent / "examples" / "optnet.decl"

Row = dict[str, Any]


def medians(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Microseconds of CPU time of each call, warm."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(3):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: 1e6 * statistics.median(found) for name, found in times.items()}


# ---- dispatch ----------------------------------------------------------------------------------


def dispatch() -> list[Row]:
    """Calls of small problems, so that little but the way in and out is left."""
    rng = np.random.default_rng(0)
    identity = np.eye(3) * np.ones((2, 1, 1))
    many = (identity, *(rng.normal(size=shape) for shape in [(2, 3), (2, 1, 3), (2, 1), (3,)]), 2.0)
    cases = [
        ("sparsemax 2 x 3", SPARSEMAX, (rng.normal(size=(2, 3)),)),
        ("six arguments", EQUALITY, many),
        ("sparsemax 128 x 100", SPARSEMAX, (rng.normal(size=(128, 100)),)),
    ]
    return [_dispatch(*case) for case in cases]


def _dispatch(name: str, program: str, args: tuple[Any, ...]) -> Row:
    import jax
    import torch

    import declarative as dc

    layer = dc.compile(program)
    with jax.enable_x64(True):
        arrays = [jax.device_put(arg) for arg in args]
        tensors = [torch.tensor(arg) for arg in args]
        learnt = [torch.tensor(arg, requires_grad=True) for arg in args]
        compiled = jax.jit(layer)
        slope = jax.grad(lambda *a: layer(*a).sum())
        staged = jax.jit(slope)

        def backward() -> None:
            layer(*learnt).sum().backward()

        return {"case": name} | medians(
            {
                "compiled": lambda: jax.block_until_ready(compiled(*arrays)),
                "jax": lambda: jax.block_until_ready(layer(*arrays)),
                "numpy": lambda: layer(*args),
                "torch": lambda: layer(*tensors),
                "numpy solve": lambda: layer.solve(*args),
                "torch backward": backward,
                "jax.grad": lambda: jax.block_until_ready(slope(*arrays)),
                "jit(jax.grad)": lambda: jax.block_until_ready(staged(*arrays)),
            },
            300,
        )


# ---- first calls -------------------------------------------------------------------------------

FIRST = """
import json, os, sys, time
parts, last = {}, [time.perf_counter(), time.process_time()]
def lap(name):
    now = [time.perf_counter(), time.process_time()]
    parts[name] = [now[0] - last[0], now[1] - last[1]]
    last[:] = now
import numpy as np
import jax
lap("import jax")
import declarative as dc
layer = dc.load(sys.argv[1])["optnet"]
lap("import declarative, compile .decl")
n, p, batch = 50, 5, 16
rng = np.random.default_rng(0)
factor, q, G, A, x = (rng.normal(size=(batch, *s)) for s in [(n, n), (n,), (n, n), (p, n), (n,)])
P = factor @ np.swapaxes(factor, 1, 2) / n + 0.1 * np.eye(n)
h, b = (G @ x[..., None])[..., 0] + rng.uniform(size=(batch, n)), (A @ x[..., None])[..., 0]
inner = {}
jax.monitoring.register_event_duration_secs_listener(lambda key, seconds, **_: inner.update({key: seconds}))
lap("data")
layer(P, q, G, h, A, b)
lap("first call")
print(json.dumps({"parts": parts, "inner": inner}))
"""

INNER = {
    "trace": "/jax/core/compile/jaxpr_trace_duration",
    "lower": "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "compile or read": "/jax/core/compile/backend_compile_duration",
}


def first_calls(runs: int = 5) -> list[Row]:
    """A new process that solves 16 QPs with 50 unknowns, without and with JAX's cache of compilations."""
    with tempfile.TemporaryDirectory() as folder:
        cold = [_first(str(Path(folder) / str(run))) for run in range(2)]
        cached = [_first(str(Path(folder) / "0")) for _ in range(runs)]
    return [_first_row("empty cache", cold), _first_row("from the cache", cached)]


def _first(cache: str) -> Row:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", FIRST, str(OPTNET)],
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    found: Row = json.loads(done.stdout)
    return found | {"process": time.perf_counter() - start}


def _first_row(case: str, found: list[Row]) -> Row:
    def median(pick: Callable[[Row], float]) -> float:
        return statistics.median(pick(one) for one in found)

    row: Row = {"case": case, "process": median(lambda one: one["process"])}
    row["process CPU"] = median(lambda one: sum(cpu for _, cpu in one["parts"].values()))
    for name in found[0]["parts"]:
        row[name] = median(lambda one, name=name: one["parts"][name][0])
    for name, key in INNER.items():
        row[name] = median(lambda one, key=key: one["inner"].get(key, 0.0))
    return row


# ---- batches -----------------------------------------------------------------------------------


def sizes() -> Row:
    """Batch sizes 1 to 1000 in random order, each once: what is compiled, and what filling up costs."""
    import jax

    import declarative as dc

    compiled: list[str] = []

    def listen(key: str, _: float, **about: Any) -> None:
        if key.endswith("backend_compile_duration"):
            compiled.append(str(about.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(1000, 100))
    row: Row = {}
    for kind, convert in (("numpy", np.asarray), ("jax", jax.device_put)):
        layer = dc.compile(SPARSEMAX)
        order = [convert(data[:size].astype(np.float32)) for size in rng.permutation(np.arange(1, 1001))]
        compiled.clear()
        start = time.perf_counter()
        for batch in order:
            jax.block_until_ready(layer(batch))
        row[f"{kind}: compilations"] = len(compiled)
        row[f"{kind}: seconds"] = time.perf_counter() - start
    jax.monitoring.unregister_event_duration_listener(listen)
    filled, exact = dc.compile(SPARSEMAX), dc.compile(SPARSEMAX)
    filled(data[:1])
    # 24 calls: a size that stays for longer gets a compilation of its own.
    row |= medians({"filled 600": lambda: filled(data[:600]), "exact 600": lambda: exact(data[:600])}, 24)
    return row


# ---- the report --------------------------------------------------------------------------------


def table(rows: list[Row], digits: int) -> str:
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell) for cell in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown(found: Mapping[str, Any]) -> str:
    about = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    return f"""\
# Latency

`python -m benchmarks.latency` on {found["date"]}; {about}.

## Calls, microseconds of CPU time

`compiled` is the layer under `jax.jit`, the solve itself; the others are calls outside of `jit`, in and out included.
The columns from `torch backward` on are gradients: the forward pass, a sum, the backward pass.

{table(found["calls"], 0)}

## First call of 16 QPs with 50 unknowns, seconds

`process` is everything, from the start of the interpreter on. `trace`, `lower` and `compile or read` are parts of
`first call`.

{table(found["first"], 2)}

## Batch sizes 1 to 1000 in random order, each once

Sparsemax of 100 numbers. The last columns are microseconds of a call with 600 elements, filled up to 1024 and exact.

{table([found["sizes"]], 1)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT.parent / "docs" / "benchmarks")
    out: Path = parser.parse_args().out
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "calls": dispatch(),
        "first": first_calls(),
        "sizes": sizes(),
    }
    text = markdown(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "latency.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "latency.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
