"""A planned convex problem -> the text of a Python module that states it in cvxpy. What is printed is what runs."""

from __future__ import annotations

from dataclasses import replace

from declarative import ir
from declarative.analyse.curvature import Curvatures
from declarative.analyse.scope import Scope as Declarations
from declarative.analyse.signs import Signs
from declarative.backends.cvxpy.printer import ConvexPrinter
from declarative.backends.jax import emit as emit_jax
from declarative.backends.jax.functions import broadcast
from declarative.backends.jax.printer import Block, tidy
from declarative.backends.jax.writer import Function, Scope, comment, scope_of
from declarative.dims import Dim
from declarative.plan import Choice

SIGNS = {"nonneg": "nonneg", "positive": "nonneg", "nonpos": "nonpos", "negative": "nonpos"}


def emit(choice: Choice) -> str:
    """The module's source. It reads two names of its namespace: `static` and `extern`, both mappings."""
    scope = replace(scope_of(choice.variant.problem), back=choice.variant.back)
    functions = [
        emit_jax.size(scope),
        _unpack(scope),
        emit_jax.objective(scope),
        _program(scope),
        emit_jax.outputs(scope),
        _duals(scope),
    ]
    body = "\n\n".join([*functions, f"SOLVER = {choice.engine.name}.Solver(program)\n"])
    head = emit_jax.head(choice, body)
    head[2:2] = ["import cvxpy as cp", *(["import numpy as np"] if " np." in body else [])]
    if "ct." in body:
        head.append("from declarative.backends.cvxpy import runtime as ct")
    return "\n".join([*head, *emit_jax.constants(scope), "", "", body])


def _unpack(scope: Scope) -> str:
    """As for JAX, but the engine's flat vector holds more than the user's unknowns."""
    head, doc, *body = emit_jax.unpack(scope).splitlines(keepends=True)
    cut = "    flat = flat[: size(params)]  # cvxpy's own variables come after them\n"
    return "".join([head, doc, cut, *body])


def _program(scope: Scope) -> str:
    problem = scope.problem
    statement = problem.statement
    assert isinstance(statement, ir.Minimize)
    function = Function(scope)
    curvatures = Curvatures(Signs(Declarations.of(problem)))
    printer = ConvexPrinter(function, statement.value, curvatures)
    function.printer = printer
    block = function.block
    for unknown in problem.unknowns:
        block.lines += _unknown(printer, unknown, block)
    keys = _keys(problem)
    for constraint, key in zip(problem.constraints, keys, strict=True):
        block.lines += _constraint(printer, constraint, key, block)
    value = tidy(printer.text(statement.value, block))
    sense = "Minimize" if statement.sense > 0 else "Maximize"
    function.returns(f"return cp.{sense}({value}){comment(statement.value)}")
    if any("given(" in line for line in (*block.lines, value)):
        block.lines.insert(0, "given = model.given")
    doc = "The program of one element in cvxpy; `given(a)` is a cvxpy parameter with the value a."
    return function.text("program(params, model)", doc, unknowns=None)


def _unknown(printer: ConvexPrinter, unknown: ir.Variable, block: Block) -> list[str]:
    name = printer.names[unknown.name]
    sizes = [tidy(printer.dim(dim)) for dim in unknown.type.shape]
    sign = next((f"{SIGNS[p]}=True" for p in sorted(unknown.properties) if p in SIGNS), None)
    lines = [f"{name} = model.find({', '.join([*sizes, *([sign] if sign else [])])})"]
    shapes = {"symmetric", "psd", "pd"} & unknown.properties
    if shapes or (unknown.within is not None and unknown.within.name == "psd"):
        lines.append(f"model.symmetric({name})")
    lines += [f"model.{word}({name})" for word in ("skew", "diagonal") if word in unknown.properties]
    if {"psd", "pd"} & unknown.properties:
        lines.append(f'model.member({name}, "psd")')
    if unknown.within is not None:
        lines.append(_member(printer, name, unknown.within, block))
    return lines


def _member(printer: ConvexPrinter, text: str, within: ir.Set, block: Block) -> str:
    args = "".join(f", {tidy(printer.text(arg, block))}" for arg in within.args)
    return f"model.member({text}, {within.name!r}{args})"


def _constraint(printer: ConvexPrinter, c: ir.Constraint, key: str | None, block: Block) -> list[str]:
    inner = Block(frozenset(b.name for b in c.binders), block) if c.binders else block
    start = len(inner.lines)
    match c:
        case ir.Equality(left=left, right=right):
            row = f"{printer.text(left, inner)} == {printer.text(right, inner)}"
        case ir.Inequality(left=left, right=right):
            row = f"{printer.text(left, inner)} <= {printer.text(right, inner)}"
        case ir.Semidefinite(greater=left, smaller=right):
            row = f"({printer.text(left, inner)} - {printer.text(right, inner)}) >> 0"
        case ir.Membership(member=member, within=within):
            line = _member(printer, tidy(printer.text(member, inner)), within, inner)
            return _quantified(printer, c, inner, line, start)
    at = ""
    if c.binders and c.where is not None:
        at = ", at=(" + "".join(f"{_offset(printer, b)}, " for b in c.binders) + ")"
    label = "" if key is None else f", {key!r}{at}"
    return _quantified(printer, c, inner, f"model.require({tidy(row)}{label})", start)


def _offset(printer: ConvexPrinter, binder: ir.Binder) -> str:
    first = printer.dim(binder.first)
    return printer.names[binder.name] if first == "0" else f"{printer.names[binder.name]} - ({first})"


def _quantified(printer: ConvexPrinter, c: ir.Constraint, inner: Block, line: str, start: int) -> list[str]:
    """The line under the loops of its quantifiers, with the names that it needs."""
    source = comment(c, c.label)
    if not c.binders:
        return [f"{line}{source}"]
    lines, indent = [], ""
    for b in c.binders:
        lines.append(
            f"{indent}for {printer.names[b.name]} in range({printer.dim(b.first)}, {printer.dim(b.last)}):"
        )
        indent += "    "
    lines[-1] += source
    if c.where is not None:
        lines.append(f"{indent}if not ({tidy(printer.text(c.where, inner))}):")
        lines.append(f"{indent}    continue")
    return [*lines, *(f"{indent}{one}" for one in (*inner.lines[start:], line))]


def _keys(problem: ir.Problem) -> list[str | None]:
    """The label of each constraint, numbered where several share it."""
    seen: dict[str, int] = {}
    keys: list[str | None] = []
    for c in problem.constraints:
        if c.label is None or isinstance(c, ir.Membership):
            keys.append(None)
            continue
        seen[c.label] = seen.get(c.label, 0) + 1
        keys.append(c.label if seen[c.label] == 1 else f"{c.label} {seen[c.label]}")
    return keys


def _duals(scope: Scope) -> str:
    """Multipliers by label, in the shape of the quantifiers' extents and then the constraint's own axes."""
    factors = {} if scope.back is None else {one.label: one for one in scope.back.factors}
    function = Function(scope, (one.value for one in factors.values()))
    parts: dict[str, list[str]] = {}
    for c, key in zip(scope.problem.constraints, _keys(scope.problem), strict=True):
        if key is None or c.label is None or isinstance(c, ir.Membership):
            continue
        shape = (*(b.last - b.first for b in c.binders), *_own_shape(c))
        piece = f"SOLVER.dual({key!r}, point, params, {function.shape(shape)})"
        if c.label in factors:
            piece = emit_jax.scaled(function, piece, factors[c.label], shape)
        parts.setdefault(c.label, []).append(piece)
    entries = [
        f"    {label!r}: {found[0] if len(found) == 1 else '(' + ', '.join(found) + ')'},"
        for label, found in parts.items()
    ]
    function.returns(*(["return {", *entries, "}"] if entries else ["return {}"]))
    unknowns = "unpack(point.z, params)" if scope.back is not None else None
    return function.text("duals(point, params)", unknowns=unknowns)


def _own_shape(c: ir.Constraint) -> tuple[Dim, ...]:
    match c:
        case ir.Equality(left=a, right=b) | ir.Inequality(left=a, right=b):
            return broadcast(a.type.shape, b.type.shape)
        case ir.Semidefinite(greater=a, smaller=b):
            return a.type.shape or b.type.shape
    return ()
