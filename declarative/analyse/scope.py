"""Reads a problem's declarations; gives what they promise about names, and which expressions are constant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from declarative.ir import (
    Apply,
    AtTime,
    Constraint,
    Dual,
    Expr,
    Extern,
    Index,
    Inequality,
    Membership,
    OptimalValue,
    Param,
    Parameter,
    Problem,
    Reduce,
    Semidefinite,
    Set,
    Slice,
    SubProblem,
    Unknown,
    Variable,
)
from declarative.walk import constant as number

T = TypeVar("T")


class Memo(Generic[T]):
    """A function of expressions, computed once per object: shared sub-expressions are read once."""

    def __init__(self, compute: Callable[[Expr], T]):
        self._compute = compute
        self._known: dict[int, tuple[Expr, T]] = {}  # the expression is kept, so that ids stay its own

    def __call__(self, expr: Expr) -> T:
        found = self._known.get(id(expr))
        if found is None:
            found = self._known[id(expr)] = (expr, self._compute(expr))
        return found[1]


def children(expr: Expr) -> Iterator[Expr]:
    """The expressions directly under one that its value depends on."""
    match expr:
        case Apply(args=args) | Extern(args=args) | SubProblem(args=args):
            yield from args
        case Index(array=array, items=items):
            yield array
            yield from (item for item in items if not isinstance(item, Slice))
        case Reduce(body=body, where=where):
            yield body
            if where is not None:
                yield where
        case AtTime(time=time):
            yield time
        case _:
            return


@dataclass(frozen=True)
class Scope:
    """Declarations by name."""

    declarations: dict[str, Parameter | Variable]

    @staticmethod
    def of(problem: Problem) -> Scope:
        """Properties as declared, and those that `assume` and plain constraints on a name imply."""
        plain = [c for c in problem.constraints if not c.binders and c.where is None]
        declared: dict[str, Parameter | Variable] = {}
        for param in problem.params:
            more = {name for fact in problem.assumptions for name in _promise(fact, param.name)}
            declared[param.name] = replace(param, properties=param.properties | more)
        for unknown in problem.unknowns:
            more = {name for fact in plain for name in _promise(fact, unknown.name)}
            declared[unknown.name] = replace(unknown, properties=unknown.properties | more)
        return Scope(declared)

    def properties(self, expr: Expr) -> frozenset[str]:
        found = self._declared(expr)
        return found.properties if found is not None else frozenset()

    def within(self, expr: Expr) -> Set | None:
        found = self._declared(expr)
        return found.within if found is not None else None

    def default(self, expr: Expr) -> Expr | None:
        found = self._declared(expr)
        return found.default if isinstance(found, Parameter) else None

    def _declared(self, expr: Expr) -> Parameter | Variable | None:
        return self.declarations.get(expr.name) if isinstance(expr, (Param, Unknown)) else None


def _names(expr: Expr, name: str) -> bool:
    return isinstance(expr, (Param, Unknown)) and expr.name == name


def _zero(expr: Expr) -> bool:
    return number(expr) == 0 or (isinstance(expr, Apply) and expr.atom == "zeros")


def _promise(fact: Constraint, name: str) -> set[str]:
    """The properties that a constraint gives to the parameter or unknown of this name."""
    match fact:
        case Inequality(left=left, right=right) if _names(right, name):
            low = number(left)
            return set() if low is None or low < 0 else {"positive", "nonneg"} if low > 0 else {"nonneg"}
        case Inequality(left=left, right=right) if _names(left, name):
            high = number(right)
            return {"nonpos"} if high is not None and high <= 0 else set()
        case Membership(member=member, within=within) if _names(member, name):
            if within.name in ("simplex", "nonneg", "unit_interval", "birkhoff"):
                return {"nonneg"}
            return {"psd"} if within.name == "psd" else set()
        case Semidefinite(greater=greater, smaller=smaller) if _names(greater, name) and _zero(smaller):
            return {"psd"}
        case _:
            return set()


def constants() -> Memo[bool]:
    """Whether an expression is free of unknowns."""

    def compute(expr: Expr) -> bool:
        if isinstance(expr, (Unknown, AtTime, Dual, OptimalValue)):
            return False
        return all(constant(child) for child in children(expr))

    constant = Memo(compute)
    return constant
