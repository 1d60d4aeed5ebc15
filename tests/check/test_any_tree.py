"""Any tree is checked without an exception, and what is found sound is sound: verified, shown, read back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from declarative import show
from declarative.check import check
from declarative.errors import Source
from declarative.grammar import parse, tree
from declarative.verify import verify

TESTS = Path(__file__).parent.parent
PATHS = sorted([*TESTS.glob("check/programs/*.decl"), *TESTS.glob("grammar/programs/*.decl")])
EXPRESSIONS = tree.Expr.__args__
SEED = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=150
)


def parsed(path: Path) -> tree.File:
    file, found = parse(Source(path.name, path.read_text(encoding="utf-8")))
    assert file is not None, "\n".join(map(str, found))
    return file


FILES = [parsed(path) for path in PATHS]


def places(node: object, at: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The paths of all expressions, names and sets below a node."""
    if isinstance(node, (*EXPRESSIONS, tree.Interval)):
        yield at
    if isinstance(node, tuple):
        for i, item in enumerate(node):
            yield from places(item, (*at, i))
    elif is_dataclass(node) and isinstance(node, tree.Node):
        for field in fields(node):
            if field.name != "span":
                yield from places(getattr(node, field.name), (*at, field.name))


def pick(node: object, at: tuple[object, ...]) -> object:
    for step in at:
        node = node[step] if isinstance(step, int) else getattr(node, step)
    return node


def put(node: object, at: tuple[object, ...], new: object) -> object:
    if not at:
        return new
    step, *rest = at
    if isinstance(step, int):
        return tuple(put(item, tuple(rest), new) if i == step else item for i, item in enumerate(node))
    return replace(node, **{step: put(getattr(node, step), tuple(rest), new)})


PLACES = [list(places(file)) for file in FILES]
POOL = [pick(file, at) for file, paths in zip(FILES, PLACES, strict=True) for at in paths]
EXPRESSION_POOL = [node for node in POOL if isinstance(node, EXPRESSIONS)]
KINDS = {kind: [node for node in POOL if type(node) is kind] for kind in {type(node) for node in POOL}}


def mutated(file: tree.File, chance: random.Random, times: int, alike: bool) -> tree.File:
    """Some expressions replaced by others, of the same kind of node or of any."""
    for _ in range(times):
        at = chance.choice(list(places(file)))
        old = pick(file, at)
        # Where the grammar wants a name, a set or a relation, only such a node can stand.
        special = at[-1] in ("relation", "within") or "facts" in at[-2:]
        bound = special or isinstance(old, tree.Name | tree.Interval)
        pool = KINDS[type(old)] if alike or bound else EXPRESSION_POOL
        file = put(file, at, chance.choice(pool))
    return file


def must_hold(file: tree.File) -> None:
    problems, found = check(file)
    for one in found:
        str(one)
    for problem in problems.values():
        assert verify(problem) == []
        show.latex(problem)
        show.tree(problem)


@SEED
@given(st.integers(0, len(FILES) - 1), st.integers(0, 10**6), st.integers(1, 3), st.booleans())
def test_mutated_trees(which: int, seed: int, times: int, alike: bool):
    must_hold(mutated(FILES[which], random.Random(seed), times, alike))


@SEED
@given(st.integers(0, len(FILES) - 1), st.integers(0, 10**6))
def test_statements_of_different_problems_together(which: int, seed: int):
    chance = random.Random(seed)
    statements = [
        s for file in FILES for item in file.items if isinstance(item, tree.Problem) for s in item.statements
    ]
    chosen = tuple(chance.choice(statements) for _ in range(chance.randint(0, 7)))
    file = FILES[which]
    must_hold(replace(file, items=(*file.items, tree.Problem(tree.Name("mixed"), chosen))))


@SEED
@given(st.integers(0, len(FILES) - 1), st.integers(0, 10**6))
def test_what_is_sound_after_a_change_reads_back(which: int, seed: int):
    file = mutated(FILES[which], random.Random(seed), 1, True)
    problems, _ = check(file)
    for name, problem in problems.items():
        text = show.text(problem)
        again, found = parse(Source("shown", text))
        assert again is not None, text + "\n" + "\n".join(map(str, found))
        back, found = check(again)
        assert name in back, text + "\n" + "\n".join(map(str, found))
        assert back[name] == problem, text


@pytest.mark.parametrize(
    "file",
    [
        tree.File(()),
        tree.File((tree.Problem(tree.Name("p"), ()),)),
        tree.File((tree.Problem(tree.Name("p"), (tree.Objective("minimize", tree.Number(1)),)),)),
        tree.File((tree.Problem(tree.Name("p"), (tree.Find(()), tree.Return(()))),)),
        tree.File((tree.Def(tree.Name("f"), (), tree.Call(tree.Name("f"), ())),)),
    ],
)
def test_empty_parts(file: tree.File):
    must_hold(file)


def codes(text: str) -> list[str]:
    file, found = parse(Source("text", text))
    assert file is not None, "\n".join(map(str, found))
    return [one.code for one in check(file)[1]]


PROBLEM = "problem p\n  given a: real[n]\n  find x: real[n]\n  minimize"


def test_deep_expressions_are_refused():
    assert codes(f"{PROBLEM} {' + '.join(['x[0] * a[0]'] * 140)}") == []
    nest = "\n".join(f"def f{i}(r) = {' + '.join([f'f{i - 1}(r)'] + ['r'] * 99)}" for i in range(1, 30))
    assert codes(f"def f0(r) = r\n{nest}\n{PROBLEM} f29(x[0]) + a[0]") == ["D286"]


def test_explosive_definitions_are_refused():
    nest = "\n".join(f"def f{i}(r) = f{i - 1}(r) + f{i - 1}(r)" for i in range(1, 40))
    assert codes(f"def f0(r) = r\n{nest}\n{PROBLEM} f39(x[0]) + a[0]") == ["D286"]
    doubled = "twice(" * 40 + "x[0]" + ")" * 40
    assert codes(f"def twice(r) = r + r\n{PROBLEM} {doubled} + a[0]") == ["D286"]
