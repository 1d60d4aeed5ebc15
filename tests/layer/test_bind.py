"""Every wrong call names the argument, and what bound the dimension first."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import declarative as dc
from tests.layer.toy import toy

A, B = np.eye(3), np.ones(3)

WRONG: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "missing": ("D601", (A,), {}, "needs an argument for `b`"),
    "missing two": ("D601", (), {}, "`A`, `b`"),
    "unexpected": ("D602", (A, B), {"scal": 1}, "did you mean `scale`?"),
    "too many": ("D603", (A, B, 1, 2), {}, "takes 3 positional arguments, 4"),
    "twice": ("D604", (A, B), {"A": A}, "`A` was given by position and by name"),
    "too few axes": ("D605", (B, B), {}, "`A` has too few axes: its shape is (3,)"),
    "scalar for a vector": ("D605", (A, 1.0), {}, "its shape is (), at least 1 are needed"),
    "complex": ("D606", (A + 1j, B), {}, "real and imaginary"),
    "text": ("D606", ("A", B), {}, "the text 'A'"),
    "none": ("D606", (None, B), {}, "found None"),
    "ragged": ("D606", ([[1, 2], [3]], B), {}, "no array of numbers"),
    "objects": ("D606", (np.array([[object()]]), B), {}, "D606"),
    "clash": ("D607", (A, np.ones(4)), {}, "n = 3 was bound by axis 0 of `A`"),
    "not square": ("D607", (np.ones((2, 3)), B), {}, "`A` does not fit: its axis 1 has length 3"),
    "batch clash": ("D610", (np.ones((2, 3, 3)), np.ones((4, 3))), {}, "the batch axes of `b`, (4,)"),
}


@pytest.mark.parametrize(("code", "args", "kwargs", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_call(code: str, args: tuple[Any, ...], kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(dc.ArgumentError) as caught:
        toy()(*args, **kwargs)
    assert [found.code for found in caught.value.diagnostics] == [code]
    assert words in str(caught.value)


def test_an_argument_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="D601"):
        toy()()


def test_golden_message() -> None:
    layer = dc.compile(
        "problem fit\n  given X: real[m, d], y: real[m]\n  find w: real[d]\n  minimize ||X @ w - y||^2"
    )
    with pytest.raises(dc.ArgumentError) as caught:
        layer(np.ones((5, 2)), np.ones((7, 4)))
    assert str(caught.value) == (
        "error[D607]: `y` does not fit: its axis 0 has length 4, but m is 5\n"
        " --> <text>:2:24\n"
        "  |\n"
        "2 |   given X: real[m, d], y: real[m]\n"
        "  |                        ^ axis 0 of `y` is `m`, counted after the batch axes\n"
        "  = help: m = 5 was bound by axis 0 of `X`"
    )


def test_arguments_by_position_name_and_default() -> None:
    layer = toy()
    np.testing.assert_allclose(layer(2 * A, B).total, 3.0)
    np.testing.assert_allclose(layer(b=B, A=2 * A, scale=4).total, 6.0)
    np.testing.assert_allclose(layer(2 * A, b=[1, 1, 1]).x, B / 2)
    assert layer.signature == "toy(A: real[n, n], b: real[n], scale: real = 2)"


SHAPES = "problem p\n given a: real[n + 1], b: real[2*n]\n find x: real[n]\n root x = a[1:n+1] + b[0:n]"


def test_arithmetic_on_dimensions_is_solved() -> None:
    layer = dc.compile(SHAPES)
    np.testing.assert_allclose(layer(np.ones(4), np.ones(6)), 2 * np.ones(3))
    with pytest.raises(dc.ArgumentError, match="n = 3 was bound by axis 0 of `a`"):
        layer(np.ones(4), np.ones(4))
    with pytest.raises(dc.ArgumentError, match="D608"):
        layer(np.ones(0), np.ones(4))


def test_odd_length_has_no_half() -> None:
    layer = dc.compile("problem p\n given b: real[2*n]\n find x: real[n]\n root x = b[0:n]")
    with pytest.raises(dc.ArgumentError, match="D608"):
        layer(np.ones(5))


@pytest.mark.parametrize(
    ("lead_a", "lead_b", "lead_s", "batch"),
    [
        ((), (), (), ()),
        ((4,), (), (), (4,)),
        ((), (4,), (4,), (4,)),
        ((4, 1), (2,), (), (4, 2)),
        ((1,), (4,), (), (4,)),
        ((1,), (), (), (1,)),
        ((2, 1, 1), (4, 1), (3,), (2, 4, 3)),
        ((0,), (), (), (0,)),
        ((2,), (), (0, 1), (0, 2)),
    ],
)
def test_batch_axes_broadcast(lead_a: Any, lead_b: Any, lead_s: Any, batch: Any) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(*lead_a, 3, 3)) + 3 * np.eye(3)
    b, s = rng.normal(size=(*lead_b, 3)), rng.normal(size=lead_s)
    x, total = toy()(a, b, s)
    whole_a, whole_b = np.broadcast_to(a, (*batch, 3, 3)), np.broadcast_to(b, (*batch, 3))
    assert x.shape == (*batch, 3)
    np.testing.assert_allclose(x, np.linalg.solve(whole_a, whole_b[..., None])[..., 0])
    np.testing.assert_allclose(total, np.broadcast_to(s, batch) * x.sum(-1))


def test_shared_data_are_not_copied() -> None:
    """The data of an unbatched parameter stay unbatched: no [B, n, n] array is made of it."""
    import jax

    from declarative.layer import call, run

    layer = toy()
    made = call.Call(layer._program, {"A": jnp.eye(3), "b": jnp.ones((1000, 3))}, layer.options, False)
    function = run.function(made.module, made.structure, layer.options)
    text = str(jax.make_jaxpr(function)(*map(jnp.asarray, call.arrays(made.sources, made.given))))
    assert "[1000,3]" in text
    assert "[1000,3,3]" not in text


def test_dimensions_from_several_shapes() -> None:
    text = "problem p\n given a: real[m + n], b: real[m - n]\n find x: real[m], y: real[n]\n"
    layer = dc.compile(text + " root x = a[0:m], y = a[m:m+n] + sum(b)")
    x, y = layer(np.arange(5.0), np.ones(1))
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [4, 5])
    with pytest.raises(dc.ArgumentError, match="D608"):
        layer(np.arange(5.0), np.ones(2))


def test_a_default_cannot_determine_a_dimension() -> None:
    layer = dc.compile("problem p\n given a: real[n] = 1\n find x: real[n]\n root x = a")
    np.testing.assert_allclose(layer(np.arange(2.0)), [0, 1])
    with pytest.raises(dc.ArgumentError, match=r"D609\]: no argument determines `n`"):
        layer()


def test_a_default_takes_the_shape_of_its_declaration() -> None:
    layer = dc.compile("problem p\n given a: real[n], b: real[n] = 2\n find x: real[n]\n root x = a * b")
    np.testing.assert_allclose(layer(np.arange(6.0).reshape(2, 3)), 2 * np.arange(6.0).reshape(2, 3))
