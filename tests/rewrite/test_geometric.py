"""Geometric programs: published ones, solved in logarithms, against cvxpy and finite differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.analyse import Class

BOX = """
problem box
  given wall: positive real, floor: positive real, low: positive real, high: positive real
  find h: positive real, w: positive real, d: positive real
  maximize h * w * d
  subject to
    walls: 2 * (h * w + h * d) <= wall
    ground: w * d <= floor
    low * w <= h <= high * w
    low * w <= d <= high * w
  return h, w, d, dual(walls), dual(ground), value = h * w * d
"""
"""Boyd, Kim, Vandenberghe, Hassibi: A tutorial on geometric programming (2007), section 2.4."""

FLOOR = """
problem floor
  given area: positive real[n], slim: positive real
  find w: positive real[n], h: positive real[n], W: positive real, H: positive real
  minimize W * H + W + H
  subject to
    wide: w[0] + max(w[1], w[2]) <= W
    tall: max(h[0], h[1] + h[2]) <= H
    areas: w * h == area
    w / h <= slim
    h / w <= slim
  return w, h, W, H, dual(wide), dual(areas), cost = W * H + W + H
"""
"""The same, section 6.1: three rectangles, one left of the other two, which stand on each other."""

GATES = """
problem gates
  given load: positive real, power: positive real, c: positive real[3]
  find x: positive real[3]
  minimize max((c[1] * x[1] + 1) / x[0], (c[2] * x[2]) / x[0] + load / x[2]) + load / x[1]
  subject to
    budget: sum(c * x) <= power
    x >= 0.1
  return x, dual(budget)
"""
"""The same, section 6.3: sizes of gates, a delay that is the longest of several paths."""


SHELVES = """
problem shelves
  given load: positive real[n], room: positive real
  find x: positive real[n], y: positive real
  minimize y + sum(1 / x)
  subject to
    pairs: x[i] * x[j] <= load[i] * room * y for i in n for j in n where i < j
    single: x[i] + y <= load[i] for i in n where i > 0
    first: x[0] <= room
  return x, y, dual(pairs), dual(single), dual(first), cost = y + sum(1 / x)
"""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def box(wall: float, floor: float, low: float, high: float) -> tuple[Any, cp.Problem]:
    h, w, d = (cp.Variable(pos=True) for _ in range(3))
    rows = [
        2 * (h * w + h * d) <= wall,
        w * d <= floor,
        low * w <= h,
        h <= high * w,
        low * w <= d,
        d <= high * w,
    ]
    return (h, w, d), cp.Problem(cp.Maximize(h * w * d), rows)


def floor(area: Any, slim: float) -> tuple[Any, cp.Problem]:
    w, h = cp.Variable(3, pos=True), cp.Variable(3, pos=True)
    W, H = cp.Variable(pos=True), cp.Variable(pos=True)
    rows = [w[0] + cp.maximum(w[1], w[2]) <= W, cp.maximum(h[0], h[1] + h[2]) <= H]
    rows += [cp.multiply(w, h) == area, w / h <= slim, h / w <= slim]
    return (w, h, W, H), cp.Problem(cp.Minimize(W * H + W + H), rows)


def gates(load: float, power: float, c: Any) -> tuple[Any, cp.Problem]:
    x = cp.Variable(3, pos=True)
    paths = cp.maximum((c[1] * x[1] + 1) / x[0], c[2] * x[2] / x[0] + load / x[2])
    rows = [cp.sum(cp.multiply(c, x)) <= power, x >= 0.1]
    return (x,), cp.Problem(cp.Minimize(paths + load / x[1]), rows)


def shelves(load: Any, room: float) -> tuple[Any, cp.Problem]:
    x, y = cp.Variable(3, pos=True), cp.Variable(pos=True)
    rows = [x[i] * x[j] <= load[i] * room * y for i in range(3) for j in range(i + 1, 3)]
    rows += [x[1] + y <= load[1], x[2] + y <= load[2], x[0] <= room]
    return (x, y), cp.Problem(cp.Minimize(y + cp.sum(cp.inv_pos(x))), rows)


CASES = {
    "box": (BOX, box, {"wall": 200.0, "floor": 60.0, "low": 0.5, "high": 2.0}),
    "floor": (FLOOR, floor, {"area": np.array([2.0, 1.0, 1.5]), "slim": 2.5}),
    "gates": (GATES, gates, {"load": 3.0, "power": 8.0, "c": np.array([1.0, 1.3, 0.8])}),
    "shelves": (SHELVES, shelves, {"load": np.array([2.0, 3.0, 2.5]), "room": 0.8}),
}
BOUNDS = [
    ("box", "wall", "walls", 1.0),
    ("floor", "area", "areas", -1.0),
    ("gates", "power", "budget", -1.0),
]
"""The parameter that is the bound of a labelled constraint, and the sense of the objective."""


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> tuple[str, dc.Layer, Any, dict[str, Any]]:
    text, model, data = CASES[request.param]
    return request.param, dc.compile(text), model, {k: np.asarray(v) for k, v in data.items()}


@pytest.fixture(scope="module")
def other(case: Any) -> dc.Layer:
    """The same on the cvxpy backend."""
    return dc.compile(CASES[case[0]][0], backend="cvxpy")


def test_values_agree_with_cvxpy(case: Any) -> None:
    _, layer, model, data = case
    variables, reference = model(**data)
    reference.solve(gp=True, solver="CLARABEL")
    got = layer.solve(**data)
    assert got.status.item() is dc.Status.SOLVED
    np.testing.assert_allclose(got.objective, reference.value, rtol=1e-6)
    for value, variable in zip(layer(**data), variables, strict=False):
        np.testing.assert_allclose(value, variable.value, rtol=2e-4)


def test_both_backends_agree(case: Any, other: dc.Layer) -> None:
    _, layer, _, data = case
    ours, theirs = layer.solve(**data), other.solve(**data)
    assert theirs.status.item() is dc.Status.SOLVED
    np.testing.assert_allclose(ours.objective, theirs.objective, rtol=1e-7)
    for label, multiplier in ours.dual.items():
        np.testing.assert_allclose(multiplier, theirs.dual[label], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("case", "moved", "label", "sign"), BOUNDS, indirect=["case"])
def test_multipliers_are_slopes_of_the_optimal_value(case: Any, moved: str, label: str, sign: float) -> None:
    _, layer, _, data = case
    step, slopes = 1e-4, np.zeros_like(data[moved])
    for place in np.ndindex(slopes.shape):
        move = np.zeros_like(slopes)
        move[place] = step
        ends = [layer.solve(**{**data, moved: data[moved] + way * move}).objective for way in (1, -1)]
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(layer.solve(**data).dual[label], sign * slopes, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("case", ["shelves"], indirect=True)
def test_multipliers_over_indices_are_slopes(case: Any) -> None:
    """A parameter in several bounds: the slope of the optimal value is the sum of the multipliers' shares."""
    _, layer, _, data = case
    _, y, pairs, single, first, _ = (np.asarray(part) for part in layer(**data))
    assert (np.tril(pairs) == 0).all()
    assert single[0] == 0
    slope = jax.grad(lambda load: layer(load, data["room"])[5])(data["load"])
    np.testing.assert_allclose(slope, -(pairs.sum(1) * data["room"] * y + single), rtol=1e-6, atol=1e-8)
    other = jax.grad(lambda room: layer(data["load"], room)[5])(data["room"])
    np.testing.assert_allclose(other, -(np.sum(pairs.sum(1) * data["load"]) * y + first), rtol=1e-6)


def test_gradients_in_a_batch(case: Any) -> None:
    _, layer, _, data = case
    name = next(iter(data))
    batch = np.stack([data[name] * scale for scale in (0.9, 1.0, 1.2)])
    run = lambda v: sum(jnp.sum(part, axis=tuple(range(1, part.ndim))) for part in layer(**{**data, name: v}))  # noqa: E731
    slopes = jax.jacrev(run)(batch)
    step = 1e-5
    for i in range(3):
        move = np.zeros_like(batch)
        move[i] = step
        ends = [run(batch + way * move)[i] for way in (1, -1)]
        np.testing.assert_allclose(jnp.sum(slopes[i]), (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


def test_facts_and_diagnostics() -> None:
    facts = dc.compile(BOX, stop_after="analyse")
    assert facts.loglog
    assert facts.cls is Class.GEOMETRIC
    assert not facts.findings
    assert "log-log convex" in dc.compile(BOX).explain()
    wrong = {
        "minimize x - y": "a difference is no posynomial",
        "maximize x * y + y": "this is not a monomial to be maximized",
        "minimize x\n subject to x * y == x + y": "both sides of `==` must be monomials",
        "minimize x\n subject to x <= x + y": "the larger side must be a monomial",
        "minimize x + a * x * y": "this coefficient is not known to be positive",
    }
    for text, reason in wrong.items():
        program = f"problem p\n given a: real\n find x: positive real, y: positive real\n {text} "
        found = dc.check(
            program.replace("x - y", "x * y - y / x").replace("minimize x\n", "minimize 1 / (x * y)\n")
        )
        assert [one.labels[0].text for one in found if one.code == "D305"] == [reason]
