"""Lines, keywords and norm bars: what is read before the grammar."""

from __future__ import annotations

import pytest

from declarative.errors import Source
from declarative.grammar import parse, tree

HEAD = "problem p\n  given A: real[n, n], b: real[n], y: real\n  find  x: real[n]\n"


def statements(body: str, head: str = HEAD) -> tuple[tree.Statement, ...]:
    file, found = parse(Source("p.decl", head + body))
    assert file is not None, "\n".join(map(str, found))
    problem = file.items[0]
    assert isinstance(problem, tree.Problem)
    return problem.statements


def same(one: str, other: str) -> None:
    assert statements(one) == statements(other)


def constraints(body: str) -> tuple[tree.Constraint, ...]:
    return next(s.constraints for s in statements("minimize ||x||\n" + body) if isinstance(s, tree.SubjectTo))


@pytest.mark.parametrize(
    ("broken", "joined"),
    [
        ("minimize ||x|| +\n y", "minimize ||x|| + y"),
        ("minimize ||x||\n + y", "minimize ||x|| + y"),
        ("minimize ||x||\n - y", "minimize ||x|| - y"),
        ("minimize\n  ||x||\n  * y", "minimize ||x|| * y"),
        ("minimize sum(\n\n x[i]\n for i in n\n)", "minimize sum(x[i] for i in n)"),
        ("minimize ||x\n - b||", "minimize ||x - b||"),
        ("minimize if y > 0\n then y\n else 0", "minimize if y > 0 then y else 0"),
        ("let s =\n y\nminimize s", "let s = y\nminimize s"),
        ("let s = y,\n t = s\nminimize t", "let s = y, t = s\nminimize t"),
        ("minimize y subject to x >= 0", "minimize y\nsubject to x >= 0"),
        (
            "minimize y\nsubject to x[i] >= 0\n for i in n\n where i > 0",
            "minimize y\nsubject to x[i] >= 0 for i in n where i > 0",
        ),
        ("minimize y  # one\n  # two\n  + 1", "minimize y + 1"),
    ],
)
def test_a_statement_goes_on(broken: str, joined: str) -> None:
    same(broken, joined)


def test_a_sign_begins_a_new_item_of_a_list() -> None:
    assert len(constraints("subject to\n x <= b\n -1 <= x\n +y <= 1")) == 3
    assert len(constraints("subject to x <= b -\n 1")) == 1
    assert len(statements("root\n  A @ x = b\n  - x = b")[-1].equations) == 2


def test_player_lines_are_no_list_of_that_kind() -> None:
    *_, last = statements("equilibrium\n x minimizes y\n - ||x||^2")
    assert isinstance(last, tree.Equilibrium)
    assert isinstance(last.players[0].value, tree.Binary)


def test_constraints_of_players_and_of_all() -> None:
    *_, game, shared = statements(
        "equilibrium\n x minimizes y subject to x >= 0, x <= 1\nsubject to sum(x) <= 3"
    )
    assert isinstance(game, tree.Equilibrium)
    assert len(game.players[0].constraints) == 2
    assert isinstance(shared, tree.SubjectTo)


@pytest.mark.parametrize(
    "word", ["root", "find", "let", "given", "minimize", "options", "ode", "return", "def", "as"]
)
def test_statement_words_are_names_elsewhere(word: str) -> None:
    body = f"let {word} = y\nminimize {word} * {word} + max({word}, 1)\nsubject to\n {word} <= 1\n"
    *_, goal, subject = statements(body)
    assert tree.Name(word) in _names(goal)
    assert tree.Name(word) in _names(subject)


def _names(node: tree.Node) -> list[tree.Node]:
    return [node, *(name for child in tree.children(node) for name in _names(child))]


def test_keywords_label_constraints() -> None:
    labels = [c.label for c in constraints("subject to\n root: y <= 1\n start: y >= 0\n ode: y == 0.5")]
    assert labels == [tree.Name("root"), tree.Name("start"), tree.Name("ode")]


def test_where_is_a_function_and_a_filter() -> None:
    (one,) = constraints("subject to where(x > 0, x, b)[i] <= 1 for i in n where where(y > 0, i, 0) > 1")
    assert isinstance(one.relation, tree.Compare)
    assert one.where is not None


NORM = tree.Norm
X, B, Y = tree.Name("x"), tree.Name("b"), tree.Name("y")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("||x||", NORM(X)),
        ("||x||_1", NORM(X, "1")),
        ("||x||_inf", NORM(X, "inf")),
        ("||x||_∞", NORM(X, "inf")),
        ("‖x‖∞", NORM(X, "inf")),
        ("‖x‖₂", NORM(X, "2")),
        ("||A||_*", NORM(tree.Name("A"), "*")),
        ("||A||_F", NORM(tree.Name("A"), "F")),
        ("||x||_1.5", NORM(X, "1.5")),
        ("||||x||||", NORM(NORM(X))),
        ("|| ||x|| * b ||", NORM(tree.Binary("*", NORM(X), B))),
        ("||y * ||x||_1||_2", NORM(tree.Binary("*", Y, NORM(X, "1")), "2")),
        ("||x|| * ||b||", tree.Binary("*", NORM(X), NORM(B))),
        ("||x||/||b||", tree.Binary("/", NORM(X), NORM(B))),
        ("||f(||x||)||", NORM(tree.Call(tree.Name("f"), (NORM(X),)))),
        ("||x'||", NORM(tree.Unary("'", X))),
        ("-||x||^2", tree.Unary("-", tree.Binary("^", NORM(X), tree.Number(2)))),
    ],
)
def test_norm_bars(text: str, node: tree.Expr) -> None:
    goal = statements(f"minimize {text}")[-1]
    assert isinstance(goal, tree.Objective)
    assert goal.value == node


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x <= b", "x ≤ b"),
        ("x >= b", "x ≥ b"),
        ("x in simplex", "x ∈ simplex"),
        ("A >> 0", "A ⪰ 0"),
        ("A << 0", "A ⪯ 0"),
        ("x[i] <= 1 for i in n", "x[i] <= 1 ∀ i ∈ n"),
        ("x' @ b <= 1", "xᵀ @ b <= 1"),
        ("y^2 <= inf", "y² ≤ ∞"),
        ("y**2 <= 1", "y^2 <= 1"),
        ("y^-1 <= 1", "y⁻¹ <= 1"),
        ("1/2 * y <= 1", "½ · y ≤ 1"),
        ("y^(1/2) <= 1", "y^½ ≤ 1"),
        ("y - 1 <= 1", "y − 1 ≤ 1"),
        ("||x||_2 <= 1", "‖x‖₂ ≤ 1"),
    ],
)
def test_spellings_are_equal(one: str, other: str) -> None:
    assert constraints(f"subject to {one}") == constraints(f"subject to {other}")


def test_names_in_greek_and_with_subscripts() -> None:
    head = "problem p\n given λ: ℝ, α₁: ℝ[n], Σ_max: real\n find x: ℝ[n]\n"
    given = statements("minimize λ * α₁' @ x", head)[0]
    assert isinstance(given, tree.Given)
    assert [d.names[0].name for d in given.declarations] == ["lam", "alpha1", "Sigma_max"]
    assert given.declarations[0].type.base == tree.Name("real")


def test_numbers_and_ranges() -> None:
    goal = statements("minimize sum(x[i] for i in 1..n-1) + 1.5 * .5 - 2e-3 + 1.")[-1]
    numbers = [node.value for node in _names(goal) if isinstance(node, tree.Number)]
    assert numbers == [1, 1, 1.5, 0.5, 2e-3, 1.0]
    assert any(isinstance(node, tree.Range) for node in _names(goal))


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("-y^2", "-(y^2)"),
        ("y^-2", "y^(-2)"),
        ("y^2^3", "y^(2^3)"),
        ("-y * 2", "(-y) * 2"),
        ("A @ x * y", "(A @ x) * y"),
        ("1/2 * y", "(1/2) * y"),
        ("y - 1 - 2", "(y - 1) - 2"),
        ("x'^2", "(x')^2"),
        ("2^y'", "2^(y')"),
        ("A'[0]", "(A')[0]"),
        ("if y > 0 then 1 else y + 1", "if y > 0 then 1 else (y + 1)"),
        ("where(y > 0 and not y > 1 or y < 3, 1, 2)", "where(((y > 0) and (not (y > 1))) or (y < 3), 1, 2)"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    same(f"minimize {text}", f"minimize {grouped}")


def test_long_sums_are_read_by_halves() -> None:
    """The tree is shallow, means the same, and reads back from text with its groups in brackets."""
    terms = [f"{'-' if k % 3 == 1 else '+'} {k} * y" for k in range(1, 300)]
    goal = statements("minimize 0 * y " + " ".join(terms))[-1]
    assert isinstance(goal, tree.Objective)
    assert _value(goal.value) == sum((-k if k % 3 == 1 else k) for k in range(1, 300))
    assert _depth(goal) < 30
    assert statements(f"minimize {_bracketed(goal.value)}")[-1] == goal
    assert _depth(statements("minimize y" + " + y" * 31)[-1]) == 33


def _depth(node: tree.Node) -> int:
    return 1 + max(map(_depth, tree.children(node)), default=0)


def _value(node: tree.Expr) -> float:
    """At y = 1."""
    if isinstance(node, tree.Binary):
        left, right = _value(node.left), _value(node.right)
        return {"+": left + right, "-": left - right, "*": left * right}[node.op]
    return node.value if isinstance(node, tree.Number) else 1


def _bracketed(node: tree.Expr) -> str:
    if not isinstance(node, tree.Binary):
        return node.span.text
    right = _bracketed(node.right)
    if node.op in "+-" and isinstance(node.right, tree.Binary) and node.right.op in "+-":
        right = f"({right})"
    return f"{_bracketed(node.left)} {node.op} {right}"


def test_documentation_stays_with_what_it_describes() -> None:
    text = (
        "## The problem.\n## In two lines.\nproblem p  ## and a third\n"
        "  given a: real, b: real  ## both\n"
        "    ## before\n"
        "  find x: real\n    ## of y\n    y: real  ## and after\n  minimize x\n\n## A function.\ndef f(t) = t\n"
    )
    file, _ = parse(Source("p.decl", text))
    assert file is not None
    problem, function = file.items
    assert isinstance(problem, tree.Problem)
    assert isinstance(function, tree.Def)
    assert problem.doc == "The problem.\nIn two lines.\nand a third"
    assert function.doc == "A function."
    docs = [
        d.doc for s in problem.statements if isinstance(s, tree.Given | tree.Find) for d in s.declarations
    ]
    assert docs == ["both", "both", "before", "of y\nand after"]


def test_spans_are_exact() -> None:
    source = Source(
        "p.decl", HEAD + "  minimize (x - b)' @ A @ (x - b) + ||x||_1\n  subject to cap: x <= 1 for i in n\n"
    )
    file, _ = parse(source)
    assert file is not None
    problem = file.items[0]
    assert isinstance(problem, tree.Problem)
    *_, goal, subject = problem.statements
    assert goal.span.text == "minimize (x - b)' @ A @ (x - b) + ||x||_1"
    texts = [node.span.text for node in _names(goal)]
    assert "(x - b)'" in texts
    assert "||x||_1" in texts
    assert "(x - b)' @ A @ (x - b)" in texts
    assert subject.span.text == "subject to cap: x <= 1 for i in n"
    assert problem.span.text == source.text.rstrip()
    assert file.span.source is source


def test_an_empty_file_is_a_file() -> None:
    for text in ("", "\n\n", "# only a remark\n", "\ufeff"):
        assert parse(Source("p.decl", text)) == (tree.File(()), [])
