"""What the cones add to the condensed matrix, products with rows that see one unknown, and both ways to condense."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax import linalg
from declarative.backends.jax.conic import kkt, rows, scaling, standard
from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.cones.cone import Cone, Symmetric
from declarative.backends.jax.conic.layout import seen, widened
from declarative.backends.jax.conic.product import split
from declarative.backends.jax.forms import Cones, Conic, Sparsity
from declarative.backends.jax.structure.sparsity import Observer
from tests.backends.jax.conic.programs import interior

KINDS = {
    "nonneg": Cones(nonneg=6),
    "soc": Cones(soc=(4, 4)),
    "long soc": Cones(soc=(20,)),
    "long socs": Cones(soc=(17, 17)),
    "psd": Cones(psd=(3, 3)),
    "exp": Cones(exp=2),
    "power": Cones(power=2),
}
SYMMETRIC = ["nonneg", "soc", "long soc", "psd"]
DTYPES = {"double": jnp.float64, "single": jnp.float32}
N = 5


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def drawn(kind: str, dtype: jnp.dtype, delta: float) -> tuple[Cone, object, Array]:
    """Cones of one kind, their scaling at a point inside, and rows of A that they may have."""
    cones, rng = KINDS[kind], np.random.default_rng(0)
    alpha = np.array([0.3, 0.6])[: cones.power]
    (cone,) = grouped(cones, jnp.asarray(alpha, dtype))
    s, z = (widened(cones, jnp.asarray(interior(cones, alpha, rng, dual), dtype)) for dual in (False, True))
    G = widened(cones, jnp.asarray(rng.standard_normal((cones.rows, N)), dtype))
    return cone, cone.scaling(s, z, s @ z / cone.degree, jnp.asarray(delta, dtype)), G


def assembled(cone: Cone, scaling: object, G: Array, single: np.ndarray) -> Array:
    term = cone.term(scaling, cone.prepared(G, single))
    total = jnp.zeros((N, N), G.dtype)
    total += 0 if term.matrix is None else term.matrix
    total += 0 if term.diagonal is None else jnp.diag(term.diagonal)
    return total if term.rows is None else total + term.rows.T @ term.rows


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_cone_adds_the_gram_of_its_whitened_rows(kind: str, dtype: str) -> None:
    cone, scaling, G = drawn(kind, DTYPES[dtype], 1e-3)
    B = cone.whitened(scaling, G)
    found = assembled(cone, scaling, G, np.full(cone.rows, -1))
    near = 100 * float(jnp.finfo(G.dtype).eps) * float(jnp.max(jnp.abs(B.T @ B)))
    np.testing.assert_allclose(found, B.T @ B, rtol=0, atol=near)
    weighted = cone.inverse(scaling, G.T)
    np.testing.assert_allclose(weighted @ G, B.T @ B, rtol=0, atol=10 * near)


def test_bounds_add_to_the_diagonal() -> None:
    cone, scaling, G = drawn("nonneg", jnp.float64, 1e-3)
    single = np.array([2, -1, 0, 2, 4, -1])
    G = jnp.where((single < 0)[:, None] | (jnp.arange(N) == single[:, None]), G, 0)
    term = cone.term(scaling, cone.prepared(G, single))
    assert term.rows is not None
    assert len(term.rows) == 2
    B = cone.whitened(scaling, G)
    np.testing.assert_allclose(assembled(cone, scaling, G, single), B.T @ B, atol=1e-12)


@pytest.mark.parametrize("stretch", [1e2, 1e5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_cone_near_its_boundary_adds_no_less_exactly(dtype: str, stretch: float) -> None:
    """Along (1, u) the eigenvalue is the difference of larger ones; whitening rounds the term along (1, -u)."""
    cones, rng = KINDS["long soc"], np.random.default_rng(1)
    u = rng.standard_normal(19)
    u /= np.linalg.norm(u)
    s, z = np.concatenate([[1 + stretch**-2], u]), np.concatenate([[1 + stretch**-2], -u])
    G = rng.standard_normal((20, N))
    grams = []
    for kind in (jnp.float64, DTYPES[dtype]):
        (cone,) = grouped(cones, jnp.zeros(0, kind))
        parts = jnp.asarray(s, kind), jnp.asarray(z, kind)
        scale = cone.scaling(*parts, parts[0] @ parts[1], jnp.asarray(0.0, kind))
        whitened = cone.whitened(scale, jnp.asarray(G, kind))
        grams.append((assembled(cone, scale, jnp.asarray(G, kind), np.full(20, -1)), whitened.T @ whitened))
    (_, exact), (found, rounded) = grams
    if dtype == "double":
        assert jnp.max(jnp.abs(found - exact)) <= 1e-14 * jnp.max(jnp.abs(exact))
    elif stretch < 1e3:  # beyond, s itself is rounded to the boundary
        allowed = 4 * jnp.max(jnp.abs(rounded - exact)) + 1e-6 * jnp.max(jnp.abs(exact))
        assert jnp.max(jnp.abs(found - exact)) <= allowed


@pytest.mark.parametrize("kind", KINDS)
def test_energies_belong_to_the_inverse(kind: str) -> None:
    cone, scaling, G = drawn(kind, jnp.float64, 1e-3)
    z = cone.inverse(scaling, G.T[:1])[0]
    assert cone.energy(scaling, z) == pytest.approx(float(z @ G[:, 0]), rel=1e-9)
    if isinstance(cone, Symmetric):
        np.testing.assert_allclose(cone.times(scaling, z[None])[0], G[:, 0], atol=1e-9)
        coloured = cone.coloured(scaling, z[None])
        assert cone.energy(scaling, z) == pytest.approx(float(jnp.sum(coloured**2)), rel=1e-9)


@pytest.mark.parametrize("single", [[-1] * 6, [0, 3, -1, 3, -1, 1], [4, 3, 2, 1, 0, 4]])
def test_products_with_rows_that_see_one_unknown(single: list[int]) -> None:
    places = np.array(single)
    G = np.random.default_rng(2).standard_normal((6, N))
    G = jnp.where((places < 0)[:, None] | (np.arange(N) == places[:, None]), G, 0)
    x, z = jnp.asarray(np.random.default_rng(3).standard_normal((2, N))), jnp.arange(12.0).reshape(2, 6)
    product = rows.products(G, places)
    np.testing.assert_allclose(product.along(x), x @ G.T, atol=1e-14)
    np.testing.assert_allclose(product.back(z), z @ G, atol=1e-14)


def own(cones: Cones, zero: int, absent: bool) -> scaling.Scaled:
    """A program whose unknowns lie in the cones themselves."""
    rng, n = np.random.default_rng(4), cones.rows - zero
    A = np.concatenate([rng.standard_normal((zero, n)), np.diag(-rng.uniform(0.5, 2, n))])
    b = rng.standard_normal(cones.rows)
    if absent:
        b[zero + 1] = np.inf
    sparsity = Sparsity((*[-1] * zero, *range(n)), curved=False)
    data = Conic(np.zeros((n, n)), rng.standard_normal(n), A, b, np.zeros(0), cones, sparsity)  # type: ignore[arg-type]
    return scaling.equilibrated(jax.tree.map(jnp.asarray, data))


@pytest.mark.parametrize("absent", [False, True])
def test_unknowns_inside_of_cones_are_solved_for_as_others_are(absent: bool) -> None:
    cones = Cones(zero=3, nonneg=4, soc=(3, 3), psd=(3,))
    problem = own(cones, 3, absent)
    kinds = grouped(cones, problem.alpha)
    assert standard.owners(problem, kinds) is not None
    rng = np.random.default_rng(5)
    pair = (
        widened(cones, jnp.asarray(interior(cones, np.zeros(0), rng, dual)))[3:] for dual in (False, True)
    )
    delta = jnp.asarray(1e-9)
    scalings = [
        cone.scaling(*parts, jnp.asarray(1.0), delta)
        for cone, *parts in zip(kinds, *(split(kinds, v) for v in pair), strict=True)
    ]
    n = problem.q.shape[0]
    r = jnp.asarray(rng.standard_normal((2, n)))
    e, d = (widened(cones, jnp.asarray(rng.standard_normal((cones.rows, 2)))).T for _ in range(2))
    plain = problem._replace(sparsity=Sparsity())
    assert standard.owners(plain, kinds) is None
    first, second = (
        np.split(
            np.asarray(kkt.prepared(each, kinds)(scalings, delta)(r, e, d[:, 3:], jnp.asarray(0.0))),
            [n, n + problem.b.size],
            axis=1,
        )
        for each in (problem, plain)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7 * float(np.max(np.abs(other))))
    x, z, s = first
    np.testing.assert_allclose(x @ problem.A.T + s, e, atol=1e-10 * float(np.max(np.abs(x))))  # type: ignore[union-attr]
    left = -s[:, 3:] - d[:, 3:]
    for k in range(2):
        near = [
            cone.inverse(scaling, part[None])[0]
            for cone, scaling, part in zip(kinds, scalings, split(kinds, left[k]), strict=True)
        ]
        np.testing.assert_allclose(jnp.concatenate(near), z[k, 3:], atol=1e-7)


def test_what_rows_see_is_read_off_the_function() -> None:
    cones = Cones(zero=1, nonneg=3, psd=(2,))

    def data(p: tuple[Array, ...]) -> Conic:
        (a,) = p
        bounds = jnp.concatenate([-jnp.eye(3), jnp.diag(a)])
        A = jnp.concatenate([a[None], bounds])
        return Conic(jnp.zeros((3, 3)), a, A, jnp.zeros(7), jnp.zeros(0), cones)

    found = Observer(data)((jnp.ones(3),))
    assert found == Sparsity((-1, 0, 1, 2, 0, 1, 2), curved=False)
    np.testing.assert_array_equal(seen(cones, found), [-1, 0, 1, 2, 0, 1, 1, 2])
    np.testing.assert_array_equal(seen(cones, Sparsity()), [-1] * 8)


def test_several_reductions_are_those_one_by_one() -> None:
    v, w = jnp.asarray(np.random.default_rng(6).standard_normal((2, 3, 70)))
    total, largest, least = linalg.reduced(linalg.total(v * w), linalg.largest(w), linalg.least(v))
    np.testing.assert_allclose(total, linalg.inner(v, w), atol=1e-12)
    np.testing.assert_allclose(largest, jnp.max(jnp.abs(w), axis=1))
    np.testing.assert_allclose(least, jnp.min(v, axis=1))
    assert jnp.isnan(linalg.reduced(linalg.largest(v.at[0, 3].set(jnp.nan)), linalg.total(w))[0][0])
