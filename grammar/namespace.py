"""The words that a traced function speaks: types for its parameters, statements, functions and sets."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from declarative.errors import Span
from declarative.grammar import tree, words
from declarative.grammar.parse import is_name, parse_declaration
from declarative.grammar.places import PythonFile, respan
from declarative.grammar.symbols import ATOMS, SETS, Symbol, call, lift, refuse
from declarative.grammar.trace import current

_BASES = ("real", "int", "bool", "any")
_PROPERTIES = (
    "nonneg",
    "positive",
    "nonpos",
    "negative",
    "symmetric",
    "psd",
    "pd",
    "skew",
    "diagonal",
    "static",
)


@dataclass(frozen=True)
class Type:
    """The type of a parameter: `dc.real["m", "d"]`, `dc.positive`, `dc.psd["n", "n"]`, `dc.static.int`."""

    text: str

    def __getitem__(self, axes: object) -> Type:
        several = axes if isinstance(axes, tuple) else (axes,)
        return Type(f"{self._with_base()}[{', '.join(map(str, several))}]")

    def __getattr__(self, word: str) -> Type:
        if word not in _BASES + _PROPERTIES:
            raise AttributeError(word)
        return Type(f"{self.text} {word}")

    def _with_base(self) -> str:
        return self.text if self.text.split()[-1].split("[")[0] in _BASES else f"{self.text} real"

    def __str__(self) -> str:
        return self.text if "[" in self.text else self._with_base()

    def __call__(self, *_: object) -> Type:  # typing accepts only what could be called
        return self


def declaration(name: str, text: str, at: Span) -> tree.Declaration:
    """`name: text` as a node at a place in Python, or the diagnostic that the text is no type."""
    found = parse_declaration(f"{name}: {text}")
    if found is None or len(found.names) != 1:
        refuse("D509", at=at, text=text)
    return respan(found, at)


# ---- statements ------------------------------------------------------------------------------------


def find(*axes: object, type: object = "real", within: object = None, name: str | None = None) -> Symbol:
    """An unknown of the shape `axes`; it bears the name of the variable that it is assigned to."""
    trace = current()
    file, place = trace.files.here()
    alone = axes[0] if len(axes) == 1 and isinstance(axes[0], Type) else None
    text = str(alone or type)
    if axes and alone is None:
        text += f"[{', '.join(map(str, axes))}]"
    wanted = words.ascii_name(name or (_assigned_name(file, place) or "x").lstrip("_"))
    own = trace.fresh(wanted if is_name(wanted) else "x")
    declared = declaration(own, text, place)
    if within is not None:
        declared = replace(declared, within=_set(within, place))
    trace.unknowns.append(declared)
    return Symbol(declared.names[0])


def _assigned_name(file: PythonFile, place: Span) -> str | None:
    """`w` for the call in `w = dc.find("d")`, also among several."""
    for node in file.enclosing(place):
        if isinstance(node, ast.NamedExpr) and file.span_of(node.value) == place:
            return node.target.id
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            return node.target.id
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            for target, value in _pairs(node.targets[0], node.value):
                if file.span_of(value) == place and isinstance(target, ast.Name):
                    return target.id
    return None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def _set(within: object, at: Span) -> tree.SetExpr:
    """A set from its text, from `dc.box(0, 1)` and the like, or an interval from a pair."""
    if isinstance(within, Symbol) and isinstance(within.node, tree.Name | tree.Call):
        return within.node
    if isinstance(within, tuple | list) and len(within) == 2:
        return tree.Interval(lift(within[0]).node, lift(within[1]).node, span=at)
    if isinstance(within, Type):
        within = within.text
    found = declaration("x", f"real in {within}", at).within
    assert found is not None
    return found


def minimize(value: Any) -> None:
    """State the goal: the smallest value of a scalar."""
    _goal("minimize", value)


def maximize(value: Any) -> None:
    """State the goal: the largest value of a scalar."""
    _goal("maximize", value)


def _goal(sense: Any, value: Any) -> None:
    trace = current()
    trace.goals.append(tree.Objective(sense, lift(value).node, span=trace.here()))


def saddle(value: Any, *, minimize: Any, maximize: Any) -> None:
    """State the goal: a saddle point, smallest over some unknowns and largest over the others."""
    trace = current()
    place = trace.here()
    players = (_unknown_names(minimize, place), _unknown_names(maximize, place))
    trace.goals.append(tree.Saddle(*players, lift(value).node, span=place))


def _unknown_names(symbols: Any, at: Span) -> tuple[tree.Name, ...]:
    several = symbols if isinstance(symbols, list | tuple) else (symbols,)
    nodes = [lift(symbol).node for symbol in several]
    names = tuple(node for node in nodes if isinstance(node, tree.Name))
    if len(names) != len(nodes):
        refuse("D515", at=at, what="an unknown")
    return names


def fixed_point(unknown: Any, value: Any) -> None:
    """State that `unknown = value` for a value that depends on the unknown."""
    _equation("fixed_point", unknown, value)


def root(left: Any, right: Any = None) -> None:
    """State that two expressions are equal; one alone is zero, and `left == right` will do as well."""
    relation = left.node if isinstance(left, Symbol) and right is None else None
    if isinstance(relation, tree.Compare) and relation.ops == ("==",):
        first, second = relation.operands
        _equation("root", Symbol(first), Symbol(second))
    else:
        _equation("root", left, 0 if right is None else right)


def _equation(kind: str, left: Any, right: Any) -> None:
    trace = current()
    trace.equations[kind].append(tree.Equation(lift(left).node, lift(right).node, span=trace.here()))


def subject_to(*constraints: Any, **labelled: Any) -> Label | None:
    """State constraints, by label or without; the result of a single one stands for it in `dc.dual`."""
    trace = current()
    place = trace.here()
    handle = None
    for label, constraint in [*((None, one) for one in constraints), *labelled.items()]:
        relation, binders = _relation(constraint, place)
        name = None if label is None else tree.Name(label, span=place)
        trace.constraints.append(tree.Constraint(relation, name, binders, span=relation.span))
        handle = Label(len(trace.constraints) - 1)
    return handle if len(constraints) + len(labelled) == 1 else None


@dataclass(frozen=True)
class Label:
    """The constraint of this number among those of the trace."""

    index: int


def _relation(constraint: Any, at: Span) -> tuple[tree.Compare | tree.Membership, tuple[tree.Binder, ...]]:
    binders: list[tree.Binder] = []
    if isinstance(constraint, Iterator):
        with current().binding() as opened:
            several = list(constraint)
        binders = opened
        constraint = several[0] if len(several) == 1 else None
    relation = constraint.node if isinstance(constraint, Symbol) else constraint
    if not isinstance(relation, tree.Compare | tree.Membership):
        refuse("D515", at=at, what="a constraint")
    return relation, tuple(binders)


def member(value: Any, within: Any) -> tree.Membership:
    """The constraint that a value lies in a set: `dc.member(x, "simplex")`, `dc.member(x, (0, 1))`."""
    place = current().here()
    return tree.Membership(lift(value).node, _set(within, place), span=place)


def assume(*facts: Any) -> None:
    """State facts on parameters that the analysis may use."""
    trace = current()
    trace.facts.extend(_relation(fact, trace.here())[0] for fact in facts)


def options(**settings: Any) -> None:
    """Set the engine and its limits: `dc.options(engine="anderson", tol=1e-6)`."""
    trace = current()
    place = trace.here()
    for key, value in settings.items():
        default = None
        if isinstance(value, str):
            default = declaration("x", f"real = {value}", place).default
        node = lift(value).node if default is None else default
        trace.settings.append(tree.Setting(tree.Name(key, span=place), node, span=place))


def let(name: str, value: Any) -> Symbol:
    """Name an expression; Python's own variables do as well, this one shows in the program."""
    trace = current()
    place = trace.here()
    named = tree.Name(trace.fresh(name), span=place)
    trace.bindings.append(tree.Binding(named, lift(value).node, span=place))
    return Symbol(named)


def dual(constraint: Label | str) -> Symbol:
    """The multiplier of a constraint, by its label or by what `subject_to` gave."""
    trace = current()
    place = trace.here()
    if isinstance(constraint, Label):
        stated = trace.constraints[constraint.index]
        label = stated.label or tree.Name(trace.fresh("constraint"), span=place)
        trace.constraints[constraint.index] = replace(stated, label=label)
    else:
        label = tree.Name(str(constraint), span=place)
    return Symbol(tree.Call(tree.Name("dual", span=place), (label,), span=place))


def each(domain: Any, last: Any = None) -> Iterator[Symbol]:
    """The index of a comprehension: `dc.sum(x[i] for i in dc.each("n"))`; two numbers are the ends of a range."""
    trace = current()
    place = trace.here()
    if trace.binders is None:
        refuse("D520", at=place)
    index = tree.Name(next(name for name in _index_names() if name not in trace.names), span=place)
    trace.names.add(index.name)
    where: tree.Expr | tree.Range
    if last is not None:
        where = tree.Range(_dimension(domain, place), _dimension(last, place), span=place)
    else:
        where = _dimension(domain, place)
    trace.binders.append(tree.Binder(index, where, span=place))
    yield Symbol(index)
    trace.names.discard(index.name)


def _index_names() -> Iterator[str]:
    yield from "ijk"
    number = 0
    while True:
        yield f"i{(number := number + 1)}"


def _dimension(value: Any, at: Span) -> tree.Expr:
    if not isinstance(value, str):
        return lift(value).node
    shape = declaration("x", f"real[{value}]", at).type.shape
    assert shape is not None
    return shape[0]


# ---- the names -------------------------------------------------------------------------------------


def _function(name: str) -> Callable[..., Symbol]:
    def function(*args: Any, **keywords: Any) -> Symbol:
        return call(name, *args, **keywords)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of the language, applied to symbols and constants."
    return function


def _constant(name: str) -> Symbol:
    return Symbol(tree.Name(name))


# All names that the package offers to traced functions.
NAMESPACE: dict[str, Any] = {
    **{name: _function(name) for name in ATOMS},
    **{name: _function(name) if name in ("box", "ball", "power_cone") else _constant(name) for name in SETS},
    **{name: Type(name) for name in _BASES + _PROPERTIES},
    "pi": _constant("pi"),
    "inf": _constant("inf"),
    "objective": _constant("objective"),
    **{
        function.__name__: function
        for function in (
            find, minimize, maximize, saddle, fixed_point, root, subject_to, member, assume, options, let, dual, each,
        )
    },
}  # fmt: skip
