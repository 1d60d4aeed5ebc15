"""Options, the choice of an engine, its reasons, and the text that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import declarative as dc
from declarative.analyse import Class, analyse
from declarative.errors import DeclError
from declarative.plan import Accept, Choice, Refuse, Request, Variant, explain, plan, request
from declarative.plan import predicates as must
from declarative.rewrite import rewrite
from tests import programs


@dataclass(frozen=True)
class Fake:
    name: str
    rules: tuple[must.Rule, ...]
    cost: float = 10
    backend: str = "jax"
    form: str = "smooth"
    methods: tuple[str, ...] = ()
    backwards: tuple[str, ...] = ()

    def accepts(self, variant: Variant) -> Accept | Refuse:
        return must.decide(variant, *self.rules, cost=self.cost, why=f"as {self.name} does")


ENGINES = (
    Fake("formula", (must.known_projection("simplex", "box"),), cost=1),
    Fake("dense", (must.only(Class.LP, Class.QP), must.affine_constraints, must.quadratic), cost=10),
    Fake("newton", (must.minimisation, must.unconstrained, must.smooth), cost=20),
    Fake("gauss", (must.unconstrained, must.smooth, must.residuals), cost=15),
    Fake("picard", (must.only(Class.FIXED_POINT), must.unconstrained), 20, methods=("plain", "anderson"),
         backwards=("one_step", "truncated")),
    Fake("reference", (must.minimisation, must.convex, must.no_extern), cost=1000, backend="cvxpy"),
)  # fmt: skip
HEAD = "problem p\n  given v: real[n], A: real[m, n], b: real[m], W: real[n, n]\n  "


def chosen(text: str, **options: Any) -> Choice:
    problem = programs.problem(text if text.startswith(("problem", "extern")) else HEAD + text)
    return plan(rewrite(problem, analyse(problem)), ENGINES, request(problem, options))


CHOICES = {
    "find x: real[n] in simplex\n minimize ||x - v||^2": ("formula", 0),
    "find x: real[n] in simplex\n minimize ||x - v||^2 + v' @ W @ x": ("formula", 0),
    "find x: real[n] in simplex\n minimize ||A @ x - b||^2": ("dense", 1),
    "find x: real[n] in simplex\n minimize ||A @ x - b||_1": ("dense", 2),
    "find x: real[n]\n minimize ||A @ x - b||^2": ("dense", 0),
    "find x: real[n]\n minimize ||tanh(A @ x) - b||^2": ("gauss", 0),
    "find x: real[n]\n minimize sum(exp(x)) + ||x||^2": ("newton", 0),
    "find x: real[n] in ball(1)\n minimize ||A @ x - b||^2": ("reference", 0),
    "find x: real[n]\n fixed point x = tanh(W @ x)": ("picard", 0),
}


@pytest.mark.parametrize(("text", "wanted"), CHOICES.items())
def test_the_cheapest_engine_wins(text: str, wanted: tuple[str, int]) -> None:
    found = chosen(text)
    assert (found.engine.name, len(found.variant.steps)) == wanted
    assert {answer.engine.name for answer in found.answers} == {engine.name for engine in ENGINES}


def test_engine_backend_and_method_by_name() -> None:
    text = "find x: real[n]\n minimize ||A @ x - b||^2"
    assert chosen(text, engine="gauss").engine.name == "gauss"
    assert chosen(text, backend="cvxpy").engine.name == "reference"
    assert chosen(text + "\n options engine = newton").engine.name == "newton"
    assert chosen(text + "\n options engine = newton", engine="gauss").engine.name == "gauss"
    fixed = chosen("find x: real[n]\n fixed point x = tanh(W @ x)\n options engine = anderson, tol = 1e-6")
    assert (fixed.engine.name, fixed.method, fixed.request.tol) == ("picard", "anderson", 1e-6)


@pytest.mark.parametrize(
    ("objective", "wanted"),
    [("||A @ x - b||^2", "dense"), ("||A @ x - b||", "cones"), ("sum(exp(A @ x))", "cones")],
)
def test_a_name_that_is_anothers_method_too_offers_both(objective: str, wanted: str) -> None:
    cones = Fake("cones", (must.minimisation, must.convex, must.conic_form), cost=40, methods=("dense",))
    problem = programs.problem(f"{HEAD}find x: real[n]\n minimize {objective}")
    variants = rewrite(problem, analyse(problem))
    choice = plan(variants, (*ENGINES, cones), request(problem, {"engine": "dense"}))
    assert choice.engine.name == wanted
    answers = {answer.engine.name for answer in choice.answers}
    assert answers == {"dense", "cones"}


def code(text: str, **options: Any) -> tuple[str, str]:
    with pytest.raises(DeclError) as caught:
        chosen(text, **options)
    found = caught.value.diagnostics[0]
    return found.code, f"{found.message} | {found.help}"


FREE = "find x: real[n]\n minimize ||x - v||^2"


def test_refusals_carry_reasons() -> None:
    assert code("find x: real[n] in simplex\n minimize sum(exp(x))", engine="newton") == (
        "D402",
        "engine `newton` does not take this problem: there are constraints"
        " | leave `engine` out and the plan chooses one",
    )
    found, words = code("find x: real[n]\n minimize sum(x^4)\n subject to ||x||^2 == 1")
    assert found == "D401"
    assert "newton, gauss: there are constraints" in words
    assert "reference: it is not certified convex" in words


@pytest.mark.parametrize(
    "text",
    [
        "find p: real[m] in simplex, q: real[n] in simplex\n minimize over p maximize over q: p' @ A @ q",
        "find x: nonneg real, y: nonneg real\n equilibrium\n x minimizes x^2 - x * y\n y minimizes y^2 + x * y",
        "find y: real[n]\n ode t in [0, 1]\n der(y) == -y\n y(0) == v\n return y(1)",
        "find x: real[n] in sphere, y: real\n maximize x' @ W @ x - y^2",
        "find x: real[n]\n minimize ||x||^2 - min((y - v[0])^2 + x[0] over y: real)",
        "find x: int[n]\n minimize ||x - v||^2",
        "find x: int[n]\n root x = v",
    ],
)
def test_what_no_engine_takes_is_said_at_the_statement(text: str) -> None:
    with pytest.raises(DeclError) as caught:
        chosen(text)
    (found,) = caught.value.diagnostics
    assert found.code == "D401"
    assert found.line > 2


def test_mistaken_options() -> None:
    assert code(FREE, engine="newtn") == ("D403", "there is no engine `newtn` | did you mean `newton`?")
    assert code(FREE, engine="magic")[1].endswith("`picard`, `reference`, `plain`, `anderson`")
    assert code(FREE, backend="cvx") == ("D408", "there is no backend `cvx` | did you mean `cvxpy`?")
    assert code(FREE, tolerance=1)[0] == "D404"
    assert code(FREE, backward="one_step")[0] == "D406"
    for wrong in (
        {"tol": 0},
        {"tol": "small"},
        {"max_iter": 0},
        {"max_iter": 2.5},
        {"backward": "truncated"},
    ):
        assert code(FREE, **wrong)[0] == "D405"
    for wrong in (
        {"backward": "phantom(1)"},
        {"backward": 3},
        {"on_fail": "ignore"},
        {"start": 1.0},
        {"tol": True},
    ):
        assert code(FREE, **wrong)[0] == "D405"


def test_all_mistakes_at_once() -> None:
    with pytest.raises(DeclError) as caught:
        chosen(FREE, tol=-1, max_iter=0, wat=1)
    assert [one.code for one in caught.value.diagnostics] == ["D405", "D405", "D404"]


def test_options_of_text_and_call() -> None:
    problem = programs.problem(
        HEAD + FREE + "\n options tol = 1e-5, max_iter = 7, on_fail = keep, backward = phantom(2, 0.5)"
    )
    asked = request(problem, {"tol": 1e-9, "on_fail": None})
    assert asked == Request(
        tol=1e-9, max_iter=7, on_fail="keep", backward="phantom", backward_args=(2.0, 0.5)
    )


def test_backward_modes_of_the_chosen_engine() -> None:
    text = "find x: real[n]\n fixed point x = tanh(W @ x)"
    assert chosen(text, backward="truncated(5)").request.backward_args == (5.0,)
    assert code(text, backward="neumann(3)")[1].endswith("it has: implicit, one_step, truncated")


def test_host_functions_must_be_bound() -> None:
    text = (
        "extern def cell(z: real[n], x: real[n]) -> real[n]\n"
        "problem deq\n given x: real[n]\n find z: real[n]\n fixed point z = cell(z, x)"
    )
    assert chosen(text).engine.name == "picard"
    assert chosen(text, externs={"cell"}).engine.name == "picard"
    assert code(text, externs=set())[0] == "D407"


def test_explain() -> None:
    text = explain(chosen("find x: real[n] in simplex\n minimize ||A @ x - b||_1"))
    assert (
        text
        == """\
problem p
class           convex program
convex          certified
smooth          no
unique          where the Hessian is positive definite along the active constraints
differentiable  where the active constraints are independent, their multipliers are not zero, and
                the Hessian is positive definite along them
rewrites        sets as constraints; piecewise-linear atoms by auxiliaries
  solved as     linear program
engine          dense, jax backend
answers
  formula    no: it is no known projection or proximal map
* dense      yes, cost 10: as dense does [after 2 rewrites]
  newton     no: there are constraints
  gauss      no: there are constraints
  picard     no: it solves a fixed point, not a linear program
  reference  yes, cost 1000: as reference does
"""
    )


def test_explain_says_who_is_to_blame() -> None:
    text = explain(chosen("find x: real[n]\n minimize x' @ W @ x + sum(x^4)"))
    assert "convex          not certified\n                line 4: this matrix is not known" in text


@pytest.mark.parametrize(
    ("given", "constraint", "engine"),
    [
        ("F: real[k, n]", "||F @ x|| <= 1", "conic"),
        ("F: real[k, n]", "||F @ x||^2 <= 1", "conic"),
        ("P: psd real[n, n]", "x @ P @ x <= 1", "nonlinear"),
        ("F: real[k, n]", "sum(exp(F @ x)) <= 1", "nonlinear"),
    ],
)
def test_squares_alone_are_cones(given: str, constraint: str, engine: str) -> None:
    head = f"problem p\n  given m: real[n], {given}\n  find x: nonneg real[n]\n  minimize m @ x\n"
    assert dc.compile(f"{head}  subject to {constraint}").info["engine"] == engine
