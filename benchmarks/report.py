"""Rows of a run as JSON, as Markdown tables and as a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rounds import Row

OURS = "declarative"
WRITTEN = "hand-written"


@dataclass(frozen=True)
class Run:
    """What was measured, and where."""

    command: str
    date: str
    machine: Mapping[str, str]
    seed: int
    rows: tuple[Row, ...]

    def cases(self) -> dict[tuple[str, str], list[Row]]:
        """Rows by case and threads, in the order of the run."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.case, row.threads), []).append(row)
        return found


def machine() -> dict[str, str]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def clock(row: Row) -> float:
    """The time that counts: CPU time of one thread, wall time of several."""
    return row.time if row.threads == "1" else row.elapsed


def fastest(rows: Iterable[Row]) -> Row | None:
    """The fastest peer whose answer is right."""
    peers = [row for row in rows if row.peer and row.verdict == "right" and row.cpu]
    return min(peers, key=clock, default=None)


def lead(rows: Sequence[Row]) -> float | None:
    """How many times faster ours is than the fastest right peer."""
    ours, peer = named(rows, OURS), fastest(rows)
    if ours is None or ours.verdict != "right" or peer is None:
        return None
    return clock(peer) / clock(ours)


def named(rows: Iterable[Row], name: str) -> Row | None:
    return next((row for row in rows if row.contender == name and row.cpu), None)


# ---- JSON ------------------------------------------------------------------------------------------


def to_json(run: Run) -> str:
    return json.dumps(asdict(run), indent=1, allow_nan=True) + "\n"


def from_json(text: str) -> Run:
    data = json.loads(text)
    rows = tuple(Row(**{**row, "cpu": tuple(row["cpu"]), "wall": tuple(row["wall"])}) for row in data["rows"])
    return Run(**{**data, "rows": rows})


# ---- Markdown --------------------------------------------------------------------------------------


def to_markdown(run: Run) -> str:
    cases = run.cases()
    parts = [
        "# Speed",
        "Forward and backward: the value of sum(weights * solution) and its gradient in every array, float64. Times "
        "are medians over interleaved rounds: CPU time with one thread, wall time with all. *Ratio* is to the fastest "
        "peer whose solution and gradients are right to 1e-3; errors are relative to an exact answer, the gradients' "
        "the worst over the arrays. *First* is the first call from arrays to result, compilation included and imports "
        "not, by the same clock; *peak* the largest resident memory of the process, and what of it there was after "
        "imports. A wrong answer is marked, and its time counts for nothing.",
        f"{run.command}; {run.date}, seed {run.seed}. " + ", ".join(run.machine.values()) + ".",
        "![Time of each contender over ours](speed.png)",
        "## Summary",
        summary(cases),
    ]
    gone = absent(run.rows)
    if gone:
        parts += ["Not measured:", "\n".join(f"- {name}: {reason}" for name, reason in gone.items())]
    for (case, threads), rows in cases.items():
        title = f"## {case}" + ("" if threads == "1" else f", {threads} threads")
        parts += [title, table(rows)]
    parts += ["## Versions and settings", settings(run.rows)]
    return "\n\n".join(parts) + "\n"


def summary(cases: Mapping[tuple[str, str], list[Row]]) -> str:
    lines = [
        "| case | ours, ms | gradient error | fastest right peer | its ms | times faster | over hand-written |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    leads: dict[tuple[str, str], list[float]] = {}
    for (case, threads), rows in cases.items():
        ours, peer, written, ratio = named(rows, OURS), fastest(rows), named(rows, WRITTEN), lead(rows)
        if ratio is not None:
            leads.setdefault((rows[0].family, threads), []).append(ratio)
        cells = [
            case if threads == "1" else f"{case}, {threads} threads",
            milliseconds(ours),
            error(ours.gradient_error) if ours else "–",
            peer.contender if peer else "–",
            milliseconds(peer),
            "–" if ratio is None else f"{ratio:.2f}",
            f"{clock(ours) / clock(written):.2f}" if ours and written else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    means = [
        f"- {family}{'' if threads == '1' else f', {threads} threads'}: {np.exp(np.mean(np.log(found))):.2f} times "
        f"faster in the geometric mean, {min(found):.2f} at the least (cases: {len(found)})"
        for (family, threads), found in leads.items()
    ]
    return "\n".join(lines) + "\n\n" + "\n".join(means)


def table(rows: Sequence[Row]) -> str:
    best = fastest(rows)
    lines = [
        "| contender | CPU ms | wall ms | ratio | solution error | gradient error | first, s | peak (base), MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    order = {"right": 0, "wrong": 1, "failed": 2, "absent": 3}
    for row in sorted(rows, key=lambda row: (order[row.verdict], clock(row) if row.cpu else 0)):
        if row.verdict == "absent":
            continue
        name = f"**{row.contender}**" if row.contender == OURS else row.contender
        if row.verdict == "failed":
            lines.append(f"| {name} | failed: {plain(row.reason)} | | | | | | |")
            continue
        worst = max(row.gradient_errors, key=lambda name: row.gradient_errors[name], default="")
        mark = f"**wrong** in {worst}, " if row.verdict == "wrong" else ""
        first = row.first_cpu if row.threads == "1" else row.first_wall
        cells = [
            name,
            f"{row.time * 1e3:.3g}",
            f"{row.elapsed * 1e3:.3g}",
            f"{clock(row) / clock(best):.2f}" if best else "–",
            error(row.solution_error),
            mark + error(row.gradient_error),
            "–" if first is None else f"{first:.2f}",
            "–" if row.peak is None or row.base is None else f"{row.peak:.0f} ({row.base:.0f})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def settings(rows: Iterable[Row]) -> str:
    lines = ["| contender | settings | versions |", "|---|---|---|"]
    seen: dict[str, Row] = {}
    for row in rows:
        if row.verdict != "absent":
            seen.setdefault(row.contender, row)
    for name, row in seen.items():
        versions = ", ".join(f"{package} {version}" for package, version in row.versions.items())
        lines.append(f"| {name} | {plain(row.settings)} | {versions} |")
    return "\n".join(lines)


def absent(rows: Iterable[Row]) -> dict[str, str]:
    return {row.contender: plain(row.reason) for row in rows if row.verdict == "absent"}


def milliseconds(row: Row | None) -> str:
    return f"{clock(row) * 1e3:.3g}" if row else "–"


def error(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"


def plain(text: str) -> str:
    """On one line of a table."""
    return " ".join(text.split()).replace("|", "\\|")[:200]


# ---- plot ------------------------------------------------------------------------------------------


def plot(run: Run, path: Path) -> None:
    """A line a case, a point a contender: time over ours. Wrong answers are hollow."""
    from matplotlib.figure import Figure

    cases = {key: rows for key, rows in run.cases().items() if named(rows, OURS)}
    if not cases:
        return

    def ours(rows: Sequence[Row]) -> float:
        return next(clock(row) for row in rows if row.contender == OURS)

    names = list(dict.fromkeys(row.contender for rows in cases.values() for row in rows if row.cpu))
    figure = Figure(figsize=(9, 1.5 + 0.27 * len(cases)), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(names):
        color = {OURS: "black", WRITTEN: "grey"}.get(name, f"C{index % 10}")
        points = [
            (clock(row) / ours(rows), line, "none" if row.verdict == "wrong" else color)
            for line, rows in enumerate(cases.values())
            for row in rows
            if row.contender == name and row.cpu
        ]
        x, y, faces = zip(*points, strict=True)
        marker = "os^Dv<>Ph*X"[index % 11]
        axes.scatter(x, y, s=30, facecolors=faces, edgecolors=color, marker=marker, label=name)
    axes.axvline(1, color="black", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    labels = [case if threads == "1" else f"{case}, {threads} threads" for case, threads in cases]
    axes.set_yticks(range(len(cases)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", linewidth=0.3)
    axes.set_xlabel("time over ours; hollow: wrong by more than 1e-3")
    figure.legend(loc="outside right upper", fontsize=7)
    figure.savefig(path, dpi=130)
