"""Calls: atoms, reductions, `def`s expanded in place, host functions, nested problems, `dual` and `y(t)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms import ATOMS, LATER, Atom
from declarative.atoms.shapes import shape_text
from declarative.check import nested, types
from declarative.check.arguments import arity_text, bind_arguments, bind_types, matched, with_dims
from declarative.check.library import Library
from declarative.check.reports import did_you_mean, nearest
from declarative.check.scope import Entry, Scope
from declarative.errors import Fix
from declarative.grammar import tree

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering

EXPANSIONS = 5_000  # of definitions, in one file: more is an explosion
SIZES = ("shape", "size", "k")  # attributes that are written as further arguments


def call(check: Lowering, node: tree.Call) -> ir.Expr | None:
    name = node.function.name
    found = check.library.find(name)
    if check.outputs is not None and name in check.outputs.timed:
        return _at_time(check, node)
    if name == "dual" and found is None:
        return _dual(check, node)
    if found is not None:
        item, home = found
        if isinstance(item, tree.Def):
            return _expand(check, node, item, home)
        if isinstance(item, tree.ExternDef):
            return _extern(check, node, item)
        return nested.call(check, node, item, home)
    if name in ATOMS:
        return _atom(check, node, ATOMS[name])
    if name == "norm" and 1 <= len(node.args) <= 2 and not node.keywords:
        return check.expr(tree.Norm(node.args[0], _norm_kind(node), span=node.span))
    for argument in node.args:
        check.expr(argument)
    if name in LATER:
        check.reports.add("D271", node.span, name=name)
    elif check.scope.find(name) is not None:
        check.reports.add("D216", node.function.span, name=name)
    else:
        known = [*ATOMS, *check.library.items]
        near = nearest(name, known)
        fix = Fix(node.function.span, near) if near else None
        check.reports.add("D202", node.function.span, fix=fix, name=name, hint=did_you_mean(name, known))
    return None


# ---- atoms -------------------------------------------------------------------------------------


def _atom(check: Lowering, node: tree.Call, record: Atom) -> ir.Expr | None:
    low, high = record.arity if isinstance(record.arity, tuple) else (record.arity, record.arity)
    if record.name in ("max", "min") and len(node.args) > 1:
        # Of several numbers, the largest; of one array, its largest entry.
        record, low, high = ATOMS[f"{record.name}imum"], 2, None
    sized = next((name for name, _ in record.attrs if name in SIZES), None)
    count = len(node.args)
    if sized is not None and high is not None:
        wants = f"{high} and its sizes" if high else "sizes"
        fits = count > high if sized == "shape" else count == high + 1
    else:
        wants = arity_text(low - len(record.defaults), high)
        fits = low - len(record.defaults) <= count and (high is None or count <= high)
    if not fits:
        for argument in node.args:
            check.expr(argument)
        check.reports.add("D215", node.span, name=node.function.name, wants=wants, got=count)
        return None
    split = high if sized is not None and high is not None else count
    args = check.all(node.args[:split])
    attrs = _keywords(check, node, record, args)
    if sized is not None:
        dims = [check.dim(size) for size in node.args[split:]]
        if any(dim is None for dim in dims):
            return None
        attrs = None if attrs is None else {**attrs, sized: tuple(dims) if sized == "shape" else dims[0]}
    if args is None or attrs is None:
        return None
    missing = low - len(args)
    fill = record.defaults[len(record.defaults) - missing :] if missing > 0 else ()
    args += tuple(ir.Const(value, span=node.span) for value in fill)
    return check.apply(record.name, args, node.span, attrs)


def _keywords(
    check: Lowering, node: tree.Call, record: Atom, args: tuple[ir.Expr, ...] | None
) -> dict[str, object] | None:
    """Attributes given by name; `axis` is a number of the text, counted from the end if negative."""
    attrs: dict[str, object] = {}
    allowed = [name for name, _ in record.attrs if name == "axis"]
    for keyword in node.keywords:
        if keyword.name not in allowed:
            check.reports.add(
                "D218", keyword.span, name=keyword.name, function=node.function.name,
                hint=f"it takes {' and '.join(allowed)}" if allowed else "it takes none",
            )  # fmt: skip
            return None
        axis = check.dim(keyword.value)
        if axis is None:
            return None
        if axis.constant is None:
            check.reports.add("D244", keyword.value.span, what="axis")
            return None
        axes = len(args[0].type.shape) + (record.name == "stack") if args else 0
        number = axis.constant
        attrs["axis"] = number + axes if number < 0 else number
    return attrs


def _norm_kind(node: tree.Call) -> str | None:
    """`norm(x, 3)` is `||x||_3`: the kind as the bars would bear it."""
    if len(node.args) == 1:
        return None
    kind = node.args[1]
    return f"{kind.value:g}" if isinstance(kind, tree.Number) else kind.span.text


# ---- def ---------------------------------------------------------------------------------------


def _expand(check: Lowering, node: tree.Call, item: tree.Def, home: Library) -> ir.Expr | None:
    given = matched(check, node, item.parameters)
    values = {name: check.expr(value) for name, value in (given or {}).items() if value is not None}
    if given is None or None in values.values():
        return None
    if not _affordable(check, node):
        return None
    if item.name.name in check.expanding:
        check.reports.add("D210", node.span, name=item.name.name)
        return None
    scope = Scope()
    inside = check.within(scope, library=home, outputs=None, expanding=(*check.expanding, item.name.name))
    with check.reports.inside_call(node.span):
        for parameter in item.parameters:
            name = parameter.name.name
            value = values.get(name)
            if value is None and parameter.default is not None:
                value = inside.expr(parameter.default)
            if value is None:
                return None
            scope.entries[name] = Entry("argument", value, parameter.name.span)
        if not _fits(inside, node, item, scope):
            return None
        return inside.expr(item.body)


def _affordable(check: Lowering, node: tree.Call) -> bool:
    check.reports.expansions += 1
    if check.reports.expansions == EXPANSIONS:
        check.reports.add(
            "D286", node.span, name=node.function.name, why=f"more than {EXPANSIONS} calls of definitions"
        )
    return check.reports.expansions < EXPANSIONS


def _fits(inside: Lowering, node: tree.Call, item: tree.Def, scope: Scope) -> bool:
    """Binds the dimensions of the parameters' types to the arguments' shapes."""
    typed = [(p, scope.entries[p.name.name].value) for p in item.parameters if p.type is not None]
    known = bind_arguments(inside, node, [(p.name.name, p.type, value) for p, value in typed])  # type: ignore[misc]
    if known is None:
        return False
    for name, dim in known.items():
        if name not in scope.entries:
            scope.entries[name] = Entry("dimension", ir.Size(dim))
    return True


# ---- host functions ----------------------------------------------------------------------------


def _extern(check: Lowering, node: tree.Call, item: tree.ExternDef) -> ir.Expr | None:
    given = matched(check, node, item.parameters)
    lowered = {name: check.expr(value) for name, value in (given or {}).items() if value is not None}
    signature = types.signature(check, item)
    if given is None or signature is None:
        return None
    for parameter in item.parameters:
        if given[parameter.name.name] is None and parameter.default is not None:
            lowered[parameter.name.name] = check.within(Scope(), outputs=None).expr(parameter.default)
    by_name = {name: value for name, value in lowered.items() if value is not None}
    if len(by_name) < len(signature.params):
        return None
    known = bind_types(check, node, [(n, t, by_name[n]) for n, t in signature.params])
    if known is None:
        return None
    loose = {name for dim in signature.result.shape for name in dim.names} - set(known)
    if loose:
        name = min(loose)
        check.reports.add("D246", item.result.span, name=name, function=item.name.name)
        return None
    check.externs[item.name.name] = signature
    args = tuple(by_name[name] for name, _ in signature.params)
    return ir.Extern(item.name.name, args, with_dims(signature.result, known), span=node.span)


# ---- what only outputs may say -----------------------------------------------------------------


def _dual(check: Lowering, node: tree.Call) -> ir.Expr | None:
    outputs = check.outputs
    if outputs is None or not outputs.has_labels:
        check.reports.add("D262", node.span, what="`dual`")
        return None
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], tree.Name):
        check.reports.add("D263", node.span)
        return None
    label = node.args[0]
    if label.name in outputs.labels - set(outputs.duals):
        return None
    if label.name not in outputs.duals:
        near = nearest(label.name, outputs.duals)
        fix = Fix(label.span, near) if near else None
        hint = did_you_mean(label.name, outputs.duals) or _labels(outputs.duals)
        check.reports.add("D207", label.span, fix=fix, name=label.name, hint=hint)
        return None
    return ir.Dual(label.name, outputs.duals[label.name], span=node.span)


def _labels(duals: Mapping[str, ir.Type]) -> str:
    return f"the labels are {', '.join(duals)}" if duals else "write `name:` before a constraint to label it"


def _at_time(check: Lowering, node: tree.Call) -> ir.Expr | None:
    assert check.outputs is not None
    name = node.function.name
    if len(node.args) != 1 or node.keywords:
        check.reports.add("D215", node.span, name=name, wants="1 argument", got=len(node.args))
        return None
    time = check.expr(node.args[0])
    if time is None or not check.number(time):
        return None
    if len(time.type.shape) > 1:
        check.reports.add(
            "D223", time.span, wanted="a number or a vector of times", shape=shape_text(time.type.shape)
        )
        return None
    state = check.outputs.timed[name]
    return ir.AtTime(name, time, ir.Type(state.base, time.type.shape + state.shape), span=node.span)
