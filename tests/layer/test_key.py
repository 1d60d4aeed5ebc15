"""The key of a call: what is prepared once serves every call that looks the same, and no other."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from declarative import ir
from declarative.layer.call import Call
from declarative.layer.key import Keys
from declarative.layer.layer import Layer
from tests.layer.toy import MATRIX, VECTOR, failing, toy

A = np.array([[2.0, 1.0], [0.0, 4.0]])
B = np.array([1.0, 2.0])

PARAMS = (
    ir.Parameter("A", MATRIX),
    ir.Parameter("b", VECTOR),
    ir.Parameter("k", ir.Type("int"), frozenset({"static"})),
    ir.Parameter("theta", ir.Type("any")),
)


def key(*args: Any, **kwargs: Any) -> Any:
    found = Keys(PARAMS).of(args, kwargs)
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((A, B), (A + 1, B * 2)),
        ((A, 1.5), (A, 2.5)),
        ((A, B, 3, {"w": 1.0, "name": "x"}), (A, B, 3, {"w": 2.0, "name": "x"})),
    ],
)
def test_equal_keys(one: Any, other: Any) -> None:
    assert key(*one) == key(*other)
    assert hash(key(*one)) == hash(key(*other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((A, B), (A, B.astype(np.float32))),
        ((A, B), (A, B[:1])),
        ((A, B), (A, jnp.asarray(B))),
        ((A, 1.5), (A, 1)),
        ((A, 1), (A, True)),
        ((A, B, 3), (A, B, 4)),
        ((A, B, 1), (A, B, True)),
        ((A, B, 3, {"w": 1}), (A, B, 3, {"w": 2})),
        ((A, B, 3, {"w": 1}), (A, B, 3, {"w": True})),
        ((A, B, 3, {"w": A}), (A, B, 3, [A])),
    ],
)
def test_other_keys(one: Any, other: Any) -> None:
    assert key(*one) != key(*other)


def test_names_are_part_of_the_key() -> None:
    assert key(A, b=B) == key(A, b=2 * B)
    assert key(A=A, b=B) != key(b=B, A=A)
    assert key(A, B) != key(A, b=B)


def test_what_must_be_looked_at_each_time_has_no_key() -> None:
    assert key([1.0, 2.0], B) is None
    assert key(A, B, np.array([1, 2])) is None
    assert key(A, B, 3, {"w": set()}) is None
    assert key(A, c=B) is None
    assert key(A, B, 3, 4, 5) is None
    assert key("A", B) is None


def test_the_second_call_binds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = toy()
    calls = [(A, B), (A, B, 3), (jnp.asarray(A), B), (A, np.float64(2) * B, 2.5)]
    first = [layer(*args) for args in calls]
    kept = [layer.solve(*args).x for args in calls]

    def never(*_: Any) -> None:
        raise AssertionError("looked at twice")

    monkeypatch.setattr(Call, "__init__", never)
    monkeypatch.setattr(Layer, "_prepared", never)
    for args, before, x in zip(calls, first, kept, strict=True):
        again = layer(*args)
        assert type(again.x) is type(before.x)
        np.testing.assert_array_equal(again.x, before.x)
        np.testing.assert_array_equal(again.total, before.total)
        np.testing.assert_array_equal(layer.solve(*args).x, x)


def test_arguments_of_the_second_call_count() -> None:
    layer = toy()
    for scale in (2.0, 3.0):
        np.testing.assert_allclose(layer(scale * A, b=B).x, np.linalg.solve(scale * A, B))
        np.testing.assert_allclose(layer(b=scale * B, A=A).x, np.linalg.solve(A, scale * B))
        np.testing.assert_allclose(layer(A, B, scale).total, scale * np.linalg.solve(A, B).sum())
        np.testing.assert_allclose(layer([[scale, 0], [0, 1]], B).x, [1 / scale, 2])
    with pytest.raises(dc.ArgumentError, match="D607"):
        layer(A, np.ones(3))


def test_the_flag_for_float64_is_part_of_the_key() -> None:
    layer, whole = toy(), jnp.asarray(A, int)
    assert layer(whole, B.astype(int)).x.dtype == jnp.float32
    with jax.enable_x64(True):
        assert layer(whole, B.astype(int)).x.dtype == jnp.float64
    assert layer(whole, B.astype(int)).x.dtype == jnp.float32


def test_inside_and_outside_of_jit_are_two() -> None:
    layer = toy()
    outside = layer(A, B).x
    assert isinstance(outside, np.ndarray)
    inside = jax.jit(lambda scale: layer(A, B).x * scale)
    assert inside(jnp.float32(1)).dtype == jnp.float32
    assert layer(A, B).x.dtype == np.float64


def test_one_program_for_each_value_of_a_static_parameter_and_a_pytree() -> None:
    layer = dc.compile(
        "extern def shift(w: any, y: real[n]) -> real[n]\n"
        "problem scaled\n  given k: static int, y: real[n], w: any\n"
        "  find x: real[n]\n  fixed point x = shift(w, y) + x / k\n",
        extern={"shift": lambda w, y: w["by"] * y + w["times"]},
    )
    y = np.array([1.0, 2.0])
    for by, times, k in [(1.0, 0, 2), (2.0, 0, 2), (2.0, 1, 2), (2.0, 1, 4), (1.0, 0, 2)]:
        x = layer(k, y, {"by": by, "times": times})
        np.testing.assert_allclose(x, (by * y + times) / (1 - 1 / k), rtol=1e-8)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_a_later_failure_is_still_raised(kind: Any) -> None:
    layer = toy(on_fail="raise")
    layer(kind(A), kind(B))
    with pytest.raises(dc.SolveError, match="unbounded"):
        layer(kind(failing(dc.Status.UNBOUNDED)), kind(B))
