"""Random programs of the language with data that make them feasible, bounded and strictly convex.

A program is grown term by term and constraint by constraint; each piece brings its own parameters.
Every constraint is satisfied strictly at the drawn point `inside`, so that no program is infeasible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

Rng = np.random.Generator


@dataclass(repr=False)
class Program:
    """A program under construction; `text` is its source once every piece has been added."""

    rng: Rng
    n: int
    inside: np.ndarray
    givens: list[str] = field(default_factory=list)
    data: dict[str, np.ndarray] = field(default_factory=dict)
    terms: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    find: str = "x: real[n]"
    maximize: bool = False
    solved: str = ""  # a statement in place of the objective
    others: dict[str, np.ndarray] = field(default_factory=dict)  # unknowns beside x, and their values inside
    lets: list[str] = field(default_factory=list)

    def given(self, declaration: str, value: np.ndarray | float) -> str:
        """Declares a parameter with a fresh name and returns the name."""
        name = f"p{len(self.givens)}"
        self.givens.append(f"    {name}: {declaration}")
        self.data[name] = np.asarray(value, int if declaration.startswith("int") else float)
        return name

    def __repr__(self) -> str:
        return f"Program({self.text!r})"

    @property
    def unknowns(self) -> dict[str, np.ndarray]:
        """By name, with their values inside."""
        return {"x": self.inside, **self.others}

    @property
    def text(self) -> str:
        value = " + ".join(self.terms)
        objective = f"maximize -({value})" if self.maximize else f"minimize {value}"
        lines = [
            "problem drawn",
            "  given",
            *self.givens,
            f"  find {self.find}",
        ]
        if self.lets:
            lines += ["  let", *(f"    {one}" for one in self.lets)]
        lines.append(f"  {self.solved or objective}")
        if self.constraints:
            lines += ["  subject to", *(f"    {constraint}" for constraint in self.constraints)]
        duals = [f"d{label} = dual({label})" for label in self.labels]
        return "\n".join([*lines, f"  return {', '.join([*self.unknowns, *duals])}"])


def _rows(program: Program) -> int:
    return int(program.rng.integers(2, 5))


def _affine(program: Program, rows: int) -> str:
    """`A @ x - b` or a spelling of it."""
    a = program.given(f"real[m{len(program.givens)}, n]", program.rng.normal(size=(rows, program.n)))
    b = program.given(f"real[m{len(program.givens) - 1}]", program.rng.normal(size=rows))
    return f"{a} @ x - {b}"


def _scale(program: Program) -> str:
    return program.given("positive real", program.rng.uniform(0.3, 1.5))


# ---- terms: convex functions of x --------------------------------------------------------------


def linear(p: Program) -> str:
    return f"{p.given('real[n]', p.rng.normal(size=p.n))}' @ x"


def quadratic_form(p: Program) -> str:
    root = p.rng.normal(size=(p.n, p.n))
    return f"1/2 * x' @ {p.given('psd real[n, n]', root @ root.T)} @ x"


def squares(p: Program) -> str:
    return f"{_scale(p)} * ||{_affine(p, _rows(p))}||^2"


def summed_squares(p: Program) -> str:
    return f"sum(({_affine(p, _rows(p))})^2)"


def absolute(p: Program) -> str:
    return f"{_scale(p)} * ||x||_1"


def absolute_residuals(p: Program) -> str:
    return f"{_scale(p)} * sum(abs({_affine(p, _rows(p))}))"


def largest(p: Program) -> str:
    return f"{_scale(p)} * max({_affine(p, _rows(p))})"


def hinged(p: Program) -> str:
    return f"{_scale(p)} * sum(hinge({_affine(p, _rows(p))}))"


def robust(p: Program) -> str:
    return f"sum(huber({_affine(p, _rows(p))}))"


def soft_maximum(p: Program) -> str:
    return f"{_scale(p)} * log_sum_exp({_affine(p, _rows(p))})"


def exponentials(p: Program) -> str:
    return f"{_scale(p)} * sum(exp(0.5 * ({_affine(p, _rows(p))})))"


def logistic(p: Program) -> str:
    return f"{_scale(p)} * sum(softplus({_affine(p, _rows(p))}))"


def indexed(p: Program) -> str:
    b = p.given("real[n]", p.rng.normal(size=p.n))
    return f"sum((x[i] - {b}[i])^2 for i in n)"


def smooth_nonlinear_parameter(p: Program) -> str:
    return f"exp({p.given('real', p.rng.normal())}) * sum_squares({_affine(p, _rows(p))})"


PIECEWISE: tuple[Callable[[Program], str], ...] = (
    linear,
    quadratic_form,
    squares,
    summed_squares,
    absolute,
    absolute_residuals,
    largest,
    hinged,
    robust,
    indexed,
    smooth_nonlinear_parameter,
)
SMOOTH: tuple[Callable[[Program], str], ...] = (
    linear,
    quadratic_form,
    squares,
    soft_maximum,
    exponentials,
    logistic,
    indexed,
    smooth_nonlinear_parameter,
)


# ---- constraints: each holds strictly at p.inside ----------------------------------------------


def halfspaces(p: Program) -> str:
    rows = _rows(p)
    g = p.rng.normal(size=(rows, p.n))
    a = p.given(f"real[m{len(p.givens)}, n]", g)
    h = p.given(f"real[m{len(p.givens) - 1}]", g @ p.inside + p.rng.uniform(0.1, 0.6, size=rows))
    return f"{a} @ x <= {h}"


def plane(p: Program) -> str:
    a = p.rng.normal(size=p.n)
    return f"{p.given('real[n]', a)}' @ x == {p.given('real', a @ p.inside)}"


def band(p: Program) -> str:
    width = p.rng.uniform(0.2, 0.8, size=p.n)
    lower, upper = p.given("real[n]", p.inside - width), p.given("real[n]", p.inside + width)
    return f"{lower} <= x <= {upper}"


def budget(p: Program) -> str:
    return f"||x||_1 <= {p.given('positive real', np.abs(p.inside).sum() + 0.4)}"


def peak(p: Program) -> str:
    return f"||x||_inf <= {p.given('positive real', np.abs(p.inside).max() + 0.2)}"


def each(p: Program) -> str:
    upper = p.given("real[n]", p.inside + p.rng.uniform(0.1, 0.5, size=p.n))
    return f"2 * x[i] <= 2 * {upper}[i] for i in n"


def cone(p: Program) -> str:
    return f"||x|| <= {p.given('positive real', np.linalg.norm(p.inside) + 0.3)}"


LINEAR = (halfspaces, plane, band, budget, peak, each)


@st.composite
def convex_programs(draw: st.DrawFn) -> Program:
    """A strictly convex program: two to four terms, up to two constraints, sometimes maximised."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 4))
    smooth = draw(st.booleans())
    domain = "free" if smooth else draw(st.sampled_from(("free", "free", "nonneg", "simplex")))
    inside = {
        "free": rng.normal(size=n),
        "nonneg": rng.uniform(0.1, 1.0, size=n),
        "simplex": rng.dirichlet(np.full(n, 3.0)),
    }[domain]
    program = Program(rng, n, inside)
    program.find = {"free": "x: real[n]", "nonneg": "x: nonneg real[n]", "simplex": "x: real[n] in simplex"}[
        domain
    ]
    center = program.given("real[n]", rng.normal(size=n))
    program.terms.append(f"{_scale(program)} * ||x - {center}||^2")
    pieces = draw(st.lists(st.sampled_from(SMOOTH if smooth else PIECEWISE), min_size=1, max_size=3))
    program.terms += [piece(program) for piece in pieces]
    program.maximize = draw(st.booleans())
    if smooth:
        rules = draw(st.lists(st.just(cone), max_size=1)) if draw(st.integers(0, 3)) == 0 else []
    else:
        # a plane and a simplex may leave no freedom, where the derivative is not defined
        allowed = [rule for rule in LINEAR if not (rule is plane and (domain == "simplex" or n == 1))]
        rules = draw(st.lists(st.sampled_from(allowed), max_size=2, unique=True))
    program.constraints += [rule(program) for rule in rules]
    return program


@st.composite
def equations(draw: st.DrawFn) -> Program:
    """A contractive fixed point or a root of a strongly monotone map: nothing convex about it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 4))
    program = Program(rng, n, inside=np.zeros(n))
    weights = rng.normal(size=(n, n))
    w = program.given("real[n, n]", 0.6 * weights / np.linalg.norm(weights, 2))
    b = program.given("real[n]", rng.normal(size=n))
    squash = draw(st.sampled_from(("tanh", "sin", "sigmoid", "softplus")))
    if draw(st.booleans()):
        program.solved = f"fixed point x = {squash}({w} @ x + {b})"
    else:
        program.solved = f"root 2 * x + {squash}({w} @ x) + x^3 = {b}"
    return program
