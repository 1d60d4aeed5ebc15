"""Symbolic data of a quadratic program: a Variant gives IR expressions of the parameters alone.

For the emitter (`backends/jax/emit.py`). `extract(problem, scope)` reads a problem whose objective has
degree <= 2 and whose constraints are affine `Equality` and `Inequality` nodes, and gives `Form`:

    minimise 1/2 z'Pz + q'z   where z concatenates the unknowns, raveled in C order
    row(c)   A z = b          for every Equality c, in the order of problem.constraints
             G z <= h         for every Inequality c

Every matrix comes in blocks, one per unknown, so that absent blocks are known zeros:

    form.P     {(x, y): Expr of shape [size x, size y]} or None, `x`, `y` names of unknowns
    form.q     {x: Expr of shape [size x]} or None
    form.rows  one Row per constraint, in order: Row.blocks {x: Expr [rows, size x]} or None,
               Row.rhs: Expr [rows] or None

    form.factors  where squares of some Factor rows are in P: those, and P without them in form.rest

`None` means "no pattern is known": the emitter then differentiates the emitted function instead
(`jax.hessian` or `jax.grad` at z = 0 of the objective, `jax.jacfwd` and minus the value at z = 0 of
`left - right`). A block that is missing from a dictionary is zero. A symmetric pair (x, y), (y, x) is
always given in both places. `sense` is applied: for `maximize` P and q are those of -f. Where a
constraint carries binders, its rows follow the binders first, then the axes of the constraint, in
C order, which is the order of its multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from declarative.analyse.curvature import squared
from declarative.analyse.linear import Affine, Column, Linear, depends, times, transposed
from declarative.analyse.signs import as_quadratic
from declarative.analyse.squares import count, square_of
from declarative.analyse.structure import Structure
from declarative.analyse.terms import add, apply, div, eye, is_eye, is_zero, mul, neg, ones, sub, terms
from declarative.atoms.shapes import entries
from declarative.dims import Dim
from declarative.ir import (
    Apply,
    Binder,
    Const,
    Equality,
    Expr,
    Index,
    Inequality,
    Minimize,
    Problem,
    Reduce,
    Slice,
    Type,
)

ONE, TWO = Const(1.0), Const(2.0)


@dataclass(frozen=True)
class Row:
    """The rows of one constraint; `kind` is "eq" or "ineq"."""

    kind: str
    blocks: dict[str, Expr] | None
    rhs: Expr | None


Blocks: TypeAlias = dict[tuple[str, str], Expr]


@dataclass(frozen=True)
class Factor:
    """Adds rows' diag(weight) rows to P, with rows in `blocks` and a weight that is certainly not negative."""

    blocks: dict[str, Expr]
    weight: Expr
    """One for all rows, or in the shape of what was squared."""


@dataclass(frozen=True)
class Form:
    P: Blocks | None
    q: dict[str, Expr] | None
    rows: tuple[Row, ...]
    rest: Blocks | None = None
    factors: tuple[Factor, ...] = ()


def extract(problem: Problem, structure: Structure) -> Form:
    statement = problem.statement
    assert isinstance(statement, Minimize)
    sizes = {variable.name: variable.type.shape for variable in problem.unknowns}
    objective = _Objective(structure, sizes)
    known = objective.read(statement.value, statement.sense)
    rows = tuple(
        _row(constraint, structure, sizes)
        for constraint in problem.constraints
        if isinstance(constraint, (Equality, Inequality))
    )
    if not known:
        return Form(None, None, rows)
    q = None if objective.late else objective.q
    return Form(objective.P, q, rows, objective.rest, tuple(objective.factors))


# ---- constraints ---------------------------------------------------------------------------------


def _row(constraint: Equality | Inequality, structure: Structure, sizes: dict[str, tuple[Dim, ...]]) -> Row:
    kind = "eq" if isinstance(constraint, Equality) else "ineq"
    nothing = Row(kind, None, None)
    binders = constraint.binders
    if len(binders) > 1 or constraint.where is not None:
        return nothing
    found = Linear(structure, binders[0] if binders else None)(sub(constraint.left, constraint.right))
    if found is None:
        return nothing
    if not binders:
        named = {name: block for (name, _), block in found.blocks.items()}
        return Row(kind, named, _flat(neg(found.constant)))
    blocks = _over(found, binders[0], sizes)
    return nothing if blocks is None else Row(kind, blocks, None)


def _over(found: Affine, binder: Binder, sizes: dict[str, tuple[Dim, ...]]) -> dict[str, Expr] | None:
    """Rows for every value of the binder: the same block at shifted places, kron(selection, block)."""
    blocks: dict[str, Expr] = {}
    for column, block in found.blocks.items():
        if depends(block, binder):
            return None
        block = apply("kron", _selection(column, binder, sizes), block)
        name = column[0]
        blocks[name] = add(blocks[name], block) if name in blocks else block
    return blocks


def _selection(column: Column, binder: Binder, sizes: dict[str, tuple[Dim, ...]]) -> Expr:
    """Rows of the identity: what takes x to the stack of x[t + c] over t; ones where x is seen whole."""
    name, offset = column
    if offset is None:
        return ones((binder.last - binder.first, Dim.of(1)))
    length = sizes[name][0]
    first, last = binder.first + offset, binder.last + offset
    whole = eye(length)
    if first == Dim.of(0) and last == length:
        return whole
    items = (Slice(first, last), Slice(Dim.of(0), length))
    return Index(whole, items, Type("real", (last - first, length)))


def _flat(expr: Expr) -> Expr:
    size = entries(expr.type.shape)
    return expr if len(expr.type.shape) == 1 else apply("reshape", expr, shape=(size,))


# ---- the objective -------------------------------------------------------------------------------


class _Objective:
    """Collects P and q term by term; `late` says that q has parts that only evaluation gives.

    P is kept a second time as `rest` and `factors`.
    """

    def __init__(self, structure: Structure, sizes: dict[str, tuple[Dim, ...]]):
        self.structure, self.sizes = structure, sizes
        self.P: Blocks = {}
        self.rest: Blocks = {}
        self.factors: list[Factor] = []
        self.q: dict[str, Expr] = {}
        self.late = False

    def read(self, value: Expr, sense: int) -> bool:
        """Whether every term followed a known pattern."""
        constant = self.structure.constant
        return all(
            constant(term.core) or self._term(term.core, term.coefficient)
            for term in terms(value, constant, sense)
        )

    def _term(self, core: Expr, weight: Expr) -> bool:
        if isinstance(core, Reduce):
            return self._reduced(core, weight)
        linear = Linear(self.structure)
        pair = _factors(core, self.structure)
        if pair is None:
            found = linear(core) if self.structure.degree(core) == 1 else None
            if found is None:
                return False
            for (name, _), block in found.blocks.items():
                self._slope(name, mul(weight, _flat(block)))
            return True
        left, middle, right = pair
        a = linear(left)
        b = a if right is left else linear(right)
        if a is None or b is None:
            return False
        factored = self._factored(core, weight)
        for (x, _), block in a.blocks.items():
            for (y, _), other in b.blocks.items():
                same = right is left
                self._curve(self.P, x, y, block, middle, other, weight, same)
                if not factored:
                    self._curve(self.rest, x, y, block, middle, other, weight, same)
            self._bilinear_slope(x, block, middle, b.constant, weight)
        for (y, _), block in b.blocks.items():
            flipped = None if middle is None else transposed(middle)
            self._bilinear_slope(y, block, flipped, a.constant, weight)
        return True

    def _reduced(self, core: Reduce, weight: Expr) -> bool:
        """Sums over one index of terms that see the unknowns at shifted places."""
        constant = self.structure.constant
        if core.op != "sum" or core.where is not None or len(core.binders) != 1 or core.type.shape:
            return False
        binder = core.binders[0]
        linear = Linear(self.structure, binder)
        for term in terms(core.body, constant):
            if constant(term.core):
                continue
            factor = mul(weight, term.coefficient)
            pair = _factors(term.core, self.structure)
            if pair is None or depends(factor, binder):
                return False
            left, middle, right = pair
            a, b = linear(left), linear(right)
            if a is None or b is None or (middle is not None and depends(middle, binder)):
                return False
            if any(depends(block, binder) for part in (a, b) for block in part.blocks.values()):
                return False
            for x, block in a.blocks.items():
                for y, other in b.blocks.items():
                    for into in (self.P, self.rest):
                        self._shifted_curve(into, x, y, block, middle, other, factor, binder)
        self.late = True
        return True

    def _shifted_curve(
        self,
        into: Blocks,
        x: Column,
        y: Column,
        block: Expr,
        middle: Expr | None,
        other: Expr,
        weight: Expr,
        binder: Binder,
    ) -> None:
        places = times(transposed(_selection(x, binder, self.sizes)), _selection(y, binder, self.sizes))
        inner = mul(weight, times(transposed(block), other if middle is None else times(middle, other)))
        product = apply("kron", places, inner)
        _both(into, x[0], y[0], product)

    def _curve(
        self,
        into: Blocks,
        x: str,
        y: str,
        block: Expr,
        middle: Expr | None,
        other: Expr,
        weight: Expr,
        same: bool,
    ) -> None:
        """weight * (block @ x)' middle (other @ y), differentiated twice."""
        if same and x == y and middle is None:
            product = times(transposed(block), block)
            _add(into, x, x, mul(mul(TWO, weight), product))
            return
        if same and x == y and middle is not None:
            both = add(middle, transposed(middle))
            _add(into, x, x, mul(weight, times(transposed(block), times(both, block))))
            return
        product = times(transposed(block), other if middle is None else times(middle, other))
        _both(into, x, y, mul(weight, product))

    def _factored(self, core: Expr, weight: Expr) -> bool:
        """Whether the term, weight * core, is kept as squares of rows: not if these are unknowns themselves."""
        signs = self.structure.curvature.signs
        square = _square(core, self.structure)
        if square is None:
            return False
        base, scale, factor = square
        found = Linear(self.structure)(base)
        if found is None or not signs.nonneg(weight) or not signs.nonneg(scale):
            return False
        blocks = {name: block for (name, _), block in found.blocks.items()}
        if factor is not None:
            blocks = {name: times(factor, block) for name, block in blocks.items()}
        if all(is_eye(block.array if isinstance(block, Index) else block) for block in blocks.values()):
            return False
        self.factors.append(Factor(blocks, mul(mul(TWO, weight), scale)))
        return True

    def _bilinear_slope(
        self, name: str, block: Expr, middle: Expr | None, constant: Expr, weight: Expr
    ) -> None:
        if is_zero(constant):
            return
        vector = _flat(constant)
        image = vector if middle is None else apply("matmul", middle, vector)
        slope = image if is_eye(block) else apply("matmul", transposed(block), image)
        self._slope(name, mul(weight, slope))

    def _slope(self, name: str, slope: Expr) -> None:
        self.q[name] = add(self.q[name], slope) if name in self.q else slope


def _both(into: Blocks, x: str, y: str, product: Expr) -> None:
    """product and its transpose, at (x, y) and at (y, x)."""
    if x == y:
        _add(into, x, x, add(product, transposed(product)))
    else:
        _add(into, x, y, product)
        _add(into, y, x, transposed(product))


def _add(into: Blocks, x: str, y: str, block: Expr) -> None:
    into[x, y] = add(into[x, y], block) if (x, y) in into else block


def _square(core: Expr, structure: Structure) -> tuple[Expr, Expr, Expr | None] | None:
    """(base, scale, F) where the scalar `core` is the sum of scale * (F @ base)^2; F None is the identity."""
    base = square_of(core)
    if base is not None:
        return base, ONE, None
    pair = as_quadratic(core)
    if pair is not None:
        match pair[1]:
            case None:
                return pair[0], ONE, None
            case Apply(atom="matmul", args=(left, right)) if (
                transposed(left) == right and len(right.type.shape) == 2 and structure.constant(right)
            ):
                return pair[0], ONE, right
            case _:
                return None
    match core:
        case Apply(atom="quad_over_lin", args=(top, bottom)) if structure.constant(bottom):
            return top, div(ONE, bottom), None
        case Apply(atom="mean", args=(inner,)) if squared(inner) is not None and not core.type.shape:
            root = squared(inner)
            assert root is not None
            return root, div(ONE, count(inner)), None
        case Apply(atom="sum", args=(Apply(atom="mul", args=(left, right)),)):
            for weights, other in ((left, right), (right, left)):
                root = squared(other)
                if structure.constant(weights) and root is not None and root.type.shape == weights.type.shape:
                    return root, weights, None
    return None


def _factors(core: Expr, structure: Structure) -> tuple[Expr, Expr | None, Expr] | None:
    """(a, M, b) where the scalar `core` is a' @ M @ b, of affine a and b; M None is the identity."""
    constant = structure.constant
    base = square_of(core)
    if base is not None:
        return base, None, base
    pair = as_quadratic(core)
    if pair is not None:
        return (pair[0], pair[1], pair[0]) if pair[1] is None or constant(pair[1]) else None
    match core:
        case Apply(atom="matmul" | "dot", args=(left, right)) if not constant(left) and not constant(right):
            return left, None, right
        case Apply(atom="mul", args=(left, right)) if not constant(left) and not constant(right):
            return left, None, right
        case Apply(atom="quad_over_lin", args=(top, bottom)) if constant(bottom):
            return top, None, div(top, bottom)
        case Apply(atom="mean", args=(inner,)) if squared(inner) is not None and not core.type.shape:
            root = squared(inner)
            assert root is not None
            return root, None, div(root, count(inner))
        case Apply(atom="sum", args=(Apply(atom="mul", args=(left, right)) as inner,)):
            if left.type.shape != inner.type.shape or right.type.shape != inner.type.shape:
                return None
            for weights, other in ((left, right), (right, left)):
                root = squared(other)
                if constant(weights) and root is not None:
                    return root, None, apply("mul", weights, root)
            if constant(left) or constant(right):
                return None
            return left, None, right
        case _:
            return None
