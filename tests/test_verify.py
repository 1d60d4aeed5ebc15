"""Sound problems pass every rule; each rule catches a problem that breaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from declarative import ir
from declarative.check import check
from declarative.dims import Dim
from declarative.errors import Source
from declarative.grammar import parse
from declarative.verify import RULES, verify
from tests.programs import problem

GOOD = """
problem p
  given A: real[m, n], b: real[m], T: static int
  find  x: real[n]
  minimize sum(A[i, :] @ x for i in m) + T
  subject to row: A @ x == b
  return x, nu = dual(row)
"""
n, m = Dim.of("n"), Dim.of("m")
VECTOR = ir.Type("real", (n,))
X = ir.Unknown("x", VECTOR)


def minimizing(value: ir.Expr) -> ir.Problem:
    return replace(problem(GOOD), statement=ir.Minimize(value))


def test_sound():
    assert verify(problem(GOOD)) == []


@pytest.mark.parametrize("path", sorted(Path("../shared/corpus").glob("*.decl")), ids=lambda path: path.stem)
def test_corpus_is_sound(path: Path):
    file, _ = parse(Source(path.name, path.read_text()))
    assert file is not None
    for each in check(file)[0].values():
        assert verify(each) == []


GOOD_ROW = ir.Equality(ir.Param("b", ir.Type("real", (m,))), ir.Param("b", ir.Type("real", (m,))))
BROKEN = {
    "names are unique": lambda p: replace(p, unknowns=p.unknowns * 2),
    "names are declared, with their types": lambda p: minimizing(ir.Param("y", ir.Type())),
    "index variables have a binder": lambda p: minimizing(ir.Bound("k")),
    "dimensions are declared": lambda p: minimizing(ir.Size(Dim.of("q"))),
    "multipliers have a constraint": lambda p: replace(p, constraints=()),
    "atoms have the shape of their rule": lambda p: minimizing(ir.Apply("square", (X,), ir.Type())),
    "indices have the shape of their items": lambda p: minimizing(ir.Index(X, (), ir.Type())),
    "reductions keep the shape of their body": lambda p: minimizing(
        ir.Reduce("sum", X, (ir.Binder("i", Dim.of(0), n),), None, ir.Type())
    ),
    "sides of a relation fit": lambda p: replace(
        p, constraints=(*p.constraints, ir.Equality(X, ir.Param("b", ir.Type("real", (m,)))))
    ),
    "sets hold no unknown": lambda p: replace(
        p, unknowns=(replace(p.unknowns[0], within=ir.Set("box", (X, X))),)
    ),
    "objectives are numbers": lambda p: minimizing(X),
    "equations match unknowns": lambda p: replace(p, statement=ir.FixedPoint(()), constraints=(), outputs=()),
    "each unknown has one player": lambda p: replace(
        p, statement=ir.Saddle(("x",), ("x",), ir.Const(0, ir.Type("int")))
    ),
    "nested problems get their arguments": lambda p: minimizing(ir.SubProblem(p, (), "x", ir.Type())),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_catches_what_breaks_it(rule: str):
    found = verify(BROKEN[rule](problem(GOOD)))
    assert any(rule in text for text in found), found
