"""Builds IR: atoms applied with their result types, in the simplest equal form; and takes sums apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce as fold

from declarative.atoms import ATOMS
from declarative.dims import Dim, Shape
from declarative.errors import NOWHERE, Span
from declarative.ir import Apply, Base, Const, Expr, Param, Type, Unknown
from declarative.walk import constant as number
from declarative.walk import extent

Predicate = Callable[[Expr], bool]
ONE: Expr = Const(1.0)
LONGEST = 1000
"""Of how many nodes, if what is shared were written out, a summed array may be to be taken apart."""
ZERO: Expr = Const(0.0)


def apply(name: str, *args: Expr, span: Span | None = None, **attrs: object) -> Apply:
    """The atom on arguments, its type computed and its span that of its first located argument."""
    atom = ATOMS[name]
    settings = {**dict(atom.attrs), **attrs}
    shape = atom.shape(tuple(arg.type.shape for arg in args), settings)
    base: Base = (
        "int" if atom.result == "same" and args and all(a.type.base == "int" for a in args) else "real"
    )
    place = span or next((arg.span for arg in args if arg.span is not NOWHERE), NOWHERE)
    return Apply(name, args, Type(base, shape), tuple(settings.items()), span=place)


def add(left: Expr, right: Expr) -> Expr:
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return Const(a + b)
    if is_zero(left) and right.type.shape == _joint(left, right):
        return right
    if is_zero(right) and left.type.shape == _joint(left, right):
        return left
    return apply("add", left, right)


def sub(left: Expr, right: Expr) -> Expr:
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return Const(a - b)
    if is_zero(right) and left.type.shape == _joint(left, right):
        return left
    if is_zero(left) and right.type.shape == _joint(left, right):
        return neg(right)
    return apply("sub", left, right)


def neg(expr: Expr) -> Expr:
    match expr:
        case Const(value=value):
            return Const(-value, expr.type, span=expr.span)
        case Apply(atom="neg", args=(inner,)):
            return inner
        case Apply(atom="sub", args=(left, right)):
            return apply("sub", right, left)
        case _ if is_zero(expr):
            return expr
        case _:
            return apply("neg", expr)


def mul(left: Expr, right: Expr) -> Expr:
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return Const(a * b)
    if a == 1 and not left.type.shape:
        return right
    if b == 1 and not right.type.shape:
        return left
    if a == -1 and not left.type.shape:
        return neg(right)
    if b == -1 and not right.type.shape:
        return neg(left)
    return apply("mul", left, right)


def div(left: Expr, right: Expr) -> Expr:
    a, b = number(left), number(right)
    if b == 1 and not right.type.shape:
        return left
    if a is not None and b:
        return Const(a / b)
    return apply("div", left, right)


def total(terms: list[Expr]) -> Expr:
    return fold(add, terms) if terms else ZERO


def zeros(shape: Shape) -> Expr:
    return apply("zeros", shape=shape) if shape else ZERO


def ones(shape: Shape) -> Expr:
    return apply("ones", shape=shape) if shape else ONE


def eye(size: Dim) -> Expr:
    return apply("eye", size=size)


def stretch(expr: Expr, shape: Shape) -> Expr:
    """`expr` with exactly this shape."""
    if expr.type.shape == shape:
        return expr
    inner = expr.args[0] if isinstance(expr, Apply) and expr.atom == "reshape" else expr
    if number(inner) in (0, 1) or (isinstance(inner, Apply) and inner.atom in ("zeros", "ones")):
        return zeros(shape) if is_zero(inner) else ones(shape)
    return apply("add", zeros(shape), expr)


def is_eye(expr: Expr) -> bool:
    return isinstance(expr, Apply) and expr.atom == "eye"


def is_zero(expr: Expr) -> bool:
    return number(expr) == 0 or (isinstance(expr, Apply) and expr.atom == "zeros")


def _joint(left: Expr, right: Expr) -> Shape:
    return ATOMS["add"].shape((left.type.shape, right.type.shape), {})


# ---- reading ------------------------------------------------------------------------------------


def attr(expr: Apply, name: str) -> object:
    return dict(expr.attrs).get(name)


def words(expr: Expr) -> str:
    """The expression as its author wrote it."""
    if isinstance(expr, (Param, Unknown)):
        return expr.name
    text = " ".join(expr.span.text.split())
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class Term:
    """`sign * product(factors) * core` of a sum; the factors are constant scalars."""

    core: Expr
    factors: tuple[Expr, ...] = ()
    sign: int = 1

    def times(self, *more: Expr) -> Term:
        return Term(self.core, (*self.factors, *more), self.sign)

    @property
    def coefficient(self) -> Expr:
        product = fold(mul, self.factors, ONE)
        return product if self.sign > 0 else neg(product)


def terms(expr: Expr, constant: Predicate, sign: int = 1) -> Iterator[Term]:
    """The terms of a scalar sum, with constant factors and signs pulled out of each."""
    match expr:
        case Apply(atom="add", args=(left, right)):
            yield from terms(left, constant, sign)
            yield from terms(right, constant, sign)
        case Apply(atom="sub", args=(left, right)):
            yield from terms(left, constant, sign)
            yield from terms(right, constant, -sign)
        case Apply(atom="neg", args=(inner,)):
            yield from terms(inner, constant, -sign)
        case Apply(atom="mul", args=(left, right)) if constant(left) and not left.type.shape:
            yield from (term.times(left) for term in terms(right, constant, sign))
        case Apply(atom="mul", args=(left, right)) if constant(right) and not right.type.shape:
            yield from (term.times(right) for term in terms(left, constant, sign))
        case Apply(atom="div", args=(left, right)) if constant(right) and not right.type.shape:
            yield from (term.times(div(ONE, right)) for term in terms(left, constant, sign))
        case Apply(atom="sum", args=(inner,)) if not expr.type.shape and isinstance(inner, Apply):
            yield from _inside_sum(expr, inner, constant, sign)
        case Apply(atom="matmul" | "dot") if not expr.type.shape and not constant(expr):
            term = pulled(expr, constant)
            yield replace(term, sign=term.sign * sign)
        case _:
            yield Term(expr, (), sign)


def pulled(expr: Expr, constant: Predicate) -> Term:
    """Constant scalar factors of a product brought to its front: (c * x)' @ P @ x is c * (x' @ P @ x)."""
    match expr:
        case Apply(atom="neg", args=(inner,)):
            term = pulled(inner, constant)
            return replace(term, sign=-term.sign)
        case Apply(atom="mul", args=(left, right)) if constant(left) and not left.type.shape:
            return pulled(right, constant).times(left)
        case Apply(atom="mul" | "div", args=(left, right)) if constant(right) and not right.type.shape:
            return pulled(left, constant).times(right if expr.atom == "mul" else div(ONE, right))
        case Apply(atom="matmul" | "dot", args=(left, right)):
            a, b = pulled(left, constant), pulled(right, constant)
            if a.core is left and b.core is right:
                return Term(expr)
            core = replace(expr, args=(a.core, b.core))
            return Term(core, (*a.factors, *b.factors), a.sign * b.sign)
        case _:
            return Term(expr)


def _inside_sum(outer: Apply, inner: Apply, constant: Predicate, sign: int) -> Iterator[Term]:
    """sum(c * e) with a scalar c is c * sum(e), and a sum of sums is one sum."""
    match inner:
        case Apply(atom="add" | "sub", args=(left, right)) if (
            left.type.shape == right.type.shape and extent(inner)[1] <= LONGEST
        ):
            yield from terms(apply("sum", left, span=outer.span), constant, sign)
            second = sign if inner.atom == "add" else -sign
            yield from terms(apply("sum", right, span=outer.span), constant, second)
        case Apply(atom="mul", args=(left, right)) if constant(left) and not left.type.shape:
            for term in terms(apply("sum", right, span=outer.span), constant, sign):
                yield term.times(left)
        case Apply(atom="neg", args=(body,)):
            yield from terms(apply("sum", body, span=outer.span), constant, -sign)
        case Apply(atom="div", args=(left, right)) if constant(right) and not right.type.shape:
            for term in terms(apply("sum", left, span=outer.span), constant, sign):
                yield term.times(div(ONE, right))
        case _:
            yield Term(outer, (), sign)
