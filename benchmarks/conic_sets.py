"""The stored conic programs on the dense engine beside Clarabel: objective, status, residual, time.

    python -m benchmarks.conic_sets [--limit 500] [--data DIR] [--write] [SET | NAME ...]

Sets: cblib (second-order and exponential cones, CBF), sdplib (semidefinite, SDPA), netlib (linear), and
netlib_infeasible: the same with one more row, c'x <= f* - (1 + |f*|) / 10, which contradicts all the others
together, since f* is the least value they allow. Ends with exit code 1 if an answer is silently wrong: a status
`solved` whose objective is not Clarabel's to 1e-6, a certificate for a program that Clarabel solves, or any answer
to an infeasible variant but `infeasible` and a failure that says so. `--write` writes docs/benchmarks/conic.md.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import clarabel
import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from benchmarks import maros_meszaros
from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic
from declarative.layer.contract import SolveOptions
from declarative.layer.status import DerivativeStatus, Status

DATA = maros_meszaros.DATA
SETS = ("cblib", "sdplib", "netlib", "netlib_infeasible")
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "conic.md"
AGREES = 1e-6
ROWS = 5000
"""Programs with more rows are left out: the engine is dense."""


class Program(NamedTuple):
    name: str
    data: Conic  # of NumPy arrays
    constant: float
    sign: float  # -1 where the stored program is a maximisation
    feasible: bool = True


class Outcome(NamedTuple):
    status: str
    objective: float
    iterations: int
    residual: float
    seconds: float
    derivative: str


# ---- CBF ---------------------------------------------------------------------------------------


def read_cbf(path: Path) -> Program:
    """Cones of rows and of variables; a rotated cone 2 u v >= ||w||^2 becomes a second-order one."""
    sections = _sections(_text(path))
    n = int(sections["VAR"][0].split()[0])
    m = int(sections["CON"][0].split()[0]) if "CON" in sections else 0
    c, A, b = np.zeros(n), np.zeros((m, n)), np.zeros(m)
    for j, value in _entries(sections, "OBJACOORD"):
        c[int(j)] += value
    for i, j, value in _entries(sections, "ACOORD"):
        A[int(i), int(j)] += value
    for i, value in _entries(sections, "BCOORD"):
        b[int(i)] += value
    constant = float(sections["OBJBCOORD"][0]) if "OBJBCOORD" in sections else 0.0
    sign = 1.0 if sections["OBJSENSE"][0] == "MIN" else -1.0
    powers = _powers(sections)
    found: dict[str, list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]] = {}
    sizes: dict[str, list[float]] = {}
    for rows, side, key in ((np.eye(n), np.zeros(n), "VAR"), (A, b, "CON")):
        at = 0
        for line in sections.get(key, [])[1:]:
            cone, size = line.split()[0], int(line.split()[1])
            block, shift = rows[at : at + size], side[at : at + size]
            at += size
            if cone != "F":
                kind, turned = _turned(cone, size)
                # What lies in the cone is block x + shift: A x + s = b with A = -block, b = shift.
                found.setdefault(kind, []).append((-turned @ block, turned @ shift))
                exponent = powers[int(cone[1:].split(":")[0])] if kind == "power" else float(size)
                sizes.setdefault(kind, []).append(exponent)
    return _stacked(path.stem.removesuffix(".cbf"), sign * c, found, sizes, constant, sign)


def _text(path: Path) -> str:
    with gzip.open(path, "rt") as file:
        return file.read()


def _sections(text: str) -> dict[str, list[str]]:
    """Keyword -> its lines; headers that only count lines are dropped."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    blocks = "\n".join(lines).split("\n\n")
    kept = [[line for line in block.split("\n") if line] for block in blocks]
    return {block[0]: block[1:] for block in kept if len(block) > 1}


def _entries(sections: dict[str, list[str]], key: str) -> Iterator[tuple[float, ...]]:
    for line in sections.get(key, [])[1:]:
        yield tuple(float(word) for word in line.split())


def _powers(sections: dict[str, list[str]]) -> list[float]:
    """Exponents of the power cones of three rows: weights follow the number of each."""
    lines = iter(sections.get("POWCONES", [])[1:])
    found = []
    for line in lines:
        weights = [float(next(lines)) for _ in range(int(line))]
        found.append(weights[0] / sum(weights))
    return found


def _turned(cone: str, size: int) -> tuple[str, np.ndarray[Any, Any]]:
    """The cone's kind here, and the map of its rows."""
    eye = np.eye(size)
    if cone in ("L+", "L-", "L="):
        return ("zero" if cone == "L=" else "nonneg"), -eye if cone == "L-" else eye
    if cone == "Q":
        return "soc", eye
    if cone == "QR":
        eye[:2, :2] = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
        return "soc", eye
    if cone == "EXP":
        return "exp", eye[::-1]
    if cone.endswith(":POW"):
        return "power", eye
    raise ValueError(f"cone {cone} is not known here")


def _stacked(
    name: str,
    q: np.ndarray[Any, Any],
    found: dict[str, list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]],
    sizes: dict[str, list[float]],
    constant: float,
    sign: float,
) -> Program:
    kinds = [kind for kind in ("zero", "nonneg", "soc", "psd", "exp", "power") if kind in found]
    A = np.concatenate([block for kind in kinds for block, _ in found[kind]])
    b = np.concatenate([shift for kind in kinds for _, shift in found[kind]])
    count = lambda kind: int(sum(sizes.get(kind, [])))  # noqa: E731
    cones = Cones(
        count("zero"),
        count("nonneg"),
        tuple(int(size) for size in sizes.get("soc", [])),
        tuple(int(order) for order in sizes.get("psd", [])),
        len(sizes.get("exp", [])),
        len(sizes.get("power", [])),
    )
    n = q.size
    data = Conic(np.zeros((n, n)), q, A, b, np.array(sizes.get("power", []), float), cones)  # type: ignore[arg-type]
    return Program(name, data, constant, sign)


# ---- SDPA --------------------------------------------------------------------------------------


def read_sdpa(path: Path) -> Program:
    """min c'x subject to sum x_i F_i - F_0 semidefinite, block by block; a negative size is a diagonal."""
    lines = [line for line in _text(path).splitlines() if line[:1] not in ("", '"', "*")]
    n = int(lines[0].split()[0])
    orders = [int(float(word)) for word in _words(lines[2])]
    c = np.array([float(word) for word in _words(lines[3])])
    psd = [index for index, order in enumerate(orders) if order > 0]
    starts = {}
    row = sum(-order for order in orders if order < 0)
    line = 0
    for index, order in enumerate(orders):
        if order < 0:
            starts[index], line = line, line - order
    for index in psd:
        starts[index], row = row, row + orders[index] * (orders[index] + 1) // 2
    A, b = np.zeros((row, n)), np.zeros(row)
    for text in lines[4:]:
        matrix, block, i, j = (int(word) for word in _words(text)[:4])
        value, order = float(_words(text)[4]), orders[block - 1]
        low, high = min(i, j) - 1, max(i, j) - 1
        place = low if order < 0 else low * order - low * (low - 1) // 2 + high - low
        value *= 1 if low == high else np.sqrt(2)
        if matrix:
            A[starts[block - 1] + place, matrix - 1] -= value
        else:
            b[starts[block - 1] + place] -= value
    cones = Cones(nonneg=line, psd=tuple(orders[index] for index in psd))
    data = Conic(np.zeros((n, n)), c, A, b, np.zeros(0), cones)  # type: ignore[arg-type]
    return Program(path.stem.removesuffix(".dat-s"), data, 0.0, 1.0)


def _words(line: str) -> list[str]:
    for mark in ",(){}":
        line = line.replace(mark, " ")
    return line.split()


# ---- linear programs -------------------------------------------------------------------------------


def read_netlib(path: Path, infeasible: bool = False) -> Program:
    stored = maros_meszaros.load(path)
    P, q, A, b, G, h = (np.asarray(part) for part in stored.data)
    name = path.stem
    if infeasible:
        least = stored.optimum - stored.constant
        G, h = np.vstack([G, q]), np.append(h, least - (1 + abs(least)) / 10)
        name += " + row"
    cones = Cones(b.size, h.size)
    data = Conic(P, q, np.vstack([A, G]), np.concatenate([b, h]), np.zeros(0), cones)  # type: ignore[arg-type]
    return Program(name, data, stored.constant, 1.0, not infeasible)


def programs(folder: Path, name: str) -> Iterator[Program]:
    if name == "cblib":
        yield from map(read_cbf, sorted((folder / name).glob("*.cbf.gz")))
    elif name == "sdplib":
        yield from map(read_sdpa, sorted((folder / name).glob("*.dat-s.gz")))
    else:
        for path in sorted((folder / "netlib").glob("*.npz")):
            yield read_netlib(path, name == "netlib_infeasible")


# ---- solves ------------------------------------------------------------------------------------

SOLVER = conic.Solver(lambda p: Conic(*p))


def _solve(data: Conic) -> Any:
    root = SOLVER.solve(tuple(data), None, SolveOptions())
    return root, SOLVER.regularity(root.y, tuple(data), root.fixed)


def ours(program: Program) -> Outcome:
    """Compiled first; the time is that of the second call."""
    data = Conic(*(jnp.asarray(part) for part in program.data[:5]), program.data.cones)
    run = jax.jit(_solve).lower(data).compile()
    jax.block_until_ready(run(data))
    began = time.process_time()
    root, derivative = jax.block_until_ready(run(data))
    seconds = time.process_time() - began
    x = np.asarray(root.y.z)
    value = x @ program.data.P @ x / 2 + program.data.q @ x
    return Outcome(
        str(list(Status)[int(root.status)]),
        float(program.sign * value + program.constant),
        int(root.iterations),
        float(root.residual),
        seconds,
        str(list(DerivativeStatus)[int(derivative)]),
    )


def reference(program: Program, tol: float = 1e-9) -> Outcome:
    P, q, A, b, alpha, cones = program.data[:6]
    order = _order(cones)
    kept = np.isfinite(b[order])
    kinds = [clarabel.ZeroConeT(cones.zero)] if cones.zero else []
    present = int(np.sum(kept[cones.zero : cones.zero + cones.nonneg]))
    kinds += [clarabel.NonnegativeConeT(present)] if present else []
    kinds += [clarabel.SecondOrderConeT(size) for size in cones.soc]
    kinds += [clarabel.PSDTriangleConeT(k) for k in cones.psd]
    kinds += [clarabel.ExponentialConeT() for _ in range(cones.exp)]
    kinds += [clarabel.PowerConeT(float(a)) for a in alpha]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tol
    rows = order[kept]
    given = (
        sparse.csc_matrix(np.triu(P)),
        np.asarray(q),
        sparse.csc_matrix(np.asarray(A)[rows]),
        np.asarray(b)[rows],
    )
    began = time.process_time()
    found = clarabel.DefaultSolver(*given, kinds, settings).solve()
    seconds = time.process_time() - began
    value = program.sign * found.obj_val + program.constant
    return Outcome(str(found.status), value, found.iterations, np.nan, seconds, "")


def _order(cones: Cones) -> np.ndarray[Any, Any]:
    """Its rows of our rows: matrices by columns of the upper triangle."""
    first = cones.zero + cones.nonneg + sum(cones.soc)
    order = list(range(first))
    for k in cones.psd:
        order += [first + j * k - j * (j - 1) // 2 + i - j for i in range(k) for j in range(i + 1)]
        first += k * (k + 1) // 2
    return np.array([*order, *range(first, cones.rows)], int)


# ---- the table ---------------------------------------------------------------------------------


class Row(NamedTuple):
    program: Program
    ours: Outcome
    clarabel: Outcome
    settled: bool  # Clarabel's objective is the same, to what is asked of ours, at a tolerance of 1e-8

    @property
    def difference(self) -> float:
        return _apart(self.ours, self.clarabel)

    @property
    def wrong(self) -> bool:
        """Silently: what fails and says so is no error."""
        answer = self.ours.status
        if not self.program.feasible:
            return answer not in ("infeasible", "max_iterations")
        if self.clarabel.status != "Solved" or not self.settled:
            return False
        if answer in ("infeasible", "unbounded"):
            return True
        return answer == "solved" and not self.difference < AGREES

    def cells(self) -> list[str]:
        data, mine, theirs = self.program.data, self.ours, self.clarabel
        usable = mine.status in ("solved", "inaccurate")
        compared = usable and theirs.status in ("Solved", "AlmostSolved")
        return [
            self.program.name,
            f"{data.q.size}",
            _cones(data.cones),
            mine.status + " (wrong)" * self.wrong,
            f"{mine.objective:.8g}" if usable else "",
            f"{self.difference:.0e}" if compared else "",
            f"{mine.residual:.0e}" if mine.status not in ("infeasible", "unbounded") else "",
            f"{mine.iterations}",
            f"{1e3 * mine.seconds:.1f}",
            mine.derivative if mine.status == "solved" else "",
            theirs.status + ", not settled" * (not self.settled),
            f"{theirs.iterations}",
            f"{1e3 * theirs.seconds:.1f}",
        ]


def compared(program: Program) -> Row:
    mine, theirs = ours(program), reference(program)
    settled = True
    if program.feasible and mine.status == "solved" and not _apart(mine, theirs) < AGREES:
        settled = _apart(reference(program, 1e-8), theirs) < AGREES
    return Row(program, mine, theirs, settled)


def _apart(one: Outcome, other: Outcome) -> float:
    return abs(one.objective - other.objective) / max(1.0, abs(other.objective))


HEAD = ("program", "n", "cones", "status", "objective", "difference", "residual", "steps", "ms", "derivative")
HEAD += ("Clarabel", "steps", "ms")


def _cones(cones: Cones) -> str:
    parts = [f"{cones.zero} zero"] * bool(cones.zero) + [f"{cones.nonneg} nonneg"] * bool(cones.nonneg)
    parts += [f"{len(cones.soc)} soc"] * bool(cones.soc)
    parts += [f"psd {', '.join(map(str, cones.psd))}"] * bool(cones.psd)
    parts += [f"{cones.exp} exp"] * bool(cones.exp) + [f"{cones.power} power"] * bool(cones.power)
    return ", ".join(parts)


def page(tables: dict[str, dict[str, list[str]]]) -> str:
    """From the stored cells."""
    status = HEAD.index("status")
    rows = [row for table in tables.values() for row in table.values()]
    wrong = [row[0] for row in rows if "(wrong)" in row[status]]
    text = [
        "# Stored conic programs",
        "",
        "Written by `python -m benchmarks.conic_sets --write`: the dense conic engine in float64 on the CPU, beside"
        " Clarabel at a tolerance of 1e-9. `difference` is that of the objectives, relative to the larger of"
        " Clarabel's and 1; `residual` is the engine's own, of the data as given; `ms` is the CPU time of one solve,"
        " compiled before (the linear programs without optimisation by XLA, to save the time to compile)."
        " Clarabel is sparse and the engine is dense, which shows in the larger programs."
        " Where the objectives differ by more than 1e-6, Clarabel is asked again at 1e-8; `not settled`: its own"
        " two answers differ by as much, and it is no reference.",
        "",
        f"Silently wrong: {', '.join(wrong) or 'none'}.",
    ]
    for name, table in tables.items():
        wanted = "infeasible" if name == "netlib_infeasible" else "solved"
        reached = sum(row[status] == wanted for row in table.values())
        text += ["", f"## {name}", ""]
        if name == "netlib_infeasible":
            text += ["With one more row, c'x <= f* - (1 + |f*|) / 10, f* the least value.", ""]
        text += [f"{reached} of {len(table)}: {wanted}.", ""]
        text += [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
        text += [f"| {' | '.join(row)} |" for row in table.values()]
    text += [
        "",
        "## Left out",
        "",
        f"Programs of more than 500 variables or {ROWS} rows: the engine is dense.",
        "",
    ]
    return "\n".join(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="sets or programs; all by default")
    parser.add_argument("--limit", type=int, default=500, help="largest number of variables")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", action="store_true", help="put what was run into the page")
    parser.add_argument("--part", type=int, default=0, help="run one part")
    parser.add_argument("--of", type=int, default=1, help="of so many")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    wanted, bad = set(args.names), []
    print("  ".join(HEAD))
    for name in SETS:
        for index, program in enumerate(programs(args.data, name)):
            if wanted and not wanted & {name, program.name}:
                continue
            if index % args.of != args.part:
                continue
            n, m = program.data.q.size, program.data.b.size
            if n > args.limit or m > ROWS:
                print(f"{program.name}  {n}  left out: {m} rows")
                continue
            row = compared(program)
            print("  ".join(row.cells()), flush=True)
            bad += [program.name] * row.wrong
            if args.write:
                _store(name, row.cells())
    print("wrong:", ", ".join(bad) if bad else "none")
    return 1 if bad else 0


def _store(name: str, cells: list[str]) -> None:
    """Under a lock: several runs may share the work."""
    stored = PAGE.with_suffix(".json")
    stored.touch()
    with stored.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        tables = json.loads(file.read() or "{}")
        tables.setdefault(name, {})[cells[0]] = cells
        ordered = {key: dict(sorted(tables[key].items())) for key in SETS if key in tables}
        file.seek(0)
        file.truncate()
        file.write(json.dumps(ordered, indent=1) + "\n")
        PAGE.write_text(page(ordered))


if __name__ == "__main__":
    sys.exit(main())
