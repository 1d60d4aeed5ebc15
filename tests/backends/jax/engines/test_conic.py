"""The dense conic engine: closed forms, statuses and derivatives of every cone and face, degenerate points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax.conic import complementarity
from declarative.backends.jax.conic.frame import turned as turned_rows
from declarative.backends.jax.engines import conic
from declarative.backends.jax.forms import Cones, Conic
from declarative.layer.contract import Point, Root, SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import DerivativeStatus, Status

SOLVER = conic.Solver(lambda p: Conic(*p))
CONES = Cones(nonneg=2, soc=(3,), psd=(2,), exp=1, power=1)
ROWS, BATCH, ALPHA = CONES.rows, 14, 0.3
BLOCKS = {
    "nonneg": slice(0, 2),
    "soc": slice(2, 5),
    "psd": slice(5, 8),
    "exp": slice(8, 11),
    "power": slice(11, 14),
}
ROOT = np.sqrt(2)
E = np.e


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@jax.jit
@jax.vmap
def solve(data: Conic) -> tuple[Root, Array]:
    root = SOLVER.solve(tuple(data), None, SolveOptions())
    return root, SOLVER.regularity(root.y, tuple(data), root.fixed)


def batch(programs: list[tuple[Any, ...]]) -> Conic:
    """Of (P, q, A, b), filled up by the last: one compilation serves all tests."""
    assert len(programs) <= BATCH
    full = programs + programs[-1:] * (BATCH - len(programs))
    parts = [jnp.asarray(np.stack([np.asarray(one[i], float) for one in full])) for i in range(4)]
    return Conic(*parts, jnp.full((BATCH, 1), ALPHA), CONES)


def statuses(codes: Array) -> list[Status]:
    return [list(Status)[int(code)] for code in codes]


# ---- statuses, cone by cone ----------------------------------------------------------------------

INSIDE = np.r_[1.0, 1, 2, 0, 0, 2, 0, 2, -1, 1, 1, 1, 1, 0]
LEAST = {  # rows (a, b): a * x0 + s = b has a solution for x0 >= bound only
    "nonneg": ([-1, 0], [-1, 1], 1),
    "soc": ([-1, 0, 0], [0, 1, 0], 1),
    "psd": ([-1, 0, 0], [0, ROOT, 1], 1),
    "exp": ([0, 0, -1], [1, 1, 0], E),
    "power": ([-1, 0, 0], [0, 1, 1], 1),
}


def bounded_below(cone: str, slope: float, ceiling: float = np.inf) -> tuple[Any, ...]:
    """min slope * x0 + (the others)^2 / 2 where the cone holds x0 up and one row holds it down."""
    n = ROWS
    A, b = np.zeros((n, n)), INSIDE.copy()
    rows, side, _ = LEAST[cone]
    A[BLOCKS[cone], 0], b[BLOCKS[cone]] = rows, side
    A[1, 0], b[1] = 1, ceiling
    P = np.diag(np.r_[0, np.ones(n - 1)])
    return P, np.r_[slope, np.zeros(n - 1)], A, b


def test_each_cone_solves_is_infeasible_and_unbounded_in_one_batch_with_a_broken_element() -> None:
    solved = [bounded_below(cone, 1.0) for cone in LEAST]
    broken = bounded_below("soc", np.nan)
    roots, _ = solve(batch([*solved, *(bounded_below(cone, 1.0, 0.5) for cone in LEAST), broken]))
    found = statuses(roots.status)
    assert found[:11] == [Status.SOLVED] * 5 + [Status.INFEASIBLE] * 5 + [Status.INVALID_INPUT]
    np.testing.assert_allclose(roots.y.z[:5, 0], [bound for *_, bound in LEAST.values()], rtol=1e-12)
    roots, _ = solve(batch([*(bounded_below(cone, -1.0) for cone in LEAST), *solved]))
    assert statuses(roots.status)[:10] == [Status.UNBOUNDED] * 5 + [Status.SOLVED] * 5
    np.testing.assert_allclose(roots.y.z[5:10, 0], [bound for *_, bound in LEAST.values()], rtol=1e-12)


def test_single_precision_keeps_its_type_and_says_how_far_it_got() -> None:
    solved = [bounded_below(cone, 1.0) for cone in LEAST]
    programs = batch([*solved, *(bounded_below(cone, 1.0, 0.5) for cone in LEAST)])
    roots, derivative = solve(jax.tree.map(lambda part: part.astype(jnp.float32), programs))
    assert roots.y.z.dtype == roots.y.ineq.dtype == roots.residual.dtype == jnp.float32
    assert statuses(roots.status)[:10] == [Status.SOLVED] * 5 + [Status.INFEASIBLE] * 5
    np.testing.assert_allclose(roots.y.z[:5, 0], [bound for *_, bound in LEAST.values()], rtol=1e-4)
    assert [list(DerivativeStatus)[int(code)] for code in derivative[:5]] == [DerivativeStatus.REGULAR] * 5


# ---- derivatives on every face -------------------------------------------------------------------


WEIGHTS = np.random.default_rng(4).normal(size=2 * ROWS)


def outcome(y: Point) -> Array:
    return WEIGHTS @ jnp.sin(jnp.concatenate([y.z, y.ineq]))


@jax.jit
def slopes(programs: tuple[Array, ...], move: tuple[Array, ...]) -> Any:
    """Along a move of all the data: the derivative forward, in reverse, and the second one."""

    def element(parts: tuple[Array, ...]) -> Any:
        loss = lambda parts: outcome(differentiable(SOLVER)((*parts, CONES), None).y)  # noqa: E731
        along = lambda p: sum(map(jnp.vdot, jax.grad(loss)(p), move))  # noqa: E731
        return jax.jvp(loss, (parts,), (move,))[1], jax.jvp(along, (parts,), (move,))

    return jax.vmap(element)(programs)


class Pair(NamedTuple):
    s: list[float]
    z: list[float]


def exponential(r: float, y: float, u: float) -> Pair:
    return Pair([y * r, y, y * np.exp(r)], [-u, u * (r - 1), u * np.exp(-r)])


def power(r: float, y: float, u: float, sign: float) -> Pair:
    a = ALPHA
    return Pair(
        [y * np.exp((1 - a) * r), y * np.exp(-a * r), y * sign],
        [u * a * np.exp((a - 1) * r), u * (1 - a) * np.exp(a * r), -u * sign],
    )


FACES = {  # complementary pairs, strictly
    "nonneg": [Pair([0, 1], [2, 0]), Pair([1, 2], [0, 0]), Pair([0, 0], [1, 2])],
    "soc": [Pair([1, 0.6, -0.8], [2, -1.2, 1.6]), Pair([2, 1, 1], [0, 0, 0]), Pair([0, 0, 0], [2, 1, 1])],
    "psd": [
        Pair([4, 2 * ROOT, 1 * 4 / 4], [1, -2 * ROOT, 4]),
        Pair([2, 0.5, 1], [0] * 3),
        Pair([0] * 3, [2, 0.5, 1]),
    ],
    "exp": [
        exponential(0.7, 1, 2),
        exponential(-1.5, 0.5, 1),
        Pair([0.1, 1, 2], [0, 0, 0]),
        Pair([0, 0, 0], [-1, 0.5, 1]),
        Pair([-1, 0, 2], [0, 1, 0]),
        Pair([-1, 0, 0], [0, 1, 2]),
    ],
    "power": [
        power(0.3, 1, 2, 1),
        power(-1, 2, 0.5, -1),
        Pair([1, 1, 0.5], [0] * 3),
        Pair([0] * 3, [1, 1, 0.5]),
    ],
}


def planted(pairs: dict[str, Pair], rng: np.random.Generator) -> tuple[Any, ...]:
    """A program whose solution has these slacks and multipliers."""
    n = ROWS
    s, z = (np.concatenate([np.asarray(pairs[cone][i], float) for cone in BLOCKS]) for i in range(2))
    A, M, x = rng.normal(size=(ROWS, n)), rng.normal(size=(n, n)), rng.normal(size=n)
    P = M @ M.T / n
    return P, -(P @ x + A.T @ z), A, A @ x + s, x, z


@pytest.mark.slow
def test_derivatives_on_every_face_in_all_data() -> None:
    rng = np.random.default_rng(5)
    choices = [{cone: pairs[i % len(pairs)] for cone, pairs in FACES.items()} for i in range(BATCH)]
    programs = [planted(choice, rng) for choice in choices]
    data = batch([one[:4] for one in programs])
    roots, derivative = solve(data)
    assert set(statuses(roots.status)) == {Status.SOLVED}
    assert (derivative == DerivativeStatus.REGULAR.code).all()
    np.testing.assert_allclose(roots.y.z, [one[4] for one in programs], atol=1e-10)
    np.testing.assert_allclose(roots.y.ineq, [one[5] for one in programs], atol=1e-10)
    move = [jnp.asarray(rng.normal(size=part.shape[1:])) for part in data[:5]]
    move[0] = (move[0] + move[0].T) / 10
    shifted = lambda t: tuple(a + t * b for a, b in zip(data[:5], move, strict=True))  # noqa: E731
    forward, (reverse, second) = slopes(tuple(data[:5]), tuple(move))
    values = lambda t: jax.vmap(outcome)(solve(Conic(*shifted(t), CONES))[0].y)  # noqa: E731
    h = 1e-5
    differences = (8 * (values(h) - values(-h)) - values(2 * h) + values(-2 * h)) / (12 * h)
    scale = 1 + abs(differences)
    np.testing.assert_allclose(forward / scale, differences / scale, atol=1e-7)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-9)
    ends = slopes(shifted(h), tuple(move))[0] - slopes(shifted(-h), tuple(move))[0]
    scale = 1 + abs(second)
    np.testing.assert_allclose(second / scale, ends / (2 * h) / scale, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [Pair([0, 2, 0], [0.5, 0, 0]), Pair([2, 0, 0], [0, 0.5, 0])])
def test_derivatives_where_all_but_one_entry_of_a_power_cones_pair_vanish(pair: Pair) -> None:
    """The smaller entries are powers of 1 / 0.3 of the others: differences are right to h^(4/3)."""
    rng = np.random.default_rng(8)
    programs = [
        planted({cone: FACES[cone][i % 2] for cone in FACES} | {"power": pair}, rng) for i in range(BATCH)
    ]
    data = batch([one[:4] for one in programs])
    roots, derivative = solve(data)
    assert set(statuses(roots.status)) == {Status.SOLVED}
    assert (derivative == DerivativeStatus.REGULAR.code).all()
    np.testing.assert_allclose(roots.y.z, [one[4] for one in programs], atol=1e-10)
    move = [jnp.asarray(rng.normal(size=part.shape[1:])) for part in data[:5]]
    move[0] = (move[0] + move[0].T) / 10
    forward, (reverse, _) = slopes(tuple(data[:5]), tuple(move))

    def values(h: float) -> Array:
        there = (a + h * b for a, b in zip(data[:5], move, strict=True))
        return jax.vmap(outcome)(solve(Conic(*there, CONES))[0].y)

    coarse, fine = ((values(h) - values(-h)) / (2 * h) for h in (4e-7, 5e-8))
    differences = (16 * fine - coarse) / 15  # 16 = 8^(4/3)
    scale = 1 + abs(differences)
    np.testing.assert_allclose(forward / scale, differences / scale, atol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-9)


def test_pairs_that_do_not_belong_to_the_solution_are_no_regular_derivative() -> None:
    """As where the polish has not arrived."""
    programs = batch(
        [planted({cone: FACES[cone][i] for cone in FACES}, np.random.default_rng(i)) for i in (0, 1)]
    )
    roots, derivative = solve(programs)
    assert (derivative == DerivativeStatus.REGULAR.code).all()

    def moved(root: Root, data: Conic, far: float) -> Array:
        y = root.y._replace(z=root.y.z * (1 + far))
        return SOLVER.regularity(y, tuple(data), root.fixed)

    codes = [jax.vmap(moved, (0, 0, None))(roots, programs, far) for far in (1e-9, 1e-3)]
    assert (codes[0] == DerivativeStatus.REGULAR.code).all()
    assert (codes[1] == DerivativeStatus.SINGULAR.code).all()


def test_points_without_a_derivative_say_so() -> None:
    """Projections of a point: on the boundary, where a multiplier vanishes, and where rows repeat."""
    n = ROWS
    inside = INSIDE
    weak = {
        "nonneg": [0, 1],
        "soc": [1, 0.6, 0.8],
        "psd": [1, ROOT, 1],
        "exp": [0, 1, 1],
        "power": [1, 1, 1],
    }
    programs = [(np.eye(n), -inside, -np.eye(n), np.zeros(n))]
    for cone, point in weak.items():
        q = -inside.copy()
        q[BLOCKS[cone]] = -np.asarray(point)
        programs.append((np.eye(n), q, -np.eye(n), np.zeros(n)))
    twice = -np.eye(n)
    twice[1, :2] = -1, 0
    programs.append((np.eye(n), np.r_[1, -inside[1:]], twice, np.zeros(n)))
    flat = np.eye(n)
    flat[0, 0] = 0
    programs.append((flat, np.r_[0, -inside[1:]], -np.eye(n), np.zeros(n)))
    roots, derivative = solve(batch(programs))
    assert set(statuses(roots.status)) == {Status.SOLVED}
    found = [list(DerivativeStatus)[int(code)] for code in derivative[: len(programs)]]
    weakly = DerivativeStatus.WEAKLY_ACTIVE
    assert found == [
        DerivativeStatus.REGULAR,
        *[weakly] * len(weak),
        DerivativeStatus.DEPENDENT_CONSTRAINTS,
        DerivativeStatus.SINGULAR,
    ]
    # One of the one-sided derivatives, or one of least norm: finite, and NaN only in a broken element.
    rng = np.random.default_rng(6)
    programs.append((np.eye(n), np.full(n, np.nan), -np.eye(n), np.zeros(n)))
    full = batch(programs)
    move = tuple(jnp.zeros(part.shape[1:]) for part in full[:5])
    push = jnp.asarray(rng.normal(size=n))
    forward, (reverse, _) = slopes(tuple(full[:5]), (move[0], push, *move[2:]))
    count = len(programs) - 1
    assert jnp.isfinite(forward[:count]).all()
    assert jnp.isnan(forward[count:]).all()
    np.testing.assert_allclose(reverse[:count], forward[:count], rtol=1e-9, atol=1e-12)


# ---- closed forms ---------------------------------------------------------------------------------


def test_closed_forms_with_multipliers_to_second_order() -> None:
    """Projections on two symmetric cones, an exponential, and a power cone's best point, in one program."""
    cones, n = Cones(zero=1, soc=(3,), psd=(2,), exp=1, power=1), 11

    def data(c: Array, k: Array, w: Array, a: Array) -> Conic:
        P = jnp.diag(jnp.r_[jnp.ones(6), jnp.zeros(5)])
        q = jnp.concatenate([-c, jnp.stack([-k, jnp.ones(()), 0 * k, 0 * k, -jnp.ones(())])])
        A = jnp.zeros((13, n)).at[0, 8:10].set(w).at[1:7, :6].set(-jnp.eye(6))
        A = A.at[7, 6].set(-1).at[9, 7].set(-1).at[10:, 8:].set(-jnp.eye(3))
        b = jnp.zeros(13).at[0].set(1).at[8].set(1)
        return Conic(P, q, A, b, a[None], cones)

    def closed(c: Array, k: Array, w: Array, a: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(c[1:3] ** 2))
        cone = (c[0] + norm) / 2 * jnp.stack([jnp.ones(()), c[1] / norm, c[2] / norm])
        V = jnp.array([[c[3], c[4] / ROOT], [c[4] / ROOT, c[5]]])
        mean, radius = (c[3] + c[5]) / 2, jnp.sqrt((c[3] - c[5]) ** 2 / 4 + c[4] ** 2 / 2)
        kept = (mean + radius) * (V - (mean - radius) * jnp.eye(2)) / (2 * radius)
        matrix = jnp.stack([kept[0, 0], ROOT * kept[0, 1], kept[1, 1]])
        first, second = a / w[0], (1 - a) / w[1]
        best = first**a * second ** (1 - a)
        x = jnp.concatenate([cone, matrix, jnp.stack([jnp.log(k), k, first, second, best])])
        half = jnp.stack([-k, (jnp.log(k) - 1) * k, jnp.ones(())])
        rest = jnp.stack([best * w[0], best * w[1], -jnp.ones(())])
        return jnp.concatenate([x, best[None], x[:6] - c, half, rest])

    solver = conic.Solver(lambda p: data(*p))
    solution = lambda *p: jnp.concatenate(differentiable(solver)(p, None).y)  # noqa: E731
    rng = np.random.default_rng(2)
    point = tuple(map(jnp.asarray, ([0.3, 1.0, -0.5, 1.0, 2.0, -0.5], 1.7, [0.8, 1.3], 0.35)))
    move = tuple(jnp.asarray(rng.normal(size=part.shape)) for part in point)
    weights = jnp.asarray(rng.normal(size=24))

    def everything(function: Any) -> Any:
        loss = lambda *p: weights @ jnp.sin(function(*p))  # noqa: E731
        along = lambda *p: sum(map(jnp.vdot, jax.grad(loss, (0, 1, 2, 3))(*p), move))  # noqa: E731
        forward = jax.jvp(function, point, move)
        return forward, jax.value_and_grad(along, (0, 1, 2, 3))(*point)

    found, expected = jax.jit(lambda: everything(solution))(), everything(closed)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


# ---- pairs ---------------------------------------------------------------------------------------


def test_pairs_are_complementary_and_their_equations_agree_with_the_frame() -> None:
    """U'T C_s U is the diagonal of weights, whatever the order of the cones' sizes."""
    cones = Cones(zero=1, nonneg=2, soc=(3, 4, 3, 1), psd=(3, 2), exp=4, power=3)
    rng = np.random.default_rng(8)
    alpha = jnp.asarray([0.2, 0.5, 0.7])

    @jax.jit
    def checked(s: Array, z: Array) -> Any:
        pairs = complementarity.nearest(cones, alpha, s, z)
        again = complementarity.nearest(cones, alpha, pairs.s, pairs.z)
        normal = complementarity.normalisers(cones, alpha, again)
        slopes = jax.jacfwd(lambda s: complementarity.equations(cones, alpha, again.held, s, again.z))(
            again.s
        )
        basis = again.frame.basis
        turned = jax.vmap(lambda r: complementarity.normalised(cones, basis, normal, r), 1, 1)(slopes)
        back = jax.vmap(lambda r: complementarity.denormalised(cones, basis, normal, r))(jnp.eye(cones.rows))
        there = jax.vmap(lambda r: complementarity.normalised(cones, basis, normal, r), 1, 1)(
            jnp.eye(cones.rows)
        )
        residual = complementarity.equations(cones, alpha, again.held, again.s, again.z)
        return pairs, again, turned, back - there, residual

    for _ in range(3):
        s, z = (jnp.asarray(rng.normal(size=cones.rows)) for _ in range(2))
        pairs, again, turned, transposed, residual = checked(s, z)
        np.testing.assert_allclose(pairs.s, again.s, atol=1e-13)
        np.testing.assert_allclose(pairs.z, again.z, atol=1e-13)
        assert abs(again.s @ again.z) < 1e-13
        assert abs(residual).max() < 1e-13
        assert abs(transposed).max() < 1e-9 * abs(turned).max()
        frame = again.frame
        weights = frame.weight[:, None] * turned_rows(cones, frame.basis, jnp.eye(cones.rows))
        nonsymmetric = jnp.arange(cones.rows) >= cones.rows - 3 * (cones.exp + cones.power)
        regular = jnp.isfinite(turned).all(axis=1) & ((frame.size != 0) | nonsymmetric)
        np.testing.assert_allclose(turned[regular], weights[regular], atol=1e-9)
