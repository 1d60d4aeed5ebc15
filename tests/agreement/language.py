"""Random programs of the whole disciplined-convex language: every convex atom, set and kind of constraint.

Grown as in `programs`: each piece brings its own parameters, every constraint holds strictly at the point
`inside`, every logarithm and power is in its domain there, and strongly convex terms make the solution unique.
Beside `x` there may be another vector `y` or a symmetric matrix `S`, in which every piece may be, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.agreement.arguments import above_zero, affine, definite, drawn, rectangle
from tests.agreement.programs import Program, _rows, _scale

Piece = Callable[[Program], str]
Valued = Callable[[Program], tuple[str, float]]


# ---- convex functions and their values inside ----------------------------------------------------


def norm(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"||{text}||", float(np.linalg.norm(value))


def other_norm(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    kind = p.rng.choice(["1", "inf", "1.5", "3"])
    return f"||{text}||_{kind}", float(np.linalg.norm(value, float(kind)))


def exponentials(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"sum(exp(0.5 * ({text})))", float(np.exp(0.5 * value).sum())


def logistic(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"sum(softplus({text}))", float(np.logaddexp(0, value).sum())


def soft_maximum(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"log_sum_exp({text})", float(np.logaddexp.reduce(value))


def barrier(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    return f"-sum(log({text}))", float(-np.log(value).sum())


def shifted_barrier(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    return f"-sum(log1p({text}))", float(-np.log1p(value).sum())


def roots(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    return f"-sum(sqrt({text}))", float(-np.sqrt(value).sum())


def powers(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    c = float(p.rng.choice([0.3, 0.7, 1.5, 2.5]))
    sign = "-" if 0 < c < 1 else ""
    return f"{sign}sum({text} ^ {c})", float((-1 if sign else 1) * (value**c).sum())


def even_power(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"sum(({text}) ^ 4)", float((value**4).sum())


def inverses(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    return f"sum(inv_pos({text}))", float((1 / value).sum())


def entropies(p: Program) -> tuple[str, float]:
    text, value = above_zero(p, _rows(p))
    return f"-entropy({text})", float((value * np.log(value)).sum())


def divergence(p: Program) -> tuple[str, float]:
    rows = _rows(p)
    size = f"m{len(p.givens)}"
    (a, x), (b, y) = above_zero(p, rows, size), above_zero(p, rows, size)
    if p.rng.integers(2):
        return f"kl({a}, {b})", float((x * np.log(x / y) - x + y).sum())
    return f"rel_entropy({a}, {b})", float((x * np.log(x / y)).sum())


def ratio(p: Program) -> tuple[str, float]:
    (a, x), (b, y) = drawn(p, _rows(p)), above_zero(p, 1)
    return f"quad_over_lin({a}, sum({b}))", float(x @ x / y.sum())


def form(p: Program) -> tuple[str, float]:
    root = p.rng.normal(size=(p.n, p.n))
    matrix = root @ root.T + 0.1 * np.eye(p.n)
    name, value = p.given("psd real[n, n]", matrix), float(p.inside @ matrix @ p.inside)
    return f"quad_form(x, {name})" if p.rng.integers(2) else f"x' @ {name} @ x", value


def robust(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"sum(huber({text}))", float(np.where(np.abs(value) < 1, value**2 / 2, np.abs(value) - 0.5).sum())


def largest(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p), f"m{len(p.givens)}")
    return f"sum_largest({text}, 2)", float(np.sort(value)[-2:].sum())


def peaks(p: Program) -> tuple[str, float]:
    size = f"m{len(p.givens)}"
    (a, x), (b, y) = drawn(p, 3, size), drawn(p, 3, size)
    return f"sum(maximum({a}, exp({b}), 0.2))", float(np.maximum(np.maximum(x, np.exp(y)), 0.2).sum())


def spectrum(p: Program) -> tuple[str, float]:
    text, value, _ = definite(p)
    kind = p.rng.choice(["eig_max", "eig_min", "log_det"])
    if kind == "eig_max":
        return f"eig_max({text})", float(np.linalg.eigvalsh(value)[-1])
    if kind == "eig_min":
        return f"-eig_min({text})", float(-np.linalg.eigvalsh(value)[0])
    return f"-log_det({text})", float(-np.linalg.slogdet(value)[1])


def matrix_norm(p: Program) -> tuple[str, float]:
    text, value = rectangle(p)
    kind = str(p.rng.choice(["*", "2", "F"]))
    return f"||{text}||_{kind}", float(np.linalg.norm(value, {"*": "nuc", "2": 2, "F": "fro"}[kind]))


def each_norm(p: Program) -> tuple[str, float]:
    d = len(p.givens)
    a, b = p.rng.normal(size=(3, 2, p.n)), p.rng.normal(size=(3, 2))
    text = f"||{p.given(f'real[t{d}, r{d}, n]', a)}[t] @ x - {p.given(f'real[t{d}, r{d}]', b)}[t]||"
    return f"sum({text} for t in t{d})", float(sum(np.linalg.norm(a[t] @ p.inside - b[t]) for t in range(3)))


def each_entry(p: Program) -> tuple[str, float]:
    b = p.rng.normal(size=p.n)
    each = f"exp(x[i] - {p.given('real[n]', b)}[i]) for i in n"
    if p.rng.integers(2):
        return f"max({each})", float(np.exp(p.inside - b).max())
    return f"sum({each} where i > 0)", float(np.exp(p.inside - b)[1:].sum())


def composed(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"exp(0.2 * ||{text}||)", float(np.exp(0.2 * np.linalg.norm(value)))


def absolute(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    kind = p.rng.integers(4)
    if kind == 0:
        return f"sum(abs({text}))", float(np.abs(value).sum())
    if kind == 1:
        return f"sum(relu({text}))", float(np.maximum(value, 0).sum())
    if kind == 2:
        return f"sum(hinge({text}))", float(np.maximum(1 - value, 0).sum())
    return f"max({text})", float(value.max())


def lowest(p: Program) -> tuple[str, float]:
    size = f"m{len(p.givens)}"
    (a, x), (b, y) = drawn(p, 3, size), above_zero(p, 3, size)
    if p.rng.integers(2):
        return f"-sum(minimum({a}, log({b})))", float(-np.minimum(x, np.log(y)).sum())
    return f"-min({a})", float(-x.min())


def growth(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    return f"mean(expm1(0.5 * ({text})))", float(np.expm1(0.5 * value).mean())


def squares(p: Program) -> tuple[str, float]:
    text, value = drawn(p, _rows(p))
    kind = p.rng.integers(3)
    if kind == 0:
        return f"sum(({text})^2)", float(value @ value)
    if kind == 1:
        return f"||{text}||^2", float(value @ value)
    return f"sum_squares({text})", float(value @ value)


def weighted(p: Program) -> tuple[str, float]:
    """Huber's function with a width for each entry, from the data."""
    size = f"m{len(p.givens)}"
    (text, value), delta = drawn(p, 3, size), p.rng.uniform(0.5, 1.5, size=3)
    found = np.where(np.abs(value) < delta, value**2 / 2, delta * (np.abs(value) - delta / 2)).sum()
    return f"sum(huber({text}, {p.given(f'positive real[{size}]', delta)}))", float(found)


def chosen(p: Program) -> tuple[str, float]:
    """A term for each index for which the data say so."""
    b, mask = p.rng.normal(size=p.n), np.where(p.rng.integers(2, size=p.n), 1.0, -1.0)
    marks, shift = p.given("real[n]", mask), p.given("real[n]", b)
    text = f"sum((x[i] - {shift}[i])^4 for i in n where {marks}[i] > 0)"
    return text, float(((p.inside - b)[mask > 0] ** 4).sum())


def pairwise(p: Program) -> tuple[str, float]:
    """Two indices, one of which starts after the other."""
    b = p.rng.normal(size=(p.n, p.n))
    text = f"sum(abs(x[i] - x[j] - {p.given('real[n, n]', b)}[i, j]) for i in n for j in n where i < j)"
    gaps = np.abs(p.inside[:, None] - p.inside[None] - b)
    return text, float(gaps[np.triu_indices(p.n, 1)].sum())


def by_rows(p: Program) -> tuple[str, float]:
    """A function along one axis of a matrix."""
    d = len(p.givens)
    a, b = p.rng.normal(size=(2, 3)), p.rng.normal(size=(2, 3))
    matrix = f"x[0] * {p.given(f'real[r{d}, s{d}]', a)} - {p.given(f'real[r{d}, s{d}]', b)}"
    value, axis = p.inside[0] * a - b, int(p.rng.integers(2))
    if p.rng.integers(2):
        return f"sum(max({matrix}, axis = {axis}))", float(value.max(axis).sum())
    return f"sum(log_sum_exp({matrix}, axis = {axis}))", float(np.logaddexp.reduce(value, axis).sum())


def linear(p: Program) -> tuple[str, float]:
    c, kind = p.rng.normal(size=p.n), p.rng.integers(3)
    name, product = p.given("real[n]", c), c * p.inside
    if kind == 0:
        return f"{name}' @ x", float(product.sum())
    if kind == 1:
        return f"trace(outer({name}, x))", float(product.sum())
    return f"sum(where({name} > 0, {name} * x, 2 * x))", float(np.where(c > 0, product, 2 * p.inside).sum())


def solved(p: Program) -> tuple[str, float]:
    """Through a system of equations whose matrix is data."""
    a, b = np.eye(p.n) + 0.3 * p.rng.normal(size=(p.n, p.n)), p.rng.normal(size=p.n)
    text = f"sum(abs(solve({p.given('real[n, n]', a)}, x) - {p.given('real[n]', b)}))"
    return text, float(np.abs(np.linalg.solve(a, p.inside) - b).sum())


FUNCTIONS: tuple[Valued, ...] = (
    norm, other_norm, exponentials, logistic, soft_maximum, barrier, shifted_barrier, roots, powers, even_power,
    inverses, entropies, divergence, ratio, form, robust, largest, peaks, spectrum, matrix_norm, each_norm,
    each_entry, composed, absolute, lowest, growth, squares, weighted, chosen, pairwise, by_rows, linear, solved,
)  # fmt: skip


# ---- constraints: each holds strictly inside -----------------------------------------------------


def level(p: Program) -> str:
    """A sublevel set of a convex function."""
    text, value = FUNCTIONS[int(p.rng.integers(len(FUNCTIONS)))](p)
    return f"{text} <= {p.given('real', value + p.rng.uniform(0.05, 0.5))}"


def ordered(p: Program) -> str:
    text, value, size = definite(p)
    if p.rng.integers(4) == 0:
        return f"{text} in psd"
    low = np.linalg.eigvalsh(value)[0] - p.rng.uniform(0.05, 0.4)
    return f"{text} >> {p.given('real', low)} * eye({size})"


def second_order(p: Program) -> str:
    text, value = drawn(p, _rows(p))
    bound = p.given("real", np.linalg.norm(value) + p.rng.uniform(0.05, 0.4))
    return f"concat({bound}, {text}) in soc"


def cones(p: Program) -> str:
    """A second-order cone for each value of an index."""
    d = len(p.givens)
    a, b = p.rng.normal(size=(2, 2, p.n)), p.rng.normal(size=(2, 2))
    top = np.linalg.norm(a @ p.inside - b, axis=1) + p.rng.uniform(0.05, 0.4, size=2)
    A, shift = p.given(f"real[t{d}, r{d}, n]", a), p.given(f"real[t{d}, r{d}]", b)
    return f"concat({p.given(f'real[t{d}]', top)}[t], {A}[t] @ x - {shift}[t]) in soc for t in t{d}"


def exponential(p: Program) -> str:
    a, b = p.rng.normal(size=p.n) * 0.5, p.rng.uniform(0.5, 1.5)
    top = b * np.exp(a @ p.inside / b) + p.rng.uniform(0.05, 0.4)
    return f"concat({p.given('real[n]', a)}' @ x, {p.given('real', b)}, {p.given('real', top)}) in exp_cone"


def power(p: Program) -> str:
    (first, u), (second, v) = above_zero(p, 1), above_zero(p, 1)
    alpha, a = round(float(p.rng.uniform(0.2, 0.8)), 2), p.rng.normal(size=p.n)
    mean = float(u[0] ** alpha * v[0] ** (1 - alpha))
    shift = p.given("real", a @ p.inside + p.rng.uniform(-0.8, 0.8) * mean)
    text = f"concat(sum({first}), sum({second}), {p.given('real[n]', a)}' @ x - {shift})"
    return f"{text} in power_cone({alpha})"


def ball(p: Program) -> str:
    order = p.rng.choice(["2", "3", "1", "inf"])
    radius = np.linalg.norm(p.inside, float(order)) + 0.2
    return f"x in ball({p.given('positive real', radius)}{'' if order == '2' else f', {order}'})"


def monotone(p: Program) -> str:
    gaps = np.diff(p.inside)
    slack = p.given("real", max(0.0, -gaps.min()) + 0.1)
    return f"x[i + 1] - x[i] + {slack} >= 0 for i in 0..n-2"


def rising(p: Program) -> str:
    slope = np.arange(p.n) * (max(0.0, -np.diff(p.inside).min()) + 0.1)
    return f"x + {p.given('real[n]', slope)} in monotone"


def ordered_pairs(p: Program) -> str:
    bound = p.inside[:, None] - p.inside[None] + p.rng.uniform(0.1, 0.6, size=(p.n, p.n))
    return f"x[i] - x[j] <= {p.given('real[n, n]', bound)}[i, j] for i in n for j in n where i < j"


def each(p: Program) -> str:
    upper = p.given("real[n]", p.inside + p.rng.uniform(0.1, 0.5, size=p.n))
    return f"2 * x[i] <= 2 * {upper}[i] for i in n"


def filtered(p: Program) -> str:
    lower = p.given("real[n]", p.inside - p.rng.uniform(0.1, 0.5, size=p.n))
    return f"x[i] >= {lower}[i] for i in n where i > 0"


def halfspaces(p: Program) -> str:
    rows, size = _rows(p), f"m{len(p.givens)}"
    text, value = affine(p, rows, size)
    return f"{text} <= {p.given(f'real[{size}]', value + p.rng.uniform(0.1, 0.6, size=rows))}"


def plane(p: Program) -> str:
    a = p.rng.normal(size=p.n)
    return f"{p.given('real[n]', a)}' @ x == {p.given('real', a @ p.inside)}"


def box(p: Program) -> str:
    width = p.rng.uniform(0.2, 0.8, size=p.n)
    return f"{p.given('real[n]', p.inside - width)} <= x <= {p.given('real[n]', p.inside + width)}"


def traces(p: Program) -> str:
    """An equality of the matrix, a bound on it, or one of the others' where there is none."""
    if "S" not in p.others:
        return plane(p)
    S = p.others["S"]
    c = p.rng.normal(size=S.shape)
    c = c + c.T
    return f"trace({p.given('symmetric real[d, d]', c)} @ S) == {p.given('real', float(np.trace(c @ S)))}"


CONSTRAINTS: tuple[Piece, ...] = (
    level, level, level, level, level, ordered, second_order, cones, exponential, power, ball, monotone, rising,
    ordered_pairs, each, filtered, halfspaces, plane, box, traces,
)  # fmt: skip
LABELLED = frozenset({level, monotone, ordered_pairs, each, filtered, halfspaces, plane, traces})


# ---- whole programs ------------------------------------------------------------------------------

DOMAINS: dict[str, tuple[str, Callable[[np.random.Generator, int], np.ndarray]]] = {
    "free": ("x: real[n]", lambda rng, n: rng.normal(size=n)),
    "nonneg": ("x: nonneg real[n]", lambda rng, n: rng.uniform(0.1, 1.0, size=n)),
    "positive": ("x: positive real[n]", lambda rng, n: rng.uniform(0.1, 1.0, size=n)),
    "nonpos": ("x: nonpos real[n]", lambda rng, n: -rng.uniform(0.1, 1.0, size=n)),
    "interval": ("x: real[n] in unit_interval", lambda rng, n: rng.uniform(0.1, 0.9, size=n)),
    "simplex": ("x: real[n] in simplex", lambda rng, n: rng.dirichlet(np.full(n, 3.0))),
    "ball": ("x: real[n] in ball({0})", lambda rng, n: rng.uniform(-0.5, 0.5, size=n)),
    "box": ("x: real[n] in [-{0}, {0}]", lambda rng, n: rng.uniform(-0.5, 0.5, size=n)),
    "monotone": ("x: real[n] in monotone", lambda rng, n: np.sort(rng.normal(size=n)) + 0.1 * np.arange(n)),
}


def _other(p: Program, kind: str) -> None:
    """Another unknown, with a strongly convex term of its own."""
    rng = p.rng
    if kind == "y":
        size, sign = int(rng.integers(2, 4)), bool(rng.integers(2))
        p.others["y"] = rng.uniform(0.1, 1, size=size) if sign else rng.normal(size=size)
        center = p.given("real[k]", p.others["y"] + rng.normal(size=size))
        p.find += f", y: {'nonneg ' if sign else ''}real[k]"
        p.terms.append(f"{_scale(p)} * ||y - {center}||^2")
    elif kind == "S":
        word = str(rng.choice(["symmetric", "psd", "diagonal"]))
        s = rng.normal(size=(2, 2))
        S = np.diag(rng.normal(size=2)) if word == "diagonal" else s @ s.T + 0.3 * np.eye(2)
        p.others["S"] = S
        shift = rng.normal(size=(2, 2))
        center = p.given("symmetric real[d, d]", S + shift + shift.T)
        p.find += f", S: {word} real[d, d]"
        p.terms.append(f"{_scale(p)} * ||S - {center}||_F^2")


@st.composite
def disciplined_programs(draw: st.DrawFn, salt: int = 0) -> Program:
    """One or two terms, up to two constraints, some with labels; sometimes maximised, or with two unknowns.

    What hypothesis leaves to the generator of random numbers differs by `salt`, and so does what it thinks simplest.
    """
    shuffled = np.random.default_rng(salt).permutation
    rng = np.random.default_rng((salt, draw(st.integers(0, 2**32 - 1))))
    n = draw(st.integers(2, 4))
    domain = draw(st.sampled_from([str(one) for one in shuffled(["free", "free", "free", "free", *DOMAINS])]))
    declared, point = DOMAINS[domain]
    inside = point(rng, n)
    program = Program(rng, n, inside)
    center = program.given("real[n]", inside + rng.normal(size=n))
    radius = program.given("positive real", np.linalg.norm(inside) + 0.3) if "{" in declared else ""
    program.find = declared.format(radius)
    program.terms.append(f"{_scale(program)} * ||x - {center}||^2")
    _other(
        program, draw(st.sampled_from([str(one) for one in shuffled(["", "", "", "", "", "y", "y", "S"])]))
    )
    for function in draw(st.lists(st.sampled_from(list(shuffled(FUNCTIONS))), min_size=1, max_size=2)):
        text, _ = function(program)
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        if not sign and rng.integers(6) == 0:
            program.lets.append(f"e{len(program.lets)} = {text}")
            text = f"e{len(program.lets) - 1}"
        term = f"{_scale(program)} * {text}"
        program.terms.append(f"(-{term})" if sign else term)
    program.maximize = draw(st.booleans())
    # a plane and a simplex may leave no freedom, where the derivative is not defined
    allowed = [rule for rule in CONSTRAINTS if not (rule in (plane, traces) and domain == "simplex")]
    for rule in draw(st.lists(st.sampled_from(list(shuffled(allowed))), max_size=2)):
        text = rule(program)
        if (rule in LABELLED or " >> " in text) and rng.integers(2):
            program.labels.append(f"c{len(program.labels)}")
            text = f"{program.labels[-1]}: {text}"
        program.constraints.append(text)
    return program
