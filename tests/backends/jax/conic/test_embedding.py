"""The homogeneous embedding: solutions against Clarabel, certificates for each cone, batches, precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax.conic import embedding, scaling
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.layout import widened
from declarative.backends.jax.conic.product import split
from declarative.backends.jax.forms import Conic
from tests.backends.jax.conic.programs import ALL, N, clarabel, feasible, infeasible, unbounded

KINDS = ["nonneg", "soc", "psd", "exp", "power"]
TOL = 1e-8


class Found(NamedTuple):
    x: Array
    z: Array
    s: Array
    result: embedding.Result
    outside: Array  # the larger distance of s from K and of z from K*


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def solve(program: Conic) -> Found:
    problem = scaling.equilibrated(program)
    tol = jnp.asarray(TOL if program.q.dtype == jnp.float64 else 1e-4, program.q.dtype)
    result = embedding.iterate(problem, tol, tol, jnp.asarray(100))
    x, z, s = scaling.restored(problem, result.x, result.z, result.s)
    cones = grouped(program.cones, program.alpha)
    wide = (split(cones, widened(program.cones, v)[program.cones.zero :]) for v in (s, z))
    far = [jnp.maximum(c.outside(a), c.outside_dual(b)) for c, a, b in zip(cones, *wide, strict=True)]
    return Found(x, z, s, result, jnp.max(jnp.stack(far)))


def stacked(programs: list[Conic]) -> Conic:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *programs)


MAPPED = jax.jit(lambda batch: jax.lax.map(solve, batch))


def everything() -> tuple[list[Conic], list[str]]:
    rng = np.random.default_rng(0)
    programs = [feasible(ALL, N, rng, curved) for curved in (False, True) for _ in range(4)]
    programs += [infeasible(ALL, N, rng, kind) for kind in KINDS]
    programs += [unbounded(ALL, N, rng, kind) for kind in KINDS]
    return programs, ["solved"] * 8 + ["infeasible"] * 5 + ["unbounded"] * 5


def test_programs_of_all_cones_are_solved_or_certified() -> None:
    programs, answers = everything()
    found = MAPPED(stacked(programs))
    for i, (program, answer) in enumerate(zip(programs, answers, strict=True)):
        each = jax.tree.map(lambda leaf: np.asarray(leaf[i]), found)  # noqa: B023
        assert bool(each.result.infeasible) == (answer == "infeasible"), i
        assert bool(each.result.unbounded) == (answer == "unbounded"), i
        if answer != "solved":
            assert each.result.error > TOL
            continue
        status, value = clarabel(program)
        assert status == "Solved"
        assert each.result.error <= TOL
        assert each.result.steps <= 25
        assert each.outside <= 1e-12
        own = program.q @ each.x + each.x @ program.P @ each.x / 2
        assert own == pytest.approx(value, abs=1e-6 * (1 + abs(value)))
        np.testing.assert_allclose(program.A @ each.x + each.s, program.b, atol=1e-6)
        np.testing.assert_allclose(program.P @ each.x + program.q + program.A.T @ each.z, 0, atol=1e-6)
        assert abs(each.s @ each.z) <= 1e-6 * (1 + abs(value))


def test_a_batch_is_its_elements_and_one_that_is_spoilt_spoils_no_other() -> None:
    programs, _ = everything()
    programs = [programs[i] for i in (0, 5, 8, 13)]
    bad = programs[0]._replace(q=np.full(N, np.nan))
    good = MAPPED(stacked(programs))
    found = jax.jit(jax.vmap(solve))(stacked([*programs, bad]))
    assert not bool(jnp.isfinite(found.result.error[-1]))
    assert not bool(found.result.infeasible[-1] | found.result.unbounded[-1])
    # At the tolerance a point is known to its square root, the objective to the tolerance itself.
    for program, x, y in zip(programs[:2], found.x, good.x, strict=False):
        value, other = (float(program.q @ v + v @ program.P @ v / 2) for v in (x, y))
        assert value == pytest.approx(other, abs=1e-6 * (1 + abs(other)))
    np.testing.assert_array_less(found.result.error[:2], TOL)
    np.testing.assert_array_equal(found.result.infeasible[:4], good.result.infeasible)
    np.testing.assert_array_equal(found.result.unbounded[:4], good.result.unbounded)


def test_single_precision_reaches_its_own_tolerance() -> None:
    rng = np.random.default_rng(0)
    programs = [feasible(ALL, N, rng, curved) for curved in (False, True) for _ in range(4)]
    batch = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), stacked(programs))
    found = MAPPED(batch)
    assert found.x.dtype == jnp.float32
    assert bool(jnp.all(found.result.error <= 1e-4))


def test_absent_rows_bind_nothing() -> None:
    program = feasible(ALL, N, np.random.default_rng(3), True)
    row = ALL.zero + 1
    absent = program._replace(b=np.where(np.arange(ALL.rows) == row, np.inf, program.b))
    loose = program._replace(
        A=np.where(np.arange(ALL.rows)[:, None] == row, 0, program.A),
        b=np.where(np.arange(ALL.rows) == row, 1.0, program.b),
    )
    found = MAPPED(stacked([absent, loose]))
    assert bool(jnp.all(found.result.error <= TOL))
    np.testing.assert_allclose(found.x[0], found.x[1], atol=1e-6)
    assert abs(found.z[0, row]) < 1e-6


def test_cones_keep_their_shape_when_equilibrated() -> None:
    program = feasible(ALL, N, np.random.default_rng(4), True)
    problem = scaling.equilibrated(Conic(*(jnp.asarray(part) for part in program[:5]), ALL))
    start = ALL.zero
    for cone in grouped(ALL, problem.alpha):
        rows = problem.rows[start : start + cone.rows].reshape(cone.count, -1)
        np.testing.assert_allclose(rows, rows[:, :1] * np.ones_like(rows))
        start += cone.rows
    assert float(jnp.max(jnp.abs(problem.A))) == pytest.approx(1, abs=0.1)
