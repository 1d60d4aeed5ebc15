"""lark tree of one unit -> surface node with its span: one method a rule of decl.lark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar, cast

from lark import Token
from lark.visitors import Transformer_NonRecursive

from declarative.errors import NOWHERE, Diagnostic, Source, Span, diagnostic
from declarative.grammar import sums, tree, words

Child = Any  # a Token, a tree.Node, or a tuple of nodes
N = TypeVar("N", bound=tree.Node)


@dataclass(frozen=True)
class Head(tree.Node):
    """`problem name`: the statements behind it are its own."""

    name: tree.Name
    doc: str = ""


class Build(Transformer_NonRecursive[Token, Any]):
    """Every method gets all children of its rule, tokens included, and reads its span off them."""

    def __init__(self, source: Source, docs: dict[int, str]):
        super().__init__(visit_tokens=False)
        self.source = source
        self.docs = docs
        self.found: list[Diagnostic] = []

    # ---- spans and picking ----------------------------------------------------------------------

    def span(self, children: Sequence[Child]) -> Span:
        places = list(self._places(children))
        return places[0].to(places[-1]) if places else NOWHERE

    def _places(self, children: Sequence[Child]) -> Iterator[Span]:
        for child in children:
            if isinstance(child, tuple):
                yield from self._places(child)
            elif isinstance(child, tree.Node):
                yield child.span
            elif child.type != "NEWLINE":
                yield Span(self.source, child.start_pos, child.end_pos)

    def doc(self, children: Sequence[Child]) -> str:
        at = self.span(children)
        return self.docs.get(at.line) or self.docs.get(at.source.position(max(at.start, at.end - 1))[0], "")

    def unit(self, children: list[Child]) -> Child:
        return children[0]

    # ---- a file -----------------------------------------------------------------------------------

    def problem(self, children: list[Child]) -> Head:
        return Head(self._name(children[1]), self.doc(children), span=self.span(children))

    def def_(self, children: list[Child]) -> tree.Def:
        return tree.Def(
            self._name(children[1]),
            _one(children, tuple, ()),
            children[-2],
            self.doc(children),
            span=self.span(children),
        )

    def extern(self, children: list[Child]) -> tree.ExternDef:
        return tree.ExternDef(
            self._name(children[1]),
            _one(children, tuple, ()),
            children[-2],
            self.doc(children),
            span=self.span(children),
        )

    def parameters(self, children: list[Child]) -> tuple[tree.Parameter, ...]:
        return _all(children, tree.Parameter)

    def parameter(self, children: list[Child]) -> tree.Parameter:
        type_ = _one(children, tree.TypeExpr, None)
        default = children[-1].value if isinstance(children[-1], _Default) else None
        return tree.Parameter(self._name(children[0]), type_, default, span=self.span(children))

    def import_(self, children: list[Child]) -> tree.Import:
        names = _all(children, tree.ImportedName) or None
        return tree.Import(children[1], names, span=self.span(children))

    def path(self, children: list[Child]) -> tuple[tree.Name, ...]:
        return tuple(self._name(child) for child in children if child.type == "NAME")

    def imported(self, children: list[Child]) -> tree.ImportedName:
        alias = self._name(children[2]) if len(children) == 3 else None
        return tree.ImportedName(self._name(children[0]), alias, span=self.span(children))

    # ---- declarations -----------------------------------------------------------------------------

    def given(self, children: list[Child]) -> tree.Given:
        return tree.Given(_flat(children), span=self.span(children))

    def find(self, children: list[Child]) -> tree.Find:
        return tree.Find(_flat(children), span=self.span(children))

    def declaration_line(self, children: list[Child]) -> tuple[tree.Declaration, ...]:
        return _all(children, tree.Declaration)

    unknowns = declaration_line

    def declaration(self, children: list[Child]) -> tree.Declaration:
        names, _, type_, *rest = children
        within = next((child for child in rest if not isinstance(child, _Default)), None)
        default = rest[-1].value if rest and isinstance(rest[-1], _Default) else None
        return tree.Declaration(names, type_, within, default, self.doc(children), span=self.span(children))

    def names(self, children: list[Child]) -> tuple[tree.Name, ...]:
        return tuple(self._name(child) for child in children if child.type == "NAME")

    def type(self, children: list[Child]) -> tree.TypeExpr:
        shape = children.pop() if isinstance(children[-1], _Shape) else None
        *properties, base = (self._name(child) for child in children)
        everything = children if shape is None else [*children, shape]
        axes = None if shape is None else shape.axes
        return tree.TypeExpr(tuple(properties), base, axes, span=self.span(everything))

    def shape(self, children: list[Child]) -> _Shape:
        return _Shape(_nodes(children), span=self.span(children))

    def within(self, children: list[Child]) -> tree.SetExpr:
        return cast(tree.SetExpr, children[1])

    def default(self, children: list[Child]) -> _Default:
        return _Default(children[1], span=self.span(children))

    def named_set(self, children: list[Child]) -> tree.Name:
        return self._name(children[0])

    def set_call(self, children: list[Child]) -> tree.Call:
        return self.call(children)

    def set(self, children: list[Child]) -> tree.Interval:
        return cast(tree.Interval, children[0])

    def interval(self, children: list[Child]) -> tree.Interval:
        return tree.Interval(children[1], children[3], span=self.span(children))

    # ---- statements -------------------------------------------------------------------------------

    def minimize(self, children: list[Child]) -> tree.Objective:
        return tree.Objective("minimize", children[1], span=self.span(children))

    def maximize(self, children: list[Child]) -> tree.Objective:
        return tree.Objective("maximize", children[1], span=self.span(children))

    def saddle(self, children: list[Child]) -> tree.Saddle:
        first, second = (child for child in children if isinstance(child, tuple))
        minimizers, maximizers = (first, second) if children[0].type == "MINIMIZE" else (second, first)
        return tree.Saddle(minimizers, maximizers, children[-2], span=self.span(children))

    def fixed_point(self, children: list[Child]) -> tree.FixedPoint:
        return tree.FixedPoint(_flat(children), span=self.span(children))

    def root(self, children: list[Child]) -> tree.Root:
        return tree.Root(_flat(children), span=self.span(children))

    def ode(self, children: list[Child]) -> tree.Ode:
        return tree.Ode(self._name(children[1]), children[3], _flat(children[4:]), span=self.span(children))

    def equation_line(self, children: list[Child]) -> tuple[tree.Equation, ...]:
        return _all(children, tree.Equation)

    def equation(self, children: list[Child]) -> tree.Equation:
        return tree.Equation(children[0], children[2], span=self.span(children))

    def equilibrium(self, children: list[Child]) -> tree.Equilibrium:
        return tree.Equilibrium(_all(children, tree.Player), span=self.span(children))

    def player(self, children: list[Child]) -> tree.Player:
        names, sense, value = children[:3]
        constraints = (
            children[4] if isinstance(children[3], Token) and children[3].type == "SUBJECT_TO" else ()
        )
        return tree.Player(names, str(sense), value, constraints, span=self.span(children))  # type: ignore[arg-type]

    def subject_to(self, children: list[Child]) -> tree.SubjectTo:
        return tree.SubjectTo(_flat(children), span=self.span(children))

    def constraint_line(self, children: list[Child]) -> tuple[tree.Constraint, ...]:
        return cast(tuple[tree.Constraint, ...], children[0])

    def constraints(self, children: list[Child]) -> tuple[tree.Constraint, ...]:
        return _all(children, tree.Constraint)

    def constraint(self, children: list[Child]) -> tree.Constraint:
        where = children[-1].value if isinstance(children[-1], _Where) else None
        relation = next(child for child in children if isinstance(child, tree.Compare | tree.Membership))
        return tree.Constraint(
            relation,
            _one(children, tree.Name, None),
            _all(children, tree.Binder),
            where,
            span=self.span(children),
        )

    def label(self, children: list[Child]) -> tree.Name:
        return self._name(children[0])

    def membership(self, children: list[Child]) -> tree.Membership:
        return tree.Membership(children[0], children[2], span=self.span(children))

    def binder(self, children: list[Child]) -> tree.Binder:
        return tree.Binder(self._name(children[1]), children[3], span=self.span(children))

    def range(self, children: list[Child]) -> tree.Range:
        return tree.Range(children[0], children[2], span=self.span(children))

    def where(self, children: list[Child]) -> _Where:
        return _Where(children[1], span=self.span(children))

    def assume(self, children: list[Child]) -> tree.Assume:
        return tree.Assume(_flat(children), span=self.span(children))

    def fact_line(self, children: list[Child]) -> tuple[tree.Compare | tree.Membership, ...]:
        return tuple(child for child in children if isinstance(child, tree.Compare | tree.Membership))

    def let(self, children: list[Child]) -> tree.Let:
        return tree.Let(_flat(children), span=self.span(children))

    def binding_line(self, children: list[Child]) -> tuple[tree.Binding, ...]:
        return _all(children, tree.Binding)

    output_line = binding_line

    def binding(self, children: list[Child]) -> tree.Binding:
        return tree.Binding(self._name(children[0]), children[2], span=self.span(children))

    def output(self, children: list[Child]) -> tree.Binding:
        if len(children) == 3:
            return self.binding(children)
        return tree.Binding(None, children[0], span=self.span(children))

    def options(self, children: list[Child]) -> tree.Options:
        return tree.Options(_flat(children), span=self.span(children))

    def setting_line(self, children: list[Child]) -> tuple[tree.Setting, ...]:
        return _all(children, tree.Setting)

    def setting(self, children: list[Child]) -> tree.Setting:
        return tree.Setting(self._name(children[0]), children[2], span=self.span(children))

    def return_(self, children: list[Child]) -> tree.Return:
        return tree.Return(_flat(children), span=self.span(children))

    # ---- expressions ------------------------------------------------------------------------------

    def if_else(self, children: list[Child]) -> tree.IfElse:
        return tree.IfElse(children[1], children[3], children[5], span=self.span(children))

    def binary(self, children: list[Child]) -> tree.Binary:
        left, sign, right = children
        return tree.Binary(_OPERATORS[sign.type], left, right, span=self.span(children))  # type: ignore[arg-type]

    def total(self, children: list[Child]) -> tree.Expr:
        signs: list[sums.Sign] = ["+", *("-" if sign.type == "MINUS" else "+" for sign in children[1::2])]
        return sums.balanced(list(zip(signs, children[::2], strict=True)))

    def unary(self, children: list[Child]) -> tree.Unary:
        sign, operand = children
        return tree.Unary(_OPERATORS[sign.type], operand, span=self.span(children))  # type: ignore[arg-type]

    def chain(self, children: list[Child]) -> tree.Compare:
        ops = tuple(_COMPARISONS[sign.type] for sign in children[1::2])
        return tree.Compare(tuple(children[::2]), ops, span=self.span(children))  # type: ignore[arg-type]

    def transpose(self, children: list[Child]) -> tree.Unary:
        return tree.Unary("'", children[0], span=self.span(children))

    def superscript(self, children: list[Child]) -> tree.Binary:
        base, sign = children
        digits = words.superscript_value(sign)
        at = self.span([sign])
        exponent: tree.Expr = self._numeral(digits.removeprefix("-"), at)
        if digits.startswith("-"):
            exponent = tree.Unary("-", exponent, span=at)
        return tree.Binary("^", base, exponent, span=self.span(children))

    def index(self, children: list[Child]) -> tree.Index:
        return tree.Index(children[0], _nodes(children[1:]), span=self.span(children))

    def slice(self, children: list[Child]) -> tree.Slice:
        colon = next(i for i, child in enumerate(children) if isinstance(child, Token))
        lower = children[0] if colon == 1 else None
        upper = children[-1] if colon < len(children) - 1 else None
        return tree.Slice(lower, upper, span=self.span(children))

    def number(self, children: list[Child]) -> tree.Number:
        return self._numeral(str(children[0]), self.span(children))

    def fraction(self, children: list[Child]) -> tree.Binary:
        at = self.span(children)
        above, below = words.FRACTIONS[children[0]]
        return tree.Binary(
            "/", tree.Number(above, str(above), span=at), tree.Number(below, str(below), span=at), span=at
        )

    def name(self, children: list[Child]) -> tree.Name:
        return self._name(children[0])

    def boolean(self, children: list[Child]) -> tree.Boolean:
        return tree.Boolean(children[0].type == "TRUE", span=self.span(children))

    def parentheses(self, children: list[Child]) -> tree.Expr:
        return replace(cast(tree.Expr, children[1]), span=self.span(children))

    def norm(self, children: list[Child]) -> tree.Norm:
        kind = words.norm_kind(children[2])
        if kind is not None and kind not in ("inf", "F", "*") and not _at_least_one(kind):
            self.found.append(diagnostic("D125", self.span([children[2]]), kind=kind))
        return tree.Norm(children[1], kind, span=self.span(children))

    def call(self, children: list[Child]) -> tree.Call:
        arguments: tuple[tree.Node, ...] = _one(children, tuple, ())
        positional = tuple(child for child in arguments if not isinstance(child, tree.Keyword))
        keywords = tuple(child for child in arguments if isinstance(child, tree.Keyword))
        late = next((a for k, a in pairwise(arguments) if _is_late(k, a)), None)
        if late is not None:
            self.found.append(diagnostic("D139", late.span))
        return tree.Call(self._name(children[0]), positional, keywords, span=self.span(children))  # type: ignore[arg-type]

    def arguments(self, children: list[Child]) -> tuple[tree.Node, ...]:
        return _all(children, tree.Node)

    def keyword(self, children: list[Child]) -> tree.Keyword:
        return tree.Keyword(words.ascii_name(children[0]), children[2], span=self.span(children))

    def comprehension(self, children: list[Child]) -> tree.Comprehension:
        where = next((child.value for child in children if isinstance(child, _Where)), None)
        return tree.Comprehension(
            self._name(children[0]), children[2], _all(children, tree.Binder), where, span=self.span(children)
        )

    def nested(self, children: list[Child]) -> tree.Nested:
        unknowns, *constraints = (child for child in children if isinstance(child, tuple))
        return tree.Nested(
            self._name(children[0]), children[2], unknowns, _flat(constraints), span=self.span(children)
        )

    # ---- leaves -----------------------------------------------------------------------------------

    def _name(self, token: Token) -> tree.Name:
        return tree.Name(words.ascii_name(token), span=self.span([token]))

    def _numeral(self, text: str, at: Span) -> tree.Number:
        value: int | float = 0
        if len(text) < 400:
            value = float(text) if set(text) & set(".eE") else int(text)
        if len(text) >= 400 or abs(value) > _LARGEST:
            self.found.append(diagnostic("D119", at))
            value = 0
        return tree.Number(value, text, span=at)


for _rule in ("def", "import", "return"):  # rules whose names are words of Python
    setattr(Build, _rule, getattr(Build, _rule + "_"))

_LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class _Default(tree.Node):
    value: tree.Expr


@dataclass(frozen=True)
class _Where(tree.Node):
    value: tree.Expr


@dataclass(frozen=True)
class _Shape(tree.Node):
    axes: tuple[tree.Expr, ...]


_OPERATORS = {
    "PLUS": "+", "MINUS": "-", "TIMES": "*", "SLASH": "/", "AT": "@", "POWER": "^", "AND": "and", "OR": "or",
    "NOT": "not",
}  # fmt: skip
_COMPARISONS = {
    "EQ": "==", "NE": "!=", "LE": "<=", "GE": ">=", "LT": "<", "GT": ">", "SUCCEEDS": "succeeds",
    "PRECEDES": "precedes",
}  # fmt: skip


def _all(children: Sequence[Child], kind: type[N]) -> tuple[N, ...]:
    return tuple(child for child in children if isinstance(child, kind))


def _nodes(children: Sequence[Child]) -> tuple[Any, ...]:
    return tuple(child for child in children if isinstance(child, tree.Node))


def _one(children: Sequence[Child], kind: type, otherwise: Child) -> Child:
    return next((child for child in children if isinstance(child, kind)), otherwise)


def _flat(children: Sequence[Child]) -> Any:
    return tuple(node for child in children if isinstance(child, tuple) for node in child)


def _at_least_one(kind: str) -> bool:
    try:
        return 1 <= float(kind) <= _LARGEST
    except ValueError:
        return False


def _is_late(first: tree.Node, second: tree.Node) -> bool:
    return isinstance(first, tree.Keyword) and not isinstance(second, tree.Keyword)


def deepest(node: tree.Node) -> tuple[int, tree.Node]:
    """How many levels the tree has, and a node of the last one; without recursion, whatever the depth."""
    depth, last, level = 1, node, [node]
    while level := [child for parent in level for child in tree.children(parent)]:
        depth, last = depth + 1, level[0]
    return depth, last
