"""Factorisations: right under nested vmap, lazy where nothing needs them, and never a deadlock."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from declarative.backends.jax import linalg

RNG = np.random.default_rng(3)


def definite(*shape: int) -> Array:
    M = RNG.normal(size=(*shape, shape[-1]))
    return jnp.asarray(M @ np.swapaxes(M, -1, -2) + shape[-1] * np.eye(shape[-1]), jnp.float32)


@pytest.mark.parametrize("n", [3, 12])
def test_nested_vmap_agrees_with_numpy(n: int) -> None:
    matrices = definite(2, 3, n)
    factors = jax.jit(jax.vmap(jax.vmap(linalg.cholesky)))(matrices)
    np.testing.assert_allclose(factors, np.linalg.cholesky(matrices), rtol=1e-4, atol=1e-5)
    values, vectors = jax.vmap(jax.vmap(linalg.eigh))(matrices)
    again = (vectors * values[..., None, :]) @ jnp.swapaxes(vectors, -1, -2)
    np.testing.assert_allclose(again, matrices, rtol=1e-3, atol=1e-3)


def test_a_batch_of_right_hand_sides_becomes_columns() -> None:
    """One factorisation for all, whatever the order of the axes."""
    widths: list[int] = []

    def solve(matrix: Array, rhs: Array) -> Array:
        widths.append(rhs.shape[-1])
        return jnp.linalg.solve(matrix, rhs)

    columns = linalg.elementwise(solve, columns=True)
    matrices, rhs = definite(4, 9), jnp.asarray(RNG.normal(size=(5, 4, 9, 1)), jnp.float32)
    expected = np.linalg.solve(matrices, rhs)
    outer = jax.vmap(jax.vmap(columns), (None, 0))(matrices, rhs)
    inner = jax.vmap(jax.vmap(columns, (None, 0)), (0, 1), 1)(matrices, rhs)
    for found in (outer, inner):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert 5 in widths


def test_unbatched_arguments_stay_unbatched() -> None:
    scaled = linalg.elementwise(lambda a, tree: a * tree["b"] + tree["c"])
    tree = {"b": jnp.arange(3.0), "c": jnp.asarray(2.0)}
    found = jax.vmap(scaled, (None, {"b": 0, "c": None}))(jnp.asarray(3.0), tree)
    np.testing.assert_allclose(found, [2, 5, 8])


def test_lazily_is_computed_where_needed_only() -> None:
    """The work stands in a branch, also under vmaps; a loop would not hold it."""

    def both(needed: Array, x: Array, scale: Array) -> Array:
        return linalg.lazily(needed, lambda scale: scale * jnp.sqrt(x), x, scale)

    needed, x = jnp.array([[True, False], [False, False]]), jnp.array([4.0, 9.0])
    batched = jax.vmap(jax.vmap(both, (0, 0, None)), (0, None, None))
    np.testing.assert_allclose(batched(needed, x, jnp.asarray(2.0)), [[4, 9], [4, 9]])
    text = jax.jit(batched).lower(needed, x, jnp.asarray(2.0)).compile().as_text()
    assert "conditional(" in text
    assert "sqrt" not in text[text.index("ENTRY") :]


def test_refinement_repairs_an_approximate_inverse() -> None:
    matrix = definite(20)
    rough = jnp.linalg.inv(matrix) * 0.9
    rhs = jnp.ones((20, 1), jnp.float32)
    x, left = linalg.refined(lambda x: matrix @ x, lambda r: rough @ r, rhs, 12)
    assert left < 1e-6
    np.testing.assert_allclose(matrix @ x, rhs, atol=1e-5)
    # A divergent one is no worse than its start.
    x, left = linalg.refined(lambda x: matrix @ x, lambda r: -rough @ r, rhs, 12)
    np.testing.assert_allclose(x, -rough @ rhs)


def test_no_batch_reaches_lapack_on_the_cpu() -> None:
    """What hangs is a call on a batch of matrices; every call compiled is on a single one."""

    def work(S: Array) -> Any:
        return linalg.cholesky(S), linalg.lu_factor(S), linalg.eigh(S), linalg.svd(S)

    batch = jax.ShapeDtypeStruct((2, 3, 20, 20), jnp.float32)
    text = jax.jit(jax.vmap(jax.vmap(work))).lower(batch).compile().as_text()
    calls = [line for line in text.splitlines() if "lapack_s" in line]
    assert len(calls) >= 4
    for line in calls:
        shapes = re.findall(r"f32\[([\d,]*)\]", line.split("custom-call")[0])
        assert all(shape.count(",") <= 1 for shape in shapes), line


def test_two_threads_factorise_batches_at_once() -> None:
    """LAPACK's batched calls hang here; in a process of its own, so that a hang is a failure."""
    program = """
        import threading
        import jax, jax.numpy as jnp
        from declarative.backends.jax import linalg

        A = jax.random.normal(jax.random.key(0), (64, 50, 50))
        S = A @ jnp.swapaxes(A, 1, 2) + 50 * jnp.eye(50)
        run = jax.jit(lambda S: (jax.vmap(linalg.cholesky)(S), jax.vmap(linalg.lu_factor)(S)[0]))
        jax.block_until_ready(run(S))

        def work():
            for _ in range(25):
                jax.block_until_ready(run(S))

        threads = [threading.Thread(target=work) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print("done")
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "done" in ran.stdout, ran.stderr[-2000:]


@pytest.mark.parametrize("k", [1, 2, 7])
def test_the_least_eigenvalue_is_never_above_it(k: int) -> None:
    with jax.enable_x64(True):
        matrices = np.random.default_rng(5).normal(size=(3, k, k))
        matrices = matrices + np.swapaxes(matrices, 1, 2)
        matrices[0] = np.diag(np.arange(k) - 2.0)  # pivots vanish
        least = jax.jit(linalg.least_eigenvalue)(jnp.asarray(matrices))
        exact = np.linalg.eigvalsh(matrices)[:, 0]
        np.testing.assert_allclose(least, exact, rtol=1e-7, atol=1e-7)
        assert np.all(least <= exact + 1e-12)


@pytest.mark.parametrize(
    "shapes", [((3, 3), (3, 3)), ((2, 1, 4, 4), (1, 4, 4)), ((9, 8, 8), (8, 8)), ((12, 12), (12, 12))]
)
def test_products_are_the_same_alone_and_in_batches(shapes: tuple[tuple[int, ...], ...]) -> None:
    a, b = (jnp.asarray(RNG.normal(size=shape), jnp.float32) for shape in shapes)
    np.testing.assert_allclose(jax.jit(linalg.product)(a, b), a @ b, rtol=1e-4, atol=1e-5)
    some = jnp.stack([a, 2 * a])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(linalg.product, (0, None)))(some, b), some @ b, rtol=1e-4, atol=1e-4
    )
