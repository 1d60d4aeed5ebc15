"""What is shown reads back: IR -> text -> IR is the identity; LaTeX is balanced; the tree names every node."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from declarative import ir, show
from declarative.check import check
from declarative.errors import Source
from declarative.grammar import parse
from declarative.show.latex import expression as latex_of
from declarative.verify import verify
from tests.programs import problem

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("DECLARATIVE_DATA", HERE.parent.parent / "shared" / "data")).parent / "corpus"
PROGRAMS = sorted(
    [*HERE.glob("check/programs/*.decl"), *HERE.glob("grammar/programs/*.decl"), *SHARED.glob("*.decl")]
)


LIBRARY, _ = parse(
    Source(
        "library.decl",
        "def huber_cost(r) = huber(r)\ndef quadratic(r) = r^2\ndef asymmetric(r) = max(r, -2 * r)",
    )
)


def checked(text: str, name: str) -> dict[str, ir.Problem]:
    file, found = parse(Source(name, text))
    assert file is not None, "\n".join(map(str, found))
    problems, more = check(file, lambda path, importer: LIBRARY)
    assert not [one for one in (*found, *more) if one.severity == "error"], "\n".join(map(str, more))
    return problems


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_text_checks_back_to_an_equal_problem(path: Path):
    for name, before in checked(path.read_text(encoding="utf-8"), path.name).items():
        shown = show.text(before)
        after = checked(shown, f"{path.stem} shown")[name]
        assert after == before, shown
        assert verify(before) == []
        assert show.text(after) == shown


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_latex_is_balanced(path: Path):
    for each in checked(path.read_text(encoding="utf-8"), path.name).values():
        latex = show.latex(each)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")
        assert latex.count(r"\begin") == latex.count(r"\end")


def minimized(text: str) -> ir.Expr:
    given = "given P: psd real[n, n], q: real[n], A: real[m, n], b: real[m], lam: real, x0: real[n]"
    found = problem(f"problem p\n  {given}\n  find x: real[n]\n  minimize {text}")
    assert isinstance(found.statement, ir.Minimize)
    return found.statement.value


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("1/2 * x' @ P @ x + q' @ x", r"\frac{1}{2} \, x^\top P x + q^\top x"),
        (
            "||A @ x - b||^2 + lam * ||x||_1",
            r"\left\| A x - b \right\|_2^2 + \lambda \, \left\| x \right\|_1",
        ),
        ("(A @ x)' @ b", r"\left( A x \right)^\top b"),
        ("sum((x[i] - x0[i])^2 for i in n)", r"\sum_{i=0}^{n - 1} \left( x_{i} - x_{0}_{i} \right)^{2}"),
        ("sum(exp(A' @ b - x))", r"\mathbf{1}^\top \exp(A^\top b - x)"),
    ],
)
def test_latex(text: str, latex: str):
    assert latex_of(minimized(text)) == latex


@pytest.mark.parametrize(
    "text",
    [
        "-(x[0] + x[1]) * (2 - x[0])", "(-2)^2 * x[0]", "x[0]^x[1]^2", "(x[0]^x[1])^2", "x[0] / (x[1] / 2)",
        "x[0] - (x[1] - 1)", "-x[0]^2", "(-x[0])^2", "2^-1 * x[0]", "x' @ (P @ x)", "(x' @ P) @ x", "||P' @ x||",
        "||x * ||x||||", "(n + 1) * x[n - 1]", "sum(x) / (2 * n)",
        "sum(if x[i] > 0 and not i == 2 then 1 else 0 for i in n)",
        "x[0] * -x[1]", "x[0] - -x[1]", "1e-7 * x[0] + inf * 0 + pi", "max(x) - sum(-x)",
    ],
)  # fmt: skip
def test_expressions_keep_their_grouping(text: str):
    expr = minimized(text)
    assert minimized(show.expression(expr)) == expr


def test_tree_holds_every_node():
    found = problem(
        "problem p\n  given a: real[n]\n  find x: real[n]\n  minimize ||x - a||^2\n  subject to eq: x[0] == 1"
    )
    lines = show.tree(found).splitlines()
    assert lines[0] == "Problem p (n)"
    for words in (
        "Parameter a",
        "Minimize 1",
        "Apply sum_squares : real scalar",
        "Equality eq",
        "Index : real scalar",
    ):
        assert any(words in line for line in lines), words
