"""A smooth convex program whose call is long and falls into blocks goes from `nonlinear` to `conic`, and only then."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative.layer import layer as layers
from tests.backends.jax.structure.twins import eager

pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators keep dense matrices")

CHAIN = """problem harvest
  given M: real[s, s], gain: real[s], first: real[s], T: static int
  find x: real[T + 1, s], u: real[T, s]
  maximize sum(log(u)) - log_sum_exp(x[T])
  subject to
    x[0] == first
    rows: x[t + 1] == M @ x[t] + gain - u[t] for t in T
    most: x <= 3
    least: x >= 0
"""
M = np.array([[0.9, 0.05], [0.02, 0.95]])
GAIN = np.array([0.3, 0.5])
FIRST = np.array([[1.0, 2.0], [-1.0, 1.0], [2.9, 0.1]])  # the second has no solution
WORDS = "at this size    conic, jax backend: in blocks, about "


def chain(steps: int, **options: Any) -> dc.Layer:
    return dc.compile(CHAIN, static={"T": steps}, **options)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short chains are as good as long ones."""
    eager(monkeypatch)
    monkeypatch.setattr(layers, "MANY", 0.0)
    monkeypatch.setattr(layers, "GAIN", 0.0)


@pytest.mark.usefixtures("short")
def test_as_the_other_engine_has_it() -> None:
    """A batch under `jit`: statuses, values, multipliers and gradients."""
    good = np.array([True, False, True])

    def run(layer: dc.Layer) -> Any:
        def summed(M: Any, first: Any) -> Any:
            found = layer.solve(M, GAIN, first)
            z = jnp.concatenate([found.outputs[name].reshape(3, -1) for name in ("x", "u")], axis=1)
            return jnp.sum(jnp.sin(z[good])), (found.status_code, found.dual, found.objective, z)

        return jax.jit(jax.value_and_grad(summed, argnums=(0, 1), has_aux=True))(M, FIRST)

    with jax.enable_x64(True):
        layer = chain(3)
        assert WORDS in layer.explain(M, GAIN, FIRST)
        ((_, (codes, *mine)), slopes), ((_, (other, *expected)), right) = map(
            run, (layer, chain(3, engine="nonlinear"))
        )
    names = [list(dc.Status)[int(code)].name.lower() for code in codes]
    assert names == ["solved", "infeasible", "solved"]
    assert (codes == other).all()
    assert np.isnan(mine[-1][1]).all()
    assert mine[0].keys() == expected[0].keys() == {"rows", "most", "least"}
    for found, there in zip(*map(jax.tree.leaves, (mine, expected)), strict=True):
        np.testing.assert_allclose(found[good], there[good], atol=1e-8)
    for found, there in zip(slopes, right, strict=True):
        np.testing.assert_allclose(found, there, atol=1e-8)


@pytest.mark.usefixtures("short")
def test_tensors() -> None:
    """What one more of the gain is worth: the multipliers of the rows that it stands in."""
    torch = pytest.importorskip("torch")
    first, gain = torch.tensor(FIRST[0]), torch.tensor(GAIN, requires_grad=True)
    layer = chain(3)
    assert WORDS in layer.explain(M, gain, first)
    found = layer.solve(M, gain, first)
    (slope,) = torch.autograd.grad(found.objective, gain)
    np.testing.assert_allclose(slope, found.dual["rows"].detach().sum(0), atol=1e-8)


def test_long_calls_alone() -> None:
    """At the sizes at which it pays; nothing is solved."""
    assert WORDS not in chain(10).explain(M, GAIN, FIRST)
    text = chain(100).explain(M, GAIN, FIRST).splitlines()
    assert "* nonlinear       yes, cost 25" in "\n".join(text)
    assert text[-2].startswith(WORDS)
    assert text[-2].endswith(" times fewer operations than with the dense matrices of `nonlinear`")
    assert text[-1].startswith("matrices        block-tridiagonal")


@pytest.mark.parametrize(
    "option", [{"engine": "nonlinear"}, {"engine": "conic"}, {"engine": "interior_point"}]
)
def test_an_engine_that_was_named_stays(option: dict[str, str]) -> None:
    assert "at this size" not in chain(100, **option).explain(M, GAIN, FIRST)


@pytest.mark.parametrize(
    ("many", "rows"),
    [(200, "A @ x <= 1"), (2, "sum(x) == 1\n    A @ x <= 1"), (150, "log_sum_exp(A @ x) <= 1")],
)
def test_nothing_is_gained_without_blocks_or_where_matrices_are_small(many: int, rows: str) -> None:
    """Rows that see all, or few beside a Hessian that is a diagonal."""
    text = f"""problem p
  given A: real[m, n]
  find x: real[n]
  maximize entropy(x)
  subject to
    {rows}
"""
    layer = dc.compile(text)
    assert layer.info["engine"] == "nonlinear"
    assert "at this size" not in layer.explain(np.ones((many, 300)))


def test_a_sum_of_a_number_is_that_number() -> None:
    """`sum(entropy(x))`, which is often written, is as diagonal as `entropy(x)`."""
    text = "problem p\n  given A: real[m, n]\n  find x: real[n]\n  maximize sum(entropy(x))\n  subject to A @ x == 1"
    layer = dc.compile(text)
    assert "diagonal=True" in layer.source
    assert "at this size" not in layer.explain(np.ones((2, 300)))
