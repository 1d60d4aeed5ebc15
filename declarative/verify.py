"""What must hold of an IR problem after every stage, a rule a line. Tests run it between stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from declarative import ir
from declarative.atoms import ATOMS, ShapeError
from declarative.atoms.shapes import entries, shape_text
from declarative.dims import Dim, Shape
from declarative.walk import children, contains, free_bounds, sizes, walk

Findings = Iterator[str]
Rule = Callable[[ir.Problem], Findings]


def verify(problem: ir.Problem) -> list[str]:
    """What is wrong with the problem, in words for developers; nothing in a sound one."""
    found = [f"{problem.name}: {rule}: {text}" for rule, holds in RULES.items() for text in holds(problem)]
    for node in walk(problem):
        if isinstance(node, ir.SubProblem):
            found += verify(node.problem)
    return found


# ---- names -------------------------------------------------------------------------------------


def _unique(problem: ir.Problem) -> Findings:
    names = [param.name for param in problem.params] + [variable.name for variable in problem.unknowns]
    yield from (name for name in set(names) if names.count(name) > 1)
    outputs = [output.name for output in problem.outputs]
    yield from (f"output {name}" for name in set(outputs) if outputs.count(name) > 1)
    labels = [one.label for one in _constraints(problem) if one.label is not None]
    yield from (f"label {label}" for label in set(labels) if labels.count(label) > 1)


def _resolved(problem: ir.Problem) -> Findings:
    params = {param.name: param.type for param in problem.params}
    unknowns = {variable.name: variable.type for variable in problem.unknowns}
    externs = {signature.name for signature in problem.externs}
    for node in walk(problem):
        if isinstance(node, ir.Param) and params.get(node.name) != node.type:
            yield f"parameter {node.name}"
        if isinstance(node, ir.Unknown) and unknowns.get(node.name) != node.type:
            yield f"unknown {node.name}"
        if isinstance(node, ir.AtTime) and node.unknown not in unknowns:
            yield f"unknown {node.unknown}"
        if isinstance(node, ir.Extern) and node.name not in externs:
            yield f"host function {node.name}"


def _bound(problem: ir.Problem) -> Findings:
    time = {problem.statement.time} if isinstance(problem.statement, ir.Ode) else set()
    for part in children(problem):
        free = free_bounds(part) - (time if part is problem.statement else set())
        yield from sorted(free)


def _sized(problem: ir.Problem) -> Findings:
    yield from sorted(sizes(replace(problem, externs=())) - set(problem.dims) - _static(problem))


def _static(problem: ir.Problem) -> set[str]:
    return {param.name for param in problem.params if "static" in param.properties}


def _labelled(problem: ir.Problem) -> Findings:
    labels = {one.label for one in _constraints(problem)}
    for node in walk(problem):
        if isinstance(node, ir.Dual) and node.label not in labels:
            yield node.label
        if isinstance(node, ir.OptimalValue) and not isinstance(problem.statement, ir.Minimize):
            yield "objective"


# ---- types -------------------------------------------------------------------------------------


def _atoms(problem: ir.Problem) -> Findings:
    for node in walk(problem):
        if not isinstance(node, ir.Apply):
            continue
        record = ATOMS.get(node.atom)
        if record is None:
            yield f"no atom {node.atom}"
        elif tuple(name for name, _ in node.attrs) != tuple(name for name, _ in record.attrs):
            yield f"attributes of {node.atom}"
        elif (shape := _applied(node)) != node.type.shape:
            wanted = "nothing" if shape is None else shape_text(shape)
            yield f"{node.atom} is {shape_text(node.type.shape)}, its rule gives {wanted}"


def _applied(node: ir.Apply) -> Shape | None:
    try:
        return ATOMS[node.atom].shape(tuple(argument.type.shape for argument in node.args), dict(node.attrs))
    except ShapeError:
        return None


def _indices(problem: ir.Problem) -> Findings:
    for node in walk(problem):
        if not isinstance(node, ir.Index):
            continue
        kept: list[Dim] = []
        for item in node.items:
            kept += [item.upper - item.lower] if isinstance(item, ir.Slice) else item.type.shape
            if not isinstance(item, ir.Slice) and item.type.base != "int":
                yield "an index is no whole number"
        if len(node.items) != len(node.array.type.shape) or tuple(kept) != node.type.shape:
            yield f"{len(node.items)} items give {shape_text(node.type.shape)}"


def _reductions(problem: ir.Problem) -> Findings:
    for node in walk(problem):
        if isinstance(node, ir.Reduce) and node.type.shape != node.body.type.shape:
            yield f"{node.op} is {shape_text(node.type.shape)}"


def _relations(problem: ir.Problem) -> Findings:
    for one in (*_constraints(problem), *problem.assumptions):
        if isinstance(one, (ir.Equality, ir.Inequality)):
            try:
                ATOMS["sub"].shape((one.left.type.shape, one.right.type.shape), {})
            except ShapeError:
                yield f"{shape_text(one.left.type.shape)} against {shape_text(one.right.type.shape)}"
        if one.where is not None and one.where.type != ir.Type("bool"):
            yield "a filter is no condition"


def _sets(problem: ir.Problem) -> Findings:
    for node in walk(problem):
        if isinstance(node, ir.Set) and contains(node, ir.Unknown):
            yield f"an unknown in {node.name}"


# ---- what is solved ----------------------------------------------------------------------------


def _objective(problem: ir.Problem) -> Findings:
    statement = problem.statement
    players = statement.players if isinstance(statement, ir.Equilibrium) else ()
    values = (
        [statement.value] if isinstance(statement, (ir.Minimize, ir.Saddle)) else [p.value for p in players]
    )
    yield from (shape_text(value.type.shape) for value in values if value.type.shape)


def _equations(problem: ir.Problem) -> Findings:
    names = [variable.name for variable in problem.unknowns]
    types = {variable.name: variable.type.shape for variable in problem.unknowns}
    match problem.statement:
        case ir.FixedPoint(maps=maps):
            if [name for name, _ in maps] != names:
                yield "one equation per unknown, in their order"
            yield from (name for name, image in maps if types.get(name) != image.type.shape)
        case ir.Ode(fields=fields, initial=initial):
            if [name for name, _ in fields] != names or [name for name, _ in initial] != names:
                yield "one equation and one start per unknown, in their order"
        case ir.Root(equations=equations):
            total = Dim.of(0)
            for left, right in equations:
                total = total + entries(ATOMS["sub"].shape((left.type.shape, right.type.shape), {}))
            for shape in types.values():
                total = total - entries(shape)
            if total != Dim.of(0):
                yield f"equations less unknowns is {total}"


def _players(problem: ir.Problem) -> Findings:
    names = sorted(variable.name for variable in problem.unknowns)
    match problem.statement:
        case ir.Saddle(minimizers=low, maximizers=high):
            sides = [*low, *high]
        case ir.Equilibrium(players=players):
            sides = [name for player in players for name in player.unknowns]
        case _:
            return
    if sorted(sides) != names:
        yield f"{', '.join(sides)} for {', '.join(names)}"


def _nested(problem: ir.Problem) -> Findings:
    for node in walk(problem):
        if not isinstance(node, ir.SubProblem):
            continue
        if len(node.args) != len(node.problem.params):
            yield f"{len(node.args)} arguments for {node.problem.name}"
        outputs = {output.name for output in node.problem.outputs}
        if node.output is not None and node.output not in outputs:
            yield f"{node.problem.name} has no output {node.output}"


def _constraints(problem: ir.Problem) -> tuple[ir.Constraint, ...]:
    statement = problem.statement
    players = statement.players if isinstance(statement, ir.Equilibrium) else ()
    return (*problem.constraints, *(one for player in players for one in player.constraints))


RULES: dict[str, Rule] = {
    "names are unique": _unique,
    "names are declared, with their types": _resolved,
    "index variables have a binder": _bound,
    "dimensions are declared": _sized,
    "multipliers have a constraint": _labelled,
    "atoms have the shape of their rule": _atoms,
    "indices have the shape of their items": _indices,
    "reductions keep the shape of their body": _reductions,
    "sides of a relation fit": _relations,
    "sets hold no unknown": _sets,
    "objectives are numbers": _objective,
    "equations match unknowns": _equations,
    "each unknown has one player": _players,
    "nested problems get their arguments": _nested,
}
