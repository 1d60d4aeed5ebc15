"""Comprehensions of numbers become operations on arrays, and quantified rows become one row of arrays.

    sum(f(x[i], a[i]) for i in n)        sum(f(x, a))
    sum(A[i, j] * x[j] for j in n)       A[i, :] @ x, and over i then A @ x
    sum(A[:, j] * x[j] for j in n)       A @ x
    x[t + 1] - x[t] <= c for t in T      x[1:T + 1] - x[0:T] <= c
    sum(..., i in n, j in m)             an axis for each index, in their order

An expression is lifted over an index by giving it a leading axis, one entry for each value of the index.
What has a filter, reads the index as a number, or is no number for each value stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from declarative.analyse.linear import offset_of
from declarative.analyse.scope import Memo, children
from declarative.analyse.structure import Structure
from declarative.analyse.terms import apply, attr, stretch
from declarative.atoms import ATOMS
from declarative.atoms.record import Curvature
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Binder,
    Bound,
    Constraint,
    Equality,
    Expr,
    Index,
    Inequality,
    Membership,
    Node,
    Problem,
    Reduce,
    Slice,
    Type,
)
from declarative.walk import rewrite as rewritten

NOUGHT, UNIT = Dim.of(0), Dim.of(1)


def vectorise(problem: Problem, structure: Structure) -> Problem | None:
    """The problem without the comprehensions and quantifiers that arrays can say; None if there is none."""

    def rule(node: Node) -> Node:
        match node:
            case Reduce(where=None, body=body) if not body.type.shape:
                return _reduced(node, structure)
            case Reduce(where=None, op="sum", body=Apply(atom="mul"), binders=(_,)):
                return _combined(node)
            case Equality() | Inequality() if node.binders and node.where is None:
                return _row(node, structure)
            case _:
                return node

    changed = rewritten(problem, rule)
    return None if changed is problem else changed


def _reduced(node: Reduce, structure: Structure) -> Expr:
    """The innermost indices first; those that resist stay."""
    body, binders = node.body, list(node.binders)
    while binders:
        lifted = _Lift(binders[-1])(body)
        if lifted is None:
            break
        binders.pop()
        body = _total(node, lifted, structure)
    if len(binders) == len(node.binders):
        return node
    lifted = body if not binders else replace(node, body=body, binders=tuple(binders))
    return node if _forgets(structure, node, lifted) else lifted


def _forgets(structure: Structure, before: Expr, after: Expr) -> bool:
    """Whether a curvature that was certain no longer is, as of quadratic forms in the rows of an array."""
    curvature = structure.curvature
    return curvature(after) is Curvature.UNKNOWN and curvature(before) is not Curvature.UNKNOWN


def _combined(node: Reduce) -> Expr:
    """sum(A[:, i] * x[i] for i in n) of vectors is A @ x."""
    assert isinstance(node.body, Apply)
    lift = _Lift(node.binders[0])
    for factor, column in (node.body.args, node.body.args[::-1]):
        if factor.type.shape or len(column.type.shape) != 1:
            continue
        weights, rows = lift(factor), lift(column)
        if weights is not None and rows is not None:
            flipped = isinstance(rows, Apply) and rows.atom == "transpose"
            pair = (rows.args[0], weights) if isinstance(rows, Apply) and flipped else (weights, rows)
            return apply("matmul", *pair, span=node.span)
    return node


def _total(node: Reduce, values: Expr, structure: Structure) -> Expr:
    """The reduction of an array; a sum of multiples of unknowns is an inner product."""
    if node.op != "sum":
        return apply(node.op, values, span=node.span)
    match values:
        case Apply(atom="add" | "sub", args=(left, right)) if left.type.shape == right.type.shape:
            parts = (_total(node, left, structure), _total(node, right, structure))
            return apply(values.atom, *parts, span=node.span)
        case Apply(atom="mul", args=(left, right)) if len(values.type.shape) == 1:
            affine = map(structure.curvature.affine, values.args)
            if left.type.shape == right.type.shape and left != right and all(affine):
                return apply("matmul", left, right, span=node.span)
        case Apply(atom="sum", args=(Apply(atom="square", args=(base,)),)):
            return apply("sum_squares", base, span=node.span)
        case Apply(atom="sum", args=(inner,)):
            return apply("sum", inner, span=node.span)
    return apply("sum", values, span=node.span)


def _row(node: Equality | Inequality, structure: Structure) -> Node:
    """left <= right for every value of the indices; each index is an axis of its own."""
    if node.left.type.shape or node.right.type.shape:
        return node
    left, right = node.left, node.right
    for binder in reversed(node.binders):
        lift = _Lift(binder)
        if not lift.depends(left) and not lift.depends(right):
            return node
        axes = max(len(left.type.shape), len(right.type.shape))
        a, b = lift.beside(left, axes), lift.beside(right, axes)
        if a is None or b is None:
            return node
        left, right = a, b
    if _forgets(structure, node.left, left) or _forgets(structure, node.right, right):
        return node
    return replace(node, left=left, right=right, binders=())


# ---- one index at a time ---------------------------------------------------------------------------


def lift(expr: Expr, binder: Binder) -> Expr | None:
    """The values of an expression for all values of an index, along a new first axis; None where no rule applies."""
    lift = _Lift(binder)
    if lift.depends(expr):
        return lift(expr)
    return stretch(expr, (binder.last - binder.first, *expr.type.shape)) if not expr.type.shape else None


def lifted(constraint: Constraint, binder: Binder) -> Constraint:
    """The constraint for every value of an index: on arrays where rules apply, else quantified.

    A vector's membership in a cone becomes that of the last axis of an array.
    """
    lift, quantified = _Lift(binder), replace(constraint, binders=(binder, *constraint.binders))
    if constraint.binders or constraint.where is not None:
        return quantified
    match constraint:
        case Equality(left=left, right=right) | Inequality(left=left, right=right):
            axes = max(len(left.type.shape), len(right.type.shape))
            sides = [
                side if not side.type.shape and not lift.depends(side) else lift.beside(side, axes)
                for side in (left, right)
            ]
            if sides[0] is None or sides[1] is None:
                return quantified
            return replace(constraint, left=sides[0], right=sides[1])
        case Membership(member=member, within=within) if within.name != "psd":
            rows = None if any(map(lift.depends, within.args)) else lift(member)
            return quantified if rows is None else replace(constraint, member=rows)
        case _:
            return quantified


def whole(constraint: Constraint) -> Constraint:
    """A quantified membership in cones as that of one array, where rules apply."""
    if constraint.where is not None or not isinstance(constraint, Membership):
        return constraint
    for binder in reversed(constraint.binders):
        inner = lifted(replace(constraint, binders=()), binder)
        if inner.binders:
            return constraint
        constraint = replace(inner, binders=constraint.binders[:-1])
    return constraint


# ---- lifting -------------------------------------------------------------------------------------


class _Lift:
    """`lift(e)`: the values of e for all values of the index, along a new first axis; None where no rule
    applies, or where e does not depend on the index."""

    def __init__(self, binder: Binder):
        self.binder = binder
        self.depends: Memo[bool] = Memo(self._reads)
        self._known: Memo[Expr | None] = Memo(self._compute)

    def __call__(self, expr: Expr) -> Expr | None:
        return self._known(expr)

    def _reads(self, expr: Expr) -> bool:
        own = isinstance(expr, Bound) and expr.name == self.binder.name
        return own or any(map(self.depends, children(expr)))

    def _compute(self, expr: Expr) -> Expr | None:
        if not self.depends(expr):
            return None
        match expr:
            case Index():
                return self._lifted_index(expr)
            case Apply(atom="matmul" | "dot", args=(left, right)):
                return self._lifted_product(expr, left, right)
            case Apply(atom="sum" | "mean" | "sum_squares", args=(inner,)) if len(inner.type.shape) == 1:
                return self._lifted_sum(expr, inner)
            case Apply(atom="concat" | "stack", args=args):
                return self._joined(expr, args)
            case Apply(atom=atom, args=args) if ATOMS[atom].elementwise:
                lifted = [
                    found for arg in args if (found := self.beside(arg, len(expr.type.shape))) is not None
                ]
                return apply(atom, *lifted, span=expr.span) if len(lifted) == len(args) else None
            case _:
                return None

    def beside(self, arg: Expr, axes: int) -> Expr | None:
        """An argument of an elementwise function, lifted, or with an axis of length 1 where it stays the same."""
        if self.depends(arg):
            lifted = self(arg)
            if lifted is None or len(arg.type.shape) == axes:
                return lifted
            return apply("reshape", lifted, shape=(lifted.type.shape[0], *(UNIT for _ in range(axes))))
        if not arg.type.shape:
            return arg
        return apply("reshape", arg, shape=(UNIT, *arg.type.shape))

    def _joined(self, expr: Apply, args: tuple[Expr, ...]) -> Expr | None:
        """Parts side by side, each with the new axis; numbers are stacked."""
        count, axis = self.binder.last - self.binder.first, attr(expr, "axis")
        assert isinstance(axis, int)
        parts = []
        for arg in args:
            part = self(arg) if self.depends(arg) else self.beside(arg, max(1, len(arg.type.shape)))
            if part is None:
                return None
            parts.append(stretch(part, (count, *arg.type.shape)))
        if expr.atom == "stack" or not any(arg.type.shape for arg in args):
            return apply("stack", *parts, span=expr.span, axis=axis + 1)
        wide = [
            part if arg.type.shape else apply("reshape", part, shape=(count, UNIT))
            for part, arg in zip(parts, args, strict=True)
        ]
        return apply("concat", *wide, span=expr.span, axis=axis + 1)

    def _lifted_index(self, expr: Index) -> Expr | None:
        """x[t + c, ...]: the index becomes a slice, and its axis the first one."""
        if self.depends(expr.array):
            return None
        places = [axis for axis, item in enumerate(expr.items) if self._moves(item)]
        if len(places) != 1:
            return None
        (axis,) = places
        item = expr.items[axis]
        assert not isinstance(item, Slice)
        if any(not isinstance(other, Slice) and other.type.shape != () for other in expr.items):
            return None
        if any(isinstance(other, Slice) for other in expr.items[:axis]):
            return self._lifted_column(expr, axis, item)
        offset = offset_of(item, self.binder.name)
        if offset is None:
            return self._gathered(expr, axis, item)
        taken = Slice(self.binder.first + offset, self.binder.last + offset)
        items = (*expr.items[:axis], taken, *expr.items[axis + 1 :])
        shape = (self.binder.last - self.binder.first, *expr.type.shape)
        whole = all(
            isinstance(one, Slice) and one == Slice(NOUGHT, dim)
            for one, dim in zip(items, expr.array.type.shape, strict=True)
        )
        return expr.array if whole else Index(expr.array, items, Type(expr.type.base, shape), span=expr.span)

    def _moves(self, item: Expr | Slice) -> bool:
        return not isinstance(item, Slice) and self.depends(item)

    def _lifted_column(self, expr: Index, axis: int, item: Expr) -> Expr | None:
        """X[:, t] of a matrix, through its transpose."""
        if len(expr.array.type.shape) != 2 or axis != 1:
            return None
        flipped = apply("transpose", expr.array)
        return self._lifted_index(Index(flipped, (item, expr.items[0]), expr.type, span=expr.span))

    def _gathered(self, expr: Index, axis: int, item: Expr) -> Expr | None:
        """x[idx[t]] with an integer parameter idx is x[idx]."""
        places = self(item) if len(expr.items) == 1 else None
        if places is None or places.type.base != "int" or len(places.type.shape) != 1:
            return None
        return Index(expr.array, (places,), Type(expr.type.base, places.type.shape), span=expr.span)

    def _lifted_product(self, expr: Apply, left: Expr, right: Expr) -> Expr | None:
        """Rows times what stays the same, or row by row."""
        moving = [self.depends(side) for side in (left, right)]
        axes = len(left.type.shape), len(right.type.shape)
        if all(moving):
            rows = [self(side) for side in (left, right)]
            if axes != (1, 1) or rows[0] is None or rows[1] is None:
                return None
            return apply("sum", apply("mul", rows[0], rows[1], span=expr.span), axis=1)
        side, fixed = (left, right) if moving[0] else (right, left)
        lifted = self(side) if len(side.type.shape) == 1 else None
        if lifted is None:
            return None
        if len(fixed.type.shape) == 1 or moving[0]:
            return apply("matmul", lifted, fixed, span=expr.span)
        return apply("matmul", lifted, apply("transpose", fixed), span=expr.span)

    def _lifted_sum(self, expr: Apply, inner: Expr) -> Expr | None:
        lifted = self(inner)
        if lifted is None:
            return None
        if expr.atom == "sum_squares":
            return apply("sum", apply("square", lifted), axis=1)
        return apply(expr.atom, lifted, axis=1) if attr(expr, "axis") in (None, 0) else None
