"""IR -> `.decl` text, which parses and checks back to an equal IR."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from declarative import ir
from declarative.atoms import ATOMS
from declarative.dims import Dim
from declarative.show.operators import POSTFIX, SIGN, SUM, SYMBOLS, binding, sides
from declarative.walk import substitute, walk

NORMS = {"norm2": "", "norm1": "_1", "norm_inf": "_inf", "norm_nuc": "_*", "norm_spec": "_2"}
PROPERTIES = (
    "static", "nonneg", "positive", "nonpos", "negative", "symmetric", "psd", "pd", "skew", "diagonal",
)  # fmt: skip
IN_PLACE = ("argmin", "argmax", "min", "max")
KEYWORDS = frozenset(
    "problem def extern import from given find let minimize maximize fixed root equilibrium ode subject such assume "
    "options return".split()
)
Names = Mapping[int, str]  # id of a shared value -> the `let` that names it


def text(problem: ir.Problem) -> str:
    """A whole file: host functions, problems that this one calls, and the problem itself."""
    problems = _called(problem)
    externs = {signature.name: signature for one in problems for signature in one.externs}
    parts = ["\n".join(_signature(signature) for signature in externs.values())] if externs else []
    parts += [_problem(one) for one in problems]
    return "\n\n".join(parts) + "\n"


def expression(expr: ir.Expr) -> str:
    """One expression, without the names of lets."""
    return _expr(expr, {})


def _called(problem: ir.Problem) -> list[ir.Problem]:
    """The problems that a problem calls by name, innermost first, and itself last."""
    found: dict[str, ir.Problem] = {}
    for node in walk(problem):
        if isinstance(node, ir.SubProblem):
            inner = _called(node.problem)
            found.update({one.name: one for one in (inner[:-1] if in_place(node) else inner)})
    return [*found.values(), problem]


def in_place(node: ir.SubProblem) -> bool:
    return node.problem.name in IN_PLACE


# ---- a problem ---------------------------------------------------------------------------------


def _problem(problem: ir.Problem) -> str:
    names: dict[int, str] = {}
    lets: list[str] = []
    for binding_ in problem.lets:
        lets.append(f"{binding_.name} = {_expr(binding_.value, names)}")
        names[id(binding_.value)] = binding_.name
    lines = [*_doc(problem.doc, ""), f"problem {problem.name}"]
    lines += _names("given", [_parameter(param) for param in problem.params])
    lines += _names("find", [_variable(variable) for variable in problem.unknowns])
    lines += _names("let", lets)
    lines += _statement(problem.statement, names)
    lines += _block("subject to", [_constraint(one, names) for one in problem.constraints])
    lines += _block("assume", [_constraint(one, names) for one in problem.assumptions])
    lines += _block("options", [f"{key} = {value}" for key, value in problem.options])
    lines += _names("return", [_output(output, names) for output in problem.outputs])
    return "\n".join(lines)


def _block(keyword: str, items: Iterable[str]) -> list[str]:
    lines = [f"    {line}" for item in items for line in item.split("\n")]
    return [f"  {keyword}", *lines] if lines else []


def _names(keyword: str, items: list[str]) -> list[str]:
    """A block of names; where one is spelt like a statement's keyword, no line may start with it."""
    if not any(re.match(r"\w+", item.split("\n")[-1])[0] in KEYWORDS for item in items):  # type: ignore[index]
        return _block(keyword, items)
    return [f"  {keyword} {', '.join(item.split(chr(10))[-1] for item in items)}"]


def _doc(doc: str, indent: str) -> list[str]:
    return [f"{indent}## {line}".rstrip() for line in doc.split("\n")] if doc else []


def _signature(signature: ir.ExternSignature) -> str:
    params = ", ".join(f"{name}: {_type(type_)}" for name, type_ in signature.params)
    return f"extern def {signature.name}({params}) -> {_type(signature.result)}"


def _type(type_: ir.Type) -> str:
    return type_.base + (f"[{', '.join(map(_dim, type_.shape))}]" if type_.shape else "")


def _parameter(param: ir.Parameter) -> str:
    line = _declared(param)
    if param.default is not None:
        line += f" = {_expr(param.default, {})}"
    return "\n".join([*_doc(param.doc, ""), line])


def _variable(variable: ir.Variable) -> str:
    return "\n".join([*_doc(variable.doc, ""), _declared(variable)])


def _declared(item: ir.Parameter | ir.Variable) -> str:
    words = [word for word in PROPERTIES if word in item.properties]
    within = f" in {_set(item.within, {})}" if item.within is not None else ""
    return f"{item.name}: {' '.join([*words, _type(item.type)])}{within}"


def _set(within: ir.Set, names: Names) -> str:
    args = ", ".join(_expr(argument, names) for argument in within.args)
    if within.name == "box":
        return f"[{args}]"
    return f"{within.name}({args})" if args else within.name


def _constraint(constraint: ir.Constraint, names: Names) -> str:
    match constraint:
        case ir.Equality(left=left, right=right):
            body = f"{_side(left, names)} == {_side(right, names)}"
        case ir.Inequality(left=left, right=right):
            body = f"{_side(left, names)} <= {_side(right, names)}"
        case ir.Semidefinite(greater=greater, smaller=smaller):
            body = f"{_side(greater, names)} >> {_side(smaller, names)}"
        case ir.Membership(member=member, within=within):
            body = f"{_side(member, names)} in {_set(within, names)}"
    label = f"{constraint.label}: " if constraint.label is not None else ""
    return label + body + _quantifiers(constraint.binders, constraint.where, names)


def _side(expr: ir.Expr, names: Names) -> str:
    return _operand(expr, SUM, names)


def _output(output: ir.Output, names: Names) -> str:
    shown = _expr(output.value, names)
    return shown if shown == output.name else f"{output.name} = {shown}"


def _statement(statement: ir.Statement, names: Names) -> list[str]:
    match statement:
        case ir.Minimize(value=value, sense=sense):
            return [f"  {'minimize' if sense == 1 else 'maximize'} {_expr(value, names)}"]
        case ir.FixedPoint(maps=maps):
            return _block("fixed point", [f"{name} = {_side(image, names)}" for name, image in maps])
        case ir.Root(equations=equations):
            lines = [f"{_side(left, names)} == {_side(right, names)}" for left, right in equations]
            return _block("root", lines)
        case ir.Saddle(minimizers=minimizers, maximizers=maximizers, value=value):
            head = f"minimize over {', '.join(minimizers)} maximize over {', '.join(maximizers)}"
            return [f"  {head}: {_expr(value, names)}"]
        case ir.Equilibrium(players=players):
            return _block("equilibrium", [_player(player, names) for player in players])
        case ir.Ode(time=time, start=start, end=end, fields=fields, initial=initial):
            lines = [f"der({name}) == {_side(field, names)}" for name, field in fields]
            lines += [f"{name}({_expr(start, names)}) == {_side(value, names)}" for name, value in initial]
            return _block(f"ode {time} in [{_expr(start, names)}, {_expr(end, names)}]", lines)


def _player(player: ir.Player, names: Names) -> str:
    verb = "minimizes" if player.sense == 1 else "maximizes"
    line = f"{', '.join(player.unknowns)} {verb} {_expr(player.value, names)}"
    constraints = ", ".join(_constraint(one, names) for one in player.constraints)
    return f"{line} subject to {constraints}" if constraints else line


# ---- expressions -------------------------------------------------------------------------------


def _operand(expr: ir.Expr, least: int, names: Names) -> str:
    shown = _expr(expr, names)
    return shown if id(expr) in names or binding(expr) >= least else f"({shown})"


def _expr(expr: ir.Expr, names: Names) -> str:
    if id(expr) in names:
        return names[id(expr)]
    match expr:
        case ir.Const(value=value):
            return _number(value)
        case ir.Size(dim=dim):
            return _dim(dim)
        case ir.Param(name=name) | ir.Unknown(name=name) | ir.Bound(name=name):
            return name
        case ir.Apply():
            return _apply(expr, names)
        case ir.Index(array=array, items=items):
            shown = ", ".join(
                _item(item, dim, names) for item, dim in zip(items, array.type.shape, strict=True)
            )
            return f"{_operand(array, POSTFIX, names)}[{shown}]"
        case ir.Reduce(op=op, body=body, binders=binders, where=where):
            return f"{op}({_expr(body, names)}{_quantifiers(binders, where, names)})"
        case ir.Extern(name=name, args=args):
            return f"{name}({_list(args, names)})"
        case ir.SubProblem():
            return _sub_problem(expr, names)
        case ir.Dual(label=label):
            return f"dual({label})"
        case ir.OptimalValue():
            return "objective"
        case ir.AtTime(unknown=unknown, time=time):
            return f"{unknown}({_expr(time, names)})"


def _list(args: Iterable[ir.Expr], names: Names) -> str:
    return ", ".join(_expr(argument, names) for argument in args)


def _number(value: float | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if abs(value) == math.pi:
        return "pi" if value > 0 else "-pi"
    return repr(value)


def _dim(dim: Dim) -> str:
    return str(dim)


def _item(item: ir.Expr | ir.Slice, length: Dim, names: Names) -> str:
    if not isinstance(item, ir.Slice):
        return _expr(item, names)
    lower = "" if item.lower == Dim.of(0) else _dim(item.lower)
    upper = "" if item.upper == length else _dim(item.upper)
    return f"{lower}:{upper}"


def _quantifiers(binders: Iterable[ir.Binder], where: ir.Expr | None, names: Names) -> str:
    parts = [f" for {binder.name} in {_range(binder)}" for binder in binders]
    return "".join(parts) + (f" where {_expr(where, names)}" if where is not None else "")


def _range(binder: ir.Binder) -> str:
    if binder.first == Dim.of(0):
        return _dim(binder.last)
    return f"{_dim(binder.first)}..{_dim(binder.last - 1)}"


def _apply(expr: ir.Apply, names: Names) -> str:
    atom, args = expr.atom, expr.args
    if atom in SYMBOLS:
        left, right = sides(atom)
        shown = _operand(args[0], left, names), _operand(args[1], right, names)
        return f"{shown[0]}^{shown[1]}" if atom == "pow" else f" {SYMBOLS[atom]} ".join(shown)
    if atom == "neg":
        return f"-{_operand(args[0], SIGN, names)}"
    if atom == "not":
        return f"not {_operand(args[0], 3, names)}"
    if atom == "transpose":
        return f"{_operand(args[0], POSTFIX, names)}'"
    if atom == "sum_squares" and args[0].type.shape:
        return f"{_norm(args[0], '', names)}^2"
    if atom in NORMS and args[0].type.shape:
        return _norm(args[0], NORMS[atom], names)
    if atom == "norm_p":
        return _norm(args[0], f"_{dict(expr.attrs)['p']}", names)
    return f"{atom}({', '.join([_list(args, names)] * bool(args) + _settings(expr))})"


def _norm(argument: ir.Expr, kind: str, names: Names) -> str:
    inside = _expr(argument, names)
    return f"||({inside})||{kind}" if "||" in inside else f"||{inside}||{kind}"


def _settings(expr: ir.Apply) -> list[str]:
    shown: list[str] = []
    usual = dict(ATOMS[expr.atom].attrs)
    for key, value in expr.attrs:
        if value == usual[key]:
            continue
        if isinstance(value, Dim):
            shown.append(_dim(value))
        elif isinstance(value, tuple):
            shown += [_dim(dim) for dim in value]
        else:
            shown.append(f"{key} = {value}")
    return shown


def _sub_problem(expr: ir.SubProblem, names: Names) -> str:
    if not in_place(expr):
        return f"{expr.problem.name}({_list(expr.args, names)})"
    values = dict(zip((param.name for param in expr.problem.params), expr.args, strict=True))
    problem = substitute(expr.problem, values)
    assert isinstance(problem.statement, ir.Minimize)
    unknowns = ", ".join(_declared(variable) for variable in problem.unknowns)
    constraints = ", ".join(_constraint(one, names) for one in problem.constraints)
    subject = f" subject to {constraints}" if constraints else ""
    return f"{problem.name}({_expr(problem.statement.value, names)} over {unknowns}{subject})"
