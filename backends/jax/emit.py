"""A planned problem -> the text of a Python module that solves it with JAX. What is printed is what runs."""

from __future__ import annotations

import re
from dataclasses import replace

from declarative import ir
from declarative.backends.jax.conic_data import matrices, members, rows
from declarative.backends.jax.functions import FORMS, quantified, rows_shape
from declarative.backends.jax.printer import reads_data, tidy
from declarative.backends.jax.writer import Function, Scope, comment, count, scope_of, stored
from declarative.dims import Dim
from declarative.plan import Choice
from declarative.rewrite.cones import PACKED
from declarative.rewrite.variant import Factor

PACKAGES = {"jax": "declarative.backends.jax.engines", "cvxpy": "declarative.backends.cvxpy"}
"""Where the module of an engine's name holds its `Solver`."""


def emit(choice: Choice) -> str:
    """The module's source. It reads two names of its namespace: `static` and `extern`, both mappings."""
    problem, engine = choice.variant.problem, choice.engine
    scope = replace(scope_of(problem), back=choice.variant.back)
    form = FORMS[engine.form](scope, choice.variant)
    functions = [
        size(scope),
        unpack(scope),
        *([objective(scope)] if isinstance(problem.statement, ir.Minimize) else []),
        *form.functions,
        outputs(scope),
        duals(scope),
    ]
    solver = f"SOLVER = {engine.name}.Solver({', '.join(form.arguments)})\n"
    body = "\n\n".join([*functions, solver])
    return "\n".join([*head(choice, body), *constants(scope), "", "", body])


def head(choice: Choice, body: str) -> list[str]:
    problem, engine = choice.variant.problem, choice.engine
    title = f"Problem `{problem.name}`, solved by the engine `{engine.name}`."
    doc = "\n\n".join(part for part in (_quoted(problem.doc), title) if part)
    lines = [f'"""{doc}"""' if "\n" not in doc else f'"""{doc}\n"""', ""]
    if "jax." in body.replace("jax.numpy", ""):
        lines.append("import jax")
    if "jnp." in body:
        lines.append("import jax.numpy as jnp")
    if "jsp." in body:
        lines.append("import jax.scipy.special as jsp")
    if re.search(r"\bnp\.", body):
        lines.append("import numpy as np")
    lines.append("")
    if "rt." in body:
        lines.append("from declarative.backends.jax import runtime as rt")
    lines.append(f"from {PACKAGES[engine.backend]} import {engine.name}")
    return lines


def constants(scope: Scope) -> list[str]:
    """Static parameters and host functions are names of the module."""
    lines = [
        f"{scope.names[p.name]} = static[{p.name!r}]"
        for p in scope.problem.params
        if "static" in p.properties
    ]
    lines += [f"{scope.names[e.name]} = extern[{e.name!r}]" for e in scope.problem.externs]
    return ["", *lines] if lines else []


def _quoted(doc: str) -> str:
    printable = "".join(c for c in doc if c.isprintable() or c == "\n")
    return printable.replace("\\", "\\\\").replace('"', "'").strip()


def size(scope: Scope) -> str:
    function = Function(scope)
    function.returns(f"return {function.dim(scope.size)}")
    return function.text("size(params)", "How many unknown numbers there are.", unknowns=None)


def unpack(scope: Scope) -> str:
    function = Function(scope)
    start, parts = Dim(()), []
    for unknown in scope.problem.unknowns:
        stop = start + stored(unknown)
        if unknown.type.shape:
            first = function.dim(start) if start.terms else ""
            last = function.dim(stop) if unknown is not scope.problem.unknowns[-1] else ""
            piece = f"flat[{first}:{last}]" if first or last else "flat"
            if PACKED in unknown.properties:
                piece = f"rt.symmetric({piece}, {function.dim(unknown.type.shape[0])})"
            elif len(unknown.type.shape) > 1:
                piece += f".reshape({', '.join(function.dim(dim) for dim in unknown.type.shape)})"
        else:
            piece = f"flat[{function.dim(start)}]"
        parts.append(f"    {tidy(piece)},  # {scope.names[unknown.name]}")
        start = stop
    function.returns("return (", *parts, ")")
    return function.text("unpack(flat, params)", "The flat vector of unknowns as arrays.", unknowns=None)


def objective(scope: Scope) -> str:
    statement = scope.problem.statement
    assert isinstance(statement, ir.Minimize)
    shown = statement.value if scope.back is None else scope.back.objective
    function = Function(scope, [shown])
    value = function.expr(shown)
    above = comment(shown).strip()
    function.returns(*([above] if above else []), f"return {tidy(value)}")
    return function.text("objective(unknowns, params)")


def outputs(scope: Scope) -> str:
    """Outputs of the user's program: unknowns, expressions of them, multipliers and the optimal value."""
    problem = scope.problem
    speaking = [o.value for o in problem.outputs if not isinstance(o.value, ir.Dual | ir.OptimalValue)]
    function = Function(scope, speaking)
    lines, unknowns = [], "unpack(point.z, params)"
    for output in problem.outputs:
        match output.value:
            case ir.Dual(label=label):
                text = f"duals(point, params)[{label!r}]"
            case ir.OptimalValue():
                text = "objective(unpack(point.z, params), params)"
            case value:
                text = tidy(function.expr(value))
        lines.append(f"    {text},  # {scope.names.get(output.name, output.name)}")
    function.returns("return (", *lines, ")")
    return function.text("outputs(point, params)", unknowns=unknowns)


def duals(scope: Scope) -> str:
    """Multipliers by label: slices of `point.eq` and `point.ineq`, in the order of the constraints.

    Those of cones come after those of inequalities, in the order of the cones.
    """
    factors = {} if scope.back is None else {one.label: one for one in scope.back.factors}
    function = Function(scope, (one.value for one in factors.values()))
    start = {"eq": Dim(()), "ineq": Dim(())}
    slices: dict[str, list[str]] = {}
    for constraint in scope.problem.constraints:
        if not isinstance(constraint, ir.Equality | ir.Inequality):
            continue
        side, shape = ("eq" if isinstance(constraint, ir.Equality) else "ineq"), rows_shape(constraint)
        piece, stop = _slice(function, constraint, side, start[side], shape)
        if constraint.label is not None:
            if constraint.label in factors:
                piece = scaled(function, piece, factors[constraint.label], shape)
            slices.setdefault(constraint.label, []).append(piece)
        start[side] = stop
    if any(isinstance(c, ir.Semidefinite) and c.label is not None for c in scope.problem.constraints):
        for member in members(scope.problem):
            label, stop = member.constraint.label, start["ineq"] + rows(function, member)
            if isinstance(member.constraint, ir.Semidefinite) and label is not None:
                slices.setdefault(label, []).append(matrices(function, member, start["ineq"], stop))
            start["ineq"] = stop
    entries = [
        f"    {label!r}: {parts[0] if len(parts) == 1 else '(' + ', '.join(parts) + ')'},"
        for label, parts in slices.items()
    ]
    function.returns(*(["return {", *entries, "}"] if entries else ["return {}"]))
    unknowns = "unpack(point.z, params)" if scope.back is not None else None
    return function.text("duals(point, params)", unknowns=unknowns)


def scaled(function: Function, piece: str, factor: Factor, shape: tuple[Dim, ...]) -> str:
    """Multipliers of this shape times their factor, which has the quantifiers' extents before axes of its own."""
    binders, own = factor.binders, factor.value.type.shape
    values = quantified(function, [factor.value], binders, factor.where, str, "1.0")
    if binders:
        extents, rest = shape[: len(binders)], shape[len(binders) :]
        whole = function.shape((*extents, *(own or (Dim.of(1),) * len(rest))))
        if factor.where is None or reads_data(factor.where):
            values = f"({values}).reshape({whole})"
        else:
            picked = function.printer.picked(factor.where, binders, function.block)
            ends = ", ".join(f"({function.dim(b.first)}, {function.dim(b.last)})" for b in binders)
            values = f"rt.spread({values}, {picked}, {ends}, shape={whole})"
    return tidy(f"{piece} * ({values})")


def _slice(
    function: Function, constraint: ir.Constraint, side: str, start: Dim, shape: tuple[Dim, ...]
) -> tuple[str, Dim]:
    """A constraint's multipliers as text, and where those of the next one start."""
    if constraint.where is None or reads_data(constraint.where):
        stop = start + count(shape)
        piece = f"point.{side}[{function.dim(start)} : {function.dim(stop)}]"
        return tidy(f"{piece}.reshape({function.shape(shape)})"), stop
    # A filter on the indices leaves some rows out: they are counted when the function is traced.
    printer, binders = function.printer, constraint.binders
    picked, rows = printer.fresh("picked"), printer.fresh("rows")
    inner = function.dim(count(shape[len(binders) :]))
    function.block.lines += [
        f"{picked} = {tidy(printer.picked(constraint.where, binders, function.block))}",
        f"{rows} = {tidy(f'{picked}[0].shape[0] * ({inner})')}",
    ]
    stop = start + Dim.of(rows)
    piece = f"point.{side}[{function.dim(start)} : {function.dim(stop)}]"
    ends = ", ".join(f"({function.dim(b.first)}, {function.dim(b.last)})" for b in binders)
    return tidy(f"rt.spread({piece}, {picked}, {ends}, shape={function.shape(shape)})"), stop
