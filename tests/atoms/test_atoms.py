"""Each row of the table against its definition: values, shapes, signs, curvature, directions, derivatives."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import special as jsp

from declarative.atoms import ATOMS, LATER, Atom, Curvature, Example, Monotone, Sign
from declarative.backends.jax import runtime as rt
from declarative.dims import Dim

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
REFERENCE = _module.REFERENCE

CASES = [(atom, example) for atom in ATOMS.values() for example in atom.example]
NUMERIC = [atom for atom in ATOMS.values() if atom.takes == "number" and atom.arity != 0]


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def name_of(case: object) -> str:
    return case.name if isinstance(case, Atom) else str(case.args) if isinstance(case, Example) else str(case)


def text_of(value: object) -> str:
    if isinstance(value, Dim):
        return str(value.constant)
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))},)"
    return repr(value)


def call(template: str, example: Example, atom: Atom, names: dict[str, Any], arrays: list[Any]) -> Any:
    """The filled template, run on the arrays."""
    slots = [f"x{i}" for i in range(len(arrays))]
    attrs = {key: text_of(value) for key, value in {**dict(atom.attrs), **dict(example.attrs)}.items()}
    text = template.format(*slots, args=", ".join(slots), **attrs)
    return eval(text, {**names, **dict(zip(slots, arrays, strict=True))})


def in_jax(atom: Atom, example: Example, arrays: list[Any]) -> Any:
    return call(atom.jax, example, atom, {"jnp": jnp, "jax": jax, "jsp": jsp, "rt": rt}, arrays)


def expected(atom: Atom, example: Example) -> np.ndarray:
    return np.asarray(REFERENCE[atom.name](*example.args, **{**dict(atom.attrs), **dict(example.attrs)}))


def arrays_of(example: Example) -> list[np.ndarray]:
    return [np.asarray(arg) for arg in example.args]


# ---- completeness ------------------------------------------------------------------------------


def test_the_table_holds_every_function_of_the_language():
    language = """abs sign sqrt exp log log1p expm1 sin cos tan tanh sigmoid relu softplus square inv_pos pow
        huber hinge entropy rel_entropy kl log_sum_exp softmax max min maximum minimum sum mean prod
        sum_squares quad_form quad_over_lin dot outer kron trace det log_det inv solve eig_max eig_min
        sum_largest diag diff cumsum concat stack reshape vec ones zeros eye interpolate stop_gradient der
        grad laplacian integral"""
    assert set(language.split()) <= set(ATOMS) | set(LATER)
    assert not set(LATER) & set(ATOMS)


@pytest.mark.parametrize("atom", ATOMS.values(), ids=name_of)
def test_every_field_is_filled(atom: Atom):
    for field in fields(atom):
        if field.name in ("doc", "jax", "latex", "example", "constant_in"):
            assert getattr(atom, field.name), f"{atom.name} lacks {field.name}"
    assert atom.doc.endswith("."), "the document row is a sentence"
    assert atom.name in REFERENCE, "no independent value to compare with"
    low, high = atom.arity if isinstance(atom.arity, tuple) else (atom.arity, atom.arity)
    for example in atom.example:
        assert low <= len(example.args)
        assert high is None or len(example.args) <= high
        assert {key for key, _ in example.attrs} <= {key for key, _ in atom.attrs}
    needed = {key for key, value in atom.attrs if value is None} - {"axis"}
    assert all(needed <= {key for key, _ in example.attrs} for example in atom.example)


# ---- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("atom", "example"), CASES, ids=name_of)
def test_jax_value_and_shape(atom: Atom, example: Example):
    value = in_jax(atom, example, list(map(jnp.asarray, arrays_of(example))))
    want = expected(atom, example)
    np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-14)
    shapes = tuple(tuple(map(Dim.of, array.shape)) for array in arrays_of(example))
    rule = atom.shape(shapes, {**dict(atom.attrs), **dict(example.attrs)})
    assert tuple(dim.constant for dim in rule) == want.shape == value.shape
    if atom.result == "bool":
        assert value.dtype == bool


@pytest.mark.parametrize(("atom", "example"), CASES, ids=name_of)
def test_jax_keeps_single_precision(atom: Atom, example: Example):
    arrays = [jnp.asarray(a, jnp.float32 if a.dtype == float else a.dtype) for a in arrays_of(example)]
    value = in_jax(atom, example, arrays)
    weak = not arrays and value.weak_type
    assert value.dtype in (jnp.float32, bool) or weak


@pytest.mark.parametrize(("atom", "example"), [c for c in CASES if c[0].cvxpy], ids=name_of)
def test_cvxpy_value(atom: Atom, example: Example):
    cp = pytest.importorskip("cvxpy")
    from declarative.backends.cvxpy import runtime as ct

    arrays = [np.asarray(a, float) if a.dtype != bool else a for a in arrays_of(example)]
    constant = min(atom.constant_in, key=len)
    made = []
    for i, array in enumerate(arrays):
        if i in constant or array.dtype == bool:
            made.append(array)
        else:
            made.append(cp.Variable(array.shape, value=array))
    result = call(atom.cvxpy, example, atom, {"cp": cp, "np": np, "ct": ct}, made)
    value = result.value if isinstance(result, cp.Expression) else result
    np.testing.assert_allclose(value, expected(atom, example), rtol=1e-9, atol=1e-11)
    if isinstance(result, cp.Expression) and made:
        assert result.shape == expected(atom, example).shape
        assert result.is_dcp(), "the template is not disciplined"


DIFFERENTIABLE = [
    (atom, example)
    for atom, example in CASES
    if atom.order >= 0 and atom.takes == "number" and example.args and atom.name != "stop_gradient"
]


@pytest.mark.parametrize(("atom", "example"), DIFFERENTIABLE, ids=name_of)
def test_jax_derivatives(atom: Atom, example: Example):
    """Forward mode, reverse mode and differences of the reference agree; kinks and zeros give no NaN."""
    arrays = arrays_of(example)
    if atom.name in ("entropy", "rel_entropy", "kl"):
        arrays = [array + 0.1 for array in arrays]  # at 0 the derivative is infinite
    fixed = [1] if atom.name == "pow" else []  # x^y moves in y for positive x only
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=a.shape) * (i not in fixed) for i, a in enumerate(arrays)]
    attrs = {**dict(atom.attrs), **dict(example.attrs)}
    weights = rng.normal(size=expected(atom, example).shape)

    def function(moving: list[Any]) -> Any:
        full = [array if i in fixed else moving[i] for i, array in enumerate(arrays)]
        return jnp.sum(weights * in_jax(atom, example, full))

    def moved(step: float) -> Any:
        points = [a + step * d for a, d in zip(arrays, directions, strict=True)]
        return np.sum(weights * REFERENCE[atom.name](*points, **attrs))

    @jax.jit
    def both_modes(inputs: list[Any], tangents: list[Any]) -> Any:
        gradient = jax.grad(function)(inputs)
        reverse = sum(jnp.vdot(g, t) for g, t in zip(gradient, tangents, strict=True))
        return jax.jvp(function, (inputs,), (tangents,))[1], reverse, gradient

    forward, reverse, gradient = both_modes(
        list(map(jnp.asarray, arrays)), list(map(jnp.asarray, directions))
    )
    assert all(np.all(np.isfinite(part)) for part in gradient)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10, atol=1e-12)
    if atom.order > 0:
        step = 1e-5
        np.testing.assert_allclose(forward, (moved(step) - moved(-step)) / (2 * step), rtol=1e-7, atol=1e-7)


FACTORED = [
    atom for atom in ATOMS.values() if atom.name in ("det", "log_det", "inv", "solve", "eig_max", "norm_nuc")
]


@pytest.mark.parametrize("atom", FACTORED, ids=name_of)
def test_second_derivatives_of_factored_matrices_in_a_batch(atom: Atom):
    """Under vmap, where factorisations take another way, against differences of the gradient."""
    example = atom.example[0]
    rng = np.random.default_rng(1)
    batch = [np.stack([a, a + 0.1 * np.abs(a)]) for a in arrays_of(example)]
    if atom.name in ("log_det", "eig_max"):
        batch[0] = batch[0] + np.eye(2) * rng.uniform(size=(2, 1, 1))
    direction = [rng.normal(size=a.shape) for a in batch]

    def gradient(inputs: list[Any]) -> list[Any]:
        value = lambda args: jnp.sum(jnp.sin(in_jax(atom, example, args)))  # noqa: E731
        return jax.grad(value)(inputs)

    @jax.jit
    def curvature(inputs: list[Any], tangents: list[Any]) -> Any:
        one = lambda x, t: jax.jvp(gradient, (x,), (t,))  # noqa: E731
        return jax.vmap(one)(inputs, tangents)

    step = 1e-5
    _, exact = curvature(batch, direction)
    ahead, _ = curvature([a + step * d for a, d in zip(batch, direction, strict=True)], direction)
    behind, _ = curvature([a - step * d for a, d in zip(batch, direction, strict=True)], direction)
    for e, a, b in zip(exact, ahead, behind, strict=True):
        np.testing.assert_allclose(e, (a - b) / (2 * step), rtol=1e-6, atol=1e-6)


# ---- sign, curvature, direction on random points -----------------------------------------------

SIGNS = (Sign.UNKNOWN, Sign.NONNEG, Sign.NONPOS)


def draw(rng: np.random.Generator, shape: tuple[int, ...], sign: Sign, domain: str) -> np.ndarray | None:
    """A random array of this sign in the domain; None where they exclude each other."""
    x = rng.normal(size=shape) * rng.choice([0.3, 1.0, 3.0])
    if domain in ("psd", "pd", "symmetric"):
        x = x + x.T if domain == "symmetric" else x @ x.T + 0.1 * np.eye(shape[0])
        return x if sign is Sign.UNKNOWN else None
    if domain in ("nonneg", "positive"):
        return None if sign is Sign.NONPOS else np.abs(x) + (0.05 if domain == "positive" else 0)
    if domain == "> -1":
        return {Sign.NONPOS: -rng.uniform(0, 0.95, shape), Sign.NONNEG: np.abs(x)}.get(
            sign, np.maximum(x, -0.95 * rng.uniform(size=shape))
        )
    return {Sign.NONPOS: -np.abs(x), Sign.NONNEG: np.abs(x)}.get(sign, x)


def domain_of(atom: Atom, example: Example, i: int) -> str:
    if atom.name == "pow" and i == 0:
        exponent = example.args[1]
        return "positive" if exponent < 0 else "nonneg" if exponent % 1 else "real"
    return atom.domain[i] if i < len(atom.domain) else "real"


def settings(atom: Atom) -> list[tuple[Example, tuple[Sign, ...], frozenset[int]]]:
    """Every example shape with every combination of signs and every alternative of constants."""
    return [
        (example, signs, constant)
        for example in atom.example
        for signs in itertools.islice(itertools.product(SIGNS, repeat=len(example.args)), 27)
        for constant in atom.constant_in
    ]


def values_of(atom: Atom, example: Example) -> tuple[float | None, ...]:
    return (None, float(example.args[1])) if atom.name == "pow" else (None,) * len(example.args)


@cache
def _evaluator(atom_name: str, example: Example) -> Any:
    atom = ATOMS[atom_name]
    return lambda points: REFERENCE[atom_name](*points, **{**dict(atom.attrs), **dict(example.attrs)})


def draw_all(
    rng: np.random.Generator, atom: Atom, example: Example, signs: tuple[Sign, ...]
) -> list[np.ndarray] | None:
    points: list[np.ndarray] = []
    for i, (array, sign) in enumerate(zip(arrays_of(example), signs, strict=True)):
        if atom.name == "pow" and i == 1:
            points.append(array)
            continue
        point = draw(rng, array.shape, sign, domain_of(atom, example, i))
        if point is None:
            return None
        points.append(point)
    return points


@pytest.mark.parametrize("atom", NUMERIC, ids=name_of)
def test_sign_curvature_and_direction_hold_on_random_points(atom: Atom):
    rng = np.random.default_rng(7)
    tried = 0
    for example, signs, constant in settings(atom):
        values, evaluate = values_of(atom, example), _evaluator(atom.name, example)
        sign, curvature = atom.sign(signs, values), atom.curvature(signs, values)
        directions = atom.monotone(signs, values)
        assert len(directions) == len(example.args)
        for _ in range(12):
            left, right = draw_all(rng, atom, example, signs), draw_all(rng, atom, example, signs)
            if left is None or right is None:
                break
            tried += 1
            right = [left[i] if i in constant else point for i, point in enumerate(right)]
            f, g = np.asarray(evaluate(left)), np.asarray(evaluate(right))
            middle = np.asarray(evaluate([(a + b) / 2 for a, b in zip(left, right, strict=True)]))
            slack = 1e-9 * (1 + np.abs(f) + np.abs(g))
            check_sign(sign, f, slack)
            check_curvature(curvature, middle, (f + g) / 2, slack)
            for i, direction in enumerate(directions):
                if direction is Monotone.NEITHER or (atom.name == "pow" and i == 1):
                    continue
                raised = list(left)
                raised[i] = np.maximum(left[i], right[i])
                change = np.asarray(evaluate(raised)) - f
                upward = direction is Monotone.INCREASING
                assert np.all(change >= -slack if upward else change <= slack), f"{direction} in {i} {signs}"
    assert tried, "no point was in the domain"


def check_sign(sign: Sign, value: np.ndarray, slack: np.ndarray) -> None:
    if sign in (Sign.NONNEG, Sign.ZERO):
        assert np.all(value >= -slack)
    if sign in (Sign.NONPOS, Sign.ZERO):
        assert np.all(value <= slack)


def check_curvature(curvature: Curvature, middle: np.ndarray, chord: np.ndarray, slack: np.ndarray) -> None:
    if curvature in (Curvature.CONVEX, Curvature.AFFINE, Curvature.CONSTANT):
        assert np.all(middle <= chord + slack), f"not {curvature.value}"
    if curvature in (Curvature.CONCAVE, Curvature.AFFINE, Curvature.CONSTANT):
        assert np.all(middle >= chord - slack), f"not {curvature.value}"


def test_a_wrong_curvature_would_fail():
    with pytest.raises(AssertionError, match="not concave"):
        check_curvature(Curvature.CONCAVE, np.array(0.0), np.array(1.0), np.array(1e-9))
    with pytest.raises(AssertionError):
        check_sign(Sign.NONNEG, np.array(-1.0), np.array(1e-9))


def test_zero_arguments_have_the_sign_of_their_value():
    """ZERO arguments are rare in text but come from `zeros`: rules must not claim too much."""
    for atom in NUMERIC:
        for example in atom.example:
            if atom.domain and set(atom.domain) & {"psd", "pd", "symmetric", "positive"}:
                continue
            points = [np.zeros_like(np.asarray(arg, float)) for arg in example.args]
            if atom.name == "pow":
                points[1] = np.asarray(example.args[1])
            with np.errstate(all="ignore"):
                try:
                    value = np.asarray(_evaluator(atom.name, example)(points))
                except np.linalg.LinAlgError:
                    continue
            if np.all(np.isfinite(value)):
                sign = atom.sign((Sign.ZERO,) * len(points), values_of(atom, example))
                check_sign(sign, value.astype(float), np.full(value.shape, 1e-12))
