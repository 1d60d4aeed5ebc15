"""A problem's conic program, solved by Clarabel: what the emitted data say, without our engine."""

from __future__ import annotations

from typing import Any, NamedTuple

import clarabel
import jax
import numpy as np
from scipy import sparse

from declarative import ir
from declarative.analyse import analyse, structure_of
from declarative.backends.jax import emit, runtime
from declarative.backends.jax.forms import Conic
from declarative.backends.jax.functions import FORMS
from declarative.backends.jax.writer import scope_of
from declarative.rewrite import Variant, conic


class Solved(NamedTuple):
    """Of the program, and of the problem: outputs in order and duals by label."""

    status: str
    z: np.ndarray
    lam: np.ndarray
    data: Conic
    value: float
    outputs: tuple[Any, ...]
    duals: dict[str, Any]


def source(problem: ir.Problem) -> tuple[str, ir.Problem]:
    """The emitted functions of the problem's conic form."""
    changed = conic.lift(problem, structure_of(problem)) or problem
    scope = scope_of(changed)
    added = len(changed.unknowns) - len(problem.unknowns)
    form = FORMS["conic"](scope, Variant(changed, analyse(changed), (), added))
    parts = [
        emit.size(scope),
        emit.unpack(scope),
        emit.objective(scope),
        *form.functions,
        emit.outputs(scope),
    ]
    head = "import jax\nimport jax.numpy as jnp\nimport jax.scipy.special as jsp\nimport numpy as np\n"
    return "\n\n".join([head, *parts, emit.duals(scope)]), changed


class Found(NamedTuple):
    z: Any
    eq: Any
    ineq: Any


def solve(problem: ir.Problem, *params: Any) -> Solved:
    """By Clarabel, to 1e-9."""
    text, _ = source(problem)
    space: dict[str, Any] = {"rt": runtime}
    exec(compile(text, "conic form", "exec"), space)
    with jax.enable_x64(True):
        given = tuple(jax.numpy.asarray(param, float) for param in params)
        data = space["data"](given)
        status, z, lam = clarabel_solve(data)
        equalities = data.cones.zero
        point = Found(
            jax.numpy.asarray(z), jax.numpy.asarray(lam[:equalities]), jax.numpy.asarray(lam[equalities:])
        )
        value = float(space["objective"](space["unpack"](point.z, given), given))
        outputs = tuple(map(np.asarray, space["outputs"](point, given)))
        return Solved(status, z, lam, data, value, outputs, space["duals"](point, given))


def clarabel_solve(data: Conic) -> tuple[str, np.ndarray, np.ndarray]:
    """Status, point and multipliers of a conic program."""
    P, q, A, b, alpha = (np.asarray(part, float) for part in data[:5])
    cones: list[Any] = []
    order: list[int] = []
    start = 0
    for kind, count in (("zero", data.cones.zero), ("nonneg", data.cones.nonneg)):
        if count:
            cones.append((clarabel.ZeroConeT if kind == "zero" else clarabel.NonnegativeConeT)(count))
        order += range(start, start + count)
        start += count
    for size in data.cones.soc:
        cones.append(clarabel.SecondOrderConeT(size))
        order += range(start, start + size)
        start += size
    for size in data.cones.psd:
        # our columns of the lower triangle are rows of the upper; Clarabel wants its columns
        cones.append(clarabel.PSDTriangleConeT(size))
        place = {
            (int(i), int(j)): start + k
            for k, (i, j) in enumerate(np.argwhere(np.triu(np.ones((size, size)))))
        }
        order += [place[i, j] for j in range(size) for i in range(j + 1)]
        start += size * (size + 1) // 2
    for _ in range(data.cones.exp):
        cones.append(clarabel.ExponentialConeT())
        order += range(start, start + 3)
        start += 3
    for k in range(data.cones.power):
        cones.append(clarabel.PowerConeT(float(alpha[k])))
        order += range(start, start + 3)
        start += 3
    assert start == b.size == data.cones.rows
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    # an infinite bound is an absent row: far away is enough for a test
    b = np.where(np.isinf(b), 1e20, b)
    rows = np.asarray(order, int)
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(P)), q, sparse.csc_matrix(A[rows]), b[rows], cones, settings
    )
    result = solver.solve()
    lam = np.zeros(b.size)
    lam[rows] = np.asarray(result.z)
    return str(result.status), np.asarray(result.x), lam
