"""From text to layer: stages, several problems, imports, host functions, and no traceback for any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import declarative as dc
from declarative import ir
from declarative.analyse import Facts
from declarative.grammar import tree
from declarative.plan import Choice

KEPLER = "problem kepler\n given M: real, e: real\n find E: real\n root E - e * sin(E) = M\n"
TWO = KEPLER + "problem half\n given a: real\n find x: real\n fixed point x = 0.5 * x + a / 4\n"


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("parse", tree.File),
        ("check", ir.Problem),
        ("analyse", Facts),
        ("rewrite", tuple),
        ("plan", Choice),
        ("emit", str),
    ],
)
def test_stages(stage: Any, kind: type) -> None:
    assert isinstance(dc.compile(KEPLER, stop_after=stage), kind)


def test_choosing_a_problem() -> None:
    assert dc.compile(TWO, problem="half")(2.0) == pytest.approx(1)
    with pytest.raises(dc.DeclError, match=r"D617.*\n.*`kepler`, `half`"):
        dc.compile(TWO)
    with pytest.raises(dc.DeclError, match=r"D616.*\n.*did you mean `half`"):
        dc.compile(TWO, problem="halve")


def test_module(tmp_path: Path) -> None:
    (tmp_path / "models.decl").write_text(TWO)
    module = dc.load(tmp_path / "models.decl")
    assert list(module) == ["kepler", "half"]
    assert len(module) == 2
    assert "half" in module
    assert module.half is module["half"]
    assert {"kepler", "half"} <= set(dir(module))
    assert "kepler, half" in repr(module)
    with pytest.raises(AttributeError, match="no problem `third`"):
        module.third  # noqa: B018
    with pytest.raises(dc.DeclError, match="D616"):
        module["third"]


def test_a_problem_that_no_engine_takes_spoils_no_other(tmp_path: Path) -> None:
    game = "problem game\n given A: real[m, n]\n find p: real[m] in simplex, q: real[n] in simplex\n"
    game += " minimize over p maximize over q: p' @ A @ q\n"
    (tmp_path / "models.decl").write_text(game + KEPLER)
    module = dc.load(tmp_path / "models.decl")
    assert module.kepler(1.0, 0.0) == pytest.approx(1)
    with pytest.raises(dc.DeclError, match="D401"):
        module["game"]


def test_imports_are_rooted(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "costs.decl").write_text("def twice(x) = 2 * x\n")
    (tmp_path / "outside.decl").write_text("def secret(x) = x\n")
    (tmp_path / "app").mkdir()
    main = tmp_path / "app" / "main.decl"
    main.write_text("from costs import twice\nproblem p\n given a: real\n find x: real\n root x = twice(a)\n")
    assert dc.load(main, roots=[tmp_path / "lib"]).p(3.0) == pytest.approx(6)
    with pytest.raises(dc.DeclError, match="costs"):
        dc.load(main)
    (tmp_path / "app" / "outside.decl").symlink_to(tmp_path / "outside.decl")
    main.write_text(
        "from outside import secret\nproblem p\n given a: real\n find x: real\n root x = secret(a)\n"
    )
    with pytest.raises(dc.DeclError, match="outside"):
        dc.load(main)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(dc.DeclError, match="D619"):
        dc.load(tmp_path / "none.decl")
    (tmp_path / "bytes.decl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(dc.DeclError, match=r"D619.*byte 0 is no UTF-8"):
        dc.load(tmp_path / "bytes.decl")
    with pytest.raises(dc.DeclError, match="D619"):
        dc.load(tmp_path)


def test_importer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import declarative.importer  # noqa: F401

    (tmp_path / "orbit_models.decl").write_text(TWO)
    monkeypatch.syspath_prepend(tmp_path)
    from orbit_models import half, kepler  # type: ignore[import-not-found]

    assert half(2.0) == pytest.approx(1)
    assert kepler(1.0, 0.0) == pytest.approx(1)
    with pytest.raises(ImportError):
        from orbit_models import nothing  # noqa: F401


# ---- the host program --------------------------------------------------------------------------

CELL = (
    "extern def cell(z: real[d], x: real[d], theta: any) -> real[d]\n"
    "problem p\n given x: real[d], theta: any\n find z: real[d]\n fixed point z = cell(z, x, theta)\n"
)


def test_host_functions_and_pytrees() -> None:
    import jax
    import jax.numpy as jnp

    def cell(z: Any, x: Any, theta: Any) -> Any:
        return theta["act"](theta["W"] @ z + x) * theta["scale"]

    layer = dc.compile(CELL, extern={"cell": cell}, tol=1e-7)
    theta = {"W": jnp.eye(2) / 4, "scale": 0.5, "act": jnp.tanh}
    z = layer(jnp.ones(2), theta)
    np.testing.assert_allclose(z, cell(z, jnp.ones(2), theta), atol=1e-5)

    def total(weights: Any) -> Any:
        return layer(jnp.ones(2), {**theta, "W": weights}).sum()

    slope = jax.grad(total)(theta["W"])
    step = 1e-2 * jnp.eye(2)
    difference = (total(theta["W"] + step) - total(theta["W"] - step)) / 2e-2
    np.testing.assert_allclose(jnp.trace(slope), difference, rtol=1e-3)
    batch = layer(jnp.ones((3, 2)), theta)
    np.testing.assert_allclose(batch, jnp.stack([z] * 3), rtol=1e-5)


def test_missing_host_function() -> None:
    with pytest.raises(dc.DeclError, match="D407"):
        dc.compile(CELL)


@pytest.mark.parametrize("result", [lambda z, x, t: z[:1], lambda z, x, t: (z, z), lambda z, x, t: "no"])
def test_a_host_function_of_the_wrong_shape(result: Any) -> None:
    with pytest.raises(dc.ArgumentError, match=r"D624.*`cell`"):
        dc.compile(CELL, extern={"cell": result})(np.ones(2), None)


HORIZON = (
    "problem p\n given x0: real, T: static int\n find x: real[T + 1]\n"
    " minimize sum((x[t + 1] - 2 * x[t])^2 for t in T)\n subject to x[0] == x0\n"
)


def test_static_parameters() -> None:
    fixed = dc.compile(HORIZON, static={"T": 3})
    np.testing.assert_allclose(fixed(1.0), [1, 2, 4, 8], rtol=1e-9)
    assert fixed.signature == "p(x0: real)"
    late = dc.compile(HORIZON)
    np.testing.assert_allclose(late(1.0, 2), [1, 2, 4], rtol=1e-9)
    np.testing.assert_allclose(late(x0=1.0, T=np.int64(1)), [1, 2], rtol=1e-9)
    for bad in (2.5, "3", None, True):
        with pytest.raises(dc.ArgumentError, match="D612"):
            late(1.0, bad)
    with pytest.raises(dc.ArgumentError, match="D612"):
        dc.compile(HORIZON, static={"T": 1.5})
    with pytest.raises(dc.DeclError, match="D618"):
        dc.compile(HORIZON, static={"x0": 1.0})


# ---- options -----------------------------------------------------------------------------------


def test_options() -> None:
    layer = dc.compile(KEPLER, tol=1e-12)
    other = layer.with_options(on_fail="keep", start={"E": 1.0})
    assert (other.options.tol, other.options.on_fail) == (1e-12, "keep")
    assert layer.options.on_fail == "nan"
    assert other(1.0, 0.3) == pytest.approx(layer(1.0, 0.3))
    for bad in (
        {"tol": -1},
        {"tool": 1},
        {"engine": "newtom"},
        {"on_fail": "panic"},
        {"backward": "unrolled"},
    ):
        with pytest.raises(dc.DeclError):
            layer.with_options(**bad)


def test_start_from_a_given() -> None:
    layer = dc.compile(
        "problem r\n given a: real, x0: real\n find x: real\n root x^2 = a\n options start = x0"
    )
    np.testing.assert_allclose(layer(np.array([4.0, 9.0]), np.array([1.0, -1.0])), [2, -3])
    np.testing.assert_allclose(layer.with_options(start={"x": -1.0})(4.0, 1.0), -2)


@pytest.mark.parametrize("text", [None, 3, b"problem p", ["problem p"]])
def test_what_is_no_text(text: Any) -> None:
    for function in (dc.compile, dc.check, dc.format):
        with pytest.raises(dc.ArgumentError, match="D622"):
            function(text)


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "problem", "problem p", "\ud800", "find x: real\n" * 3, "problem p\n find x: real\n minimize x",
     "problem p\n given n: real[n]\n find n: real\n root n = n", "(" * 10_000,
     "problem p\n find x: real\n root " + "-" * 5000 + "x = 1",
     "problem p\n given a: real = 1/0\n find x: real\n root x = a", "problem p\n find x: real[10^30]\n root x = 1",
     "problem p\n given a: real[n]\n find x: real\n minimize x^2 + a[99999999999999999999] * x"],
)  # fmt: skip
def test_any_text_gives_a_diagnostic_or_a_layer(text: str) -> None:
    dc.check(text)
    try:
        dc.compile(text)
    except dc.DeclError as error:
        shown = [str(one) for one in error.diagnostics]
    else:
        shown = ["a layer"]
    assert all(shown)
    assert shown


def test_explain_a_code() -> None:
    assert dc.explain("d607").startswith("D607: dimension clash")
    with pytest.raises(dc.ArgumentError, match="D620"):
        dc.explain("D999")


def test_explain_and_info_of_a_layer() -> None:
    layer = dc.compile(KEPLER)
    assert "root" in layer.explain()
    assert layer.info["engine"] == "root"
    assert layer.info["outputs"] == ("E",)
    assert "sin" in layer.latex()


def test_decorator() -> None:
    from declarative import declarative

    @declarative
    def ridge(X: dc.real["m", "d"], y: dc.real["m"], lam: dc.positive) -> Any:  # type: ignore[valid-type]  # noqa: F821, UP037
        """Ridge."""
        w = dc.find("d")
        dc.minimize(dc.sum_squares(X @ w - y) + lam * dc.sum_squares(w))
        return w

    X, y = np.eye(3)[:, :2], np.ones(3)
    np.testing.assert_allclose(ridge(X, y, 1.0), [0.5, 0.5])
    with pytest.raises(dc.ArgumentError, match="D621"):
        declarative(3)
