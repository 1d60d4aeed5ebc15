"""Problems inside problems: a problem called like a function, or written in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from declarative import ir
from declarative.check import types
from declarative.check.arguments import bind_types, matched, with_dims
from declarative.check.constraints import lower_constraints
from declarative.check.indexing import dimension
from declarative.check.library import Library
from declarative.check.scope import Entry
from declarative.check.sets import lower_set
from declarative.check.statements import scalar
from declarative.dims import Dim
from declarative.errors import Span
from declarative.grammar import tree
from declarative.walk import free_bounds, rewrite, sizes, with_sizes

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering


# ---- called ------------------------------------------------------------------------------------


def call(check: Lowering, node: tree.Call, item: tree.Problem, home: Library) -> ir.Expr | None:
    problem = check.problem_of(item, home, node.span)
    values = [check.expr(argument) for argument in (*node.args, *(k.value for k in node.keywords))]
    if problem is None or None in values:
        return None
    parameters = [
        tree.Parameter(tree.Name(p.name), default=tree.Number(0) if p.default is not None else None)
        for p in problem.params
    ]
    given = matched(check, node, parameters)
    if given is None:
        return None
    if len(problem.outputs) != 1:
        check.reports.add("D248", node.span, name=item.name.name, count=len(problem.outputs))
        return None
    bound = _bound(check, node, problem, given)
    if bound is None:
        return None
    args, known = bound
    output = problem.outputs[0]
    type_ = with_dims(output.value.type, known)
    return ir.SubProblem(problem, args, output.name, type_, span=node.span)


def _bound(
    check: Lowering, node: tree.Call, problem: ir.Problem, given: dict[str, tree.Expr | None]
) -> tuple[tuple[ir.Expr, ...], dict[str, Dim]] | None:
    """The arguments in the order of the parameters, and what they say of the dimensions."""
    args: dict[str, ir.Expr] = {}
    statics: dict[str, Dim] = {}
    for param in problem.params:
        source = given[param.name]
        value = param.default if source is None else check.expr(source)
        assert value is not None
        args[param.name] = value
        if "static" in param.properties:
            dim = dimension(value)
            if dim is None:
                check.reports.add("D244", value.span, what=param.name)
                return None
            statics[param.name] = dim
    declared = [
        (p.name, with_dims(p.type, {}), args[p.name]) for p in problem.params if given[p.name] is not None
    ]
    known = bind_types(check, node, declared)
    if known is None:
        return None
    known = {**known, **statics}
    filled = {
        p.name: with_sizes(args[p.name], known) if given[p.name] is None else args[p.name]
        for p in problem.params
    }
    return tuple(filled.values()), known


# ---- written in place --------------------------------------------------------------------------


def in_place(check: Lowering, node: tree.Nested) -> ir.Expr | None:
    """`argmin(f over u: real[d] subject to c)`; what it reads from outside becomes its parameters."""
    kind = node.function.name
    if kind not in ("argmin", "argmax", "min", "max"):
        check.reports.add("D217", node.function.span, name=kind)
        return None
    before = check.reports.errors
    inside = check.within(check.scope.inner(), outputs=None)
    unknowns: list[ir.Variable] = []
    for declaration in node.unknowns:
        for name in declaration.names:
            variable = _unknown(inside, name, declaration)
            if variable is not None:
                unknowns.append(variable)
    objective = scalar(inside, node.objective)
    labels: dict[str, Span] = {}
    constraints = lower_constraints(inside, node.constraints, labels)
    if objective is None or check.reports.errors > before:
        return None
    if kind in ("argmin", "argmax") and len(unknowns) != 1:
        check.reports.add("D248", node.span, name=kind, count=len(unknowns))
        return None
    statement = ir.Minimize(objective, 1 if kind in ("argmin", "min") else -1, span=node.span)
    outputs = (
        tuple(ir.Output(v.name, ir.Unknown(v.name, v.type)) for v in unknowns)
        if kind.startswith("arg") else (ir.Output("value", ir.OptimalValue()),)
    )  # fmt: skip
    problem = ir.Problem(kind, (), tuple(unknowns), statement, constraints, outputs, span=node.span)
    return _closed(problem, kind, node.span)


def _unknown(inside: Lowering, name: tree.Name, declaration: tree.Declaration) -> ir.Variable | None:
    taken = inside.scope.find(name.name)
    if taken is not None:
        inside.reports.add("D203", name.span, taken.span, name=name.name)
        return None
    base = types.base_of(inside, declaration.type)
    dims = [inside.dim(part) for part in declaration.type.shape or ()]
    shape = tuple(dim for dim in dims if dim is not None)
    if base is None or len(shape) < len(dims):
        return None
    if base == "any":
        inside.reports.add(
            "D260",
            declaration.type.span,
            what="`any`",
            whom="an unknown",
            why="an unknown is made of numbers",
        )
        return None
    type_ = ir.Type(base, shape)
    inside.origins.places[name.name] = name.span
    inside.scope.entries[name.name] = Entry("unknown", ir.Unknown(name.name, type_), name.span)
    properties = types.properties_of(inside, declaration.type, type_, "over")
    within = None if declaration.within is None else lower_set(inside, declaration.within, type_)
    return ir.Variable(name.name, type_, properties, within, span=name.span)


def _closed(problem: ir.Problem, kind: str, span: Span) -> ir.Expr:
    """The nested problem with outer names as parameters, applied to them."""
    own = {variable.name for variable in problem.unknowns}
    indices = free_bounds(problem)
    outer: dict[str, ir.Expr] = {}

    def capture(node: ir.Node) -> ir.Node:
        free = isinstance(node, (ir.Param, ir.Unknown)) and node.name not in own
        if free or (isinstance(node, ir.Bound) and node.name in indices):
            assert isinstance(node, (ir.Param, ir.Unknown, ir.Bound))
            outer.setdefault(node.name, node)
            return ir.Param(node.name, node.type, span=node.span)
        return node

    closed = rewrite(problem, capture)
    params = tuple(ir.Parameter(name, value.type, span=value.span) for name, value in outer.items())
    full = ir.Problem(
        kind, params, closed.unknowns, closed.statement, closed.constraints, closed.outputs,
        dims=tuple(sorted(sizes(closed))), span=span,
    )  # fmt: skip
    output = problem.unknowns[0].name if kind.startswith("arg") else None
    type_ = problem.unknowns[0].type if kind.startswith("arg") else ir.Type()
    return ir.SubProblem(full, tuple(outer.values()), output, type_, span=span)
