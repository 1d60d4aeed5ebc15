"""Random programs of the whole disciplined-convex language: every convex atom, set and kind of constraint.

Grown as in `programs`: each piece brings its own parameters, every constraint holds strictly at the point
`inside`, every logarithm and power is in its domain there, and a strongly convex term makes the solution unique.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.agreement.programs import Program, _rows, _scale

Piece = Callable[[Program], str]
Valued = Callable[[Program], tuple[str, float]]


def _data(p: Program, rows: int, size: str = "") -> tuple[str, np.ndarray]:
    """`A @ x - b` and its value inside; `size` names the dimension."""
    a, b, size = p.rng.normal(size=(rows, p.n)), p.rng.normal(size=rows), size or f"m{len(p.givens)}"
    return f"{p.given(f'real[{size}, n]', a)} @ x - {p.given(f'real[{size}]', b)}", a @ p.inside - b


def _positive(p: Program, rows: int, size: str = "") -> tuple[str, np.ndarray]:
    """An affine expression that is at least 0.5 inside."""
    a, size = p.rng.normal(size=(rows, p.n)), size or f"m{len(p.givens)}"
    value = p.rng.uniform(0.5, 2.0, size=rows)
    shift = value - a @ p.inside
    return f"({p.given(f'real[{size}, n]', a)} @ x + {p.given(f'real[{size}]', shift)})", value


def _matrix(p: Program) -> tuple[str, np.ndarray, str]:
    """A matrix that is affine in x, symmetric, with eigenvalues of at least 0.5 inside; and its dimension."""
    k = int(p.rng.integers(2, 4))
    d = f"k{len(p.givens)}"
    parts, value = [], np.zeros((k, k))
    for i in range(min(2, p.n)):
        s = p.rng.normal(size=(k, k))
        parts.append(f"x[{i}] * {p.given(f'symmetric real[{d}, {d}]', s + s.T)}")
        value = value + p.inside[i] * (s + s.T)
    base = (0.5 + p.rng.uniform(0, 1) - np.linalg.eigvalsh(value)[0]) * np.eye(k)
    s = p.rng.normal(size=(k, k)) * 0.3
    base = base + s @ s.T
    return f"({' + '.join(parts)} + {p.given(f'symmetric real[{d}, {d}]', base)})", value + base, d


def _tall(p: Program) -> tuple[str, np.ndarray]:
    """A rectangular matrix that is affine in x."""
    d = len(p.givens)
    a, b = p.rng.normal(size=(2, 3)), p.rng.normal(size=(2, 3))
    text = f"(x[0] * {p.given(f'real[r{d}, s{d}]', a)} - {p.given(f'real[r{d}, s{d}]', b)})"
    return text, p.inside[0] * a - b


# ---- convex functions and their values inside ----------------------------------------------------


def norm(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"||{text}||", float(np.linalg.norm(value))


def other_norm(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    kind = p.rng.choice(["1", "inf", "1.5", "3"])
    return f"||{text}||_{kind}", float(np.linalg.norm(value, float(kind)))


def exponentials(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"sum(exp(0.5 * ({text})))", float(np.exp(0.5 * value).sum())


def logistic(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"sum(softplus({text}))", float(np.logaddexp(0, value).sum())


def soft_maximum(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"log_sum_exp({text})", float(np.logaddexp.reduce(value))


def barrier(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    return f"-sum(log({text}))", float(-np.log(value).sum())


def shifted_barrier(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    return f"-sum(log1p({text}))", float(-np.log1p(value).sum())


def roots(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    return f"-sum(sqrt({text}))", float(-np.sqrt(value).sum())


def powers(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    c = float(p.rng.choice([0.3, 0.7, 1.5, 2.5]))
    sign = "-" if 0 < c < 1 else ""
    return f"{sign}sum({text} ^ {c})", float((-1 if sign else 1) * (value**c).sum())


def even_power(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"sum(({text}) ^ 4)", float((value**4).sum())


def inverses(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    return f"sum(inv_pos({text}))", float((1 / value).sum())


def entropies(p: Program) -> tuple[str, float]:
    text, value = _positive(p, _rows(p))
    return f"-entropy({text})", float((value * np.log(value)).sum())


def divergence(p: Program) -> tuple[str, float]:
    rows = _rows(p)
    size = f"m{len(p.givens)}"
    (a, x), (b, y) = _positive(p, rows, size), _positive(p, rows, size)
    if p.rng.integers(2):
        return f"kl({a}, {b})", float((x * np.log(x / y) - x + y).sum())
    return f"rel_entropy({a}, {b})", float((x * np.log(x / y)).sum())


def ratio(p: Program) -> tuple[str, float]:
    (a, x), (b, y) = _data(p, _rows(p)), _positive(p, 1)
    return f"quad_over_lin({a}, sum({b}))", float(x @ x / y.sum())


def form(p: Program) -> tuple[str, float]:
    root = p.rng.normal(size=(p.n, p.n))
    matrix = root @ root.T + 0.1 * np.eye(p.n)
    return f"x' @ {p.given('psd real[n, n]', matrix)} @ x", float(p.inside @ matrix @ p.inside)


def robust(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"sum(huber({text}))", float(np.where(np.abs(value) < 1, value**2 / 2, np.abs(value) - 0.5).sum())


def largest(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"sum_largest({text}, 2)", float(np.sort(value)[-2:].sum())


def peaks(p: Program) -> tuple[str, float]:
    size = f"m{len(p.givens)}"
    (a, x), (b, y) = _data(p, 3, size), _data(p, 3, size)
    return f"sum(maximum({a}, exp({b}), 0.2))", float(np.maximum(np.maximum(x, np.exp(y)), 0.2).sum())


def spectrum(p: Program) -> tuple[str, float]:
    text, value, _ = _matrix(p)
    kind = p.rng.choice(["eig_max", "eig_min", "log_det"])
    if kind == "eig_max":
        return f"eig_max({text})", float(np.linalg.eigvalsh(value)[-1])
    if kind == "eig_min":
        return f"-eig_min({text})", float(-np.linalg.eigvalsh(value)[0])
    return f"-log_det({text})", float(-np.linalg.slogdet(value)[1])


def matrix_norm(p: Program) -> tuple[str, float]:
    text, value = _tall(p)
    kind = str(p.rng.choice(["*", "2", "F"]))
    return f"||{text}||_{kind}", float(np.linalg.norm(value, {"*": "nuc", "2": 2, "F": "fro"}[kind]))


def each_norm(p: Program) -> tuple[str, float]:
    d = len(p.givens)
    a, b = p.rng.normal(size=(3, 2, p.n)), p.rng.normal(size=(3, 2))
    text = f"||{p.given(f'real[t{d}, r{d}, n]', a)}[t] @ x - {p.given(f'real[t{d}, r{d}]', b)}[t]||"
    return f"sum({text} for t in t{d})", float(sum(np.linalg.norm(a[t] @ p.inside - b[t]) for t in range(3)))


def each_entry(p: Program) -> tuple[str, float]:
    b = p.rng.normal(size=p.n)
    text = f"sum(exp(x[i] - {p.given('real[n]', b)}[i]) for i in n where i > 0)"
    return text, float(np.exp(p.inside - b)[1:].sum())


def composed(p: Program) -> tuple[str, float]:
    text, value = _data(p, _rows(p))
    return f"exp(0.2 * ||{text}||)", float(np.exp(0.2 * np.linalg.norm(value)))


FUNCTIONS: tuple[Valued, ...] = (
    norm, other_norm, exponentials, logistic, soft_maximum, barrier, shifted_barrier, roots, powers, even_power,
    inverses, entropies, divergence, ratio, form, robust, largest, peaks, spectrum, matrix_norm, each_norm,
    each_entry, composed,
)  # fmt: skip


# ---- constraints: each holds strictly inside -----------------------------------------------------


def level(p: Program) -> str:
    """A sublevel set of a convex function."""
    text, value = FUNCTIONS[int(p.rng.integers(len(FUNCTIONS)))](p)
    return f"{text} <= {p.given('real', value + p.rng.uniform(0.05, 0.5))}"


def ordered(p: Program) -> str:
    text, value, size = _matrix(p)
    low = np.linalg.eigvalsh(value)[0] - p.rng.uniform(0.05, 0.4)
    return f"{text} >> {p.given('real', low)} * eye({size})"


def second_order(p: Program) -> str:
    text, value = _data(p, _rows(p))
    bound = p.given("real", np.linalg.norm(value) + p.rng.uniform(0.05, 0.4))
    return f"concat({bound}, {text}) in soc"


def exponential(p: Program) -> str:
    a, b = p.rng.normal(size=p.n) * 0.5, p.rng.uniform(0.5, 1.5)
    top = b * np.exp(a @ p.inside / b) + p.rng.uniform(0.05, 0.4)
    return f"concat({p.given('real[n]', a)}' @ x, {p.given('real', b)}, {p.given('real', top)}) in exp_cone"


def power(p: Program) -> str:
    (first, u), (second, v) = _positive(p, 1), _positive(p, 1)
    alpha, a = round(float(p.rng.uniform(0.2, 0.8)), 2), p.rng.normal(size=p.n)
    mean = float(u[0] ** alpha * v[0] ** (1 - alpha))
    shift = p.given("real", a @ p.inside + p.rng.uniform(-0.8, 0.8) * mean)
    text = f"concat(sum({first}), sum({second}), {p.given('real[n]', a)}' @ x - {shift})"
    return f"{text} in power_cone({alpha})"


def ball(p: Program) -> str:
    if p.rng.integers(2):
        return f"x in ball({p.given('positive real', np.linalg.norm(p.inside) + 0.2)})"
    return f"x in ball({p.given('positive real', np.linalg.norm(p.inside, 3) + 0.2)}, 3)"


def monotone(p: Program) -> str:
    gaps = np.diff(p.inside)
    slack = p.given("real", max(0.0, -gaps.min()) + 0.1)
    return f"x[i + 1] - x[i] + {slack} >= 0 for i in 0..n-2"


def plane(p: Program) -> str:
    a = p.rng.normal(size=p.n)
    return f"{p.given('real[n]', a)}' @ x == {p.given('real', a @ p.inside)}"


def box(p: Program) -> str:
    width = p.rng.uniform(0.2, 0.8, size=p.n)
    return f"{p.given('real[n]', p.inside - width)} <= x <= {p.given('real[n]', p.inside + width)}"


CONSTRAINTS: tuple[Piece, ...] = (
    level, level, level, level, ordered, second_order, exponential, power, ball, monotone, plane, box,
)  # fmt: skip
LABELLED = {level: True, ordered: True, second_order: False, exponential: False, power: False, ball: False}


@st.composite
def disciplined_programs(draw: st.DrawFn) -> Program:
    """One to three curved terms, up to three constraints, some with labels, sometimes maximised."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 4))
    domain = draw(st.sampled_from(("free", "free", "free", "nonneg", "simplex", "ball")))
    inside = {
        "free": rng.normal(size=n),
        "nonneg": rng.uniform(0.1, 1.0, size=n),
        "simplex": rng.dirichlet(np.full(n, 3.0)),
        "ball": rng.uniform(-0.5, 0.5, size=n),
    }[domain]
    program = Program(rng, n, inside)
    radius = program.given("positive real", np.linalg.norm(inside) + 0.3) if domain == "ball" else ""
    program.find = {
        "free": "x: real[n]", "nonneg": "x: nonneg real[n]", "simplex": "x: real[n] in simplex",
        "ball": f"x: real[n] in ball({radius})",
    }[domain]  # fmt: skip
    center = program.given("real[n]", inside + rng.normal(size=n))
    program.terms.append(f"{_scale(program)} * ||x - {center}||^2")
    for function in draw(st.lists(st.sampled_from(FUNCTIONS), min_size=1, max_size=3)):
        text, _ = function(program)
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        program.terms.append(
            f"{sign}{_scale(program)} * {text}" if not sign else f"(-{_scale(program)} * {text})"
        )
    program.maximize = draw(st.booleans())
    # a plane and a simplex may leave no freedom, where the derivative is not defined
    allowed = [rule for rule in CONSTRAINTS if not (rule is plane and domain == "simplex")]
    for rule in draw(st.lists(st.sampled_from(allowed), max_size=3)):
        text = rule(program)
        if LABELLED.get(rule) and rng.integers(2):
            program.labels.append(f"c{len(program.labels)}")
            text = f"{program.labels[-1]}: {text}"
        program.constraints.append(text)
    return program
