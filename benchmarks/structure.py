"""Control over long horizons, forward and backward: blocks against dense matrices -> docs/benchmarks/structure.md.

    python -m benchmarks.structure [--horizons 20 50] [--write] [control-4 thrust-4 ...]

A row a problem and contender: milliseconds of CPU time of one element (least of a few calls, compiled, one thread), and
the largest errors of the solution and of the gradient by the first state, relative, against dense matrices.
`slope` is that of log time over log horizon between the last two horizons.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc
from declarative.backends.jax.structure import partition

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "structure.md"
PROGRAMS = Path(__file__).parent / "programs" / "control.decl"
CASES = ("control", 4), ("control", 12), ("thrust", 4)
HORIZONS = (20, 50, 100, 200)
INPUTS, REPEATS = 2, 7
LARGEST = 1400  # unknowns with dense matrices, and for peers that have no others

Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""The first state -> the solution and the gradient of its product with the weights."""


class Case(NamedTuple):
    problem: str
    states: int
    horizon: int
    dynamics: dict[str, np.ndarray]
    x0: np.ndarray
    weights: np.ndarray

    @property
    def unknowns(self) -> int:
        return len(self.weights)


def case(problem: str, states: int, horizon: int) -> Case:
    """Slightly unstable random dynamics; some inputs are at their limits for a while."""
    rng = np.random.default_rng([states, horizon])
    A = rng.normal(size=(states, states))
    A *= 1.02 / np.abs(np.linalg.eigvals(A)).max()
    dynamics = {
        "A": A,
        "B": rng.normal(size=(states, INPUTS)),
        "Q": np.eye(states),
        "R": 0.1 * np.eye(INPUTS),
    }
    n = (horizon + 1) * states + horizon * INPUTS
    return Case(problem, states, horizon, dynamics, 3 * rng.normal(size=states), rng.normal(size=n))


@contextmanager
def gain(value: float) -> Iterator[None]:
    """How much cheaper blocks must be: infinity for dense matrices."""
    before, partition.GAIN = partition.GAIN, value
    try:
        yield
    finally:
        partition.GAIN = before


def ours(case: Case, blocks: bool) -> Run:
    engine = "auto" if case.problem == "control" else "conic"
    layer = dc.load(PROGRAMS, static={"T": case.horizon}, engine=engine)[case.problem]

    def value(x0: Any) -> Any:
        found = layer(**case.dynamics, x0=x0, xmax=np.float64(50), umax=np.float64(1))
        z = jnp.concatenate([found.x.ravel(), found.u.ravel()])
        return z @ case.weights, z

    with gain(partition.GAIN if blocks else math.inf):
        compiled = jax.jit(jax.grad(value, has_aux=True)).lower(case.x0).compile()
    return lambda x0: tuple(map(np.asarray, compiled(x0)))[::-1]  # type: ignore[return-value]


def matrices(case: Case) -> tuple[Any, ...]:
    """P, q, A, b, G, h of `control`, dense."""
    s, T = case.states, case.horizon
    A, B, Q, R = case.dynamics.values()
    n, states = case.unknowns, (T + 1) * s
    P = 2 * np.block(
        [
            [np.kron(np.eye(T + 1), Q), np.zeros((states, n - states))],
            [np.zeros((n - states, states)), np.kron(np.eye(T), R)],
        ]
    )
    moves = np.eye(states) - np.kron(np.eye(T + 1, k=-1), A)
    pushes = np.concatenate([np.zeros((s, T * INPUTS)), -np.kron(np.eye(T), B)])
    limits = np.concatenate([np.full(states, 50.0), np.ones(n - states)])
    b = np.concatenate([case.x0, np.zeros(states - s)])
    G = np.concatenate([np.eye(n), -np.eye(n)])
    return P, np.zeros(n), np.concatenate([moves, pushes], axis=1), b, G, np.concatenate([limits, limits])


def qpax(case: Case, blocks: bool) -> Run:
    import qpax

    P, q, A, b, G, h = map(jnp.asarray, matrices(case))

    def value(x0: Any) -> Any:
        right = b.at[: case.states].set(x0)
        z = qpax.solve_qp_primal(P, q, A, right, G, h, solver_tol=1e-10, target_kappa=1e-10, backend="i")
        return z @ case.weights, z

    compiled = jax.jit(jax.grad(value, has_aux=True)).lower(case.x0).compile()
    return lambda x0: tuple(map(np.asarray, compiled(x0)))[::-1]  # type: ignore[return-value]


def moreau(case: Case, blocks: bool) -> Run:
    """With sparse matrices; data lie in its own layout beforehand."""
    import moreau
    import scipy.sparse

    P, q, A, b, G, h = matrices(case)
    kept, sizes, cones = [G], [h], moreau.Cones(num_zero_cones=len(b), num_nonneg_cones=len(h))
    if case.problem == "thrust":
        n, states = case.unknowns, (case.horizon + 1) * case.states
        boxes = np.r_[0:states, n : n + states]
        disc = np.zeros((case.horizon, INPUTS + 1, n))
        for t in range(case.horizon):
            for k in range(INPUTS):
                disc[t, 1 + k, states + t * INPUTS + k] = -1
        ball = np.tile(np.eye(1, INPUTS + 1)[0], case.horizon)
        kept, sizes = [G[boxes], disc.reshape(-1, n)], [h[boxes], ball]
        cones = moreau.Cones(
            num_zero_cones=len(b), num_nonneg_cones=2 * states, so_cone_dims=[INPUTS + 1] * case.horizon
        )
    rows = scipy.sparse.csr_array(np.concatenate([A, *kept]))
    curved = scipy.sparse.csr_array(P)
    settings = moreau.Settings(device="cpu", batch_size=1, enable_grad=True)
    parts = curved.indptr, curved.indices, rows.indptr, rows.indices
    solver = moreau.CompiledSolver(case.unknowns, rows.shape[0], *parts, cones, settings)
    right = np.concatenate([b, *sizes])

    def run(x0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right[: case.states] = x0
        solver.setup(curved.data, rows.data)
        found = solver.solve(q[None], right[None])
        slopes = solver.backward(case.weights[None])
        return np.asarray(found.x)[0], np.asarray(slopes["db"]).reshape(-1)[: case.states]

    return run


CONTENDERS: dict[str, Callable[[Case, bool], Run]] = {
    "declarative, blocks": ours,
    "declarative, dense": ours,
    "moreau": moreau,
    "qpax": qpax,
}


class Row(NamedTuple):
    case: Case
    name: str
    seconds: float
    solution: float
    gradient: float


def measured(given: Case) -> Iterator[Row]:
    found: dict[str, tuple[float, np.ndarray, np.ndarray]] = {}
    for name, made in CONTENDERS.items():
        dense = name in ("declarative, dense", "qpax")
        if (dense and given.unknowns > LARGEST) or (name == "qpax" and given.problem == "thrust"):
            continue
        try:
            run = made(given, name == "declarative, blocks")
        except ImportError:
            continue
        result, times = run(given.x0), []
        for _ in range(REPEATS):
            start = time.process_time()
            result = run(given.x0)
            times.append(time.process_time() - start)
        found[name] = min(times), *result
    exact = found.get("declarative, dense", found["declarative, blocks"])
    for name, (seconds, *result) in found.items():
        errors = [
            np.abs(mine - right).max() / np.abs(right).max()
            for mine, right in zip(result, exact[1:], strict=True)
        ]
        yield Row(given, name, seconds, *errors)


def table(rows: list[Row]) -> list[str]:
    lines = [
        "| horizon | unknowns | " + " | ".join(CONTENDERS) + " |",
        "|--:|--:|" + "--:|" * len(CONTENDERS),
    ]
    horizons = list(dict.fromkeys(row.case.horizon for row in rows))
    for horizon in horizons:
        own = {row.name: row for row in rows if row.case.horizon == horizon}
        first = next(iter(own.values()))
        cells = [_cell(own.get(name)) for name in CONTENDERS]
        lines.append(f"| {horizon} | {first.case.unknowns} | " + " | ".join(cells) + " |")
    slopes = [_slope([row for row in rows if row.name == name]) for name in CONTENDERS]
    return [*lines, "| slope | | " + " | ".join(slopes) + " |"]


def _cell(row: Row | None) -> str:
    return "" if row is None else f"{row.seconds * 1e3:.3g} ms ({row.solution:.0e}, {row.gradient:.0e})"


def _slope(rows: list[Row]) -> str:
    if len(rows) < 2:
        return ""
    (a, b), (s, t) = ([row.case.horizon for row in rows[-2:]], [row.seconds for row in rows[-2:]])
    return f"{math.log(t / s) / math.log(b / a):.1f}"


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("cases", nargs="*", metavar="CASE", help="all by default")
    options.add_argument("--horizons", type=int, nargs="+", default=HORIZONS)
    options.add_argument("--write", action="store_true", help="write the page")
    given = options.parse_args()
    jax.config.update("jax_enable_x64", True)
    parts = ["# Structure: long horizons in blocks", "", (__doc__ or "").split("\n\n", 2)[2].strip(), ""]
    for problem, states in CASES:
        if given.cases and f"{problem}-{states}" not in given.cases:
            continue
        rows = []
        for horizon in given.horizons:
            for row in measured(case(problem, states, horizon)):
                rows.append(row)
                print(problem, states, horizon, row.name, _cell(row), flush=True)
        parts += [f"## `{problem}`, {states} states and {INPUTS} inputs", "", *table(rows), ""]
    if given.write:
        PAGE.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
