"""The data of a quadratic program as text: what is known of it symbolically, the rest by differentiation."""

from __future__ import annotations

from collections.abc import Mapping

from declarative import ir
from declarative.analyse import structure_of
from declarative.backends.jax import functions as write
from declarative.backends.jax.printer import tidy
from declarative.backends.jax.writer import Function, Scope, count
from declarative.dims import Dim
from declarative.rewrite.cones import PACKED
from declarative.rewrite.quadratic import Blocks, Form, Row, extract

DERIVED = {
    "P": "rt.second_order(cost, size(params), params)",
    "q": "rt.first_order(cost, size(params), params)",
    "A": "rt.linear_part(equalities, size(params), params)",
    "b": "rt.constant_part(equalities, size(params), params)",
    "G": "rt.linear_part(inequalities, size(params), params)",
    "h": "rt.constant_part(inequalities, size(params), params)",
}
SIDES = (("eq", "A", "b", ir.Equality), ("ineq", "G", "h", ir.Inequality))


def data(scope: Scope) -> dict[str, str]:
    """`data(params)`, after the functions that it differentiates; by name."""
    text, function = known(scope)
    parts = [f"    {name}={found}," for name, found in text.items()]
    function.returns("return rt.quadratic(", "    params,", *parts, ")")
    main = function.text("data(params)", "min 1/2 z'Pz + q'z  subject to  A z = b, G z <= h.", unknowns=None)
    return {**helpers(scope, text), "data": main}


def known(scope: Scope) -> tuple[dict[str, str], Function]:
    """P, q, A, b, G, h as texts, by name, in a function that has made the assignments which they read."""
    if any(PACKED in unknown.properties for unknown in scope.problem.unknowns):
        return _derived(scope), Function(scope)  # formulas are for whole matrices
    form = extract(scope.problem, structure_of(scope.problem))
    function = Function(scope, _known(form))
    text: dict[str, str | None] = {
        "P": None if form.P is None else _hessian(function, form.P),
        "q": _gradient(function, form),
    }
    for kind, matrix, side, constraint in SIDES:
        kept = [c for c in scope.problem.constraints if isinstance(c, constraint)]
        rows = list(zip([row for row in form.rows if row.kind == kind], kept, strict=True))
        text[matrix], text[side] = _matrix(function, rows), _right(function, rows)
    return {name: DERIVED[name] if found is None else tidy(found) for name, found in text.items()}, function


def curvature(scope: Scope) -> str | None:
    """`curvature(params)`, P by rows, where squares of such are minimised, not subject to equations alone."""
    if any(PACKED in unknown.properties for unknown in scope.problem.unknowns):
        return None
    if all(isinstance(constraint, ir.Equality) for constraint in scope.problem.constraints):
        return None
    form = extract(scope.problem, structure_of(scope.problem))
    if not form.factors or form.rest is None:
        return None
    rest, sizes = form.rest, {unknown.name: count(unknown.type.shape) for unknown in scope.problem.unknowns}
    inside = [part for factor in form.factors for part in (*factor.blocks.values(), factor.weight)]
    function = Function(scope, [*rest.values(), *inside])
    matrix = _hessian(function, rest)
    lines = [f"    {tidy(matrix)},"]
    for factor in form.factors:
        height = next(iter(factor.blocks.values())).type.shape[0]
        rows = _joined([[_block(function, factor.blocks.get(name), height, sizes[name]) for name in sizes]])
        lines.append(f"    ({tidy(function.expr(factor.weight))}, {tidy(rows)}),")
    function.returns("return rt.curvature(", "    params,", *lines, ")")
    doc = "P as a matrix and weighted rows: P = rest + sum of rows' diag(weight) rows."
    return function.text("curvature(params)", doc, unknowns=None)


def _derived(scope: Scope) -> dict[str, str]:
    """All of them by differentiation."""
    found = dict(DERIVED)
    for _, matrix, side, kind in SIDES:
        if not any(isinstance(constraint, kind) for constraint in scope.problem.constraints):
            found[matrix], found[side] = "jnp.zeros((0, size(params)))", "jnp.zeros(0)"
    return found


def helpers(scope: Scope, text: Mapping[str, str]) -> dict[str, str]:
    """The functions that such texts differentiate, by name."""
    found = {}
    derived = {name for name, way in DERIVED.items() if text[name] == way}
    if derived & {"P", "q"}:
        found["cost"] = write.cost(scope)
    if derived & {"A", "b"}:
        found["equalities"] = write.constraints(scope, ir.Equality)
    if derived & {"G", "h"}:
        found["inequalities"] = write.constraints(scope, ir.Inequality)
    return found


def _known(form: Form) -> list[ir.Expr]:
    found = [*(form.P or {}).values(), *(form.q or {}).values()]
    for row in form.rows:
        found += [*(row.blocks or {}).values(), *([row.rhs] if row.rhs is not None else [])]
    return found


def _hessian(function: Function, blocks: Blocks) -> str:
    sizes = _sizes(function)
    rows = [[_block(function, blocks.get((a, b)), sizes[a], sizes[b]) for b in sizes] for a in sizes]
    return _joined(rows)


def _gradient(function: Function, form: Form) -> str | None:
    if form.q is None:
        return None
    sizes = _sizes(function)
    blocks = form.q
    return _stacked([_vector(function, blocks.get(name), sizes[name]) for name in sizes])


def _matrix(function: Function, rows: list[tuple[Row, ir.Equality | ir.Inequality]]) -> str | None:
    """All rows of a kind; None as soon as one of them is not known."""
    sizes = _sizes(function)
    lines = []
    for row, constraint in rows:
        if row.blocks is None:
            return None
        height = count(write.rows_shape(constraint))
        lines.append([_block(function, row.blocks.get(name), height, sizes[name]) for name in sizes])
    total = function.dim(sum(sizes.values(), Dim(())))
    return _joined(lines) if lines else f"jnp.zeros((0, {total}))"


def _right(function: Function, rows: list[tuple[Row, ir.Equality | ir.Inequality]]) -> str | None:
    parts = []
    for row, constraint in rows:
        if row.rhs is None:
            return None
        parts.append(_vector(function, row.rhs, count(write.rows_shape(constraint))))
    return _stacked(parts) if parts else "jnp.zeros(0)"


def _sizes(function: Function) -> Mapping[str, Dim]:
    return {unknown.name: count(unknown.type.shape) for unknown in function.scope.problem.unknowns}


def _block(function: Function, block: ir.Expr | None, height: Dim, width: Dim) -> str:
    if block is None:
        return f"jnp.zeros(({function.dim(height)}, {function.dim(width)}))"
    return function.expr(block)


def _vector(function: Function, block: ir.Expr | None, length: Dim) -> str:
    return f"jnp.zeros({function.dim(length)})" if block is None else function.expr(block)


def _joined(rows: list[list[str]]) -> str:
    if len(rows) == 1 and len(rows[0]) == 1:
        return rows[0][0]
    if len(rows[0]) == 1:
        return f"jnp.concatenate([{', '.join(row[0] for row in rows)}])"
    return f"jnp.block([{', '.join('[' + ', '.join(row) + ']' for row in rows)}])"


def _stacked(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"jnp.concatenate([{', '.join(parts)}])"
