# ruff: noqa: F722, F821, SIM300, UP037 -- types of the language stand where ruff sees Python's
"""Decorated functions: both forms give the tree that the text gives, with places in the Python file."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

import declarative as dc
from declarative.errors import DeclError, Source
from declarative.grammar import parse, tree
from declarative.grammar.namespace import NAMESPACE
from declarative.grammar.python import trace_function
from declarative.grammar.symbols import ATOMS

THIS = __file__


def traced(function: Callable[..., Any]) -> tree.Problem:
    _, file, found = trace_function(function)
    assert file is not None, "\n".join(map(str, found))
    (problem,) = file.items
    assert isinstance(problem, tree.Problem)
    return problem


def text_problem(text: str) -> tree.Problem:
    file, found = parse(Source("p.decl", text))
    assert file is not None, "\n".join(map(str, found))
    (problem,) = file.items
    assert isinstance(problem, tree.Problem)
    return problem


def same(function: Callable[..., Any], text: str) -> None:
    problem, wanted = traced(function), text_problem(text)
    assert problem.name == wanted.name
    for mine, theirs in zip(problem.statements, wanted.statements, strict=True):
        assert mine == theirs


def goal(function: Callable[..., Any]) -> tree.Node:
    return next(s.value for s in traced(function).statements if isinstance(s, tree.Objective))


# ---- docstrings ------------------------------------------------------------------------------------


def sparsemax(y):
    """
    given y: real[n]
    find  x: real[n] in simplex
    minimize 1/2 * ||x - y||^2
    """


SPARSEMAX = "problem sparsemax\n given y: real[n]\n find x: real[n] in simplex\n minimize 1/2 * ||x - y||^2"


def test_docstring_is_the_language() -> None:
    same(sparsemax, SPARSEMAX)


def test_places_in_a_docstring_are_those_of_the_file() -> None:
    source, file, _ = trace_function(sparsemax)
    assert file is not None
    assert source.name == THIS
    find = traced(sparsemax).statements[1]
    assert find.span.text == "find  x: real[n] in simplex"
    first = sparsemax.__code__.co_firstlineno
    assert find.span.line == first + 3
    assert linecache.getline(THIS, find.span.line)[find.span.column - 1 :].startswith("find  x")


def test_types_may_stand_in_annotations() -> None:
    def quadratic(P: Annotated[Any, "psd real[n, n]"], q: dc.real["n"] = 1, t: "nonneg real" = 2.5):
        """find x: real[n]
        minimize 1/2 * x' @ P @ x + t * q' @ x"""

    same(
        quadratic,
        "problem quadratic\n given P: psd real[n, n], q: real[n] = 1, t: nonneg real = 2.5\n"
        " find x: real[n]\n minimize 1/2 * x' @ P @ x + t * q' @ x",
    )


def test_other_annotations_are_left_alone() -> None:
    def square(a: np.ndarray, b: Annotated[float, 3]) -> float:
        """given a: real, b: real
        find  x: real
        minimize (x - a * b)^2"""

    same(square, "problem square\n given a: real, b: real\n find x: real\n minimize (x - a * b)^2")


def test_function_of_no_source_has_its_docstring() -> None:
    scope: dict[str, Any] = {}
    exec(
        "def p(y):\n    '''given y: real[n]\n    find x: real[n] in simplex\n    minimize 1/2 * ||x - y||^2'''",
        scope,
    )
    problem = traced(scope["p"])
    assert problem.statements == text_problem(SPARSEMAX).statements


def test_mistakes_in_a_docstring_are_at_their_line() -> None:
    def broken(y):
        """
        given y: real[n]
        find  x: real[n]
        minimize ||x - y||^2 +
        subject to x < 1
        """

    _, file, found = trace_function(broken)
    assert file is None
    first = broken.__code__.co_firstlineno
    assert [(one.code, one.line) for one in found] == [("D121", first + 4), ("D108", first + 5)]
    assert found[0].labels[0].span.source.name == THIS


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        ("a, b", "given a: real\n find x: real\n minimize x * b", "D506"),
        ("a", "given a: real, b: real\n find x: real\n minimize x * b", "D508"),
        ("a, b", "given b: real, a: real\n find x: real\n minimize x * b", "D508"),
        ("a: dc.real", "given a: real\n find x: real\n minimize x", "D507"),
        ("a: dc.real, b", "find x: real\n minimize x", "D506"),
        ("a: 'real[n'", "find x: real\n minimize x", "D509"),
        ("a: dc.real = 'x'", "find x: real\n minimize x", "D510"),
        ("*a", "find x: real\n minimize x", "D511"),
        ("over: dc.real", "find x: real\n minimize x", "D129"),
        ("a", "given a: real\n problem q", "D140"),
        ("a", "given a: real\n minimize a", "D109"),
    ],
)
def test_mistaken_heads(head: str, body: str, code: str) -> None:
    found = trace_function(made(f"def p({head}):\n    '''{body}'''\n"))[2]
    assert code in [one.code for one in found]
    assert all(one.labels[0].span.source.name == "<made>" for one in found)


def made(text: str) -> Callable[..., Any]:
    """The function of a text that the diagnostics can quote."""
    linecache.cache["<made>"] = (len(text), None, text.splitlines(keepends=True), "<made>")
    scope: dict[str, Any] = {"dc": dc, "np": np}
    exec(compile(text, "<made>", "exec"), scope)
    return scope["p"]


# ---- bodies ----------------------------------------------------------------------------------------


def test_body_is_traced() -> None:
    def ridge(X: dc.real["m", "d"], y: dc.real["m"], lam: dc.positive):
        """Least squares with a penalty."""
        w = dc.find("d")
        dc.minimize(dc.sum_squares(X @ w - y) + lam * dc.sum_squares(w))
        return w

    same(
        ridge,
        "problem ridge\n given X: real[m, d], y: real[m], lam: positive real\n find w: real[d]\n"
        " minimize sum_squares(X @ w - y) + lam * sum_squares(w)\n return w",
    )
    assert traced(ridge).doc == "Least squares with a penalty."


def test_every_statement_of_a_body() -> None:
    def everything(a: dc.psd["n", "n"], t: dc.static.int, *, lo: dc.real = -1):
        x, y = dc.find("n"), dc.find("t + 1", type="nonneg real", within=(lo, 1))
        z = dc.find(dc.symmetric["n", "n"], within="psd")
        s = dc.let("s", dc.sum(y[i] * i for i in dc.each("n")))
        dc.assume(lo <= 0)
        dc.subject_to(x <= 1, dc.member(y, dc.box(lo, 1)), cap=x[0] == s)
        dc.subject_to(y[i] >= x[i] for i in dc.each(1, "t"))
        dc.subject_to(z >> a)
        floor = dc.subject_to(-1 <= x[1:3])
        dc.minimize(x.T @ a @ x)
        dc.options(engine="interior_point", tol=1e-6, backward="truncated(5)")
        return x, s, dc.dual("cap"), dc.dual(floor), dc.objective

    same(
        everything,
        """problem everything
        given a: psd real[n, n], t: static int, lo: real = -1
        find x: real[n], y: nonneg real[t + 1] in [lo, 1], z: symmetric real[n, n] in psd
        let s = sum(y[i] * i for i in n)
        minimize x' @ a @ x
        subject to
          x <= 1
          y in box(lo, 1)
          cap: x[0] == s
          y[i] >= x[i] for i in 1..t
          z >> a
          constraint: x[1:3] >= -1
        assume lo <= 0
        options engine = interior_point, tol = 1e-06, backward = truncated(5)
        return x, s, dual(cap), dual(constraint), objective""",
    )


def test_fixed_points_roots_and_saddles() -> None:
    def deq(W: dc.real["k", "k"], x: dc.real["k"]):
        z = dc.find("k")
        dc.fixed_point(z, dc.tanh(W @ z + x))

    def kepler(M: dc.real, e: dc.real):
        E = dc.find()
        dc.root(E - e * dc.sin(E) == M)

    def game(A: dc.real["m", "n"]):
        p, q = dc.find("m", within=dc.simplex), dc.find("n", within="simplex")
        dc.saddle(p @ A @ q, minimize=p, maximize=[q])

    same(
        deq,
        "problem deq\n given W: real[k, k], x: real[k]\n find z: real[k]\n fixed point z = tanh(W @ z + x)",
    )
    same(kepler, "problem kepler\n given M: real, e: real\n find E: real\n root E - e * sin(E) = M")
    same(
        game,
        "problem game\n given A: real[m, n]\n find p: real[m] in simplex, q: real[n] in simplex\n"
        " minimize over p maximize over q: p @ A @ q",
    )


def test_closures_loops_and_constants() -> None:
    weights = np.array([1.0, 2.5, -3.0])
    grid = np.arange(4).reshape(2, 2)

    def loops(b: dc.real[3]):
        x = dc.find(3)
        u = dc.find(2)
        total = sum(weights[k] * abs(x[k] - b[k]) for k in range(3))
        dc.minimize(total + weights @ x + dc.norm(grid @ u, 1) + np.float64(2) * x[0] ** 2)

    same(
        loops,
        """problem loops
        given b: real[3]
        find x: real[3], u: real[2]
        minimize 1.0 * abs(x[0] - b[0]) + 2.5 * abs(x[1] - b[1]) + (-3.0) * abs(x[2] - b[2])
          + stack(1.0, 2.5, -3.0) @ x + norm(stack(stack(0, 1), stack(2, 3)) @ u, 1) + 2.0 * x[0]^2""",
    )


def test_shared_expressions_are_named_once() -> None:
    def chain(a: dc.real):
        x = dc.find()
        z = x
        for _ in range(40):  # written out, this would be a tree of 2^40 leaves
            z = dc.tanh(z) * z
        dc.minimize(z + a)

    problem = traced(chain)
    let = next(s for s in problem.statements if isinstance(s, tree.Let))
    assert len(let.bindings) == 39
    names = [binding.name.name for binding in let.bindings if binding.name]
    assert len(set(names)) == len(names)


def test_indices_of_a_comprehension_stay_inside() -> None:
    def inside(a: dc.real["n"]):
        x = dc.find("n")

        def square_and_more(i: Any) -> Any:
            r = x[i] - a[i]
            s = r * 2
            return s * s + s

        dc.minimize(dc.sum(square_and_more(i) for i in dc.each("n")))

    value = goal(inside)
    assert isinstance(value, tree.Comprehension)
    assert value.binders == (tree.Binder(tree.Name("i"), tree.Name("n")),)


def test_long_sums_stay_shallow() -> None:
    def long(a: dc.real):
        x = dc.find("n")
        dc.minimize(sum(x[k] ** 2 for k in range(1000)) + a)

    depth, level = 0, [goal(long)]
    while level := [child for node in level for child in tree.children(node)]:
        depth += 1
    assert depth < 40


def test_outputs_take_the_names_they_were_given() -> None:
    class Result(NamedTuple):
        weights: Any
        risk: Any

    def outputs(kind: int) -> tuple[tree.Binding, ...]:
        def p(a: dc.real):
            w = dc.find()
            risk = (w - a) ** 2
            dc.minimize(risk)
            if kind == 0:
                result = {"w": w, "r": risk}
            elif kind == 1:
                result = Result(w, risk)
            else:
                result = [w, w - a]
            return result

        return next(s.outputs for s in traced(p).statements if isinstance(s, tree.Return))

    assert [one.name and one.name.name for one in outputs(0)] == [None, "r"]
    assert [one.name and one.name.name for one in outputs(1)] == ["weights", "risk"]
    assert [one.name for one in outputs(2)] == [None, None]


def test_places_in_a_body_are_those_of_the_file() -> None:
    def placed(a: dc.real):
        x = dc.find("n")
        dc.minimize(
            dc.sum(x)  # columns are counted in bytes by Python, in letters by us
            + dc.let("σ", a) * dc.norm(x - a)
        )

    value = goal(placed)
    assert isinstance(value, tree.Binary)
    assert value.right.span.text == 'dc.let("σ", a) * dc.norm(x - a)'
    assert value.right.right.span.text == "dc.norm(x - a)"
    assert value.right.span.line == placed.__code__.co_firstlineno + 4
    find = traced(placed).statements[1]
    assert find.span.text == 'dc.find("n")'


REFUSED = [
    ("dc.subject_to(0 <= x <= 1)", "D501", "0 <= x <= 1"),
    ("y = 1 if x > 0 else 2", "D502", "x > 0"),
    ("while x > 0: pass", "D502", "x > 0"),
    ("assert x > 0", "D502", "x > 0"),
    ("y = x > 0 and x < 1", "D502", None),
    ("y = not x", "D502", None),
    ("max(x, 1)", "D502", "max(x, 1)"),
    ("np.exp(x)", "D503", "np.exp(x)"),
    ("np.sum(x)", "D503", "np.sum(x)"),
    ("np.linalg.norm(x)", "D503", "np.linalg.norm(x)"),
    ("np.array([x, 1.0])", "D503", "np.array([x, 1.0])"),
    ("import jax.numpy as jnp; jnp.exp(x)", "D503", "jnp.exp(x)"),
    ("import math; math.exp(x)", "D504", "math.exp(x)"),
    ("len(x)", "D504", "len(x)"),
    ("range(x)", "D504", "range(x)"),
    ("float(x)", "D504", "float(x)"),
    ("a, b = x", "D504", None),
    ("x.sum()", "D505", "x.sum"),
    ("x.shape", "D505", "x.shape"),
    ("x(3)", "D505", "x(3)"),
    ("dc.find('n n')", "D509", "dc.find('n n')"),
    ("dc.find(within='foo bar')", "D509", None),
    ("dc.minimize(np.ones(1000) @ x)", "D513", "np.ones(1000) @ x"),
    ("x + 'a'", "D514", "x + 'a'"),
    ("x + None", "D514", "x + None"),
    ("x * float('nan')", "D514", "x * float('nan')"),
    ("x * 1j", "D514", "x * 1j"),
    ("dc.subject_to(True)", "D515", "dc.subject_to(True)"),
    ("dc.subject_to(x)", "D515", "dc.subject_to(x)"),
    ("dc.saddle(x, minimize=x + 1, maximize=x)", "D515", None),
    ("x[0] = 1", "D517", "x[0]"),
    ("x // 2", "D518", "x // 2"),
    ("x ^ 2", "D518", "x ^ 2"),
    ("x in dc.simplex", "D518", "x in dc.simplex"),
    ("x[::2]", "D518", "x[::2]"),
    ("return 'done'", "D519", None),
    ("for i in dc.each('n'): pass", "D520", "dc.each('n')"),
    ("dc.subject_to(x < 1)", "D108", "x < 1"),
]


@pytest.mark.parametrize(("line", "code", "text"), REFUSED)
def test_what_a_body_cannot_mean(line: str, code: str, text: str | None) -> None:
    function = made(f"def p(a: dc.real):\n    x = dc.find('n')\n    dc.minimize(dc.sum(x))\n    {line}\n")
    _, file, found = trace_function(function)
    assert file is None
    assert [one.code for one in found] == [code]
    if text is not None:
        assert found[0].labels[0].span.text == text
        assert found[0].line == 4


def test_torch_functions_are_refused() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    function = made("def p(a: dc.real):\n    import torch\n    torch.exp(a)\n")
    (found,) = trace_function(function)[2]
    assert (found.code, found.labels[0].span.text) == ("D503", "torch.exp(a)")


def test_own_exceptions_of_a_body_pass_through() -> None:
    function = made("def p(a: dc.real):\n    raise ValueError('mine')\n")
    with pytest.raises(ValueError, match="mine"):
        trace_function(function)


def test_words_have_no_meaning_outside() -> None:
    with pytest.raises(DeclError) as caught:
        dc.find("n")
    (found,) = caught.value.diagnostics
    assert found.code == "D512"
    assert found.labels[0].span.text == 'dc.find("n")'


def test_names_that_cannot_be_declared_give_way() -> None:
    def odd(a: dc.real):
        _private, over = dc.find(), dc.find()
        λ = dc.find()
        many = [dc.find("n") for _ in range(2)]
        dc.minimize(_private + over + λ + dc.sum(many[0]) + dc.sum(many[1]) + a)

    find = traced(odd).statements[1]
    assert isinstance(find, tree.Find)
    assert [d.names[0].name for d in find.declarations] == ["private", "x", "lam", "x2", "x3"]


def test_no_tracing_of_what_runs_otherwise() -> None:
    async def later(a: Any) -> None:
        """given a: real"""

    assert [one.code for one in trace_function(later)[2]] == ["D516"]
    assert [one.code for one in trace_function(print)[2]] == ["D516"]


def test_two_traces_do_not_meet() -> None:
    """A body may use another decorated function's source of symbols only through its own calls."""

    def outer(a: dc.real):
        def inner(b: dc.real):
            y = dc.find()
            dc.minimize((y - b) ** 2)

        x = dc.find()
        assert len(traced(inner).statements) == 3
        dc.minimize((x - a) ** 2)

    same(outer, "problem outer\n given a: real\n find x: real\n minimize (x - a)^2")


# ---- the words -------------------------------------------------------------------------------------


def test_package_offers_the_words() -> None:
    assert set(dc._SYMBOLS) == set(NAMESPACE)
    for name in NAMESPACE:
        assert getattr(dc, name) is NAMESPACE[name]


def test_functions_are_those_of_the_atoms_table() -> None:
    from declarative.atoms import ATOMS as TABLE
    from declarative.atoms import LATER

    operators = {
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "matmul",
        "transpose",
        "equal",
        "not_equal",
        "less",
        "less_equal",
    }
    norms = {"norm1", "norm2", "norm_inf", "norm_nuc", "norm_p", "norm_spec"}
    words = {"and", "or", "not"}
    functions = set(TABLE) - operators - norms - words | set(LATER) | {"norm"}
    assert set(ATOMS) | {"der"} == functions | {"der"}
