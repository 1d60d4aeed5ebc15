"""What a solver in blocks and a dense one of the same program share: points, statuses, derivatives of two orders."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from declarative.backends.jax.structure import partition
from declarative.layer.contract import SolveOptions
from declarative.layer.implicit import differentiable
from declarative.layer.status import Status


def eager(patch: pytest.MonkeyPatch) -> None:
    """Blocks always, and small ones."""
    patch.setattr(partition, "GAIN", 0.0)
    patch.setattr(partition, "START", 1.0)


def run(solver: Any, p: Any) -> Any:
    root = solver.solve(p, None, SolveOptions())
    return root, solver.regularity(root.y, p, root.fixed)


def agree_in_a_batch(solvers: Any, elements: list[Any], atol: float) -> tuple[Any, list[Status]]:
    """The first solver's root and statuses; both have the same, and where they solve, the same points."""
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *elements)
    (root, derivative), (other, expected) = (jax.jit(jax.vmap(partial(run, s)))(batch) for s in solvers)
    assert (root.status == other.status).all()
    good = np.asarray(root.status) == Status.SOLVED.code
    assert (np.asarray(derivative) == np.asarray(expected))[good].all()
    for mine, reference in zip(root.y, other.y, strict=True):
        np.testing.assert_allclose(mine[good], reference[good], atol=atol)
    return root, [list(Status)[int(code)] for code in root.status]


def agree_to_two_orders(solvers: Any, p: Any, first: float, second: float) -> None:
    """Relative bounds of value and slope, and of the bend."""
    (value, slope, bend), expected = (two_orders(solver, p) for solver in solvers)
    np.testing.assert_allclose((value, slope), expected[:2], rtol=first)
    np.testing.assert_allclose(bend, expected[2], rtol=second)


def agree_smoothed(solvers: Any, p: Any, atol: float) -> None:
    options = SolveOptions()
    found, expected = (jax.jit(lambda p, s=s: s.smoothed(1e-2).solve(p, None, options).y)(p) for s in solvers)
    for mine, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, reference, atol=atol)


def two_orders(solver: Any, p: Any) -> Any:
    """Value, slope in reverse, and bend forward over reverse, along cosines in all parameters."""
    direction = jax.tree.map(
        lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape), p
    )
    solve = differentiable(solver, SolveOptions())

    def value(t: Any) -> Any:
        y = solve(jax.tree.map(lambda leaf, d: leaf + t * d, p, direction), None).y
        return jnp.concatenate(y) @ jnp.sin(jnp.arange(sum(map(len, y))) + 1.0)

    return jax.jit(lambda t: (value(t), jax.grad(value)(t), jax.jacfwd(jax.grad(value))(t)))(0.0)
