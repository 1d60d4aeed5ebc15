"""Cones: scalings, boundaries, shadows, correctors and distances against their definitions."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax.conic.cones import grouped
from declarative.backends.jax.conic.cones.cone import Cone, Symmetric
from declarative.backends.jax.conic.cones.nonsymmetric import Threefold
from declarative.backends.jax.conic.layout import narrowed, widened
from declarative.backends.jax.forms import Cones
from tests.backends.jax.conic.programs import interior, smat

ALPHA = np.array([0.3, 0.5, 0.8])
KINDS = {
    "nonneg": Cones(nonneg=3),
    "soc": Cones(soc=(4, 4)),
    "thin": Cones(soc=(1, 1)),
    "psd": Cones(psd=(3, 3)),
    "exp": Cones(exp=3),
    "power": Cones(power=3),
}
SYMMETRIC = ["nonneg", "soc", "thin", "psd"]


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def drawn(kind: str, seed: int = 0) -> tuple[Cone, Array, Array]:
    """The cones of one kind, and points inside of them and of their duals."""
    cones, rng = KINDS[kind], np.random.default_rng(seed)
    alpha = ALPHA[: cones.power]
    (cone,) = grouped(cones, jnp.asarray(alpha))
    s, z = (widened(cones, jnp.asarray(interior(cones, alpha, rng, dual))) for dual in (False, True))
    return cone, s, z


def symmetrised(kind: str, v: Array) -> Array:
    """A direction that the cone's rows can hold."""
    cones = KINDS[kind]
    return widened(cones, narrowed(cones, v))


def mean(cone: Cone, s: Array, z: Array) -> Array:
    return s @ z / cone.degree


@pytest.mark.parametrize("kind", KINDS)
def test_the_scaling_maps_z_to_s(kind: str) -> None:
    cone, s, z = drawn(kind)
    scaling = cone.scaling(s, z, mean(cone, s, z), jnp.asarray(0.0))
    N = cone.whitened(scaling, jnp.eye(cone.rows))
    np.testing.assert_allclose(N.T @ (N @ s), z, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cone.unwhitened(scaling, N @ s[:, None])[:, 0], z, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "psd"])
def test_the_scaling_is_lifted_by_delta(kind: str) -> None:
    cone, s, z = drawn(kind)
    plain, lifted = (cone.scaling(s, z, mean(cone, s, z), jnp.asarray(delta)) for delta in (0.0, 0.1))
    N, L = (cone.whitened(scaling, jnp.eye(cone.rows)) for scaling in (plain, lifted))
    v = symmetrised(kind, jnp.asarray(np.random.default_rng(1).standard_normal(cone.rows)))
    np.testing.assert_allclose(L.T @ (L @ (jnp.linalg.solve(N.T @ N, v) + 0.1 * v)), v, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", SYMMETRIC)
def test_a_spectrum_ends_at_the_boundary(kind: str) -> None:
    cone, s, z = drawn(kind)
    assert isinstance(cone, Symmetric)
    scaling, rng = cone.scaling(s, z, mean(cone, s, z), jnp.asarray(0.0)), np.random.default_rng(2)
    still = jnp.zeros_like(s)
    move = symmetrised(kind, jnp.asarray(rng.standard_normal(cone.rows)))
    for ds, dz, outside, point in [(move, still, cone.outside, s), (still, move, cone.outside_dual, z)]:
        end = -1 / cone.steepest(scaling, s, z, cone.moves(scaling, ds, dz))
        assert end > 0
        assert outside(point + 0.999 * end * move) == 0
        assert outside(point + 1.001 * end * move) > 0


@pytest.mark.parametrize("kind", SYMMETRIC)
def test_the_corrector_leads_to_the_central_pair(kind: str) -> None:
    """Without a predictor, ds + H dz = -shift is met by a step whose scaled product is the target's unit."""
    cone, s, z = drawn(kind)
    scaling = cone.scaling(s, z, mean(cone, s, z), jnp.asarray(0.0))
    none = cone.moves(scaling, jnp.zeros_like(s), jnp.zeros_like(s))
    assert jnp.allclose(cone.shift(scaling, s, z, none, jnp.asarray(0.0)), s)
    # s - shift = target * (inverse of z) for every symmetric cone.
    inverse = s - cone.shift(scaling, s, z, none, jnp.asarray(1.0))
    unit = cone.start(s)[0]
    np.testing.assert_allclose(cone.product(inverse, z), unit, atol=1e-9)
    assert inverse @ z == pytest.approx(cone.degree)


@pytest.mark.parametrize("kind", ["exp", "power"])
def test_shadows_invert_the_gradient(kind: str) -> None:
    cone, s, _ = drawn(kind)
    assert isinstance(cone, Threefold)
    triples = s.reshape(-1, 3).T
    shadow = jnp.stack(cone.shadow((triples[0], triples[1], triples[2])))
    slope = jax.grad(lambda z: jnp.sum(cone.dual_barrier((z[0], z[1], z[2]))))(shadow)
    np.testing.assert_allclose(-slope, triples, rtol=1e-10)
    start = jnp.asarray(cone.start(s)[0]).reshape(-1, 3).T
    np.testing.assert_allclose(jnp.stack(cone.shadow((start[0], start[1], start[2]))), start, atol=1e-12)


@pytest.mark.parametrize("kind", ["exp", "power"])
def test_the_corrector_holds_the_third_derivative(kind: str) -> None:
    cone, s, z = drawn(kind)
    assert isinstance(cone, Threefold)
    rng = np.random.default_rng(3)
    v, dz = jnp.asarray(rng.standard_normal((2, cone.rows)))
    scaling = cone.scaling(s, z, mean(cone, s, z), jnp.asarray(0.0))

    def barrier(z: Array) -> Array:
        parts = z.reshape(-1, 3).T
        return jnp.sum(cone.dual_barrier((parts[0], parts[1], parts[2])))

    hessian, third = jax.hessian(barrier)(z), jax.jacfwd(jax.hessian(barrier))(z)
    bend = jnp.einsum("ijk,j,k->i", third, dz, v)
    ds = hessian @ v
    wanted = s + 0.1 * jax.grad(barrier)(z) - bend / 2
    found = cone.shift(scaling, s, z, cone.moves(scaling, ds, dz), jnp.asarray(0.1))
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8 * float(jnp.max(jnp.abs(wanted))))


@pytest.mark.parametrize("kind", ["exp", "power"])
def test_the_interior_ends_where_distances_begin(kind: str) -> None:
    cone, s, z = drawn(kind)
    assert isinstance(cone, Threefold)
    mu = jnp.asarray(0.0)
    assert cone.inside(s, z, mu)
    assert cone.outside(s) == 0
    assert cone.outside_dual(z) == 0
    out = jnp.tile(jnp.array([0.0, 0.0, -1.0]) if kind == "exp" else jnp.array([-1.0, -1.0, 0.0]), cone.count)
    for point, other, outside, pair in [
        (s, z, cone.outside, lambda a, b: (a, b)),
        (z, s, cone.outside_dual, lambda a, b: (b, a)),
    ]:
        lengths = jnp.linspace(0, 5, 501)
        moved = point + lengths[:, None] * out
        inside = jax.vmap(lambda v: cone.inside(*pair(v, other), mu))(moved)  # noqa: B023
        far = jax.vmap(outside)(moved)
        assert not bool(inside[-1])
        assert bool(jnp.all(inside == (far == 0)))
        first = int(jnp.argmin(inside))
        # A shift leads out by at most its length, and by a fair part of it.
        assert bool(jnp.all(far <= 6 * lengths))
        assert far[first + 100] > 0.05


def test_a_matrix_row_is_kept_whole() -> None:
    cones = Cones(zero=1, soc=(3, 2), psd=(3, 2), exp=1)
    v, w = np.random.default_rng(4).standard_normal((2, cones.rows))
    wide = widened(cones, jnp.asarray(v))
    np.testing.assert_allclose(narrowed(cones, wide), v, atol=1e-15)
    assert wide @ widened(cones, jnp.asarray(w)) == pytest.approx(v @ w)
    np.testing.assert_allclose(wide[:6], v[[0, 4, 5, 1, 2, 3]])  # sizes in order
    np.testing.assert_allclose(wide[6:10].reshape(2, 2), smat(v[12:15], 2))
    np.testing.assert_allclose(wide[10:19].reshape(3, 3), smat(v[6:12], 3))
