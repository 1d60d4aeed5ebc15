"""The functions that each form of engine asks for, written for one problem: FORMS[engine.form]."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from declarative import ir
from declarative.analyse import LowRank, Part, structure_of
from declarative.analyse.composite import Quadratic, expansion
from declarative.analyse.domain import inside
from declarative.analyse.separable import by_entries
from declarative.analyse.separable import slopes as entry_derivatives
from declarative.backends.jax.printer import tidy
from declarative.backends.jax.writer import Function, Scope, comment, count, stored
from declarative.dims import Dim
from declarative.plan.engine import Variant
from declarative.walk import walk


@dataclass(frozen=True)
class Form:
    """Sources of the functions, and the arguments that `Solver(...)` takes."""

    functions: tuple[str, ...]
    arguments: tuple[str, ...]


def quadratic(scope: Scope, variant: Variant) -> Form:
    """min 1/2 z'Pz + q'z subject to A z = b, G z <= h, as `data(params)`."""
    from declarative.backends.jax.quadratic import data

    return _program(scope, variant, data(scope))


def conic(scope: Scope, variant: Variant) -> Form:
    """min 1/2 z'Pz + q'z subject to A z + s = b, s in K, as `data(params)`."""
    from declarative.backends.jax.conic_data import data

    return _program(scope, variant, data(scope))


def _program(scope: Scope, variant: Variant, data: dict[str, str]) -> Form:
    from declarative.backends.jax.quadratic import curvature

    functions, arguments = list(data.values()), ["data"]
    if variant.auxiliaries:
        functions.append(own(scope, variant.auxiliaries))
        arguments.append("own=own")
    rows = curvature(scope) if variant.facts.convex else None
    if rows is not None:
        functions.append(rows)
        arguments.append("curvature=curvature")
    return Form(tuple(functions), tuple(arguments))


def matrix_free(scope: Scope, variant: Variant) -> Form:
    """The same as functions, and which of the inequalities bound one unknown each."""
    functions, arguments = [cost(scope)], ["cost", "size"]
    kinds = {type(constraint) for constraint in scope.problem.constraints}
    for kind, name in ((ir.Equality, "equalities"), (ir.Inequality, "inequalities")):
        if kind in kinds:
            functions.append(constraints(scope, kind))
            arguments.append(f"{name}={name}")
    if ir.Inequality in kinds:
        functions.append(bounds(scope))
        arguments.append("bounds=bounds")
    if variant.facts.degree is not None and variant.facts.degree < 2:
        arguments.append("linear=True")
    if variant.auxiliaries:
        functions.append(own(scope, variant.auxiliaries))
        arguments.append("own=own")
    return Form(tuple(functions), tuple(arguments))


def bounds(scope: Scope) -> str:
    function = Function(scope)
    starts, start, row = {}, Dim(()), Dim(())
    for unknown in scope.problem.unknowns:
        starts[unknown.name] = start
        start = start + count(unknown.type.shape)
    lines = []
    for constraint in scope.problem.constraints:
        if not isinstance(constraint, ir.Inequality):
            continue
        length = count(rows_shape(constraint))
        found = _bounded(constraint)
        if found is not None:
            name, above = found
            numbers = ", ".join(function.dim(dim) for dim in (row, starts[name], length))
            lines.append(f"    ({numbers}, {above}),{comment(constraint, constraint.label)}")
        row = row + length
    function.returns(*(["return (", *lines, ")"] if lines else ["return ()"]))
    doc = "Inequalities that bound one unknown each: their first row, the first unknown, how many, whether above."
    return function.text("bounds(params)", doc, unknowns=None)


def _bounded(constraint: ir.Inequality) -> tuple[str, bool] | None:
    """The unknown that is bounded whole by a constant, and whether from above."""
    if constraint.binders:
        return None
    for side, other, above in (
        (constraint.left, constraint.right, True),
        (constraint.right, constraint.left, False),
    ):
        if isinstance(side, ir.Unknown) and rows_shape(constraint) == side.type.shape:
            free = not any(isinstance(node, ir.Unknown) for node in walk(other))
            return (side.name, above) if free else None
    return None


def stationary(scope: Scope, variant: Variant) -> Form:
    """A quadratic program without inequalities: its data, the objective and the equalities."""
    from declarative.backends.jax.quadratic import data

    functions = {"cost": cost(scope)}
    if any(isinstance(constraint, ir.Equality) for constraint in scope.problem.constraints):
        functions["equalities"] = constraints(scope, ir.Equality)
    arguments = ["data", *functions]
    if variant.facts.low_rank is not None:
        functions["factors"] = factors(scope, variant.facts.low_rank)
        arguments.append("factors=factors")
    return Form(tuple({**functions, **data(scope)}.values()), tuple(arguments))


def factors(scope: Scope, found: LowRank) -> str:
    function = Function(scope, [found.diagonal, *(part for pair in found.factors for part in pair)])
    rows = [f"({function.expr(weight)}, {function.expr(block)})" for block, weight in found.factors]
    function.returns(
        "return rt.low_rank(", "    params,", f"    {tidy(function.expr(found.diagonal))},",
        *(f"    {tidy(pair)}," for pair in rows), ")",
    )  # fmt: skip
    doc = "P as a diagonal and weighted rows: P = diag(diagonal) + sum of rows' diag(weight) rows."
    return function.text("factors(params)", doc, unknowns=None)


def own(scope: Scope, auxiliaries: int) -> str:
    unknowns = scope.problem.unknowns[:-auxiliaries]
    function = Function(scope)
    function.returns(f"return {function.dim(sum(map(stored, unknowns), Dim(())))}")
    doc = "How many of the unknown numbers are the user's; auxiliary ones follow."
    return function.text("own(params)", doc, unknowns=None)


def smooth(scope: Scope, variant: Variant) -> Form:
    return Form((cost(scope),), ("cost", "size"))


def second_order(scope: Scope, variant: Variant) -> Form:
    """The cost, and its gradient and Hessian where there are formulas."""
    found = expansion(scope.problem, structure_of(scope.problem))
    if found is None:
        return Form((cost(scope),), ("cost", "size"))
    return Form((cost(scope), derivatives(scope, found)), ("cost", "size", "derivatives"))


def composite(scope: Scope, variant: Variant) -> Form:
    """The smooth part with its derivatives, and what stands beside it for each unknown."""
    found = variant.facts.composite
    assert found is not None
    smooth_only = replace(scope.problem, statement=ir.Minimize(found.smooth))
    known = expansion(smooth_only, structure_of(smooth_only))
    value = Function(scope, [found.smooth])
    value.returns(f"return {tidy(value.expr(found.smooth))}")
    function = Function(scope, [arg for part in found.parts for arg in (*part.args, *filters(part.shift))])
    lines = [
        f"    {tidy(_part(function, part, v))},  # {scope.names[v.name]}"
        for part, v in zip(found.parts, scope.problem.unknowns, strict=True)
    ]
    function.returns("return (", *lines, ")")
    functions = (
        value.text("smooth(flat, params)", "The smooth part of what is minimised.", "unpack(flat, params)"),
        *((derivatives(scope, known),) if known is not None else ()),
        function.text("parts(params)", "What stands beside it for each unknown.", unknowns=None),
    )
    formulas = ["derivatives=derivatives"] if known is not None else []
    degree = ["quadratic=True"] if found.quadratic else [] if found.twice else ["twice=False"]
    return Form(functions, ("smooth", "size", "parts", *formulas, *degree))


def _part(function: Function, part: Part, unknown: ir.Variable) -> str:
    args = "".join(f"{tidy(function.expr(arg))}, " for arg in part.args)
    size = function.dim(count(unknown.type.shape))
    shift = "" if part.shift is None else f", {tidy(function.expr(part.shift))}"
    return f"proximal.Part({part.name!r}, {size}, ({args}){shift})"


def constrained(scope: Scope, variant: Variant) -> Form:
    """The cost, its second derivatives where there are formulas, the constraints, and what must be positive."""
    structure = structure_of(scope.problem)
    functions, arguments = [cost(scope)], ["cost", "size"]
    kinds = {type(constraint) for constraint in scope.problem.constraints}
    for kind, name in ((ir.Equality, "equalities"), (ir.Inequality, "inequalities")):
        if kind in kinds:
            functions.append(constraints(scope, kind))
            arguments.append(f"{name}={name}")
    positive = inside(scope.problem, structure)
    if positive:
        functions.append(positive_entries(scope, positive))
        arguments.append("inside=inside")
    found = expansion(scope.problem, structure)
    if by_entries(scope.problem, structure):
        arguments.append("diagonal=True")
    elif found is not None:
        functions.append(derivatives(scope, found))
        arguments.append("derivatives=derivatives")
    if variant.auxiliaries:
        functions.append(own(scope, variant.auxiliaries))
        arguments.append("own=own")
    return Form(tuple(functions), tuple(arguments))


def positive_entries(scope: Scope, names: frozenset[str]) -> str:
    function = Function(scope)
    parts = [
        f"    {'jnp.ones' if v.name in names else 'jnp.zeros'}({function.dim(count(v.type.shape))}, bool),"
        f"  # {scope.names[v.name]}"
        for v in scope.problem.unknowns
    ]
    function.returns("return jnp.concatenate([", *parts, "])")
    return function.text("inside(params)", "Which of the unknown numbers must be positive.", unknowns=None)


def derivatives(scope: Scope, found: Quadratic) -> str:
    function = Function(scope, [*found.gradient.values(), *found.hessian.values()])
    sizes = {unknown.name: count(unknown.type.shape) for unknown in scope.problem.unknowns}

    def block(value: ir.Expr | None, *shape: Dim) -> str:
        zeros = f"jnp.zeros({function.shape(shape)})"
        return zeros if value is None else tidy(function.expr(value))

    vectors = [block(found.gradient.get(x), sizes[x]) for x in sizes]
    rows = [[block(found.hessian.get((x, y)), sizes[x], sizes[y]) for y in sizes] for x in sizes]
    joined = ", ".join(f"[{', '.join(row)}]" for row in rows)
    matrix = rows[0][0] if len(rows) == 1 else f"jnp.block([{joined}])"
    function.returns(
        "return (",
        f"    rt.flat({', '.join(vectors)}, like=params),",
        f"    rt.matrix({matrix}, like=params),",
        ")",
    )
    doc = "Gradient and Hessian of what is minimised."
    return function.text("derivatives(flat, params)", doc, "unpack(flat, params)")


def least_squares(scope: Scope, variant: Variant) -> Form:
    residuals = variant.facts.residuals or ()
    function = Function(scope, [part for r in residuals for part in (r.value, *filters(r.where))])
    parts = [
        f"    {tidy(quantified(function, [r.value], r.binders, r.where, str, '0.0'))},{comment(r.value)}"
        for r in residuals
    ]
    function.returns("return rt.flat(", *parts, "    like=params,", ")")
    text = function.text(
        "residuals(flat, params)", "The sum of their squares is what is minimised.", "unpack(flat, params)"
    )
    return Form((text,), ("residuals", "size"))


def equations(scope: Scope, variant: Variant) -> Form:
    statement = scope.problem.statement
    assert isinstance(statement, ir.Root)
    function = Function(scope, [side for pair in statement.equations for side in pair])
    parts = [
        f"    {tidy(f'{function.expr(left)} - {function.expr(right)}')},{comment(left)}"
        for left, right in statement.equations
    ]
    function.returns("return rt.flat(", *parts, "    like=params,", ")")
    text = function.text("equations(flat, params)", "Zero at a root.", "unpack(flat, params)")
    return Form((text,), ("equations", "size"))


def fixed_map(scope: Scope, variant: Variant) -> Form:
    statement = scope.problem.statement
    assert isinstance(statement, ir.FixedPoint)
    images = dict(statement.maps)
    order = [unknown.name for unknown in scope.problem.unknowns]
    function = Function(scope, [images[name] for name in order])
    parts = [
        f"    {_stretched(function, images[v.name], v)},  # {scope.names[v.name]}"
        for v in scope.problem.unknowns
    ]
    function.returns("return rt.flat(", *parts, "    like=params,", ")")
    text = function.text("step(flat, params)", "The map whose fixed point is sought.", "unpack(flat, params)")
    return Form((text,), ("step", "size"))


def _stretched(function: Function, image: ir.Expr, unknown: ir.Variable) -> str:
    """The image of an unknown in the unknown's shape."""
    text = function.expr(image)
    if image.type.shape != unknown.type.shape:
        text = f"jnp.broadcast_to({text}, {function.shape(unknown.type.shape)})"
    return tidy(text)


def projection(scope: Scope, variant: Variant) -> Form:
    """The nearest point of a known set: `centre(params)` is what is projected."""
    found = variant.facts.projection
    assert found is not None
    point = Function(scope, [found.point])
    point.returns(f"return {tidy(point.expr(found.point))}{comment(found.point)}")
    args = Function(scope, found.args)
    args.returns("return (" + "".join(f"{tidy(args.expr(arg))}, " for arg in found.args) + ")")
    functions = (
        point.text("centre(params)", "The point to be projected.", unknowns=None),
        args.text("set_args(params)", f"What fixes the set `{found.name}`.", unknowns=None),
    )
    if found.shift is None:
        return Form(functions, (repr(found.name), "centre", "set_args"))
    moved = Function(scope, [found.shift])
    moved.returns(f"return {tidy(moved.expr(found.shift))}{comment(found.shift)}")
    shift = moved.text("shift(params)", "Where the set stands; the point is seen from there.", unknowns=None)
    return Form((*functions, shift), (repr(found.name), "centre", "set_args", "shift"))


def separable(scope: Scope, variant: Variant) -> Form:
    """First and second derivatives entry by entry, and the bounds where there are any."""
    found = variant.facts.separable
    assert found is not None
    functions = slopes(scope)
    if all(isinstance(end, ir.Const) and abs(end.value) == math.inf for pair in found.bounds for end in pair):
        return Form(functions, ("slopes", "size"))
    function = Function(scope, [end for pair in found.bounds for end in pair])
    lower, upper = (_by_unknown(function, [pair[side] for pair in found.bounds]) for side in (0, 1))
    function.returns("return (", f"    {lower},", f"    {upper},", ")")
    text = function.text("bounds(params)", "The least and the largest values of the unknowns.", unknowns=None)
    return Form((*functions, text), ("slopes", "size", "bounds"))


def slopes(scope: Scope) -> tuple[str, ...]:
    """`slopes(flat, params)` in formulas, or by differentiation of the cost where an atom has none."""
    doc = "First and second derivatives of what is minimised, in each entry."
    found = entry_derivatives(scope.problem, structure_of(scope.problem))
    if found is None:
        function = Function(scope)
        function.returns("return rt.entry_slopes(cost, flat, params)")
        return cost(scope), function.text("slopes(flat, params)", doc, unknowns=None)
    function = Function(scope, [part for pair in found for part in pair])
    first, second = (_by_unknown(function, [pair[order] for pair in found]) for order in (0, 1))
    function.returns("return (", f"    {first},", f"    {second},", ")")
    return (function.text("slopes(flat, params)", doc, "unpack(flat, params)"),)


def _by_unknown(function: Function, values: list[ir.Expr]) -> str:
    """One value for each unknown, in its shape, as a flat vector."""
    unknowns = function.scope.problem.unknowns
    parts = ", ".join(_stretched(function, value, v) for value, v in zip(values, unknowns, strict=True))
    return f"rt.flat({parts}, like=params)"


def cost(scope: Scope) -> str:
    """The objective as it is minimised."""
    statement = scope.problem.statement
    assert isinstance(statement, ir.Minimize)
    sign = "-" if statement.sense < 0 else ""
    if scope.back is not None:
        function = Function(scope, [statement.value])
        function.returns(f"return {tidy(f'{sign}({function.expr(statement.value)})')}")
        return function.text("cost(flat, params)", "What is minimised.", "unpack(flat, params)")
    function = Function(scope)
    function.returns(f"return {sign}objective(unpack(flat, params), params)")
    return function.text("cost(flat, params)", "What is minimised.", unknowns=None)


def constraints(scope: Scope, kind: type[ir.Equality | ir.Inequality]) -> str:
    """All equalities (zero where they hold) or inequalities (at most zero), one after the other."""
    chosen = [c for c in scope.problem.constraints if isinstance(c, kind)]
    function = Function(scope, [part for c in chosen for part in (c.left, c.right, *filters(c.where))])
    parts = [f"    {_difference(function, c)},{comment(c, c.label)}" for c in chosen]
    function.returns("return rt.flat(", *parts, "    like=params,", ")")
    name, doc = (
        ("equalities", "Zero where they hold.")
        if kind is ir.Equality
        else (
            "inequalities",
            "At most zero where they hold.",
        )
    )
    return function.text(f"{name}(flat, params)", doc, "unpack(flat, params)")


def _difference(function: Function, constraint: ir.Equality | ir.Inequality) -> str:
    neutral = "0.0" if isinstance(constraint, ir.Equality) else "-1.0"
    sides = [constraint.left, constraint.right]
    return quantified(function, sides, constraint.binders, constraint.where, difference, neutral)


def quantified(
    function: Function,
    bodies: list[ir.Expr],
    binders: tuple[ir.Binder, ...],
    where: ir.Expr | None,
    join: Callable[..., str],
    neutral: str,
) -> str:
    """The joined bodies, stacked over the values of the index variables; `neutral` where a filter fails."""
    printer, block = function.printer, function.block
    if not binders:
        return join(*(function.expr(body) for body in bodies))
    values, mask = printer.stacked(bodies, binders, where, block, join)
    return values if mask is None else f"rt.mask_rows({values}, {mask}, {neutral})"


def filters(where: ir.Expr | None) -> tuple[ir.Expr, ...]:
    return () if where is None else (where,)


def difference(left: str, right: str) -> str:
    if right.strip("()") in ("0", "0.0"):
        return tidy(left)
    return tidy(f"-{right}" if left.strip("()") in ("0", "0.0") else f"{left} - {right}")


def rows_shape(constraint: ir.Equality | ir.Inequality) -> tuple[Dim, ...]:
    """The shape of a constraint's multipliers: its quantifiers' extents, then its own axes."""
    extents = tuple(binder.last - binder.first for binder in constraint.binders)
    return (*extents, *broadcast(constraint.left.type.shape, constraint.right.type.shape))


def broadcast(left: tuple[Dim, ...], right: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The shape of an elementwise operation: scalars and axes of length 1 stretch."""
    if not left or not right:
        return left or right
    return tuple(b if a.constant == 1 else a for a, b in zip(left, right, strict=True))


FORMS: dict[str, Callable[[Scope, Variant], Form]] = {
    "matrix_free": matrix_free,
    "quadratic": quadratic,
    "conic": conic,
    "stationary": stationary,
    "smooth": smooth,
    "second_order": second_order,
    "least_squares": least_squares,
    "equations": equations,
    "map": fixed_map,
    "projection": projection,
    "constrained": constrained,
    "separable": separable,
    "composite": composite,
}
