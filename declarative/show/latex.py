"""IR -> LaTeX, through the atoms' templates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from declarative import ir
from declarative.atoms import ATOMS
from declarative.dims import Dim
from declarative.show.operators import PRODUCT, SIGN, SUM, SYMBOLS, binding, sides

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Xi Pi Sigma Upsilon Phi Psi Omega".split()
)
REDUCTIONS = {
    "sum": r"\sum",
    "prod": r"\prod",
    "max": r"\max",
    "min": r"\min",
    "mean": r"\operatorname{mean}",
}
SETS = {
    "simplex": r"\Delta", "nonneg": r"\mathbb{R}_+", "soc": r"\mathcal{Q}", "psd": r"\mathbb{S}_+",
    "sphere": r"\mathbb{S}", "exp_cone": r"\mathcal{K}_{\exp}", "monotone": r"\mathcal{K}_{\le}",
    "SO": r"\mathrm{SO}", "SE": r"\mathrm{SE}", "stiefel": r"\mathrm{St}", "birkhoff": r"\mathcal{B}",
}  # fmt: skip


def latex(problem: ir.Problem) -> str:
    """The problem as one array: what is solved, and under which conditions."""
    rows = _statement(problem)
    conditions = [_declared(variable) for variable in problem.unknowns if _restricted(variable)]
    conditions += [_constraint(one) for one in problem.constraints]
    for i, condition in enumerate(conditions):
        rows.append((r"\text{subject to}" if i == 0 else "", condition))
    body = " \\\\\n".join(f"{left} & {right}" for left, right in rows)
    return f"\\begin{{array}}{{ll}}\n{body}\n\\end{{array}}"


# ---- names and sizes ---------------------------------------------------------------------------


def name_of(name: str) -> str:
    """`lam_max` -> \\lambda_{\\mathrm{max}}, `x0` -> x_{0}."""
    head, *rest = [part for part in name.split("_") if part] or [r"\_"]
    stem = re.fullmatch(r"([A-Za-z]+)([0-9]+)", head)
    if stem:
        head, rest = stem[1], [stem[2], *rest]
    subscript = ",".join(_word(part) for part in rest)
    return _word(head) + (f"_{{{subscript}}}" if subscript else "")


def _word(word: str) -> str:
    if word in ("lam", "Lam"):
        return rf"\{word}bda"
    if word in GREEK:
        return rf"\{word}"
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


def _text(word: str) -> str:
    escaped = word.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def _dim(dim: Dim) -> str:
    return re.sub(r"[A-Za-z]\w*", lambda found: name_of(found[0]), str(dim)).replace("*", r" \, ")


def _space(type_: ir.Type) -> str:
    field = {"real": r"\mathbb{R}", "int": r"\mathbb{Z}", "bool": r"\{0, 1\}", "any": r"\cdot"}[type_.base]
    lengths = r" \times ".join(map(_dim, type_.shape))
    return f"{field}^{{{lengths}}}" if lengths else field


# ---- a problem ---------------------------------------------------------------------------------


def _restricted(variable: ir.Variable) -> bool:
    return variable.within is not None or bool(variable.properties)


def _declared(variable: ir.Variable) -> str:
    signs = {"nonneg": r"\ge 0", "positive": "> 0", "nonpos": r"\le 0", "negative": "< 0",
             "psd": r"\succeq 0", "pd": r"\succ 0", "symmetric": rf"= {name_of(variable.name)}^\top",
             "skew": rf"= -{name_of(variable.name)}^\top"}  # fmt: skip
    name = name_of(variable.name)
    parts = [f"{name} {signs[word]}" for word in sorted(variable.properties) if word in signs]
    parts += [rf"{name} \text{{ {word}}}" for word in sorted(variable.properties) if word not in signs]
    if variable.within is not None:
        parts.append(rf"{name} \in {_set(variable.within)}")
    return r", \quad ".join(parts)


def _set(within: ir.Set) -> str:
    args = ", ".join(map(expression, within.args))
    if within.name == "box":
        return f"[{args}]"
    symbol = SETS.get(within.name, _text(within.name))
    return f"{symbol}({args})" if args else symbol


def _over(names: Iterable[str], problem: ir.Problem, verb: str) -> str:
    types = {variable.name: variable.type for variable in problem.unknowns}
    below = ", ".join(rf"{name_of(name)} \in {_space(types[name])}" for name in names)
    return rf"\underset{{{below}}}{{\text{{{verb}}}}}"


def _statement(problem: ir.Problem) -> list[tuple[str, str]]:
    everything = [variable.name for variable in problem.unknowns]
    match problem.statement:
        case ir.Minimize(value=value, sense=sense):
            verb = "minimize" if sense == 1 else "maximize"
            return [(_over(everything, problem, verb), expression(value))]
        case ir.FixedPoint(maps=maps):
            head = _over(everything, problem, "fixed point")
            rows = [f"{name_of(name)} = {expression(image)}" for name, image in maps]
        case ir.Root(equations=equations):
            head = _over(everything, problem, "root")
            rows = [f"{expression(left)} = {expression(right)}" for left, right in equations]
        case ir.Saddle(minimizers=minimizers, maximizers=maximizers, value=value):
            head = " ".join([_over(minimizers, problem, "minimize"), _over(maximizers, problem, "maximize")])
            rows = [expression(value)]
        case ir.Equilibrium(players=players):
            head, rows = r"\text{equilibrium}", []
            for player in players:
                verb = "minimize" if player.sense == 1 else "maximize"
                where = "".join(rf", \; {_constraint(one)}" for one in player.constraints)
                rows.append(f"{_over(player.unknowns, problem, verb)} {expression(player.value)}{where}")
        case ir.Ode(time=time, start=start, end=end, fields=fields, initial=initial):
            interval = rf"{name_of(time)} \in [{expression(start)}, {expression(end)}]"
            head = rf"\text{{solve on }} {interval}"
            rows = [rf"\dot{{{name_of(name)}}} = {expression(field)}" for name, field in fields]
            rows += [f"{name_of(name)}({expression(start)}) = {expression(value)}" for name, value in initial]
    return [(head if i == 0 else "", row) for i, row in enumerate(rows)]


def _constraint(constraint: ir.Constraint) -> str:
    match constraint:
        case ir.Equality(left=left, right=right):
            body = f"{expression(left)} = {expression(right)}"
        case ir.Inequality(left=left, right=right):
            body = rf"{expression(left)} \le {expression(right)}"
        case ir.Semidefinite(greater=greater, smaller=smaller):
            body = rf"{expression(greater)} \succeq {expression(smaller)}"
        case ir.Membership(member=member, within=within):
            body = rf"{expression(member)} \in {_set(within)}"
    ranges = ", ".join(map(_range, constraint.binders))
    where = rf", \; {expression(constraint.where)}" if constraint.where is not None else ""
    return body + (rf", \quad {ranges}{where}" if ranges else where)


def _range(binder: ir.Binder) -> str:
    return rf"{name_of(binder.name)} = {_dim(binder.first)}, \dots, {_dim(binder.last - 1)}"


# ---- expressions -------------------------------------------------------------------------------


def expression(expr: ir.Expr) -> str:
    match expr:
        case ir.Const(value=value):
            return _number(value)
        case ir.Size(dim=dim):
            return _dim(dim)
        case ir.Param(name=name) | ir.Unknown(name=name) | ir.Bound(name=name):
            return name_of(name)
        case ir.Apply():
            return _apply(expr)
        case ir.Index(array=array, items=items):
            shown = [_item(item, length) for item, length in zip(items, array.type.shape, strict=True)]
            while shown and shown[-1] == ":":
                shown.pop()
            return f"{_operand(array, 9)}_{{{', '.join(shown)}}}"
        case ir.Reduce(op=op, body=body, binders=binders, where=where):
            return rf"{REDUCTIONS[op]}{_ranges(binders, where)} {_operand(body, PRODUCT)}"
        case ir.Extern(name=name, args=args):
            return rf"{name_of(name)}({', '.join(map(expression, args))})"
        case ir.SubProblem():
            return _sub_problem(expr)
        case ir.Dual(label=label):
            return rf"\nu_{{{_text(label)}}}"
        case ir.OptimalValue():
            return r"f^\star"
        case ir.AtTime(unknown=unknown, time=time):
            return f"{name_of(unknown)}({expression(time)})"


def _ranges(binders: tuple[ir.Binder, ...], where: ir.Expr | None) -> str:
    if len(binders) == 1 and where is None:
        (one,) = binders
        return f"_{{{name_of(one.name)}={_dim(one.first)}}}^{{{_dim(one.last - 1)}}}"
    below = r",\, ".join(rf"{_dim(one.first)} \le {name_of(one.name)} < {_dim(one.last)}" for one in binders)
    return f"_{{{below}}}" if where is None else rf"_{{{below} :\, {expression(where)}}}"


def _item(item: ir.Expr | ir.Slice, length: Dim) -> str:
    if not isinstance(item, ir.Slice):
        return expression(item)
    if item.lower == Dim.of(0) and item.upper == length:
        return ":"
    return f"{_dim(item.lower)}:{_dim(item.upper)}"


def _number(value: float | int | bool) -> str:
    if isinstance(value, bool):
        return rf"\text{{{str(value).lower()}}}"
    if abs(value) == math.inf:
        return r"\infty" if value > 0 else r"-\infty"
    if abs(value) == math.pi:
        return r"\pi" if value > 0 else r"-\pi"
    mantissa, _, exponent = f"{value:g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _operand(expr: ir.Expr, least: int) -> str:
    shown = expression(expr)
    loose = PRODUCT if isinstance(expr, ir.Reduce) else binding(expr)
    return shown if loose >= least else rf"\left( {shown} \right)"


def _apply(expr: ir.Apply) -> str:
    atom, args = ATOMS[expr.atom], expr.args
    shown = [_operand(argument, _needed(expr, i)) for i, argument in enumerate(args)]
    if expr.atom == "matmul" and len(args[0].type.shape) == 1:
        shown[0] = _row(args[0])
    if expr.atom == "mul" and isinstance(args[1], ir.Const):
        return rf"{shown[0]} \cdot {shown[1]}"
    attrs = {key: _dim(value) if isinstance(value, Dim) else value for key, value in expr.attrs}
    return atom.latex.format(*shown, args=", ".join(shown), **attrs)


def _row(expr: ir.Expr) -> str:
    """A vector at the left of a product, transposed as papers write it: x' A of (x' A) y stays as it is."""
    match expr:
        case ir.Apply(atom="matmul", args=(left, _)) if len(left.type.shape) == 1:
            return expression(expr)
        case ir.Apply(atom="mul", args=(scale, vector)) if not scale.type.shape:
            return rf"{_operand(scale, PRODUCT)} \, {_row(vector)}"
        case _:
            return _operand(expr, 9) + r"^\top"


def _needed(expr: ir.Apply, position: int) -> int:
    """How tightly an argument must bind where its template does not enclose it."""
    if expr.atom in ("div", "where"):
        return 0
    if expr.atom == "pow":
        return 9 if position == 0 else 0
    if expr.atom in SYMBOLS:
        return sides(expr.atom)[position]
    if expr.atom == "neg":
        return SIGN
    before = ATOMS[expr.atom].latex.partition(f"{{{position}}}")[0].rstrip()
    enclosed = before.endswith(("(", "{", "|", ",", "[", "}", "&", r"\\")) and not before.endswith("}}")
    return 0 if enclosed or "{args}" in ATOMS[expr.atom].latex else 9


def _sub_problem(expr: ir.SubProblem) -> str:
    args = ", ".join(map(expression, expr.args))
    statement = expr.problem.statement
    if expr.problem.name not in ("argmin", "argmax", "min", "max") or not isinstance(statement, ir.Minimize):
        return rf"{name_of(expr.problem.name)}({args})"
    verb = expr.problem.name.replace("arg", "arg\\,")
    below = ", ".join(rf"{name_of(v.name)} \in {_space(v.type)}" for v in expr.problem.unknowns)
    return rf"\operatorname*{{{verb}}}_{{{below}}} {_operand(statement.value, SUM)}"
