"""Reads expressions of one unknown x; gives them entry by entry as sums of a few known functions of x.

    e  =  sum over b of  coefficient[b] * b(x)        b among  1, x, x^2, log x, x log x, |x - kink|

The coefficients are free of unknowns and have the shape of x, or none where they are the same in every
entry. Sums over all entries, however they are spelt, become one such form: what is left is `rest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from declarative.analyse.curvature import squared
from declarative.analyse.linear import Linear
from declarative.analyse.products import over, times
from declarative.analyse.scope import Memo
from declarative.analyse.signs import Signs, as_quadratic
from declarative.analyse.squares import count
from declarative.analyse.structure import root_of_squares
from declarative.analyse.terms import (
    ONE,
    ZERO,
    Term,
    add,
    apply,
    div,
    is_zero,
    mul,
    neg,
    stretch,
    sub,
    terms,
)
from declarative.dims import Shape
from declarative.ir import Apply, Const, Expr, Param, Unknown
from declarative.walk import constant as number


@dataclass(frozen=True)
class Basis:
    """x^power * (log x)^logs, or |x - kink|."""

    power: int = 0
    logs: int = 0
    kink: Expr | None = None


UNIT, LINE, SQUARE = Basis(0), Basis(1), Basis(2)
LOG, X_LOG_X = Basis(0, 1), Basis(1, 1)
Form: TypeAlias = dict[Basis, Expr]


@dataclass(frozen=True)
class Sum:
    """A scalar: the sum over the entries of x of `form`, plus the terms of `rest`; `constant` is apart."""

    form: Form
    constant: Expr
    rest: tuple[Term, ...]

    def has(self, *bases: Basis) -> bool:
        """Whether there is nothing but these functions of x."""
        return not self.rest and set(self.form) <= set(bases)


class Entries:
    """Forms of expressions in the unknown `x`."""

    def __init__(self, x: Unknown, signs: Signs):
        self.x, self.signs, self.constant = x, signs, signs.constant
        self._form = Memo(self._compute)

    # ---- entry by entry -------------------------------------------------------------------------

    def __call__(self, expr: Expr) -> Form | None:
        """The form of an array of the shape of x, or of any shape where x is a number."""
        return self._form(expr)

    def _compute(self, expr: Expr) -> Form | None:
        if self.constant(expr):
            return {} if is_zero(expr) else {UNIT: expr}
        if expr == self.x:
            return {LINE: ONE}
        if expr.type.shape != self.x.type.shape and self.x.type.shape:
            return None
        match expr:
            case Apply(atom="add", args=(left, right)):
                return self._joined(left, right, 1)
            case Apply(atom="sub", args=(left, right)):
                return self._joined(left, right, -1)
            case Apply(atom="neg", args=(inner,)):
                return self._scaled(Const(-1.0), self(inner))
            case Apply(atom="div", args=(top, bottom)) if self.constant(bottom):
                return _divided(self(top), bottom)
            case Apply(atom="abs", args=(inner,)):
                return self._absolute(self(inner))
            case Apply(atom="relu" | "hinge" | "maximum" | "minimum", args=args):
                return self._larger(expr.atom, args)
            case Apply(atom="log", args=(inner,)):
                return self._log(inner)
            case Apply(atom="mul" | "pow" | "square"):
                return self._power(expr)
            case Apply(atom="matmul", args=(left, right)):
                return self._diagonal_product(left, right)
            case _:
                return None

    def line(self, expr: Expr) -> tuple[Expr, Expr] | None:
        """(a, c) where expr is a * x + c."""
        form = self(expr)
        if form is None or not form.keys() <= {UNIT, LINE}:
            return None
        return form.get(LINE, ZERO), form.get(UNIT, ZERO)

    def _joined(self, left: Expr, right: Expr, sign: int) -> Form | None:
        a, b = self(left), self(right)
        if a is None or b is None:
            return None
        return joined(a, b if sign > 0 else negated(b))

    def _scaled(self, factor: Expr, form: Form | None) -> Form | None:
        return None if form is None else {basis: times(factor, c) for basis, c in form.items()}

    def _power(self, expr: Apply) -> Form | None:
        root = root_of_squares(expr)
        base = root if root is not None else squared(expr)
        if base is not None:
            form = self(base)
            return None if form is None else _squared(form)
        if expr.atom == "pow" and number(expr.args[1]) == 1:
            return self(expr.args[0])
        if expr.atom != "mul":
            return None
        a, b = (self(arg) for arg in expr.args)
        return None if a is None or b is None else multiplied(a, b)

    def _absolute(self, form: Form | None) -> Form | None:
        """|a x + c| = |a| |x + c / a| for an `a` of known sign."""
        if form is None or not form.keys() <= {UNIT, LINE}:
            return None
        slope = form.get(LINE, ZERO)
        size = self._size(slope)
        if size is None:
            return None
        return {Basis(kink=neg(over(form.get(UNIT, ZERO), slope))): size}

    def _size(self, slope: Expr) -> Expr | None:
        if self.signs.positive(slope):
            return slope
        return neg(slope) if self.signs.positive(neg(slope)) else None

    def _larger(self, atom: str, args: tuple[Expr, ...]) -> Form | None:
        """max(a, b) is the half of a + b + |a - b|."""
        if atom == "hinge":
            args = (sub(ONE, args[0]), ZERO)
        elif atom == "relu":
            args = (args[0], ZERO)
        if len(args) != 2:
            return None
        a, b = (self(arg) for arg in args)
        if a is None or b is None:
            return None
        gap = joined(a, negated(b))
        apart = self._absolute(gap) if LINE in gap else None
        if apart is None:
            return None
        whole = joined(joined(a, b), apart if atom != "minimum" else negated(apart))
        return self._scaled(Const(0.5), whole)

    def _log(self, inner: Expr) -> Form | None:
        """log(a x) = log a + log x, and so for quotients."""
        match inner:
            case Apply(atom="mul", args=(left, right)) if self.constant(left) or self.constant(right):
                return self._sum_of_logs(left, right, 1)
            case Apply(atom="div", args=(left, right)) if self.constant(left) or self.constant(right):
                return self._sum_of_logs(left, right, -1)
            case _ if inner == self.x:
                return {LOG: ONE}
            case _:
                return None

    def _sum_of_logs(self, left: Expr, right: Expr, sign: int) -> Form | None:
        forms: list[Form] = []
        for part in (left, right):
            known: Form | None = {UNIT: apply("log", part)} if self.constant(part) else self._log(part)
            if known is None or (self.constant(part) and not self.signs.positive(part)):
                return None
            forms.append(known)
        return joined(forms[0], forms[1] if sign > 0 else negated(forms[1]))

    def _diagonal_product(self, left: Expr, right: Expr) -> Form | None:
        for matrix, vector in ((left, right), (right, left)):
            if len(vector.type.shape) == 1 and self.constant(matrix):
                entries = diagonal(matrix, self.signs)
                return None if entries is None else self._scaled(entries, self(vector))
        return None

    # ---- sums over all entries ------------------------------------------------------------------

    def sum(self, value: Expr, linear: Linear) -> Sum:
        """A scalar taken apart."""
        form: Form = {}
        constant = ZERO
        rest: list[Term] = []
        for term in terms(value, self.constant):
            weight = term.coefficient
            if self.constant(term.core):
                constant = add(constant, mul(weight, term.core))
                continue
            found = self._summed(term.core) or self._slope(term.core, linear)
            if found is None:
                rest.append(term)
                continue
            part = {basis: times(weight, c) for basis, c in found.items()}
            if UNIT in part:
                constant = add(constant, total_of(part.pop(UNIT), self.x.type.shape))
            form = joined(form, part)
        return Sum(form, constant, tuple(rest))

    def _summed(self, core: Expr) -> Form | None:
        """The form whose sum over the entries of x the scalar `core` is."""
        inner = summand(core, self.signs)
        form = None if inner is None else self(inner)
        if inner is None or form is None:
            return None
        shape = inner.type.shape
        if shape == self.x.type.shape:
            return form
        if any(basis.kink is not None and basis.kink.type.shape for basis in form):
            return None
        return {basis: total_of(c, shape) for basis, c in form.items()}

    def _slope(self, core: Expr, linear: Linear) -> Form | None:
        """A linear function of x that no sum of entries spells, such as b' @ A @ x."""
        found = linear(core) if linear.structure.degree(core) == 1 else None
        if found is None or [name for name, _ in found.blocks] != [self.x.name]:
            return None
        (block,) = found.blocks.values()
        slope = apply("reshape", block, shape=self.x.type.shape)
        return joined({LINE: slope}, {} if is_zero(found.constant) else {UNIT: self._share(found.constant)})

    def _share(self, constant: Expr) -> Expr:
        """What every entry has of a number, so that the sum over the entries is that number."""
        return over(constant, count(self.x)) if self.x.type.shape else constant


# ---- forms ---------------------------------------------------------------------------------------


def joined(a: Form, b: Form) -> Form:
    result = dict(a)
    for basis, coefficient in b.items():
        result[basis] = add(result[basis], coefficient) if basis in result else coefficient
    return result


def negated(form: Form) -> Form:
    return {basis: neg(c) for basis, c in form.items()}


def multiplied(a: Form, b: Form) -> Form | None:
    """The product; None where it has a function that is not known."""
    result: Form = {}
    for left, c in a.items():
        for right, d in b.items():
            if left.kink is not None and right.kink is not None:
                return None
            if left.kink is not None or right.kink is not None:
                basis, other = (left, right) if left.kink is not None else (right, left)
                if other != UNIT:
                    return None
            else:
                basis = Basis(left.power + right.power, left.logs + right.logs)
                if basis.power > 2 or basis.logs > 1 or (basis.power == 2 and basis.logs):
                    return None
            result = joined(result, {basis: times(c, d)})
    return result


def _squared(form: Form) -> Form | None:
    """The square, with each mixed product once, doubled; that of |a x| is a^2 x^2."""
    if len(form) == 1:
        ((basis, c),) = form.items()
        if basis.kink is not None:
            return {SQUARE: times(c, c)} if is_zero(basis.kink) else None
    result: Form = {}
    items = list(form.items())
    for i, (left, c) in enumerate(items):
        for right, d in items[i:]:
            part = multiplied({left: c}, {right: d})
            if part is None:
                return None
            double = ONE if right is left else Const(2.0)
            result = joined(result, {basis: times(double, e) for basis, e in part.items()})
    return result


def _divided(form: Form | None, bottom: Expr) -> Form | None:
    return None if form is None else {basis: over(c, bottom) for basis, c in form.items()}


def total_of(coefficient: Expr, shape: Shape) -> Expr:
    """The sum over the entries of an array of this shape of an expression that stretches to it."""
    if not shape:
        return coefficient
    if not coefficient.type.shape:
        return times(count(stretch(ZERO, shape)), coefficient)
    return apply("sum", stretch(coefficient, shape))


# ---- spellings -----------------------------------------------------------------------------------


def summand(core: Expr, signs: Signs) -> Expr | None:
    """The array over whose entries the scalar `core` is a sum, however it is spelt."""
    if core.type.shape:
        return None
    root = root_of_squares(core)
    if root is not None:
        return apply("square", root)
    match core:
        case Apply(atom="sum", args=(inner,)):
            return inner if inner.type.shape else summand(inner, signs) or inner  # as in sum(entropy(x))
        case Apply(atom="mean", args=(inner,)):
            return div(inner, count(inner))
        case Apply(atom="sum_squares", args=(inner,)):
            return apply("square", inner)
        case Apply(atom="norm1", args=(inner,)):
            return apply("abs", inner)
        case Apply(atom="entropy", args=(inner,)):
            return neg(mul(inner, apply("log", inner)))
        case Apply(atom="rel_entropy" | "kl", args=(inner, reference)):
            relative = mul(inner, sub(apply("log", inner), apply("log", reference)))
            return relative if core.atom == "rel_entropy" else add(sub(relative, inner), reference)
        case Apply(atom="quad_over_lin", args=(top, bottom)) if signs.constant(bottom):
            return div(apply("square", top), bottom)
        case Apply(atom="quad_form" | "matmul" | "dot"):
            return _inner_product(core, signs)
        case Apply(atom="trace", args=(Apply(atom="matmul", args=(left, right)),)):
            return _matrix_product(left, right, signs)
        case _ if not any(arg.type.shape for arg in getattr(core, "args", ())):
            return core
        case _:
            return None


def _inner_product(core: Apply, signs: Signs) -> Expr | None:
    pair = as_quadratic(core)
    if pair is not None:
        vector, matrix = pair
        if matrix is None:
            return apply("square", vector)
        weights = diagonal(matrix, signs)
        return None if weights is None else mul(weights, apply("square", vector))
    left, right = core.args
    return mul(left, right) if left.type.shape == right.type.shape else None


def _matrix_product(left: Expr, right: Expr, signs: Signs) -> Expr | None:
    """trace(A' @ B) is the sum of A * B."""
    if isinstance(left, Apply) and left.atom == "transpose":
        return mul(left.args[0], right)
    if isinstance(right, Apply) and right.atom == "transpose":
        return mul(left, right.args[0])
    if signs.symmetric(left) or signs.symmetric(right):
        return mul(left, right)
    return None


def diagonal(matrix: Expr, signs: Signs) -> Expr | None:
    """The diagonal of a diagonal matrix, a number where all of it is the same."""
    match matrix:
        case Apply(atom="eye"):
            return ONE
        case Apply(atom="diag", args=(inner,)) if len(inner.type.shape) == 1:
            return inner
        case Param() if "diagonal" in signs.scope.properties(matrix):
            return apply("diag", matrix)
        case Apply(atom="transpose" | "neg", args=(inner,)):
            found = diagonal(inner, signs)
            return found if found is None or matrix.atom == "transpose" else neg(found)
        case Apply(atom="add" | "sub", args=(left, right)) if left.type.shape == right.type.shape:
            a, b = diagonal(left, signs), diagonal(right, signs)
            return None if a is None or b is None else add(a, b) if matrix.atom == "add" else sub(a, b)
        case Apply(atom="mul", args=(left, right)):
            for factor, inner in ((left, right), (right, left)):
                found = diagonal(inner, signs) if not factor.type.shape and inner.type.shape else None
                if found is not None:
                    return mul(factor, found)
            return None
        case Apply(atom="div", args=(inner, factor)) if not factor.type.shape:
            found = diagonal(inner, signs)
            return None if found is None else div(found, factor)
        case Apply(atom="matmul", args=(left, right)):
            a, b = diagonal(left, signs), diagonal(right, signs)
            return None if a is None or b is None else mul(a, b)
        case _:
            return None
