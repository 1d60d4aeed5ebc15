"""A random program -> what its solves say of each element of a batch of three: JAX, cvxpy and differences agree, or
a status says why. A disagreement is a `Wrong`."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

import declarative as dc
from declarative import ir
from declarative.layer.watch import Inaccurate
from declarative.walk import walk
from tests.agreement.programs import Program

BATCH = 3
STEPS = 2e-4, 1e-5, 1e-6
"""Of differences. A solution to 1e-7 gives them to 1e-3 by the first one; the others are for kinks nearby."""
AGREES = "agrees"
Data = dict[str, np.ndarray]


class Wrong(AssertionError):
    """A disagreement; its text says of what, and has the program."""


@dataclass(frozen=True)
class Outcome:
    """What became of each element, the engine that ran, and what the program is made of."""

    engine: str
    elements: list[str]
    parts: Counter[str] = field(default_factory=Counter)


def batch_of(program: Program) -> Data:
    """The program's data, and twice more each parameter by up to two percent larger or smaller; whole numbers stay."""
    rng = np.random.default_rng(11)
    factors = {name: np.append(1.0, rng.uniform(0.98, 1.02, BATCH - 1)) for name in program.data}
    return {
        name: np.multiply.outer(factors[name], value)
        if value.dtype.kind == "f"
        else np.stack([value] * BATCH)
        for name, value in program.data.items()
    }


def symmetric(program: Program, data: Data) -> Data:
    """Promises of symmetry kept, in directions and gradients."""

    def kept(name: str, value: np.ndarray) -> np.ndarray:
        square = f"{name}: psd" in program.text or f"{name}: symmetric" in program.text
        return (value + np.swapaxes(value, 1, 2)) / 2 if square else value

    return {name: kept(name, np.asarray(value)) for name, value in data.items()}


class Solved:
    """A layer on batches; one compilation serves solutions, gradients of weights . unknowns, and differences."""

    def __init__(self, layer: dc.Layer, weights: Data):
        def value(moving: dict[str, jax.Array], still: dict[str, jax.Array]) -> tuple[jax.Array, dc.Solution]:
            solution = layer.solve(**moving, **still)
            return weighted(solution, weights, lambda value: value).sum(), solution

        self._compiled = jax.jit(jax.value_and_grad(value, has_aux=True))

    def at(self, data: Data) -> tuple[dc.Solution, Data]:
        with jax.enable_x64(True):
            arrays = {name: jax.numpy.asarray(value) for name, value in data.items()}
            moving = {name: value for name, value in arrays.items() if value.dtype.kind == "f"}
            still = {name: value for name, value in arrays.items() if value.dtype.kind != "f"}
            (_, solution), gradient = self._compiled(moving, still)
        return solution, gradient


def weighted(solution: dc.Solution, weights: Data, of: Callable[[Any], Any] = np.asarray) -> Any:
    """By element."""
    return sum(
        (of(getattr(solution, name)) * weight).reshape(-1, weight.size).sum(1)
        for name, weight in weights.items()
    )


def check(program: Program) -> Outcome:
    """Raises `Wrong`."""
    rng = np.random.default_rng(7)
    weights = {name: rng.normal(size=point.shape) for name, point in program.unknowns.items()}
    layer = dc.compile(program.text, on_fail="keep")
    engine, parts = str(layer.info["engine"]), parts_of(layer.problem)
    solved, data = Solved(layer, weights), batch_of(program)
    ours, gradient = solved.at(data)
    theirs, beside = None, AGREES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Inaccurate)  # statuses are looked at below
            theirs = dc.compile(program.text, backend="cvxpy", on_fail="keep").solve(**data)
    except dc.DeclError as error:
        beside = f"{AGREES} with differences, cvxpy refuses ({error.diagnostics[0].code})"
    sound = [_same(program, ours, theirs, element) for element in range(BATCH)]
    if None in sound:
        ways = symmetric(program, {k: rng.normal(size=data[k].shape) for k in gradient})
        slopes = symmetric(program, gradient)
        implicit = sum(np.sum(slopes[k] * ways[k], axis=tuple(range(1, ways[k].ndim))) for k in ways)
        open_ = np.array([outcome is None for outcome in sound])
        found = []
        for step in STEPS:
            ends = [
                weighted(
                    solved.at({**data, **{k: data[k] + sign * step * ways[k] for k in ways}})[0], weights
                )
                for sign in (1, -1)
            ]
            found.append((ends[0] - ends[1]) / (2 * step))
            open_ &= ~np.isclose(implicit, found[-1], rtol=2e-3, atol=2e-3)
            if not open_.any():
                break
        if open_.any():
            raise Wrong(
                f"derivative {implicit[open_]}, differences {[one[open_] for one in found]}\n{program.text}"
            )
    return Outcome(engine, [beside if outcome is None else outcome for outcome in sound], parts)


def _same(program: Program, ours: Any, theirs: Any, element: int) -> str | None:
    """Compares the solutions and multipliers of one element; says why there is no derivative to compare, or None."""
    status = ours.status[element]
    certain = (dc.Status.INFEASIBLE, dc.Status.UNBOUNDED)
    if element == 0 and status in certain:
        raise Wrong(f"{status}, but there is a point inside\n{program.text}")
    if theirs is not None:
        other = theirs.status[element]
        if {status, other} & set(certain) and dc.Status.SOLVED in (status, other):
            raise Wrong(f"element {element} is {status}, cvxpy: {other}\n{program.text}")
        if dc.Status.SOLVED not in (status, other) or not (status.usable and other.usable):
            return f"{status}, cvxpy: {other}"
        for name in program.unknowns:
            _compare(program, name, 5e-5, ours, theirs, element)
        for label in program.labels:
            _compare(program, f"d{label}", 1e-3, ours, theirs, element)
    elif status is not dc.Status.SOLVED:
        return f"{status}, cvxpy refuses"
    derivative = ours.derivative[element]
    return None if derivative is dc.DerivativeStatus.REGULAR else f"solutions agree, derivative {derivative}"


def _compare(program: Program, name: str, tol: float, ours: Any, theirs: Any, element: int) -> None:
    found, reference = (np.asarray(getattr(one, name))[element] for one in (ours, theirs))
    size = np.abs(reference) if name in program.unknowns else np.abs(reference).max(initial=0)
    error = (np.abs(found - reference) / (1 + size)).max(initial=0)
    if not error <= tol:
        statuses = f"{ours.status[element]}, cvxpy {theirs.status[element]}"
        values = f"{found}, cvxpy {reference}"
        raise Wrong(
            f"{name} of element {element} differs by {error:.1e} ({statuses}): {values}\n{program.text}"
        )


def parts_of(problem: ir.Problem) -> Counter[str]:
    """What a program is made of: atoms, sets, kinds of constraints and unknowns."""
    found: Counter[str] = Counter()
    for node in walk(problem):
        match node:
            case ir.Apply(atom=atom):
                found[f"atom {atom}"] += 1
            case ir.Reduce(op=op, where=where):
                found[f"{op} over an index" + ("" if where is None else ", filtered")] += 1
            case ir.Set(name=name):
                found[f"set {name}"] += 1
            case ir.Equality() | ir.Inequality() | ir.Semidefinite() | ir.Membership():
                found[f"constraint {type(node).__name__.lower()}"] += 1
                found["constraint with a label"] += node.label is not None
                found["constraint over an index"] += bool(node.binders)
                found["constraint over an index, filtered"] += node.where is not None
            case ir.Variable():
                found.update(f"unknown {word}" for word in node.properties or ("free",))
    found["several unknowns"] += len(problem.unknowns) > 1
    found["maximised"] += isinstance(problem.statement, ir.Minimize) and problem.statement.sense < 0
    return Counter(name for name, number in found.items() if number)
