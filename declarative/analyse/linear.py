"""Affine expressions as matrices: e = sum over columns of M @ ravel(x) + constant, M in parameters alone.

A column is a whole unknown, or under a binder `t` the part `x[t + c]` of it, named (x, c).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from declarative.analyse.structure import Structure
from declarative.analyse.terms import add, apply, attr, div, eye, is_eye, is_zero, mul, neg, ones, sub, zeros
from declarative.atoms.shapes import entries
from declarative.dims import Dim, Shape
from declarative.ir import Apply, Binder, Bound, Const, Expr, Index, Size, Slice, Type, Unknown
from declarative.walk import constant as number
from declarative.walk import free_bounds

Map = Callable[[Expr], Expr]
Column = tuple[str, Dim | None]
Blocks = dict[Column, Expr]
NOUGHT, UNIT = Dim.of(0), Dim.of(1)


@dataclass(frozen=True)
class Affine:
    """`blocks[column]` has shape [entries of the expression, entries of the column]."""

    blocks: Blocks
    constant: Expr  # of the expression's own shape


@dataclass(frozen=True)
class Linear:
    """Takes expressions apart; `binder` is the comprehension's or constraint's, if there is one."""

    structure: Structure
    binder: Binder | None = None

    def __call__(self, expr: Expr) -> Affine | None:
        """None where no rule applies."""
        if self.structure.constant(expr):
            return Affine({}, expr)
        match expr:
            case Unknown(name=name):
                size = entries(expr.type.shape)
                return Affine({(name, None): eye(size)}, zeros(expr.type.shape))
            case Index():
                return self._index(expr)
            case Apply(atom="add" | "sub", args=(left, right)):
                return self._sum(expr, left, right)
            case Apply(atom="neg", args=(inner,)):
                return self._mapped(inner, neg, neg)
            case Apply(atom="mul" | "div", args=(left, right)):
                return self._scaled(expr, left, right)
            case Apply(atom="matmul" | "dot", args=(left, right)):
                return self._product(left, right)
            case Apply(atom="reshape" | "vec", args=(inner,)):
                return self._mapped(inner, lambda m: m, lambda c: replace(expr, args=(c,)))
            case Apply(atom="sum" | "mean", args=(inner,)):
                return self._total(expr, inner)
            case Apply(atom="diff", args=(inner,)) if len(inner.type.shape) == 1:
                return self._mapped(inner, _differences, lambda c: replace(expr, args=(c,)))
            case Apply(atom="concat" | "stack", args=args) if attr(expr, "axis") == 0:
                return self._stacked(expr, args)
            case _:
                return None

    def _mapped(self, inner: Expr, rows: Map, value: Map) -> Affine | None:
        found = self(inner)
        if found is None:
            return None
        blocks = {column: rows(block) for column, block in found.blocks.items()}
        return Affine(blocks, _kept_zero(found.constant, value))

    # ---- leaves -------------------------------------------------------------------------------

    def _index(self, expr: Index) -> Affine | None:
        shifted = self._shifted(expr)
        if shifted is not None:
            return shifted
        found = self(expr.array)
        if found is None:
            return None
        rows = _rows(expr)
        if rows is None:
            return None
        blocks: Blocks = {}
        for column, block in found.blocks.items():
            width = block.type.shape[1]
            kind = Type("real", (rows[1], width))
            blocks[column] = Index(block, (rows[0], Slice(NOUGHT, width)), kind)
        return Affine(blocks, _kept_zero(found.constant, lambda c: replace(expr, array=c)))

    def _shifted(self, expr: Index) -> Affine | None:
        """x[t + c], all of its other axes taken whole."""
        if self.binder is None or not isinstance(expr.array, Unknown) or not expr.items:
            return None
        first, *rest = expr.items
        offset = offset_of(first, self.binder.name)
        whole = all(
            isinstance(item, Slice) and item == Slice(NOUGHT, dim)
            for item, dim in zip(rest, expr.array.type.shape[1:], strict=False)
        )
        if offset is None or not whole:
            return None
        size = entries(expr.type.shape)
        return Affine({(expr.array.name, offset): eye(size)}, zeros(expr.type.shape))

    # ---- sums and products --------------------------------------------------------------------

    def _sum(self, expr: Apply, left: Expr, right: Expr) -> Affine | None:
        a, b = self._stretched(left, expr.type.shape), self._stretched(right, expr.type.shape)
        if a is None or b is None:
            return None
        joined = add if expr.atom == "add" else sub
        blocks: Blocks = dict(a.blocks)
        for column, block in b.blocks.items():
            if column in blocks:
                blocks[column] = joined(blocks[column], block)
            else:
                blocks[column] = block if expr.atom == "add" else neg(block)
        return Affine(blocks, joined(a.constant, b.constant))

    def _stretched(self, expr: Expr, shape: Shape) -> Affine | None:
        """The parts of an expression, as if it had the wider shape."""
        found = self(expr)
        if found is None or expr.type.shape == shape or not found.blocks:
            return found
        if expr.type.shape:
            return None
        tall = ones((entries(shape), UNIT))
        blocks = {column: times(tall, block) for column, block in found.blocks.items()}
        return Affine(blocks, add(zeros(shape), found.constant))

    def _scaled(self, expr: Apply, left: Expr, right: Expr) -> Affine | None:
        """Elementwise by a constant."""
        constant = self.structure.constant
        if expr.atom == "div" and not constant(right):
            return None
        factor, inner = (left, right) if constant(left) and expr.atom == "mul" else (right, left)
        if not constant(factor) or (factor.type.shape and factor.type.shape != expr.type.shape):
            return None
        found = self._stretched(inner, expr.type.shape)
        if found is None:
            return None
        by = factor
        if factor.type.shape:
            by = apply("reshape", factor, shape=(entries(factor.type.shape), UNIT))
        scaled = mul if expr.atom == "mul" else _quotient
        blocks = {column: scaled(by, block) for column, block in found.blocks.items()}
        return Affine(blocks, _kept_zero(found.constant, lambda c: scaled(factor, c)))

    def _product(self, left: Expr, right: Expr) -> Affine | None:
        constant = self.structure.constant
        if constant(left):
            matrix, found = _acting_left(left, right.type.shape), self(right)
            value = lambda c: apply("matmul", left, c)  # noqa: E731
        elif constant(right):
            matrix, found = _acting_right(right, left.type.shape), self(left)
            value = lambda c: apply("matmul", c, right)  # noqa: E731
        else:
            return None
        if found is None:
            return None
        blocks = {column: times(matrix, block) for column, block in found.blocks.items()}
        return Affine(blocks, _kept_zero(found.constant, value))

    def _total(self, expr: Apply, inner: Expr) -> Affine | None:
        shape, axis = inner.type.shape, attr(expr, "axis")
        if axis is None or len(shape) == 1:
            matrix = ones((UNIT, entries(shape)))
        elif len(shape) == 2:
            tall, wide = shape
            matrix = (
                apply("kron", ones((UNIT, tall)), eye(wide))
                if axis == 0
                else apply("kron", eye(tall), ones((UNIT, wide)))
            )
        else:
            return None
        if expr.atom == "mean":
            count = entries(shape) if axis is None else shape[int(str(axis))]
            matrix = div(matrix, Size(count))
        return self._mapped(inner, lambda m: times(matrix, m), lambda c: replace(expr, args=(c,)))

    def _stacked(self, expr: Apply, args: tuple[Expr, ...]) -> Affine | None:
        found = [self(arg) for arg in args]
        columns: dict[Column, Dim] = {}
        for part in found:
            if part is None:
                return None
            columns.update({column: block.type.shape[1] for column, block in part.blocks.items()})
        blocks: Blocks = {}
        for column, width in columns.items():
            rows = [
                part.blocks.get(column, zeros((entries(arg.type.shape), width)))
                for part, arg in zip(found, args, strict=True)
                if part is not None
            ]
            blocks[column] = apply("concat", *rows, axis=0)
        constants = tuple(part.constant for part in found if part is not None)
        if all(map(is_zero, constants)):
            return Affine(blocks, zeros(expr.type.shape))
        return Affine(blocks, replace(expr, args=constants))


# ---- matrices ------------------------------------------------------------------------------------


def times(left: Expr, right: Expr) -> Expr:
    """left @ right without identities; of the same rows of one, a diagonal of ones and zeros."""
    if is_eye(left):
        return right
    if is_eye(right):
        return left
    match left, right:
        case Apply(atom="transpose", args=(rows,)), Index(array=whole, items=(Slice() as part, *_)):
            if rows == right and is_eye(whole):
                size = whole.type.shape[0]
                lengths = ((zeros, part.lower), (ones, part.upper - part.lower), (zeros, size - part.upper))
                parts = [make((length,)) for make, length in lengths if length != NOUGHT]
                return apply("diag", apply("concat", *parts, axis=0) if len(parts) > 1 else parts[0])
    return apply("matmul", left, right)


def transposed(matrix: Expr) -> Expr:
    match matrix:
        case Apply(atom="transpose", args=(inner,)):
            return inner
        case Apply(atom="eye"):
            return matrix
        case Apply(atom="neg", args=(inner,)):
            return neg(transposed(inner))
        case Apply(atom="mul" | "div", args=(left, right)) if not right.type.shape:
            return replace(matrix, args=(transposed(left), right), type=_flipped(matrix))
        case Apply(atom="mul", args=(left, right)) if not left.type.shape:
            return replace(matrix, args=(left, transposed(right)), type=_flipped(matrix))
        case _:
            return apply("transpose", matrix)


def _flipped(matrix: Expr) -> Type:
    return replace(matrix.type, shape=matrix.type.shape[::-1])


def _quotient(by: Expr, value: Expr) -> Expr:
    return div(value, by)


def _differences(matrix: Expr) -> Expr:
    return apply("diff", matrix, axis=0)


def _kept_zero(constant: Expr, value: Map) -> Expr:
    """A linear map of a constant; of a zero it is a zero of the map's shape."""
    result = value(constant)
    return zeros(result.type.shape) if is_zero(constant) else result


def _row(vector: Expr) -> Expr:
    return apply("reshape", vector, shape=(UNIT, vector.type.shape[0]))


def _acting_left(factor: Expr, shape: Shape) -> Expr:
    """The matrix of X -> factor @ X on raveled X of this shape."""
    matrix = factor if len(factor.type.shape) == 2 else _row(factor)
    return matrix if len(shape) == 1 else apply("kron", matrix, eye(shape[1]))


def _acting_right(factor: Expr, shape: Shape) -> Expr:
    """The matrix of X -> X @ factor on raveled X of this shape."""
    matrix = transposed(factor) if len(factor.type.shape) == 2 else _row(factor)
    return matrix if len(shape) == 1 else apply("kron", eye(shape[0]), matrix)


# ---- indices -------------------------------------------------------------------------------------


def _rows(expr: Index) -> tuple[Expr | Slice, Dim] | None:
    """Which rows of the raveled array an index along its first axis takes, and how many."""
    shape, items = expr.array.type.shape, expr.items
    width = entries(shape[1:])
    rest = zip(items[1:], shape[1:], strict=False)
    if not all(isinstance(item, Slice) and item == Slice(NOUGHT, dim) for item, dim in rest):
        return None
    first = items[0]
    if isinstance(first, Slice):
        return Slice(first.lower * width, first.upper * width), (first.upper - first.lower) * width
    place = _position(first)
    if place is not None:
        return Slice(place * width, (place + 1) * width), width
    if len(shape) == 1 and len(first.type.shape) == 1:  # a gather
        return first, first.type.shape[0]
    return None


def _position(index: Expr) -> Dim | None:
    match index:
        case Size(dim=dim):
            return dim
        case Const(value=value) if not isinstance(value, bool) and float(value).is_integer() and value >= 0:
            return Dim.of(int(value))
        case _:
            return None


def offset_of(index: Expr | Slice, name: str) -> Dim | None:
    """c where the index is t + c."""
    match index:
        case Bound(name=found) if found == name:
            return NOUGHT
        case Apply(atom="add", args=(left, right)):
            for inner, rest in ((left, right), (right, left)):
                shift, base = whole_number(rest), offset_of(inner, name)
                if shift is not None and base is not None:
                    return base + shift
        case Apply(atom="sub", args=(left, right)):
            shift, base = whole_number(right), offset_of(left, name)
            if shift is not None and base is not None:
                return base - shift
    return None


def whole_number(expr: Expr) -> Dim | None:
    if isinstance(expr, Size):
        return expr.dim
    value = number(expr)
    return Dim.of(int(value)) if value is not None and float(value).is_integer() else None


def depends(block: Expr, binder: Binder) -> bool:
    return binder.name in free_bounds(block)
