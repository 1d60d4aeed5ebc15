"""`decl run FILE [PROBLEM] --data D`: solves, and prints outputs, statuses and the time it took.

A leading axis of the data makes a batch; long batches go in pieces, with a progress bar.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from declarative.cli import console, data, programs, results
from declarative.errors import DeclError, diagnostic

if TYPE_CHECKING:
    from declarative import ir
    from declarative.layer.layer import Layer

PIECE = 64  # how many elements of a long batch are solved at once


def arguments(command: argparse.ArgumentParser) -> None:
    programs.add_file(command)
    data.add(command)
    programs.add_options(command)
    command.add_argument(
        "--on-fail", choices=("nan", "raise", "keep"), help="what failed elements become (nan)"
    )
    command.add_argument("--check-values", action="store_true", help="test the promises on the parameters")
    command.add_argument("--grad", metavar="OUT:PARAM", help="also the derivative of an output's sum")
    command.add_argument("--out", metavar="FILE", help="write the outputs to a .npz, .json or .csv file")
    command.add_argument("--plot", metavar="FILE.png", help="draw the outputs")
    command.add_argument("--json", action="store_true", help="the results as JSON on stdout")


def run(arguments: argparse.Namespace) -> int:
    layer = programs.layer(arguments)
    values = data.read(arguments.data, layer.problem)
    wanted = _gradient(arguments.grad, layer) if arguments.grad else None
    start = time.perf_counter()
    solved = _solve(layer, values, arguments.check_values)
    seconds = time.perf_counter() - start
    if wanted is not None:
        solved = results.with_gradient(solved, *wanted, _slope(layer, values, *wanted))
    if arguments.json:
        console.as_json(results.as_json(solved, seconds))
    else:
        results.show(solved, seconds)
    if arguments.out:
        results.write(solved, arguments.out)
    if arguments.plot:
        results.plot(solved, arguments.plot, layer.problem.name)
    return 0 if solved.ok else 3


def _solve(layer: Layer, values: data.Values, check: bool) -> results.Solved:
    batched = _batched(layer.problem, values)
    count = max((len(values[name]) for name in batched), default=0)
    if count <= PIECE:
        return results.collect(layer.solve(**values, check=check), layer.problem)
    parts = []
    for first in _progress(range(0, count, PIECE), layer.problem.name):
        rows = np.minimum(np.arange(first, first + PIECE), count - 1)  # the last piece keeps the size
        piece = {name: v[rows] if name in batched and len(v) > 1 else v for name, v in values.items()}
        found = results.collect(layer.solve(**piece, check=check), layer.problem)
        parts.append(found.first(min(PIECE, count - first)))
    return results.join(parts)


def _batched(problem: ir.Problem, values: data.Values) -> set[str]:
    """Parameters with exactly one axis more than declared; with more axes the batch is solved at once."""
    extra = {
        param.name: np.ndim(values[param.name]) - len(param.type.shape)
        for param in problem.params
        if param.name in values and param.type.base != "any" and "static" not in param.properties
    }
    return (
        {name for name, axes in extra.items() if axes == 1} if max(extra.values(), default=0) == 1 else set()
    )


def _progress(steps: range, name: str) -> Any:
    from rich.progress import track

    terminal = console.terminal(True)
    return track(steps, description=f"solving {name}", console=terminal, disable=not terminal.is_terminal)


def _gradient(text: str, layer: Layer) -> tuple[str, str]:
    output, colon, param = text.partition(":")
    outputs = layer.info["outputs"]
    params = [p.name for p in layer.problem.params if p.type.base == "real" and "static" not in p.properties]
    for name, known, what in ((output, outputs, "output"), (param, params, "parameter")):
        if name not in known or not colon:
            there, given = ", ".join(outputs), ", ".join(params)
            raise DeclError([diagnostic("D656", None, text=text, what=what, outputs=there, params=given)])
    return output, param


def _slope(layer: Layer, values: data.Values, output: str, param: str) -> Any:
    """d sum(output) / d param, element by element of a batch."""
    import jax
    import jax.numpy as jnp

    from declarative.layer import sparse

    place = layer.info["outputs"].index(output)
    value = values.get(param, layer.defaults.get(param))

    def total(x: Any) -> Any:
        found = layer(**{**values, param: x})
        return jnp.sum(found if len(layer.info["outputs"]) == 1 else found[place])

    with jax.enable_x64(True):
        matrix = sparse.read(value)
        if matrix is None:
            return np.asarray(jax.grad(total)(jnp.asarray(value, float)))
        slope = jax.grad(total)(sparse.Sparse(jnp.asarray(matrix.data, float), matrix.pattern))
        return sparse.Sparse(np.asarray(slope.data), slope.pattern).to_numpy()
