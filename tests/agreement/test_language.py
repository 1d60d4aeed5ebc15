"""Random programs of the whole convex language in batches of three: JAX, cvxpy and finite differences agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

import declarative as dc
from tests.agreement.language import disciplined_programs
from tests.agreement.programs import Program
from tests.agreement.test_agreement import quick

BATCH, STEP = 3, 2e-4  # of differences: a solution to 1e-7 gives them to 1e-3
Data = dict[str, np.ndarray]


def batch_of(program: Program) -> Data:
    """The program's data, and twice more each parameter by up to two percent larger or smaller."""
    rng = np.random.default_rng(11)
    factors = {name: np.append(1.0, rng.uniform(0.98, 1.02, BATCH - 1)) for name in program.data}
    return {name: np.multiply.outer(factors[name], value) for name, value in program.data.items()}


def symmetric(program: Program, data: Data) -> Data:
    """Promises of symmetry kept, in directions and gradients."""

    def kept(name: str, value: np.ndarray) -> np.ndarray:
        square = f"{name}: psd" in program.text or f"{name}: symmetric" in program.text
        return (value + np.swapaxes(value, 1, 2)) / 2 if square else value

    return {name: kept(name, np.asarray(value)) for name, value in data.items()}


class Solved:
    """A layer on batches; one compilation serves solutions, gradients of weights . x, and differences."""

    def __init__(self, layer: dc.Layer, weights: np.ndarray):
        def value(data: dict[str, jax.Array]) -> tuple[jax.Array, dc.Solution]:
            solution = layer.solve(**data)
            return (solution.x @ weights).sum(), solution

        self._compiled = jax.jit(jax.value_and_grad(value, has_aux=True))

    def at(self, data: Data) -> tuple[dc.Solution, Data]:
        with jax.enable_x64(True):
            (_, solution), gradient = self._compiled({k: jax.numpy.asarray(v) for k, v in data.items()})
        return solution, gradient


def check(program: Program) -> list[str]:
    """What became of each element; a disagreement is an error."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=program.n)
    layer = dc.compile(program.text, on_fail="keep")
    solved, data = Solved(layer, weights), batch_of(program)
    ours, gradient = solved.at(data)
    engine = str(layer.info["engine"])
    try:
        theirs = dc.compile(program.text, backend="cvxpy", on_fail="keep").solve(**data)
    except dc.DeclError as error:
        if error.diagnostics[0].code != "D690":
            raise
        return [f"{engine}: cvxpy does not accept the program"] * BATCH
    sound = [_same(program, engine, ours, theirs, element) for element in range(BATCH)]
    if all(outcome is not None for outcome in sound):
        return [str(outcome) for outcome in sound]
    ways = symmetric(program, {k: rng.normal(size=v.shape) for k, v in data.items()})
    moved = [solved.at({k: v + sign * STEP * ways[k] for k, v in data.items()})[0] for sign in (1, -1)]
    differences = (np.asarray(moved[0].x) - np.asarray(moved[1].x)) @ weights / (2 * STEP)
    found = symmetric(program, gradient)
    outcomes = []
    for element, outcome in enumerate(sound):
        if outcome is None:
            implicit = sum(float(np.sum(found[k][element] * ways[k][element])) for k in data)
            words = f"{engine}, element {element}\n{program.text}"
            assert implicit == pytest.approx(differences[element], rel=2e-3, abs=2e-3), words
            outcome = f"{engine}: agrees"
        outcomes.append(outcome)
    return outcomes


def _same(program: Program, engine: str, ours: Any, theirs: Any, element: int) -> str | None:
    """Compares the solutions and duals of one element; says why there is no derivative to compare, or None."""
    status, other = ours.status[element], theirs.status[element]
    if dc.Status.SOLVED not in (status, other) or not (status.usable and other.usable):
        return f"{engine}: {status}, cvxpy: {other}"
    words = f"{engine}, element {element}\n{program.text}"
    np.testing.assert_allclose(ours.x[element], theirs.x[element], rtol=5e-5, atol=5e-5, err_msg=words)
    for label in program.labels:
        dual, reference = (np.asarray(getattr(one, f"d{label}"))[element] for one in (ours, theirs))
        scale = 1e-3 * (1 + np.abs(reference).max())
        np.testing.assert_allclose(dual, reference, atol=scale, err_msg=words)
    derivative = ours.derivative[element]
    return None if derivative is dc.DerivativeStatus.REGULAR else f"{engine}: {derivative}"


@quick(3)
@given(disciplined_programs())
def test_disciplined_programs_agree(program: Program) -> None:
    check(program)


@pytest.mark.slow
def test_a_thousand_programs_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole battery; prints what became of the elements: by engine, and by status where it is not agreement."""
    outcomes: Counter[str] = Counter()

    @quick(1000)
    @given(disciplined_programs())
    def battery(program: Program) -> None:
        outcomes.update(check(program))
        jax.clear_caches()
        if outcomes.total() % (20 * BATCH) == 0:
            with capsys.disabled():
                print(f"\n{outcomes.total() // BATCH} programs: {dict(outcomes)}", end="", flush=True)

    battery()
    agreed = sum(number for name, number in outcomes.items() if name.endswith("agrees"))
    assert agreed >= outcomes.total() * 3 // 4
