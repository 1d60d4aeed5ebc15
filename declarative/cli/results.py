"""What a solve gave, as NumPy arrays -> text, JSON, a file or a picture."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from declarative.cli import console
from declarative.errors import DeclError, diagnostic

if TYPE_CHECKING:
    from declarative import ir
    from declarative.layer.solution import Solution

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Solved:
    """Arrays by name; with a batch, each begins with its axes."""

    outputs: dict[str, Array]
    status: Array
    advice: dict[str, str]  # of the statuses that failed
    derivative: Array
    iterations: Array
    residual: Array
    objective: Array

    @property
    def ok(self) -> bool:
        return not self.advice

    def first(self, count: int) -> Solved:
        parts = {name: getattr(self, name)[:count] for name in ARRAYS}
        return replace(self, outputs={k: v[:count] for k, v in self.outputs.items()}, **parts)


ARRAYS = ("status", "derivative", "iterations", "residual", "objective")


def collect(solution: Solution, problem: ir.Problem) -> Solved:
    shape = solution.status.shape
    failed = {str(status): status.advice for status in solution.status.flat if not status.usable}
    outputs: dict[str, Array] = {}
    for name, value in solution.outputs.items():
        parts = value if isinstance(value, tuple) else (value,)
        names = [name] if len(parts) == 1 else [f"{name}{i}" for i in range(len(parts))]
        outputs.update(zip(names, map(np.asarray, parts), strict=True))

    def text(members: Array) -> Array:
        return np.array([str(one) for one in members.flat]).reshape(shape)

    return Solved(
        outputs=outputs,
        status=text(solution.status),
        advice=failed,
        derivative=text(solution.derivative),
        iterations=np.broadcast_to(np.asarray(solution.iterations), shape),
        residual=np.broadcast_to(np.asarray(solution.residual), shape),
        objective=np.broadcast_to(np.asarray(solution.objective), shape),
    )


def join(parts: list[Solved]) -> Solved:
    """The pieces of one batch, in order."""
    first = parts[0]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    outputs = {name: np.concatenate([part.outputs[name] for part in parts]) for name in first.outputs}
    advice = {status: words for part in parts for status, words in part.advice.items()}
    return replace(first, outputs=outputs, advice=advice, **joined)


def with_gradient(solved: Solved, output: str, param: str, slope: Array) -> Solved:
    return replace(solved, outputs={**solved.outputs, f"d {output} / d {param}": slope})


# ---- the terminal ------------------------------------------------------------------------------


def show(solved: Solved, seconds: float) -> None:
    for name, value in solved.outputs.items():
        body = np.array2string(
            value, precision=6, suppress_small=True, threshold=60, edgeitems=3, max_line_width=100
        )
        separator = "\n" if "\n" in body else " "
        console.out(f"{name} ={separator}{body}")
    console.out()
    count = max(solved.status.size, 1)
    counts = Counter(solved.status.flat)
    words = ", ".join(f"{number} {name}" if count > 1 else name for name, number in counts.most_common())
    console.out(f"status      {words}")
    console.out(f"derivative  {', '.join(Counter(solved.derivative.flat))}")
    if np.isfinite(solved.objective).any() and solved.objective.size == 1:
        console.out(f"objective   {solved.objective.item():.10g}")
    console.out(f"iterations  {_span(solved.iterations, 'd')}")
    console.out(f"residual    {_span(solved.residual, '.2g')}")
    each = f", {seconds / count * 1e3:.3g} ms an element" if count > 1 else ""
    console.out(f"time        {seconds:.3g} s, compilation included{each}")
    for status, words in solved.advice.items():
        console.error(f"{status}: {words}")


def _span(values: Array, form: str) -> str:
    low, high = values.min(), values.max()
    return f"{low:{form}}" if low == high or values.size == 1 else f"{low:{form}} to {high:{form}}"


def as_json(solved: Solved, seconds: float) -> dict[str, Any]:
    """NaN and infinity become null: JSON has no words for them."""
    names = {name: _plain(value) for name, value in solved.outputs.items()}
    rest = {name: _plain(getattr(solved, name)) for name in ARRAYS}
    return {"outputs": names, **rest, "seconds": seconds}


def _plain(value: Array) -> Any:
    if value.dtype.kind == "f":
        return np.where(np.isfinite(value), value, np.array(None, object)).tolist()
    return value.tolist()


# ---- files -------------------------------------------------------------------------------------


def write(solved: Solved, path: str) -> None:
    try:
        match Path(path).suffix.lower():
            case ".npz":
                held = {**solved.outputs, "status": solved.status, "objective": solved.objective}
                np.savez(path, allow_pickle=False, **held)
            case ".json":
                lists = {name: _plain(value) for name, value in solved.outputs.items()}
                Path(path).write_text(json.dumps({**lists, "status": solved.status.tolist()}, indent=2))
            case ".csv":
                _table(solved.outputs, path)
            case _:
                raise _unwritable(path, "its ending is unknown", "give a .npz, .json or .csv file")
    except OSError as error:
        raise _unwritable(path, error.strerror or "it cannot be written", "") from None


def _table(outputs: dict[str, Array], path: str) -> None:
    """A column for each vector, one for each column of a matrix, as `decl run` reads them."""
    columns: dict[str, Array] = {}
    for name, value in outputs.items():
        if value.ndim > 2:
            raise _unwritable(path, f"`{name}` has {value.ndim} axes", "a table holds vectors and matrices")
        if value.ndim == 2:
            columns.update({f"{name}[{j}]": value[:, j] for j in range(value.shape[1])})
        else:
            columns[name] = np.atleast_1d(value)
    if len({len(column) for column in columns.values()}) > 1:
        raise _unwritable(path, "the outputs have different lengths", "write a .npz or .json file")
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def plot(solved: Solved, path: str, title: str) -> None:
    """One panel for each output: a vector as a line, a matrix as a line for each column."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        install = "declarative-layers[plot]"
        raise DeclError(
            [diagnostic("D657", None, feature="--plot", package="matplotlib", install=install)]
        ) from None
    figure = Figure(figsize=(7, 2.4 * len(solved.outputs)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(solved.outputs), 1, squeeze=False)[:, 0]
    for panel, (name, value) in zip(panels, solved.outputs.items(), strict=True):
        lines = value.reshape(len(value), -1) if value.ndim > 1 else np.atleast_1d(value)
        panel.plot(lines, marker="o" if len(lines) <= 40 else None, markersize=3, linewidth=1.2)
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("index" if solved.status.size <= 1 else "element")
    figure.suptitle(title)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise _unwritable(path, str(error).splitlines()[0], "give a .png file") from None


def _unwritable(path: str, reason: str, help: str) -> DeclError:
    return DeclError([diagnostic("D661", None, path=path, reason=reason, help=help)])
