"""The canonical form against cvxpy's own numbers, for every declaration of parameters and variables."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import cvxpy as cp
import jax
import numpy as np
import pytest
from scipy import sparse

from declarative.backends.cvxpy.canonical import canonical
from declarative.backends.cvxpy.elimination import restored
from declarative.backends.cvxpy.stuffing import quadratic_forms
from declarative.compat import program
from tests.compat.problems import QUICK, SLOW, Case, case


def theirs(found: Case) -> tuple[Any, ...]:
    """P, q, A, b as cvxpy gives them to SCS for the values, and the cones."""
    for parameter, value in zip(found.parameters, found.values, strict=True):
        if parameter.attributes["sparsity"]:
            parameter.value_sparse = sparse.coo_array(value)
        else:
            parameter.value = np.asarray(value)
    twin = cp.Problem(found.problem.objective, found.problem.constraints)
    with quadratic_forms(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*sparse CVXPY expression")
        data, _, _ = twin.get_problem_data("SCS", gp=found.gp, solver_opts={"use_quad_obj": True})
    P = data["P"].toarray() if "P" in data else np.zeros((data["c"].size,) * 2)
    return np.triu(P) + np.triu(P, 1).T, data["c"], data["A"].toarray(), data["b"], data["dims"]


def check(found: Case) -> None:
    form = canonical(found.problem, found.parameters, found.gp, None)
    with jax.enable_x64(True):
        mine = jax.jit(partial(program.conic, form))(
            tuple(np.asarray(value, float) for value in found.values)
        )
    P, q, A, b, dims = theirs(found)
    at, rows = form.place, form.row
    np.testing.assert_allclose(np.asarray(mine.P)[np.ix_(at, at)], P, atol=1e-12)
    np.testing.assert_allclose(np.asarray(mine.q)[at], q, atol=1e-12)
    np.testing.assert_allclose(np.asarray(mine.A)[np.ix_(rows, at)], A, atol=1e-12)
    np.testing.assert_allclose(np.asarray(mine.b)[rows], b, atol=1e-12)
    assert (form.cones.zero, form.cones.nonneg, form.cones.soc) == (dims.zero, dims.nonneg, tuple(dims.soc))
    assert (form.cones.psd, form.cones.exp) == (tuple(dims.psd), dims.exp)
    np.testing.assert_allclose(form.alpha, dims.p3d)


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_the_published_problems(name: str) -> None:
    check(case(name))


GENERAL = np.random.default_rng(0).normal(size=(3, 3))
DECLARED: dict[str, tuple[dict[str, Any], Any]] = {
    "none": ({}, GENERAL),
    "symmetric": ({"symmetric": True}, GENERAL + GENERAL.T),
    "PSD": ({"PSD": True}, GENERAL @ GENERAL.T),
    "NSD": ({"NSD": True}, -GENERAL @ GENERAL.T),
    "diag": ({"diag": True}, np.diag([1.0, -2, 3])),
    "sparsity": ({"sparsity": ((0, 1, 2), (2, 1, 0))}, np.fliplr(np.diag([1.0, -2, 3]))),
    "pos": ({"pos": True}, np.abs(GENERAL)),
    "nonpos": ({"nonpos": True}, -np.abs(GENERAL)),
    "bounds": ({"bounds": [-5, 5]}, GENERAL),
}


@pytest.mark.parametrize("name", DECLARED)
def test_declared_parameters(name: str) -> None:
    """A parameter as it is, turned, in part, and under constant maps, beside another one."""
    settings, value = DECLARED[name]
    X, C, d = cp.Variable((3, 3)), cp.Parameter((3, 3), **settings), cp.Parameter(2)
    rows = [d[0] <= C @ X, X.T @ C.T <= 1, d[1] == X + GENERAL @ C, X[0] >= cp.sum(C[0, 1:])]
    problem = cp.Problem(cp.Minimize(cp.trace(C @ X) + cp.norm(X, "fro")), rows)
    check(Case(problem, [d, C], [X], [np.array([0.5, -2]), value]))


@pytest.mark.parametrize("name", DECLARED)
def test_declared_variables(name: str) -> None:
    """Whichever entries cvxpy keeps of a variable, all of them come back."""
    settings, value = DECLARED[name]
    X, C = cp.Variable((3, 3), **settings), cp.Parameter((3, 3))
    form = canonical(cp.Problem(cp.Minimize(cp.sum(X)), [X == C]), [C], False, None)
    with jax.enable_x64(True):
        data = program.conic(form, (value,))
        rows = slice(0, form.cones.zero)
        z = np.linalg.lstsq(data.A[rows], data.b[rows])[0]
        np.testing.assert_allclose(form.primal[0].at(jax.numpy.asarray(z)), value, atol=1e-12)


def test_a_symmetric_parameter_is_known_by_its_symmetric_part() -> None:
    X, C = cp.Variable((2, 2), symmetric=True), cp.Parameter((2, 2), symmetric=True)
    form = canonical(cp.Problem(cp.Minimize(cp.trace(C @ X)), [X >> 0]), [C], False, None)
    slope = jax.jit(jax.grad(lambda value: program.conic(form, (value,)).q[1]))(np.eye(2, dtype=np.float32))
    np.testing.assert_allclose(slope, slope.T)
    assert np.any(slope)


def test_the_users_problem_stays_as_it_was() -> None:
    found = case("semidefinite")
    canonical(found.problem, found.parameters, False, None)
    assert all(parameter.value is None for parameter in found.parameters)
    assert all(dual.value is None for one in found.problem.constraints for dual in one.dual_variables)
    assert found.problem.variables()[0].value is None


@pytest.mark.parametrize(
    "name", ["ridge_regression", "lasso", "several_right_hand_sides", "second_order_cone"]
)
def test_unknowns_that_an_equality_defines_are_taken_out(name: str) -> None:
    """The gradient of the Lagrangian of what is left is that of the whole, which is zero in the others."""
    found, rng = case(name), np.random.default_rng(1)
    form = canonical(found.problem, found.parameters, found.gp, None)
    k, values = form.factors.size, tuple(np.asarray(value, float) for value in found.values)
    assert (
        k
        == {"ridge_regression": 10, "lasso": 6, "several_right_hand_sides": 10, "second_order_cone": 5}[name]
    )
    with jax.enable_x64(True):
        whole, left = program.conic(form, values), program.smaller(form, values)
        z, y = rng.normal(size=form.n - k), rng.normal(size=form.cones.rows - k)
        full_z, full_y = restored(whole, form.factors, jax.numpy.asarray(z), jax.numpy.asarray(y))
        gradient = whole.P @ full_z + whole.q + whole.A.T @ full_y
        np.testing.assert_allclose(gradient[:-k], left.P @ z + left.q + left.A.T @ y, atol=1e-10)
        np.testing.assert_allclose(gradient[-k:], 0, atol=1e-10)
        np.testing.assert_allclose((whole.A @ full_z - whole.b)[:k], 0, atol=1e-10)
        np.testing.assert_allclose((whole.A @ full_z - whole.b)[k:], left.A @ z - left.b, atol=1e-10)
    assert left.cones.zero == form.cones.zero - k
