"""The intermediate representation: one readable grammar of frozen, typed nodes, each with its span.

    Problem    = name dims params unknowns lets statement constraints assumptions options outputs
    Statement  = Minimize | FixedPoint | Root | Saddle | Equilibrium | Ode
    Constraint = Equality | Inequality | Membership | Semidefinite     (quantified by Binder*)
    Expr       = Const | Size | Param | Unknown | Bound | Apply | Index | Reduce
               | Extern | SubProblem | Dual | OptimalValue | AtTime
    Type       = base shape

Names are resolved and unique, `def`s are expanded, sub-expressions named by `let` are shared objects.
`e >= f` is stored as `f <= e`; `maximize f` keeps its sense. Spellings have one form: a vector's transpose
is the vector, `||x||^2` is the atom `sum_squares`, `-2` is a Const, a static integer and arithmetic on
dimensions is a Size, an Index has one item per axis (a gather only slices beside it), a chain is several
constraints, and attributes and optional arguments of atoms are filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from declarative.dims import Dim, Shape
from declarative.errors import NOWHERE, Span

Base: TypeAlias = Literal["real", "int", "bool", "any"]


@dataclass(frozen=True)
class Type:
    base: Base = "real"
    shape: Shape = ()


@dataclass(frozen=True)
class Node:
    span: Span = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


# ---- expressions -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Const(Node):
    value: float | int | bool
    type: Type = Type()


@dataclass(frozen=True)
class Size(Node):
    """A dimension (or arithmetic on dimensions) used as a number."""

    dim: Dim
    type: Type = Type("int")


@dataclass(frozen=True)
class Param(Node):
    name: str
    type: Type


@dataclass(frozen=True)
class Unknown(Node):
    name: str
    type: Type


@dataclass(frozen=True)
class Bound(Node):
    """The index variable of an enclosing Binder."""

    name: str
    type: Type = Type("int")


@dataclass(frozen=True)
class Apply(Node):
    """An atom of the table `declarative.atoms.ATOMS` on arguments; `attrs` are its static settings."""

    atom: str
    args: tuple[Expr, ...]
    type: Type
    attrs: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Slice(Node):
    """`lower:upper`, both already dimensions (0 and the axis where they were left out)."""

    lower: Dim
    upper: Dim


@dataclass(frozen=True)
class Index(Node):
    """`array[items]`: an int scalar drops its axis, an int vector gathers, a Slice keeps."""

    array: Expr
    items: tuple[Expr | Slice, ...]
    type: Type


@dataclass(frozen=True)
class Binder(Node):
    """`name` runs over first, first + 1, ..., last - 1 (half open; the language's `..` is closed)."""

    name: str
    first: Dim
    last: Dim


@dataclass(frozen=True)
class Reduce(Node):
    """A comprehension: reduces `body` (any shape) over its binders, where `where` holds."""

    op: Literal["sum", "max", "min", "prod", "mean"]
    body: Expr
    binders: tuple[Binder, ...]
    where: Expr | None
    type: Type


@dataclass(frozen=True)
class Extern(Node):
    """A call of a host function bound by name at `compile(extern=...)`."""

    name: str
    args: tuple[Expr, ...]
    type: Type


@dataclass(frozen=True)
class SubProblem(Node):
    """A nested problem: `args` are bound to `problem.params`; `output` None is the optimal value."""

    problem: Problem
    args: tuple[Expr, ...]
    output: str | None
    type: Type


@dataclass(frozen=True)
class Dual(Node):
    """In outputs: the multiplier of a labelled constraint."""

    label: str
    type: Type


@dataclass(frozen=True)
class OptimalValue(Node):
    """In outputs: `objective`."""

    type: Type = Type()


@dataclass(frozen=True)
class AtTime(Node):
    """In an ode's equations and outputs: an unknown at a time or at a vector of times."""

    unknown: str
    time: Expr
    type: Type


Expr: TypeAlias = (
    Const
    | Size
    | Param
    | Unknown
    | Bound
    | Apply
    | Index
    | Reduce
    | Extern
    | SubProblem
    | Dual
    | OptimalValue
    | AtTime
)


# ---- declarations ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Set(Node):
    """A named set with its arguments: simplex, box(lo, hi), ball(r), ball(r, p), soc, psd, ...

    `[lo, hi]` is `box`, `unit_interval` is `box(0, 1)`; an infinite end is `inf`.
    """

    name: str
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Parameter(Node):
    """A `given`. Properties ("nonneg", "psd", "static", ...) and `within` are promises."""

    name: str
    type: Type
    properties: frozenset[str] = frozenset()
    within: Set | None = None
    default: Expr | None = None
    doc: str = ""


@dataclass(frozen=True)
class Variable(Node):
    """A `find`. Properties and `within` are constraints."""

    name: str
    type: Type
    properties: frozenset[str] = frozenset()
    within: Set | None = None
    doc: str = ""


@dataclass(frozen=True)
class LetBinding(Node):
    """A name for a shared sub-expression; expressions hold `value` itself, never the name."""

    name: str
    value: Expr


# ---- constraints -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quantified(Node):
    label: str | None = field(default=None, kw_only=True)
    binders: tuple[Binder, ...] = field(default=(), kw_only=True)
    where: Expr | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Equality(Quantified):
    """left == right, elementwise."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class Inequality(Quantified):
    """left <= right, elementwise."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class Membership(Quantified):
    member: Expr
    within: Set


@dataclass(frozen=True)
class Semidefinite(Quantified):
    """greater - smaller is positive semidefinite."""

    greater: Expr
    smaller: Expr


Constraint: TypeAlias = Equality | Inequality | Membership | Semidefinite


# ---- statements --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Minimize(Node):
    """`sense` is -1 for `maximize`: the problem minimises sense * value."""

    value: Expr
    sense: Literal[1, -1] = 1


@dataclass(frozen=True)
class FixedPoint(Node):
    """One (unknown, image) per unknown, in the order of `unknowns`."""

    maps: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Root(Node):
    """left == right for each pair; as many scalar equations as unknown entries."""

    equations: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Saddle(Node):
    minimizers: tuple[str, ...]
    maximizers: tuple[str, ...]
    value: Expr


@dataclass(frozen=True)
class Player(Node):
    unknowns: tuple[str, ...]
    value: Expr
    sense: Literal[1, -1]
    constraints: tuple[Constraint, ...] = ()


@dataclass(frozen=True)
class Equilibrium(Node):
    players: tuple[Player, ...]


@dataclass(frozen=True)
class Ode(Node):
    """der(unknown) == field for each unknown, with values at `start`; time runs over [start, end]."""

    time: str
    start: Expr
    end: Expr
    fields: tuple[tuple[str, Expr], ...]
    initial: tuple[tuple[str, Expr], ...]


Statement: TypeAlias = Minimize | FixedPoint | Root | Saddle | Equilibrium | Ode


# ---- a problem ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Output(Node):
    name: str
    value: Expr


@dataclass(frozen=True)
class ExternSignature(Node):
    name: str
    params: tuple[tuple[str, Type], ...]
    result: Type


@dataclass(frozen=True)
class Problem(Node):
    name: str
    params: tuple[Parameter, ...]
    unknowns: tuple[Variable, ...]
    statement: Statement
    constraints: tuple[Constraint, ...] = ()
    outputs: tuple[Output, ...] = ()
    lets: tuple[LetBinding, ...] = ()
    assumptions: tuple[Constraint, ...] = ()
    options: tuple[tuple[str, object], ...] = ()
    externs: tuple[ExternSignature, ...] = ()
    dims: tuple[str, ...] = ()
    doc: str = ""
