"""What the forms of the language become in the IR."""

from __future__ import annotations

import math

import pytest

from declarative import ir
from declarative.check import check
from declarative.dims import Dim
from declarative.errors import Source
from declarative.grammar import parse
from tests.programs import problem

n, m, T = Dim.of("n"), Dim.of("m"), Dim.of("T")
GIVEN = "given A: real[m, n], b: real[m], v: real[n], c: real, idx: int[k], T: static int, flag: bool"


def minimized(text: str) -> ir.Expr:
    found = problem(f"problem p\n  {GIVEN}\n  find x: real[n]\n  minimize {text}\n  subject to x >= 0")
    assert isinstance(found.statement, ir.Minimize)
    return found.statement.value


def value(text: str) -> ir.Expr:
    """An expression that need not be scalar."""
    found = problem(f"problem p\n  {GIVEN}\n  find x: real[n]\n  minimize sum(x)\n  return it = {text}")
    return found.outputs[0].value


def constraints(text: str) -> tuple[ir.Constraint, ...]:
    return problem(
        f"problem p\n  {GIVEN}\n  find x: real[n]\n  minimize sum(x)\n  subject to\n    {text}"
    ).constraints


def atom(expr: ir.Expr) -> str:
    assert isinstance(expr, ir.Apply)
    return expr.atom


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("||x||", "norm2"), ("||x||_1", "norm1"), ("||x||_inf", "norm_inf"), ("||x||_2", "norm2"),
        ("||A||", "norm2"), ("||A||_F", "norm2"), ("||A||_2", "norm_spec"), ("||A||_*", "norm_nuc"),
        ("||x||_3", "norm_p"),
        ("norm(x)", "norm2"), ("norm(x, 1)", "norm1"), ("norm(x, inf)", "norm_inf"),
        ("||c||", "abs"), ("||x||^2", "sum_squares"), ("||A||_F^2", "sum_squares"),
        ("||x||_1^2", "pow"), ("c^2", "pow"), ("max(c, 1)", "maximum"), ("max(x)", "max"), ("x' @ v", "matmul"),
        ("if flag then c else 1", "where"), ("huber(c)", "huber"), ("-c", "neg"),
    ],
)  # fmt: skip
def test_atoms(text: str, name: str):
    assert atom(minimized(text)) == name


def test_a_transposed_vector_is_the_vector():
    assert minimized("x' @ v") == minimized("x @ v")
    assert value("A'").type.shape == (n, m)


def test_literals():
    assert minimized("-2") == ir.Const(-2, ir.Type("int"))
    assert minimized("pi") == ir.Const(math.pi)
    assert minimized("c + 1e-3").args[1] == ir.Const(0.001)  # type: ignore[union-attr]


def test_sizes():
    assert minimized("2 * n - T + 1") == ir.Size(n * 2 - T + 1)
    assert minimized("c / n").args[1] == ir.Size(n)  # type: ignore[union-attr]


def test_optional_arguments_are_filled():
    assert minimized("huber(c)") == minimized("huber(c, 1.0)")
    assert dict(minimized("sum(A)").attrs) == {"axis": None}  # type: ignore[union-attr]
    assert dict(value("sum(A, axis = -1)").attrs) == {"axis": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("A @ x", (m,)), ("A' @ b", (n,)), ("A' @ A", (n, n)), ("x * c", (n,)), ("A[0]", (n,)), ("A[:, 0]", (m,)),
        ("A[idx]", (Dim.of("k"), n)), ("A[0, 1:n]", (n - 1,)), ("x[1:-1]", (n - 2,)), ("outer(b, x)", (m, n)),
        ("diff(x)", (n - 1,)), ("concat(0, x, 0)", (n + 2,)), ("stack(x, v)", (Dim.of(2), n)),
        ("sum(A, axis = 0)", (n,)), ("diag(x)", (n, n)), ("vec(A)", (m * n,)), ("kron(A, A)", (m * m, n * n)),
        ("reshape(A, n, m)", (n, m)), ("zeros(T + 1, n)", (T + 1, n)), ("sum(A[i] for i in m)", (n,)),
        ("solve(A' @ A, v)", (n,)), ("x / sum(x)", (n,)), ("where(x > 0, x, 0)", (n,)), ("A[idx, 0]", (Dim.of("k"),)),
    ],
)  # fmt: skip
def test_shapes(text: str, shape: tuple[Dim, ...]):
    assert value(text).type.shape == shape


def test_indices_have_one_item_per_axis():
    row = value("A[-1]")
    assert isinstance(row, ir.Index)
    assert row.items == (ir.Size(m - 1), ir.Slice(Dim.of(0), n))
    assert value("A[:, :]") == value("A")


def test_a_gather_comes_after_the_other_items():
    found = value("A[idx, 0]")
    assert isinstance(found, ir.Index)
    assert isinstance(found.array, ir.Index)
    assert found.array.items == (ir.Slice(Dim.of(0), m), ir.Const(0, ir.Type("int")))


def test_comprehensions():
    found = minimized("sum(x[i] * v[j] for i in n for j in 1..n-1 where i < j)")
    assert isinstance(found, ir.Reduce)
    assert found.binders == (ir.Binder("i", Dim.of(0), n), ir.Binder("j", Dim.of(1), n))
    assert atom(found.where) == "less"  # type: ignore[arg-type]


def test_constraints():
    lower, upper = constraints("-1 <= x <= 1")
    assert isinstance(lower, ir.Inequality)
    assert lower.right == upper.left  # type: ignore[union-attr]
    (turned,) = constraints("x >= v")
    assert isinstance(turned, ir.Inequality)
    assert turned.left == ir.Param("v", ir.Type("real", (n,)))
    (member,) = constraints("x in [0, 1]")
    assert isinstance(member, ir.Membership)
    assert member.within.name == "box"
    (order,) = constraints("0 << diag(x)")
    assert isinstance(order, ir.Semidefinite)
    assert atom(order.greater) == "diag"


def test_multipliers_have_the_shape_of_their_constraint():
    text = "row: A[i, :] @ x <= b[i] for i in m where i > 0\n    all: A @ x == b\n    set: x in ball(1)"
    found = problem(
        f"problem p\n  {GIVEN}\n  find x: real[n]\n  minimize sum(x)\n  subject to\n    {text}\n"
        "  return r = dual(row), a = dual(all), s = dual(set), o = objective"
    )
    assert [output.value.type.shape for output in found.outputs] == [(m,), (m,), (n,), ()]


def test_lets_are_shared_objects():
    found = problem(
        f"problem p\n  {GIVEN}\n  find x: real[n]\n  let r = A @ x - b\n  minimize r' @ r\n  return r"
    )
    assert isinstance(found.statement, ir.Minimize)
    assert isinstance(found.statement.value, ir.Apply)
    left, right = found.statement.value.args
    assert left is right is found.lets[0].value is found.outputs[0].value


def test_definitions_are_expanded_with_shared_arguments():
    text = "def twice(r, s: real = 2) = s * r + r"
    found = problem(f"{text}\nproblem p\n  {GIVEN}\n  find x: real[n]\n  minimize sum(twice(A @ x - b))")
    assert isinstance(found.statement, ir.Minimize)
    added = found.statement.value.args[0]  # type: ignore[union-attr]
    assert added.args[0].args[1] is added.args[1]


def test_a_called_problem_gets_its_arguments_in_order():
    text = (
        "problem ridge\n  given X: real[m, d], y: real[m], lam: positive real = 1\n  find w: real[d]\n"
        "  minimize ||X @ w - y||^2 + lam * ||w||^2\n"
        f"problem p\n  {GIVEN}\n  find x: real[n]\n  let w = ridge(y = b, X = A)\n  minimize ||w - x||^2"
    )
    value_ = problem(text, "p").lets[0].value
    assert isinstance(value_, ir.SubProblem)
    assert [getattr(argument, "name", argument) for argument in value_.args] == [
        "A",
        "b",
        ir.Const(1, ir.Type("int")),
    ]
    assert value_.type.shape == (n,)
    assert value_.output == "w"


def test_a_problem_in_place_takes_what_it_reads():
    found = minimized("sum(argmin((u - x[i])^2 + c * u over u: real in [0, 1]) for i in n)")
    assert isinstance(found, ir.Reduce)
    assert isinstance(found.body, ir.SubProblem)
    assert [param.name for param in found.body.problem.params] == ["x", "i", "c"]
    assert isinstance(found.body.args[0], ir.Unknown)
    assert isinstance(found.body.problem.params[0].type, ir.Type)


def test_outputs_without_return_are_the_unknowns():
    found = problem(f"problem p\n  {GIVEN}\n  find x: real[n], t: real\n  minimize sum(x) + t")
    assert [output.name for output in found.outputs] == ["x", "t"]


def message(text: str) -> str:
    file, found = parse(Source("text", text))
    assert file is not None, "\n".join(map(str, found))
    return "\n".join(one.message for one in check(file)[1])


def test_shape_explanations_name_the_declarations():
    text = (
        "problem p\n  given F: real[n, k]\n  given w: real[k]\n  find x: real[k]\n  minimize ||F' @ w - x||"
    )
    assert message(text) == "`F' @ w`: n of `F` (line 2) vs k of `w` (line 3)"
    text = "problem p\n  given X: real[m, d], y: real[k]\n  find w: real[d]\n  minimize ||X @ w - y||"
    assert message(text) == "`X @ w - y`: m of `X` (line 2) vs k of `y` (line 2)"


def test_one_mistake_is_one_finding():
    text = "problem p\n  given y: real[n]\n  find x: real[n]\n  let a = z + 1\n  let b = 2 * a\n"
    text += "  minimize ||b - y||^2 + a[0]"
    assert message(text) == "unknown name `z`"


def test_options():
    found = problem(
        f"problem p\n  {GIVEN}, x0: real[n]\n  find x: real[n]\n  minimize ||x||^2\n"
        "  options start = x0, backward = truncated(5), tol = 1e-8\n  options on_fail = keep"
    )
    assert dict(found.options) == {"start": "x0", "backward": "truncated(5)", "tol": 1e-8, "on_fail": "keep"}
