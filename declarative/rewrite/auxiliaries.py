"""New unknowns and their constraints, within the comprehensions in which an expression stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from declarative.analyse.terms import ZERO, apply
from declarative.dims import Dim
from declarative.ir import (
    Binder,
    Bound,
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Problem,
    Size,
    Slice,
    Type,
    Unknown,
    Variable,
)
from declarative.walk import free_bounds, walk


@dataclass(frozen=True)
class Place:
    """Where an expression stands: within which binders, through which filter, and whether squares may stay."""

    binders: tuple[Binder, ...] = ()
    quadratic: bool = False
    where: Expr | None = None

    def inside(self, binders: tuple[Binder, ...], where: Expr | None = None) -> Place:
        return replace(self, binders=(*self.binders, *binders), where=both(self.where, where))

    @property
    def affine(self) -> Place:
        return replace(self, quadratic=False)


@dataclass
class Auxiliaries:
    """Collects them; `taken` are the names that stand for something."""

    taken: set[str]
    unknowns: list[Variable] = field(default_factory=list)
    rows: list[Constraint] = field(default_factory=list)

    def fresh(self, stem: str) -> str:
        """A name that nothing else has."""
        number = 1
        while f"{stem}{number}" in self.taken:
            number += 1
        self.taken.add(f"{stem}{number}")
        return f"{stem}{number}"

    def unknown(
        self,
        shape: tuple[Dim, ...],
        sides: list[Expr],
        place: Place,
        properties: frozenset[str] = frozenset(),
    ) -> Expr:
        """A new unknown with one axis per binder on which the sides depend, read at the binders' values."""
        free = frozenset[str]().union(*(free_bounds(side) for side in sides), *_free(place.where))
        binders = [binder for binder in place.binders if binder.name in free]
        sizes = tuple(binder.last - binder.first for binder in binders)
        kind, doc = Type("real", (*sizes, *shape)), "auxiliary of a rewrite"
        variable = Variable(self.fresh("t"), kind, properties, doc=doc)
        self.unknowns.append(variable)
        unknown = Unknown(variable.name, variable.type)
        if not binders:
            return unknown
        items = tuple(_offset(binder) for binder in binders)
        rest = tuple(Slice(Dim.of(0), dim) for dim in shape)
        read = Index(unknown, (*items, *rest), Type("real", shape))
        if place.where is not None:  # what the filter does not let through is fixed
            idle = replace(apply("not", place.where), type=Type("bool"))
            self.rows.append(Equality(read, ZERO, binders=tuple(binders), where=idle))
        return read

    def quantified(self, constraint: Constraint, place: Place) -> None:
        """Adds a constraint, over the binders of the place on which it depends."""
        free = free_bounds(constraint) | frozenset().union(*_free(place.where))
        used = tuple(binder for binder in place.binders if binder.name in free)
        where = both(place.where, constraint.where)
        self.rows.append(replace(constraint, binders=(*used, *constraint.binders), where=where))

    def row(self, left: Expr, right: Expr, place: Place) -> None:
        """left <= right there."""
        self.quantified(Inequality(left, right, span=left.span), place)


def names(problem: Problem) -> set[str]:
    """All that stand for something."""
    found = set(problem.dims)
    for items in (problem.params, problem.unknowns, problem.lets, problem.outputs):
        found.update(item.name for item in items)
    return found | {node.name for node in walk(problem) if isinstance(node, (Bound, Binder))}


def both(left: Expr | None, right: Expr | None) -> Expr | None:
    """Two filters as one."""
    if left is None or right is None:
        return left if right is None else right
    return replace(apply("and", left, right), type=Type("bool"))


def _free(where: Expr | None) -> list[frozenset[str]]:
    return [] if where is None else [free_bounds(where)]


def _offset(binder: Binder) -> Expr:
    index = Bound(binder.name)
    return index if binder.first == Dim.of(0) else apply("sub", index, Size(binder.first))
