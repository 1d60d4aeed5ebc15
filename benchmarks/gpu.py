"""Our layers on an accelerator: solves per second, and the share of the machine's matrix rate and bandwidth.

    python -m benchmarks.gpu [--out FOLDER]     on a CUDA machine; wheels of jax and of this package are all it wants
    python -m benchmarks.gpu --smoke            small sizes on whatever JAX finds, to see that it runs

Quadratic programs of n in {50, 100, 200} and conic ones (robust portfolios, semidefinite programs, constrained logistic
regressions, entropies) in batches of {64, 1024, 8192}, sparsemax, ridge and deep equilibria, forward and backward, in
float64 and float32. Work is counted as the least that a direct method does (of the conic programs, an iteration's), and
traffic as arrays in and gradients out once: the shares are lower bounds of what the device did.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc
from benchmarks.workload import Case, Outcome, compare
from benchmarks.workloads import (
    deq,
    implicit,
    logistic_constrained,
    maxent,
    portfolio,
    qp,
    ridge,
    sdp,
    sparsemax,
)

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
PROGRAMS = Path(__file__).parent / "programs"
FAMILIES = ("qp", "portfolio", "logistic_constrained", "sdp", "maxent", "sparsemax", "ridge", "deq")
CHECKED = 8  # elements held against the exact answer
Arrays = dict[str, jax.Array]
Exact = Callable[[Case, np.ndarray], Outcome]
Plant = Callable[..., Sequence[Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class Task:
    """A workload of one size. `draw` makes its arrays; work and traffic are of one call."""

    family: str
    n: int
    batch: int
    draw: Callable[[jax.Array, Any], Arrays]
    shared: frozenset[str]
    flops: float
    numbers: float  # read and written
    exact: Exact  # the answer of the first elements, of which the solution is given
    iterated: float = 0  # flops of an iteration, counted once their number is known


@dataclass(frozen=True)
class Result:
    family: str
    n: int
    batch: int
    dtype: str
    milliseconds: float = float("nan")
    solves: float = float("nan")  # a second
    matrix_share: float = float("nan")
    traffic_share: float = float("nan")
    solution_error: float = float("nan")
    gradient_error: float = float("nan")
    iterations: float = float("nan")  # mean
    first: float = float("nan")  # seconds of the first call
    memory: float = float("nan")  # gigabytes, the peak so far
    failed: str = ""


# ---- workloads -------------------------------------------------------------------------------------


def programs(n: int, batch: int) -> Task:
    p, m = n // 10, n
    rows = p + m
    # Factor P, solve with all rows, form the dual's matrix, factor its active part; then the gradients.
    flops = n**3 / 3 + n**2 * rows + n * rows**2 + (p + 0.4 * m) ** 3 / 3 + 4 * n * n + 4 * rows * n
    return Task(
        "qp",
        n,
        batch,
        partial(planted, n, batch),
        frozenset(),
        batch * flops,
        2 * batch * (n * n + n + rows * n + rows),
        # Planted slacks are 0 or at least 0.1.
        lambda case, x: qp.answer(case.inputs, case.weights, _slack(case.inputs, x) < 0.05),
    )


def _slack(given: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return given["h"] - np.einsum("bij,bj->bi", given["G"], x)


def in_order(answer: Callable[..., Outcome]) -> Exact:
    return lambda case, _: answer(*case.inputs.values(), case.weights)


def planted(n: int, batch: int, key: jax.Array, dtype: Any) -> Arrays:
    """As benchmarks/workloads/qp.py with a margin, drawn on the device."""
    p, m = n // 10, n
    keys = iter(jax.random.split(key, 8))

    def normal(*shape: int) -> jax.Array:
        return jax.random.normal(next(keys), (batch, *shape), dtype)

    factor, A, G, x, nu = normal(n, n), normal(p, n), normal(m, n), normal(n), normal(p)
    P = factor @ factor.mT / n + 0.1 * jnp.eye(n, dtype=dtype)
    active = jax.random.uniform(next(keys), (batch, m)) < 0.4
    positive = jax.random.uniform(next(keys), (batch, m), dtype, 0.1, 1.0)
    multiplier, slack = jnp.where(active, positive, 0), jnp.where(active, 0, positive)
    times = partial(jnp.einsum, "bij,bj->bi")
    q = -(times(P, x) + times(A.mT, nu) + times(G.mT, multiplier))
    return {"P": P, "q": q, "A": A, "b": times(A, x), "G": G, "h": times(G, x) + slack}


def simplex(n: int, batch: int) -> Task:
    def draw(key: jax.Array, dtype: Any) -> Arrays:
        return {"v": jax.random.normal(key, (batch, n), dtype)}

    return Task(
        "sparsemax", n, batch, draw, frozenset(), 6.0 * batch * n, 3.0 * batch * n, in_order(sparsemax.answer)
    )


def regression(n: int, batch: int) -> Task:
    m = 2 * n

    def draw(key: jax.Array, dtype: Any) -> Arrays:
        first, second = jax.random.split(key)
        X = jax.random.normal(first, (batch, m, n), dtype)
        return {"X": X, "y": jax.random.normal(second, (batch, m), dtype), "lam": jnp.array(1.5, dtype)}

    flops = batch * (m * n**2 + n**3 / 3 + 4 * n**2 + 10 * m * n)
    return Task(
        "ridge", n, batch, draw, frozenset({"lam"}), flops, 2.0 * batch * m * (n + 1), in_order(ridge.answer)
    )


def equilibrium(n: int, batch: int) -> Task:
    def draw(key: jax.Array, dtype: Any) -> Arrays:
        keys = jax.random.split(key, 4)
        W = jax.random.normal(keys[0], (n, n), dtype)
        return {
            "W": 0.9 * W / jnp.linalg.norm(W, 2),
            "U": jax.random.normal(keys[1], (n, n), dtype) * n**-0.5,
            "b": jax.random.normal(keys[2], (n,), dtype) / 10,
            "x": jax.random.normal(keys[3], (batch, n), dtype),
        }

    # A product with W an iteration, forward and backward.
    return Task(
        "deq",
        n,
        batch,
        draw,
        frozenset({"W", "U", "b"}),
        4.0 * batch * n**2,
        3.0 * batch * n + 4.0 * n**2,
        in_order(deq.answer),
        4.0 * batch * n**2,
    )


def conic(
    family: str, n: int, batch: int, plant: Plant, conditions: implicit.Conditions, flops: float
) -> Task:
    """`plant` gives inputs, the optimal point and perhaps the face where it lies, of a batch; it draws on the host.
    An iteration does so many flops for an element."""

    def planted(batch: int) -> list[dict[str, np.ndarray]]:
        return [dict(part) for part in plant(np.random.default_rng(0), batch=batch)]

    def draw(_: jax.Array, dtype: Any) -> Arrays:
        return {name: jnp.asarray(value, dtype) for name, value in planted(batch)[0].items()}

    def exact(case: Case, _: np.ndarray) -> Outcome:
        """From the planted point, for the inputs as they were rounded."""
        _, *known = ({name: value[: case.batch] for name, value in part.items()} for part in planted(batch))
        return implicit.answer(conditions, known[0], known[1] if known[1:] else {}, case.inputs, case.weights)

    numbers = 2.0 * batch * sum(value.size for value in planted(1)[0].values())
    return Task(family, n, batch, draw, frozenset(), 0.0, numbers, exact, batch * flops)


def tasks(smoke: bool) -> Iterator[Task]:
    for n in (10,) if smoke else (50, 100, 200):
        for batch in (4, 16) if smoke else (64, 1024, 8192):
            yield programs(n, batch)
    for batch in (4,) if smoke else (64, 1024, 8192):
        yield from cones(smoke, batch)
    yield simplex(10 if smoke else 100, 16 if smoke else 8192)
    yield regression(5 if smoke else 50, 4 if smoke else 1024)
    yield equilibrium(8 if smoke else 100, 16 if smoke else 1024)


def cones(smoke: bool, batch: int) -> Iterator[Task]:
    """An iteration forms and factors a matrix: as large as the unknowns, or as the equalities where theirs is easy."""
    n = 6 if smoke else 50
    yield conic("portfolio", n, batch, partial(portfolio.planted, n=n), portfolio.conditions, 4 / 3 * n**3)
    m, k = (12, 4) if smoke else (100, 20)
    plant = partial(logistic_constrained.planted, m=m, n=k)
    conditions = logistic_constrained.conditions
    yield conic("logistic_constrained", k, batch, plant, conditions, m * k**2 + k**3 / 3)
    order, p = (4, 3) if smoke else (10, 10)
    size = order * (order + 1) / 2
    flops = size**2 * p + size * p**2 + p**3 / 3
    yield conic("sdp", order, batch, partial(sdp.planted, n=order, p=p), sdp.conditions, flops)
    plant, flops = partial(maxent.planted, n=n, p=p), n * p**2 + p**3 / 3
    yield conic("maxent", n, batch, plant, maxent.conditions, flops)


# ---- measuring -------------------------------------------------------------------------------------


def measure(task: Task, dtype: Any, rates: dict[str, float], least: float) -> Result:
    name = np.dtype(dtype).name
    try:
        return _measure(task, dtype, rates, least)
    except Exception as error:  # out of memory, say: the other sizes still count
        return Result(task.family, task.n, task.batch, name, failed=f"{type(error).__name__}: {error}"[:200])


def _measure(task: Task, dtype: Any, rates: dict[str, float], least: float) -> Result:
    layer = dc.load(PROGRAMS / f"{task.family}.decl")[task.family]
    inputs = jax.block_until_ready(task.draw(jax.random.key(0), dtype))
    (shape,) = (each.shape for each in jax.tree.leaves(jax.eval_shape(lambda given: layer(**given), inputs)))
    weights = jax.random.normal(jax.random.key(1), shape, dtype)

    def loss(inputs: Arrays, weights: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        solved = layer.solve(**inputs)
        (solution,) = solved.outputs.values()
        return (weights * solution).sum(), (solution, solved.iterations)

    function = jax.jit(jax.value_and_grad(loss, has_aux=True))
    began = time.perf_counter()
    (_, (solution, iterations)), _ = jax.block_until_ready(function(inputs, weights))
    first = time.perf_counter() - began
    seconds = repeated(lambda: function(inputs, weights), least)
    mean = float(np.mean(iterations))
    flops = task.flops + task.iterated * mean
    traffic = task.numbers * np.dtype(dtype).itemsize
    errors = accuracy(task, inputs, weights, solution, function)
    memory = jax.devices()[0].memory_stats() or {}
    return Result(
        task.family,
        task.n,
        task.batch,
        np.dtype(dtype).name,
        seconds * 1e3,
        task.batch / seconds,
        flops / seconds / rates[f"matrix, {np.dtype(dtype).name}"],
        traffic / seconds / rates["bandwidth"],
        *errors,
        mean,
        first,
        memory.get("peak_bytes_in_use", float("nan")) / 1e9,
    )


def accuracy(
    task: Task, inputs: Arrays, weights: jax.Array, solution: jax.Array, function: Callable[..., Any]
) -> tuple[float, float]:
    """Errors of the first elements. What is shared sums over the batch, so the others' weights are set to zero."""
    few = min(CHECKED, task.batch)
    first = jnp.arange(task.batch).reshape(-1, *[1] * (weights.ndim - 1)) < few
    counted = jnp.where(first, weights, 0)
    _, gradients = function(inputs, counted)

    def part(name: str, value: jax.Array) -> np.ndarray:
        return np.asarray(value if name in task.shared else value[:few], np.float64)

    arrays = {name: part(name, value) for name, value in inputs.items()}
    symmetric = frozenset("P") | (sdp.SYMMETRIC if task.family == "sdp" else frozenset())
    case = Case("", task.family, arrays, np.asarray(weights[:few], np.float64), task.shared, symmetric)
    solved = np.asarray(solution[:few], np.float64)
    found = Outcome(solved, {name: part(name, gradients[name]) for name in arrays})
    error = compare(case, found, task.exact(case, solved))
    return error.solution, error.gradient


def repeated(work: Callable[[], Any], least: float) -> float:
    """Median wall time of a call."""
    times: list[float] = []
    while len(times) < 5 or sum(times) < least:
        began = time.perf_counter()
        jax.block_until_ready(work())
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def machine_rates(smoke: bool) -> dict[str, float]:
    """Flop/s of a large matrix product in each precision, without shortened floats; bytes/s of a copy."""
    n, size = (256, 2**20) if smoke else (8192, 2**28)
    product = jax.jit(partial(jnp.matmul, precision="highest"))
    rates = {}
    for dtype in (jnp.float64, jnp.float32):
        matrix = jnp.full((n, n), 0.5, dtype)
        jax.block_until_ready(product(matrix, matrix))
        rates[f"matrix, {np.dtype(dtype).name}"] = 2 * n**3 / repeated(partial(product, matrix, matrix), 0.2)
    copied = jax.jit(lambda x: x + 1)
    vector = jnp.zeros(size, jnp.float32)
    jax.block_until_ready(copied(vector))
    rates["bandwidth"] = 2 * vector.nbytes / repeated(partial(copied, vector), 0.2)
    return rates


# ---- report ----------------------------------------------------------------------------------------


def to_markdown(device: str, rates: dict[str, float], results: Sequence[Result]) -> str:
    lines = [
        "# Accelerator",
        "",
        "`python -m benchmarks.gpu`: forward and backward, medians of wall time. The shares count the least work of "
        "a direct method against the measured matrix rate, and arrays in and gradients out once against the measured "
        "bandwidth; errors are those of the first elements of the batch.",
        "",
        f"{device}, jax {jax.__version__}. "
        + ", ".join(
            f"{name} {value / 1e12:.2f} T{'B' if name == 'bandwidth' else 'flop'}/s"
            for name, value in rates.items()
        )
        + ".",
        "",
        "| workload | n | batch | dtype | ms | solves/s | matrix rate | bandwidth | solution error | gradient error "
        "| iterations | first, s | peak, GB |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in results:
        head = f"| {each.family} | {each.n} | {each.batch} | {each.dtype} |"
        if each.failed:
            lines.append(f"{head} {' '.join(each.failed.split())} | | | | | | | | |")
            continue
        lines.append(
            f"{head} {each.milliseconds:.3g} | {each.solves:.3g} | {each.matrix_share:.1%} | {each.traffic_share:.1%} "
            f"| {each.solution_error:.0e} | {each.gradient_error:.0e} | {each.iterations:.1f} | {each.first:.1f} "
            f"| {'–' if np.isnan(each.memory) else f'{each.memory:.2f}'} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "-o", "--out", type=Path, help=f"folder of gpu.json and gpu.md; {OUT} but for --smoke"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="small sizes, nothing written unless --out is given"
    )
    parser.add_argument("--dtype", nargs="+", default=["float64", "float32"], choices=["float64", "float32"])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument(
        "--limit", type=float, default=float("inf"), help="seconds after which no further size is begun"
    )
    args = parser.parse_args(arguments)
    began = time.perf_counter()
    device = jax.devices()[0].device_kind
    results: list[Result] = []
    with jax.enable_x64(True):
        rates = machine_rates(args.smoke)
        for dtype in args.dtype:
            for task in tasks(args.smoke):
                if task.family not in args.families:
                    continue
                if time.perf_counter() - began > args.limit:
                    found = Result(task.family, task.n, task.batch, dtype, failed="not begun: time is up")
                else:
                    found = measure(task, jnp.dtype(dtype), rates, 0.02 if args.smoke else 0.3)
                results.append(found)
                print(found, flush=True)
                save(args, device, rates, results)
    print(to_markdown(device, rates, results))


def save(args: argparse.Namespace, device: str, rates: dict[str, float], results: Sequence[Result]) -> None:
    """After each result, so that what was measured survives whatever ends the run."""
    folder = args.out or (None if args.smoke else OUT)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "device": device,
        "jax": jax.__version__,
        "rates": rates,
        "results": [asdict(each) for each in results],
    }
    (folder / "gpu.json").write_text(json.dumps(data, indent=1) + "\n")
    (folder / "gpu.md").write_text(to_markdown(device, rates, results))


if __name__ == "__main__":
    main()
