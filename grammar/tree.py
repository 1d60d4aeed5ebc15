"""The surface tree: what `.decl` text and decorated Python functions both become.

Every node carries its span; names are still strings, nothing is resolved or typed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from declarative.errors import NOWHERE, Span


@dataclass(frozen=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


# ---- expressions -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number(Node):
    value: int | float
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Boolean(Node):
    value: bool


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Unary(Node):
    op: Literal["-", "+", "'", "not"]  # ' is the transpose
    operand: Expr


@dataclass(frozen=True)
class Binary(Node):
    op: Literal["+", "-", "*", "/", "^", "@", "and", "or"]
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Compare(Node):
    """`a <= b <= c` has operands (a, b, c) and ops ("<=", "<="); `succeeds` is ⪰, `precedes` ⪯."""

    operands: tuple[Expr, ...]
    ops: tuple[Literal["==", "!=", "<=", ">=", "<", ">", "succeeds", "precedes"], ...]


@dataclass(frozen=True)
class Norm(Node):
    """`||e||_p`; `kind` is None for a bare `||e||`, else "1", "2", "inf", "F", "*" or a number's text."""

    operand: Expr
    kind: str | None = None


@dataclass(frozen=True)
class Slice(Node):
    """`lo:hi` inside an index; a bare `:` has neither."""

    lower: Expr | None = None
    upper: Expr | None = None


@dataclass(frozen=True)
class Index(Node):
    array: Expr
    items: tuple[Expr | Slice, ...]


@dataclass(frozen=True)
class Keyword(Node):
    """`axis = 0` in a call."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Call(Node):
    function: Name
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()


@dataclass(frozen=True)
class Binder(Node):
    """`for i in n` (domain is the expression `n`) or `for i in 1..n-1` (both ends included)."""

    name: Name
    domain: Expr | Range


@dataclass(frozen=True)
class Range(Node):
    first: Expr
    last: Expr


@dataclass(frozen=True)
class Comprehension(Node):
    """`sum(body for i in n for j in m where i < j)`; `function` is sum, max, min, prod or mean."""

    function: Name
    body: Expr
    binders: tuple[Binder, ...]
    where: Expr | None = None


@dataclass(frozen=True)
class IfElse(Node):
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Nested(Node):
    """`argmin(f over u: real[d] subject to c, ...)`; `function` is argmin, argmax, min or max."""

    function: Name
    objective: Expr
    unknowns: tuple[Declaration, ...]
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class Interval(Node):
    """`[lo, hi]` where a set is expected."""

    lower: Expr
    upper: Expr


Expr: TypeAlias = (
    Number | Boolean | Name | Unary | Binary | Compare | Norm | Index | Call | Comprehension | IfElse | Nested
)
SetExpr: TypeAlias = Name | Call | Interval


# ---- declarations ------------------------------------------------------------------------------


@dataclass(frozen=True)
class TypeExpr(Node):
    """`psd real[n, n]`: properties, base, and shape (None for a scalar)."""

    properties: tuple[Name, ...]
    base: Name
    shape: tuple[Expr, ...] | None = None


@dataclass(frozen=True)
class Declaration(Node):
    """`F: real[n, k]` — `names` share the type, set, default and `##` documentation."""

    names: tuple[Name, ...]
    type: TypeExpr
    within: SetExpr | None = None
    default: Expr | None = None
    doc: str = ""


# ---- statements of a problem -------------------------------------------------------------------


@dataclass(frozen=True)
class Given(Node):
    declarations: tuple[Declaration, ...]


@dataclass(frozen=True)
class Find(Node):
    declarations: tuple[Declaration, ...]


@dataclass(frozen=True)
class Binding(Node):
    """`name = expr`; in `return` a bare expression has name None."""

    name: Name | None
    value: Expr


@dataclass(frozen=True)
class Let(Node):
    bindings: tuple[Binding, ...]


@dataclass(frozen=True)
class Objective(Node):
    sense: Literal["minimize", "maximize"]
    value: Expr


@dataclass(frozen=True)
class Equation(Node):
    """`left = right` or `left == right` of `fixed point`, `root` and `ode`."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class FixedPoint(Node):
    equations: tuple[Equation, ...]


@dataclass(frozen=True)
class Root(Node):
    equations: tuple[Equation, ...]


@dataclass(frozen=True)
class Saddle(Node):
    """`minimize over p maximize over q: f` (or the other order); both hold names of unknowns."""

    minimizers: tuple[Name, ...]
    maximizers: tuple[Name, ...]
    value: Expr


@dataclass(frozen=True)
class Player(Node):
    """`q1 minimizes f [subject to ...]`."""

    unknowns: tuple[Name, ...]
    sense: Literal["minimizes", "maximizes"]
    value: Expr
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class Equilibrium(Node):
    players: tuple[Player, ...]


@dataclass(frozen=True)
class Ode(Node):
    """`ode t in [a, b]` and its lines: `der(y) == e` and `y(a) == y0`."""

    time: Name
    interval: Interval
    equations: tuple[Equation, ...]


@dataclass(frozen=True)
class Membership(Node):
    member: Expr
    within: SetExpr


@dataclass(frozen=True)
class Constraint(Node):
    """`label: relation for i in n where c`."""

    relation: Compare | Membership
    label: Name | None = None
    binders: tuple[Binder, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True)
class SubjectTo(Node):
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class Assume(Node):
    facts: tuple[Compare | Membership, ...]


@dataclass(frozen=True)
class Setting(Node):
    """`key = value`; the value is a number, a name or a call such as `truncated(5)`."""

    name: Name
    value: Expr


@dataclass(frozen=True)
class Options(Node):
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Return(Node):
    outputs: tuple[Binding, ...]


Statement: TypeAlias = (
    Given
    | Find
    | Let
    | Objective
    | FixedPoint
    | Root
    | Saddle
    | Equilibrium
    | Ode
    | SubjectTo
    | Assume
    | Options
    | Return
)


# ---- a file ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem(Node):
    name: Name
    statements: tuple[Statement, ...]
    doc: str = ""


@dataclass(frozen=True)
class Parameter(Node):
    """One argument of a `def` or an `extern def`; its type and default are optional."""

    name: Name
    type: TypeExpr | None = None
    default: Expr | None = None


@dataclass(frozen=True)
class Def(Node):
    name: Name
    parameters: tuple[Parameter, ...]
    body: Expr
    doc: str = ""


@dataclass(frozen=True)
class ExternDef(Node):
    name: Name
    parameters: tuple[Parameter, ...]
    result: TypeExpr
    doc: str = ""


@dataclass(frozen=True)
class ImportedName(Node):
    name: Name
    alias: Name | None = None


@dataclass(frozen=True)
class Import(Node):
    """`import a.b` (names is None) or `from a.b import name as other, ...`."""

    path: tuple[Name, ...]
    names: tuple[ImportedName, ...] | None = None


@dataclass(frozen=True)
class File(Node):
    items: tuple[Problem | Def | ExternDef | Import, ...]


def children(node: Node) -> Iterator[Node]:
    """The nodes that stand directly in a node, in order."""
    for value in vars(node).values():
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))
