"""Long horizons and factor models, forward and backward, with structure and without -> docs/benchmarks/structure.md.

    python -m benchmarks.structure [--sizes 20 50] [--write] [control-4 factors-15 ...]

A row a size, forward and backward: milliseconds of CPU time of one element (least of a few calls, compiled, one
thread), and the largest errors of the solution and of the gradient by the first state, or by the expected returns,
relative. Quadratic programs are held to the solution of the equations of their active rows by sparse LU, those with
cones to dense matrices. `slope` is that of log time over log size between the last two sizes.
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
import scipy.sparse.linalg

import declarative as dc
from declarative.backends.jax.structure import partition

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "structure.md"
PROGRAMS = Path(__file__).parent / "programs"
CASES = {
    ("control", 4): "4 states and 2 inputs, all in boxes: a quadratic program",
    ("control", 12): "12 states and 2 inputs",
    ("thrust", 4): "4 states in boxes and 2 inputs in a ball: second-order cones",
    ("budget", 4): "as `control`, and all inputs add up to nothing: a dense row",
    ("peak", 4): "as `control`, with the bound of the inputs at a price: a dense column",
    ("factors", 15): "n positions, 15 factors: a diagonal and low rank",
    ("harvest", 4): "4 stocks in boxes, drawn from by logarithms: smooth, or exponential cones",
    ("harvest", 12): "12 stocks",
    ("flows", 4): "8 flows among 4 stocks in boxes, spread by their entropy: smooth, or exponential cones",
    ("outputs", 4): "4 states and 2 inputs in boxes, log-sum-exp of 4 outputs: smooth, or exponential cones",
}
SMOOTH = ("harvest", "flows", "outputs")
SIZES = {("control", 4): (20, 50, 100, 200), ("control", 12): (50, 100), ("factors", 15): (200, 500)}
SIZES |= {(name, 4): (10, 20, 50, 100, 200) for name in SMOOTH} | {("harvest", 12): (10, 20, 50)}
HORIZONS = (50, 100, 200)
INPUTS, REPEATS, BATCH = 2, 7, 8
LARGEST = 800  # unknowns with dense matrices, and for peers that have no others
SLOW = 400  # and of those that take seconds
LONGEST = 1300  # unknowns with the engine of smooth programs
ACTIVE = 1e-6

Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A batch of first states or expected returns -> solutions, and the gradients of their products with the weights."""


class Case(NamedTuple):
    problem: str
    kind: int
    """States, or factors."""
    size: int
    """Horizon, or positions."""
    given: dict[str, np.ndarray]
    name: str
    """Of the argument that gradients are taken by."""
    at: np.ndarray
    """[batch, .]"""
    weights: np.ndarray

    @property
    def unknowns(self) -> int:
        return len(self.weights)


def case(problem: str, kind: int, size: int, batch: int = 1) -> Case:
    """Slightly unstable random dynamics, some inputs at their limits for a while; or random factors, most positions
    zero."""
    rng = np.random.default_rng([kind, size])
    if problem == "factors":
        given = {"F": 0.2 / kind**0.5 * rng.normal(size=(kind, size)), "d": rng.uniform(0.01, 0.1, size=size)}
        at = 0.1 * rng.normal(size=(batch, size))
        return Case(problem, kind, size, given, "mu", at, rng.normal(size=size))
    if problem in SMOOTH:
        return smooth(problem, kind, size, batch)
    A = rng.normal(size=(kind, kind))
    A *= 1.02 / np.abs(np.linalg.eigvals(A)).max()
    given = {
        "A": A,
        "B": rng.normal(size=(kind, INPUTS)),
        "Q": np.eye(kind),
        "R": 0.1 * np.eye(INPUTS),
        "xmax": np.float64(50),
        "umax": np.float64(1),
    }
    n = (size + 1) * kind + size * INPUTS + (problem == "peak")
    at = 3 * rng.normal(size=(batch, kind))
    return Case(problem, kind, size, given, "x0", at, rng.normal(size=n))


def smooth(problem: str, kind: int, size: int, batch: int) -> Case:
    """Stocks that decay and mix, flows into stocks and between neighbours, or slightly unstable dynamics."""
    rng = np.random.default_rng([kind, size])
    eye, at = np.eye(kind), rng.uniform(1, 3, size=(batch, kind))
    inputs = {"harvest": kind, "flows": 2 * kind, "outputs": INPUTS}[problem]
    if problem == "harvest":
        given = {"M": 0.9 * eye + 0.15 / kind * rng.uniform(size=(kind, kind)), "smax": np.float64(4)}
        given |= {"gain": rng.uniform(0.1, 1, size=kind)}
    elif problem == "flows":
        given = {"E": np.hstack([eye, np.eye(kind, k=1) - eye]), "c": rng.uniform(0.5, 2, size=inputs)}
        given |= {"d": rng.uniform(0.1, 1, size=kind), "smax": np.float64(4), "eps": np.float64(0.1)}
    else:
        A = rng.normal(size=(kind, kind))
        A *= 1.02 / np.abs(np.linalg.eigvals(A)).max()
        given = {"A": A, "B": rng.normal(size=(kind, inputs)), "C": rng.normal(size=(4, kind))}
        given |= {"umax": np.float64(1)}
    weights = rng.normal(size=(size + 1) * kind + size * inputs)
    return Case(problem, kind, size, given, "x0", at, weights)


@contextmanager
def gain(value: float) -> Iterator[None]:
    """How much cheaper blocks must be: infinity for dense matrices."""
    before, partition.GAIN = partition.GAIN, value
    try:
        yield
    finally:
        partition.GAIN = before


def ours(case: Case, blocks: bool, engine: str | None = None) -> Run:
    engine = engine or ("conic" if case.problem in ("thrust", *SMOOTH) else "auto")
    control = case.problem != "factors"
    file = "stages" if case.problem in SMOOTH else "control" if control else "factors"
    path = PROGRAMS / f"{file}.decl"
    layer = dc.load(path, static={"T": case.size} if control else {}, engine=engine)[case.problem]

    def value(at: Any) -> Any:
        found = layer(**case.given, **{case.name: at})
        parts = (
            (found.x, found.u, found.peak)
            if case.problem == "peak"
            else (found.x, found.u)
            if control
            else (found,)
        )
        z = jnp.concatenate([part.reshape(len(at), -1) for part in parts], axis=1)
        return jnp.sum(z @ case.weights), z

    with gain(partition.GAIN if blocks else math.inf):
        compiled = jax.jit(jax.grad(value, has_aux=True)).lower(case.at).compile()
    return lambda at: tuple(map(np.asarray, compiled(at)))[::-1]  # type: ignore[return-value]


class Matrices(NamedTuple):
    """min 1/2 z'Pz + q'z subject to A z = b, G z <= h, with what gradients are taken by at the start of q or of b."""

    P: Any  # sparse
    q: np.ndarray
    A: Any
    b: np.ndarray
    G: Any
    h: np.ndarray
    cones: tuple[int, ...] = ()  # sizes of second-order cones in the last rows of G


def matrices(case: Case) -> Matrices:
    """Sparse; of a factor model with y = F w as unknowns."""
    if case.problem == "factors":
        (F, d), k, n = case.given.values(), case.kind, case.size
        P = scipy.sparse.diags_array(np.append(d, np.ones(k)))
        A = np.block([[F, -np.eye(k)], [np.ones((1, n)), np.zeros((1, k))]])
        G = -scipy.sparse.eye_array(n, n + k)
        return Matrices(P, np.zeros(n + k), A, np.append(np.zeros(k), 1.0), G, np.zeros(n))
    s, T, n = case.kind, case.size, (case.size + 1) * case.kind + case.size * INPUTS
    A, B, Q, R, xmax, umax = case.given.values()
    states, inputs = (T + 1) * s, T * INPUTS
    kron, eye = scipy.sparse.kron, scipy.sparse.eye_array
    P = 2 * scipy.sparse.block_diag([kron(eye(T + 1), Q), kron(eye(T), R)])
    moves = eye(states) - kron(eye(T + 1, k=-1), A)
    pushes = scipy.sparse.vstack([scipy.sparse.csr_array((s, inputs)), -kron(eye(T), B)])
    rows, b = scipy.sparse.hstack([moves, pushes]), np.zeros(states)
    limits = np.append(np.full(states, xmax), np.full(inputs, umax))
    G, h, q = scipy.sparse.vstack([eye(n), -eye(n)]), np.concatenate([limits, limits]), np.zeros(n)
    if case.problem == "budget":
        last = np.append(np.zeros(states), np.ones(inputs))[None]
        rows, b = scipy.sparse.vstack([rows, last]), np.append(b, 0)
    if case.problem == "peak":
        P, q = scipy.sparse.block_diag([P, np.zeros((1, 1))]), np.append(q, T)
        rows = scipy.sparse.hstack([rows, scipy.sparse.csr_array((states, 1))])
        side = np.where(limits == umax, -1, 0)
        side[:states] = 0
        G = scipy.sparse.hstack([G, np.append(side, side)[:, None]])
        G = scipy.sparse.vstack([G, eye(1, n + 1, k=n)])
        half = np.append(np.full(states, xmax), np.zeros(inputs))
        h = np.concatenate([half, half, [umax]])
    if case.problem == "thrust":
        boxes = np.r_[0:states, n : n + states]
        disc = np.zeros((T, INPUTS + 1, n))
        for t in range(T):
            disc[t, range(1, INPUTS + 1), states + t * INPUTS + np.arange(INPUTS)] = -1
        G = scipy.sparse.vstack([G.tocsr()[boxes], disc.reshape(-1, n)])
        h = np.append(h[boxes], np.tile(np.append(umax, np.zeros(INPUTS)), T))
        return Matrices(P, q, rows, b, G, h, (INPUTS + 1,) * T)
    return Matrices(P, q, rows, b, G, h)


def sides(case: Case, given: Matrices, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q and b for one element."""
    q, b = given.q.copy(), given.b.copy()
    if case.name == "mu":
        q[: at.size] = -at
    else:
        b[: at.size] = at
    return q, b


def exact(case: Case, at: np.ndarray, solution: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solution and the gradient for the active rows of a point near it, which must be the right ones."""
    given = matrices(case)
    n = given.P.shape[0]
    lifted = solution if n == len(solution) else np.append(solution, case.given["F"] @ solution)
    active = given.h - given.G @ lifted <= ACTIVE
    rows = scipy.sparse.vstack([given.A, given.G.tocsr()[active]])
    zero = scipy.sparse.csr_array((rows.shape[0], rows.shape[0]))
    factor = scipy.sparse.linalg.splu(scipy.sparse.block_array([[given.P, rows.T], [rows, zero]]).tocsc())
    q, b = sides(case, given, at)
    found = factor.solve(np.concatenate([-q, b, given.h[active]]))
    assert (found[n + len(b) :] >= 0).all()
    assert (given.G @ found[:n] <= given.h + 1e-9).all()
    slope = factor.solve(np.append(case.weights, np.zeros(len(found) - case.unknowns)))
    gradient = slope[: at.size] if case.name == "mu" else slope[n : n + at.size]
    return found[: case.unknowns], gradient


def qpax(case: Case, blocks: bool) -> Run:
    import qpax

    given = matrices(case)
    parts = tuple(jnp.asarray(part.toarray() if scipy.sparse.issparse(part) else part) for part in given[:6])

    def value(at: Any, P: Any, q: Any, A: Any, b: Any, G: Any, h: Any) -> Any:
        q, b = (q.at[: len(at)].set(-at), b) if case.name == "mu" else (q, b.at[: len(at)].set(at))
        z = qpax.solve_qp_primal(P, q, A, b, G, h, solver_tol=1e-10, target_kappa=1e-10, backend="i")
        return z[: case.unknowns] @ case.weights, z[: case.unknowns]

    one = jax.grad(value, has_aux=True)
    compiled = jax.jit(lambda at, parts: one(at[0], *parts)).lower(case.at, parts).compile()

    def run(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient, z = compiled(at, parts)
        return np.asarray(z)[None], np.asarray(gradient)[None]

    return run


def moreau(case: Case, blocks: bool) -> Run:
    """With sparse matrices; data lie in its own layout beforehand."""
    import moreau

    given = matrices(case)
    rows = scipy.sparse.csr_array(scipy.sparse.vstack([given.A, given.G]))
    curved = scipy.sparse.csr_array(given.P)
    curved.sort_indices()
    plain = given.G.shape[0] - sum(given.cones)
    cones = moreau.Cones(num_zero_cones=len(given.b), num_nonneg_cones=plain, so_cone_dims=list(given.cones))
    settings = moreau.Settings(device="cpu", batch_size=len(case.at), enable_grad=True)
    parts = curved.indptr, curved.indices, rows.indptr, rows.indices
    solver = moreau.CompiledSolver(curved.shape[0], rows.shape[0], *parts, cones, settings)
    weights = np.zeros((len(case.at), curved.shape[0]))
    weights[:, : case.unknowns] = case.weights

    def run(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = [sides(case, given, one) for one in at]
        solver.setup(curved.data, rows.data)
        found = solver.solve(
            np.stack([q for q, _ in ends]), np.stack([np.append(b, given.h) for _, b in ends])
        )
        slopes = solver.backward(weights)
        gradient = -np.asarray(slopes["dq"]) if case.name == "mu" else np.asarray(slopes["db"])
        return np.asarray(found.x)[:, : case.unknowns], gradient.reshape(len(at), -1)[:, : at.shape[1]]

    return run


def newton(case: Case, blocks: bool) -> Run:
    """The engine that the plan chooses for smooth programs when it knows no sizes."""
    return ours(case, blocks, "nonlinear")


STRUCTURED = "declarative, structure"
NEWTON = "declarative, `nonlinear`"
CONTENDERS: dict[str, Callable[[Case, bool], Run]] = {
    STRUCTURED: ours,
    "declarative, dense": ours,
    NEWTON: newton,
    "moreau": moreau,
    "qpax": qpax,
}


class Row(NamedTuple):
    case: Case
    name: str
    seconds: float
    solution: float
    gradient: float


def left_out(given: Case, name: str) -> bool:
    smooth = given.problem in SMOOTH
    if name == NEWTON:
        return not smooth or given.unknowns > LONGEST
    if smooth and name in ("moreau", "qpax"):
        return True
    if name == "qpax":
        return given.problem == "thrust" or given.unknowns > SLOW or len(given.at) > 1
    return name == "declarative, dense" and given.unknowns > LARGEST


def measured(given: Case) -> Iterator[Row]:
    found: dict[str, tuple[float, np.ndarray, np.ndarray]] = {}
    for name, made in CONTENDERS.items():
        if left_out(given, name):
            continue
        try:
            run = made(given, name == STRUCTURED)
        except ImportError:
            continue
        result, times = run(given.at), []
        for _ in range(REPEATS):
            start = time.process_time()
            result = run(given.at)
            times.append((time.process_time() - start) / len(given.at))
        found[name] = min(times), *result
    if given.problem in ("thrust", *SMOOTH):
        right = found.get("declarative, dense", found[STRUCTURED])[1:]
    else:
        pairs = [exact(given, *pair) for pair in zip(given.at, found[STRUCTURED][1], strict=True)]
        right = np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
    for name, (seconds, *result) in found.items():
        errors = [
            np.abs(mine.reshape(other.shape) - other).max() / np.abs(other).max()
            for mine, other in zip(result, right, strict=True)
        ]
        yield Row(given, name, seconds, *errors)


def table(rows: list[Row]) -> list[str]:
    names = [name for name in CONTENDERS if any(row.name == name for row in rows)]
    lines = ["| size | unknowns | " + " | ".join(names) + " |", "|--:|--:|" + "--:|" * len(names)]
    for size, batch in dict.fromkeys((row.case.size, len(row.case.at)) for row in rows):
        own = {row.name: row for row in rows if (row.case.size, len(row.case.at)) == (size, batch)}
        first = next(iter(own.values()))
        cells = [_cell(own.get(name)) for name in names]
        label = f"{size}" if batch == 1 else f"{size}, {batch} elements"
        lines.append(f"| {label} | {first.case.unknowns} | " + " | ".join(cells) + " |")
    single = [row for row in rows if len(row.case.at) == 1]
    slopes = [_slope([row for row in single if row.name == name]) for name in names]
    return [*lines, "| slope | | " + " | ".join(slopes) + " |"]


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    errors = f" ({row.solution:.0e}, {row.gradient:.0e})" if row.solution or row.gradient else ""
    return f"{row.seconds * 1e3:.3g} ms{errors}"


def _slope(rows: list[Row]) -> str:
    if len(rows) < 2:
        return ""
    (a, b), (s, t) = ([row.case.size for row in rows[-2:]], [row.seconds for row in rows[-2:]])
    return f"{math.log(t / s) / math.log(b / a):.1f}"


def placed(page: str, heading: str, lines: list[str]) -> str:
    """The page with these lines under the heading, in place of what stands there, or at the end."""
    before, _, rest = page.partition(heading)
    following = re.search(r"^#+ ", rest, re.MULTILINE)
    after = [] if following is None else [rest[following.start() :]]
    return "\n\n".join([before.rstrip(), heading, "\n".join(lines), *after]).rstrip() + "\n"


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("cases", nargs="*", metavar="CASE", help="all by default")
    options.add_argument("--sizes", type=int, nargs="+", help="horizons, or numbers of positions")
    options.add_argument("--write", action="store_true", help="write the tables into the page")
    given = options.parse_args()
    jax.config.update("jax_enable_x64", True)
    for (problem, kind), words in CASES.items():
        if given.cases and f"{problem}-{kind}" not in given.cases:
            continue
        rows = []
        sizes = given.sizes or SIZES.get((problem, kind), HORIZONS)
        batches = (1, BATCH) if problem == "factors" else (1,)
        for size, batch in [(size, batch) for batch in batches for size in sizes]:
            for row in measured(case(problem, kind, size, batch)):
                rows.append(row)
                print(problem, kind, size, batch, row.name, _cell(row), flush=True)
        if given.write:
            PAGE.write_text(placed(PAGE.read_text(), f"## `{problem}`, {words}", table(rows)))


if __name__ == "__main__":
    main()
