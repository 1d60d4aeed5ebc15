"""What is measured: a case is arrays in, a solution and gradients out, with the exact answer beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """The solution, and the gradient of sum(weights * solution) in each input.

    Of an exact answer, gradients that do not exist are absent, or NaN for the elements concerned.
    """

    solution: np.ndarray
    gradients: Arrays


@dataclass(frozen=True)
class Case:
    """One point of a workload. Inputs stand in the order of the program's parameters.

    An input outside `shared` has a leading axis for the batch.
    """

    name: str
    family: str  # which program, reference and peers
    inputs: Arrays
    weights: np.ndarray
    shared: frozenset[str] = frozenset()
    symmetric: frozenset[str] = frozenset()  # only the symmetric part of these gradients means something

    @property
    def batch(self) -> int:
        return int(self.weights.shape[0])

    def save(self, path: Path) -> None:
        facts = {
            "name": self.name,
            "family": self.family,
            "order": list(self.inputs),
            "shared": sorted(self.shared),
            "symmetric": sorted(self.symmetric),
        }
        arrays = {f"input_{name}": value for name, value in self.inputs.items()}
        np.savez(path, facts=np.array(json.dumps(facts)), weights=self.weights, **arrays)

    @staticmethod
    def load(path: Path) -> Case:
        with np.load(path) as file:
            facts = json.loads(str(file["facts"]))
            inputs = {name: file[f"input_{name}"] for name in facts["order"]}
            return Case(
                facts["name"],
                facts["family"],
                inputs,
                file["weights"],
                frozenset(facts["shared"]),
                frozenset(facts["symmetric"]),
            )


@dataclass(frozen=True)
class Point:
    """A case by name: made, with its exact answer, when it is asked for."""

    name: str
    family: str
    make: Callable[[], tuple[Case, Outcome]]
    quick: bool = False  # part of a quick run


@dataclass(frozen=True)
class Error:
    """Relative errors in the norm of the whole array."""

    solution: float
    gradients: Mapping[str, float]

    @property
    def gradient(self) -> float:
        """The worst; NaN where one is."""
        return float(np.max(list(self.gradients.values())))


def compare(case: Case, found: Outcome, exact: Outcome) -> Error:
    def part(name: str, value: np.ndarray) -> np.ndarray:
        return (value + value.swapaxes(-1, -2)) / 2 if name in case.symmetric else value

    return Error(
        _relative(found.solution, exact.solution),
        {
            name: _relative(part(name, np.asarray(found.gradients[name])), part(name, value))
            for name, value in exact.gradients.items()
        },
    )


def _relative(found: np.ndarray, exact: np.ndarray) -> float:
    """NaN where the found array has one."""
    if found.shape != exact.shape:
        raise ValueError(f"shape {found.shape} where {exact.shape} was wanted")
    judged = ~np.isnan(exact)
    scale = float(np.linalg.norm(exact[judged]))
    return float(np.linalg.norm(found[judged] - exact[judged])) / (scale or 1.0)


@dataclass(frozen=True)
class Prepared:
    """A contender ready for a case: `run` is what is timed, `read` brings its result into NumPy."""

    run: Callable[[], Any]
    read: Callable[[Any], Outcome]


@dataclass(frozen=True)
class Contender:
    """A way to run the workloads. Its modules are imported before the clock starts."""

    name: str
    modules: tuple[str, ...]
    packages: tuple[str, ...]  # whose versions are reported
    prepare: Mapping[str, Callable[[Case], Prepared]]  # by family
    settings: str = ""  # said beside its row
    peer: bool = True
