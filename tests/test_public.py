"""The public names: quick to import, and light until they are used."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import declarative as dc

HEAVY = ("cvxpy", "diffcp", "torch", "sympy", "equinox", "optimistix", "matplotlib")
SPARSEMAX = "problem sparsemax\n given y: real[n]\n find x: real[n] in simplex\n minimize 1/2 * ||x - y||^2"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_quick_and_light() -> None:
    code = """
        import sys, time
        start = time.perf_counter()
        import declarative
        print(time.perf_counter() - start)
        print(*sys.modules)
    """
    seconds, modules = run(code).splitlines()
    assert float(seconds) < 1
    assert not set(HEAVY) & set(modules.split())


def test_the_public_names_are_light_too() -> None:
    code = """
        import sys
        import declarative as dc
        dc.load, dc.compile, dc.check, dc.format, dc.explain, dc.declarative, dc.Status, dc.DerivativeStatus
        dc.Solution, dc.Layer, dc.Module, dc.DeclError, dc.ArgumentError, dc.SolveError, dc.find
        print(*sys.modules)
    """
    assert not {"cvxpy", "diffcp", "torch", "sympy"} & set(run(code).split())


def test_the_jax_path_works_without_cvxpy() -> None:
    code = f"""
        import sys
        for name in ("cvxpy", "diffcp", "torch"):
            sys.modules[name] = None  # importing it fails
        import declarative as dc
        layer = dc.compile({SPARSEMAX!r})
        print(layer([0.5, 0.2, -1.0]))
    """
    assert run(code).strip() == "[0.65 0.35 0.  ]"


@pytest.mark.parametrize("first", ["compile", "load", "check"])
def test_check_is_the_function_whatever_was_imported_first(first: str) -> None:
    code = f"""
        import declarative as dc
        dc.{first}
        import declarative.check
        from declarative.check import check
        print(dc.check("problem"), check.__name__)
    """
    assert "D1" in run(code)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        dc.nonsense  # noqa: B018
    assert {"compile", "find", "torch", "Status"} <= set(dir(dc))


def test_every_symbol_is_a_public_name() -> None:
    from declarative.grammar.namespace import NAMESPACE

    assert all(getattr(dc, name) is value for name, value in NAMESPACE.items())
