"""Reads an expression and the declarations; gives its sign, and whether it is positive or definite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce as fold

from declarative.analyse.scope import Memo, Scope, constants
from declarative.analyse.terms import apply, eye, mul, pulled
from declarative.atoms import ATOMS
from declarative.atoms.record import Sign
from declarative.ir import Apply, AtTime, Const, Expr, Index, Param, Reduce, Set, Size, Slice, Unknown
from declarative.walk import constant as number
from declarative.walk import contains

_OF_PROPERTY = {
    "nonneg": Sign.NONNEG,
    "positive": Sign.NONNEG,
    "nonpos": Sign.NONPOS,
    "negative": Sign.NONPOS,
}
_NONNEG_SETS = frozenset({"simplex", "nonneg", "unit_interval", "birkhoff"})


class Signs:
    """`signs(e)` is what is certain about every entry of `e`, given the declarations."""

    def __init__(self, scope: Scope):
        self.scope = scope
        self.constant = constants()
        self._sign = Memo(self._compute)
        self._positive = Memo(self._compute_positive)

    def __call__(self, expr: Expr) -> Sign:
        return self._sign(expr)

    def nonneg(self, expr: Expr) -> bool:
        return self(expr) in (Sign.NONNEG, Sign.ZERO)

    def nonpos(self, expr: Expr) -> bool:
        return self(expr) in (Sign.NONPOS, Sign.ZERO)

    def positive(self, expr: Expr) -> bool:
        """Every entry is certainly > 0."""
        return self._positive(expr)

    # ---- signs --------------------------------------------------------------------------------

    def _compute(self, expr: Expr) -> Sign:
        match expr:
            case Const(value=value):
                return Sign.ZERO if value == 0 else Sign.NONNEG if value > 0 else Sign.NONPOS
            case Size(dim=dim):
                return Sign.NONNEG if all(factor >= 0 for _, factor in dim.terms) else Sign.UNKNOWN
            case Param() | Unknown():
                return self._declared(expr)
            case Index(array=array):
                return self(array)
            case Reduce(op=op, body=body):
                sign = self(body)
                return sign if op != "prod" or sign in (Sign.NONNEG, Sign.ZERO) else Sign.UNKNOWN
            case Apply():
                return self._applied(expr)
            case _:
                return Sign.UNKNOWN

    def _declared(self, expr: Expr) -> Sign:
        for name in self.scope.properties(expr):
            if name in _OF_PROPERTY:
                return _OF_PROPERTY[name]
        within = self.scope.within(expr)
        return Sign.UNKNOWN if within is None else self._of_set(within)

    def _of_set(self, within: Set) -> Sign:
        if within.name in _NONNEG_SETS:
            return Sign.NONNEG
        if within.name == "box" and len(within.args) == 2:
            if self.nonneg(within.args[0]):
                return Sign.NONNEG
            if self.nonpos(within.args[1]):
                return Sign.NONPOS
        return Sign.UNKNOWN

    def _applied(self, expr: Apply) -> Sign:
        pair = as_quadratic(expr)
        if pair is not None:
            matrix = pair[1]
            if matrix is None or self.psd(matrix):
                return Sign.NONNEG
            if self.nsd(matrix):
                return Sign.NONPOS
        if expr.atom == "mul" and expr.args[0] == expr.args[1]:
            return Sign.NONNEG
        if expr.atom == "sum_squares":
            return Sign.NONNEG
        atom = ATOMS[expr.atom]
        if not self.in_matrix_domain(expr):
            return Sign.UNKNOWN
        return atom.sign(tuple(map(self, expr.args)), tuple(map(number, expr.args)))

    def in_matrix_domain(self, expr: Apply) -> bool:
        """Where an atom speaks of symmetric or psd matrices: the arguments certainly are.

        That a matrix is positive definite is a domain, as that a number is positive: the atom asks for it.
        """
        checks = {"symmetric": self.symmetric, "psd": self.psd, "pd": self.symmetric}
        return all(
            checks[domain](arg)
            for arg, domain in zip(expr.args, ATOMS[expr.atom].domain, strict=False)
            if domain in checks
        )

    # ---- strict positivity --------------------------------------------------------------------

    def _compute_positive(self, expr: Expr) -> bool:
        value = number(expr)
        if value is not None:
            return value > 0
        match expr:
            case Size(dim=dim):  # an axis has an entry, otherwise there is nothing to be said about it
                return bool(dim.terms) and all(factor > 0 for _, factor in dim.terms)
            case Param() | Unknown():
                if "positive" in self.scope.properties(expr):
                    return True
                within = self.scope.within(expr)
                return within is not None and within.name == "box" and self.positive(within.args[0])
            case Index(array=array):
                return self.positive(array)
            case Apply(atom=atom, args=args):
                if atom == "maximum":
                    return any(map(self.positive, args))
                if atom == "add":
                    return all(map(self.nonneg, args)) and any(map(self.positive, args))
                if atom in ("mul", "div", "minimum", "sqrt", "square", "inv_pos"):
                    return all(map(self.positive, args))
                if atom == "pow":
                    return self.positive(args[0])
                return atom in ("exp", "sigmoid", "softplus", "softmax")
            case _:
                return False

    # ---- definiteness of symmetric matrices ---------------------------------------------------

    def symmetric(self, expr: Expr) -> bool:
        """Certainly a symmetric matrix."""
        match expr:
            case Param() | Unknown():
                within = self.scope.within(expr)
                known = self.scope.properties(expr) & {"symmetric", "psd", "pd", "diagonal"}
                return bool(known) or (within is not None and within.name == "psd")
            case Apply(atom="add" | "sub" | "mul" | "div" | "neg", args=args):
                shapes = {arg.type.shape for arg in args}
                if expr.atom == "add" and len(args) == 2 and self._transposes(*args):
                    return True
                matrices = [arg for arg in args if len(arg.type.shape) == 2]
                fits = shapes <= {(), expr.type.shape} and len(set(expr.type.shape)) == 1
                return fits and all(map(self.symmetric, matrices))
            case Apply(atom="transpose" | "inv", args=(inner,)):
                return self.symmetric(inner)
            case Apply(atom="eye"):
                return len(set(expr.type.shape)) == 1
            case Apply(atom="diag", args=(inner,)):
                return len(inner.type.shape) == 1
            case Apply(atom="matmul", args=(Apply(atom="matmul", args=(outer, middle)), right)):
                return self.psd(expr) or (self._transposes(outer, right) and self.symmetric(middle))
            case _:
                return len(expr.type.shape) == 2 and self.psd(expr)

    def psd(self, expr: Expr) -> bool:
        """Certainly symmetric positive semidefinite."""
        match expr:
            case Param() | Unknown():
                within = self.scope.within(expr)
                return bool(self.scope.properties(expr) & {"psd", "pd"}) or (
                    within is not None and within.name == "psd"
                )
            case Apply(atom="add", args=args) if all(len(arg.type.shape) == 2 for arg in args):
                return all(map(self.psd, args))
            case Apply(atom="mul", args=(left, right)) if not left.type.shape:
                return (self.nonneg(left) and self.psd(right)) or (self.nonpos(left) and self.nsd(right))
            case Apply(atom="mul", args=(left, right)) if not right.type.shape:
                return (self.nonneg(right) and self.psd(left)) or (self.nonpos(right) and self.nsd(left))
            case Apply(atom="div", args=(left, right)) if not right.type.shape:
                return self.nonneg(right) and self.psd(left)
            case Apply(atom="neg", args=(inner,)):
                return self.nsd(inner)
            case Apply(atom="matmul", args=(left, right)) if len(left.type.shape) == 2:
                return self._gram(left, right)
            case Apply(atom="eye"):
                return len(set(expr.type.shape)) == 1
            case Apply(atom="diag", args=(inner,)) if len(inner.type.shape) == 1:
                return self.nonneg(inner)
            case Apply(atom="outer", args=(left, right)):
                return left == right
            case Apply(atom="transpose" | "inv", args=(inner,)):
                return self.psd(inner)
            case Apply(atom="kron", args=args):
                return all(map(self.psd, args))
            case Index(array=array, items=items):
                # an element of a stack of matrices keeps the property of the stack
                leading = len(array.type.shape) - 2
                keeps = len(items) <= leading and not any(isinstance(item, Slice) for item in items)
                return keeps and self.psd(array)
            case Reduce(op="sum" | "mean", body=body) if len(body.type.shape) == 2:
                return self.psd(body)
            case _:
                return False

    def _gram(self, left: Expr, right: Expr) -> bool:
        """A' @ A and its shape A' @ P @ A with P psd."""
        if self._transposes(left, right):
            return True
        match left, right:
            case Apply(atom="matmul", args=(outer, middle)), _ if self._transposes(outer, right):
                return self.psd(middle)
            case _, Apply(atom="matmul", args=(middle, outer)) if self._transposes(left, outer):
                return self.psd(middle)
            case _:
                return False

    def _transposes(self, left: Expr, right: Expr) -> bool:
        """Whether left == right' for certain."""
        match left, right:
            case Apply(atom="transpose", args=(inner,)), _ if inner == right:
                return True
            case _, Apply(atom="transpose", args=(inner,)) if inner == left:
                return True
            case _:
                symmetric = {"symmetric", "psd", "pd", "diagonal"} & self.scope.properties(left)
                return bool(symmetric) and left == right

    def nsd(self, expr: Expr) -> bool:
        match expr:
            case Apply(atom="neg", args=(inner,)):
                return self.psd(inner)
            case Apply(atom="add", args=args) if all(len(arg.type.shape) == 2 for arg in args):
                return all(map(self.nsd, args))
            case Apply(atom="sub", args=(left, right)):
                return self.nsd(left) and self.psd(right)
            case Apply(atom="mul", args=(left, right)) if not left.type.shape:
                return self.nonpos(left) and self.psd(right)
            case Apply(atom="mul", args=(left, right)) if not right.type.shape:
                return self.nonpos(right) and self.psd(left)
            case _:
                return False

    def pd(self, expr: Expr) -> bool:
        """Certainly symmetric positive definite."""
        match expr:
            case Param() | Unknown():
                return "pd" in self.scope.properties(expr)
            case Apply(atom="add", args=args) if all(len(arg.type.shape) == 2 for arg in args):
                return all(map(self.psd, args)) and any(map(self.pd, args))
            case Apply(atom="mul", args=(left, right)) if not left.type.shape:
                return self.positive(left) and self.pd(right)
            case Apply(atom="mul", args=(left, right)) if not right.type.shape:
                return self.positive(right) and self.pd(left)
            case Apply(atom="div", args=(left, right)):
                return not right.type.shape and self.positive(right) and self.pd(left)
            case Apply(atom="eye"):
                return len(set(expr.type.shape)) == 1
            case Apply(atom="diag", args=(inner,)) if len(inner.type.shape) == 1:
                return self.positive(inner)
            case Apply(atom="transpose" | "inv", args=(inner,)):
                return self.pd(inner)
            case _:
                return False


def transposed(expr: Expr) -> Expr:
    """The operand of a transpose; vectors and other expressions are themselves."""
    if isinstance(expr, Apply) and expr.atom == "transpose":
        return expr.args[0]
    return expr


def as_quadratic(expr: Expr) -> tuple[Expr, Expr | None] | None:
    """(x, M) for a scalar spelt x' @ M @ x, x' @ x, dot(x, x), sum(x * (M @ x)) or quad_form(x, M).

    M None is the identity.

    Constant factors anywhere in the product, as in `1/2 * x' @ M @ x`, are in M.
    """
    if not isinstance(expr, Apply) or expr.type.shape:
        return None
    if expr.atom == "quad_form":
        return expr.args[0], expr.args[1]
    if expr.atom == "sum" and isinstance(expr.args[0], Apply):
        return _summed_product(expr.args[0])
    if expr.atom not in ("matmul", "dot"):
        return None
    term = pulled(expr, _free_of_unknowns)
    assert isinstance(term.core, Apply)
    found = _sandwich(*map(_vector, term.core.args))
    if found is None or term.core is expr:
        return found
    vector, matrix = found
    return vector, mul(term.coefficient, eye(vector.type.shape[0]) if matrix is None else matrix)


def _summed_product(inner: Apply) -> tuple[Expr, Expr | None] | None:
    """sum(x * (M @ x)) as x' @ M @ x."""
    if inner.atom != "mul" or any(len(arg.type.shape) != 1 for arg in inner.args):
        return None
    found = as_quadratic(apply("matmul", *inner.args, span=inner.span))
    return found if found is not None and found[1] is not None else None


def _free_of_unknowns(expr: Expr) -> bool:
    return not contains(expr, (Unknown, AtTime))


def _sandwich(left: Expr, right: Expr) -> tuple[Expr, Expr | None] | None:
    """(x, M) where left @ right is x' @ M @ x, at the first place where both ends are the same."""
    for x, outer in _unrolled(left):
        for y, inner in _unrolled(right):
            if x == y:
                chain = [*outer, *(_flipped(matrix) for matrix in reversed(inner))]
                return x, fold(_joined, chain) if chain else None
    return None


def _unrolled(vector: Expr) -> Iterator[tuple[Expr, list[Expr]]]:
    """(x, matrices) with vector' == x' @ matrix @ matrix ..., from the vector itself inwards."""
    matrices: list[Expr] = []
    yield vector, matrices
    while isinstance(vector, Apply) and vector.atom == "matmul":
        left, right = vector.args
        if len(left.type.shape) == 1 and len(right.type.shape) == 2:
            vector, matrices = left, [right, *matrices]
        elif len(left.type.shape) == 2 and len(right.type.shape) == 1:
            vector, matrices = right, [_flipped(left), *matrices]
        else:
            return
        vector = _vector(vector)
        yield vector, matrices


def _flipped(matrix: Expr) -> Expr:
    if isinstance(matrix, Apply) and matrix.atom == "transpose":
        return matrix.args[0]
    return apply("transpose", matrix)


def _joined(left: Expr, right: Expr) -> Expr:
    source = left.span.source is right.span.source
    return apply("matmul", left, right, span=left.span.to(right.span) if source else None)


def _vector(expr: Expr) -> Expr:
    return transposed(expr) if len(expr.type.shape) == 1 else expr
