"""Each conic form against the atom's definition: its optimal value is the atom's value at the examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from declarative import ir
from declarative.analyse import structure_of
from declarative.analyse.terms import apply
from declarative.atoms import ATOMS, Atom, Curvature, Example, Sign
from declarative.dims import Dim
from declarative.rewrite import conic, sets
from declarative.verify import verify
from tests.atoms.reference import REFERENCE
from tests.backends.jax.conic_form import solve

CURVED = (Curvature.CONVEX, Curvature.CONCAVE)
FORMLESS = {
    "tanh": "concave on nonnegative arguments alone, and no cone known here describes it",
    "sigmoid": "concave on nonnegative arguments alone, and no cone known here describes it",
}


def signs_of(example: Example) -> tuple[Sign, ...]:
    return tuple(Sign.NONNEG if np.min(arg) >= 0 else Sign.UNKNOWN for arg in example.args)  # type: ignore[call-overload]


def curvature(atom: Atom, example: Example) -> Curvature:
    values = tuple(arg if isinstance(arg, float) else None for arg in example.args)
    return atom.curvature(signs_of(example), values)


def curved() -> Iterator[tuple[Atom, Example]]:
    for atom in ATOMS.values():
        for example in atom.example:
            if atom.takes == "number" and example.args and curvature(atom, example) in CURVED:
                yield atom, example


@pytest.mark.parametrize("name", sorted({atom.name for atom, _ in curved()}))
def test_every_curved_atom_has_a_conic_form(name: str) -> None:
    assert (ATOMS[name].conic is None) == (name in FORMLESS)


def pinned(atom: Atom, example: Example) -> tuple[ir.Problem, list[np.ndarray]]:
    """The least or greatest sum of the atom's entries over unknowns that equal the example's arguments."""
    arrays = [np.asarray(arg, float) for arg in example.args]
    params, unknowns, rows, args = [], [], [], []
    for i, (array, sign) in enumerate(zip(arrays, signs_of(example), strict=True)):
        kind = ir.Type("real", tuple(map(Dim.of, array.shape)))
        limit = atom.domain[i] if atom.domain else "real"
        properties = {"pd": {"psd"}}.get(limit, {limit} & {"psd", "symmetric", "positive"})
        properties |= {"nonneg"} if sign is Sign.NONNEG and not properties else set()
        if not array.shape and i in min(atom.constant_in, key=len):
            args.append(ir.Const(float(array)))
            continue
        params.append(ir.Parameter(f"a{i}", kind, frozenset(properties)))
        if i in min(atom.constant_in, key=len):
            args.append(ir.Param(f"a{i}", kind))
            continue
        unknowns.append(ir.Variable(f"x{i}", kind, frozenset(properties)))
        args.append(ir.Unknown(f"x{i}", kind))
        rows.append(ir.Equality(args[-1], ir.Param(f"a{i}", kind)))
    call = apply(atom.name, *args, **dict(example.attrs))
    value = call if not call.type.shape else apply("sum", call)
    sense = 1 if curvature(atom, example) is Curvature.CONVEX else -1
    outputs = tuple(ir.Output(u.name, ir.Unknown(u.name, u.type)) for u in unknowns)
    problem = ir.Problem(
        atom.name, tuple(params), tuple(unknowns), ir.Minimize(value, sense), tuple(rows), outputs
    )
    names = {param.name for param in params}
    kept = [array for i, array in enumerate(arrays) if f"a{i}" in names]
    return problem, kept


@pytest.mark.parametrize(
    ("atom", "example"), [case for case in curved() if case[0].conic], ids=lambda v: getattr(v, "name", "")
)
def test_the_optimal_value_is_the_atoms(atom: Atom, example: Example) -> None:
    problem, arrays = pinned(atom, example)
    problem = sets.expand(problem, structure_of(problem)) or problem
    changed = conic.lift(problem, structure_of(problem))
    if changed is None:  # a quadratic stays as it is
        assert atom.name in ("square", "sum_squares", "pow", "quad_form")
        changed = problem
    assert not verify(changed)
    assert conic.obstacle(changed, structure_of(changed)) is None
    solved = solve(changed, *arrays)
    assert solved.status in ("Solved", "AlmostSolved")
    want = np.sum(REFERENCE[atom.name](*example.args, **{**dict(atom.attrs), **dict(example.attrs)}))
    assert solved.value == pytest.approx(want, rel=2e-6, abs=2e-6)


@pytest.mark.parametrize("name", ["square", "sum_squares", "quad_form"])
def test_quadratics_have_a_form_for_constraints(name: str) -> None:
    """The epigraph t >= f(x) at a pinned x: the least t is f(x)."""
    atom = ATOMS[name]
    problem, arrays = pinned(atom, atom.example[0])
    assert isinstance(problem.statement, ir.Minimize)
    top = ir.Variable("top", ir.Type())
    row = ir.Inequality(problem.statement.value, ir.Unknown("top", ir.Type()))
    problem = ir.Problem(
        name, problem.params, (*problem.unknowns, top), ir.Minimize(row.right), (*problem.constraints, row)
    )
    solved = solve(problem, *arrays)
    want = np.sum(REFERENCE[name](*atom.example[0].args))
    assert solved.value == pytest.approx(want, rel=2e-6, abs=2e-6)
