"""Products and quotients of elementwise expressions with their numbers gathered and equal factors cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce as fold

from declarative.analyse.terms import ONE, add, apply, div, mul, neg, sub
from declarative.ir import Apply, Const, Expr
from declarative.walk import constant as number


@dataclass(frozen=True)
class _Product:
    """number * product(above) / product(below)."""

    number: float = 1.0
    above: tuple[Expr, ...] = ()
    below: tuple[Expr, ...] = ()

    def times(self, other: _Product) -> _Product:
        above, below = list(self.above), list(self.below)
        for factor in other.above:
            _cancelled(factor, below, above)
        for factor in other.below:
            _cancelled(factor, above, below)
        return _Product(self.number * other.number, tuple(above), tuple(below))

    @property
    def inverse(self) -> _Product:
        return _Product(1 / self.number, self.below, self.above)

    @property
    def expr(self) -> Expr:
        if self.number == 0:
            return Const(0.0)
        core = fold(_mul, self.above) if self.above else ONE
        if self.below:
            core = div(core, fold(_mul, self.below))
        return mul(Const(self.number), core)


def _mul(left: Expr, right: Expr) -> Expr:
    return apply("square", left) if left == right else mul(left, right)


def _cancelled(factor: Expr, against: list[Expr], otherwise: list[Expr]) -> None:
    (against.remove if factor in against else otherwise.append)(factor)


DEEPEST = 8
"""How many levels are taken apart: what is shared would be read many times over."""


def _read(expr: Expr, depth: int = 0) -> _Product:
    value = number(expr)
    if depth == DEEPEST and value is None:
        return _Product(1.0, (expr,))
    if value is not None and abs(value) != float("inf"):
        return _Product(value)
    match expr:
        case Apply(atom="ones"):  # the same in every entry
            return _Product()
        case Apply(atom="neg", args=(inner,)):
            return _Product(-1.0).times(_read(inner, depth + 1))
        case Apply(atom="mul", args=(left, right)):
            return _read(left, depth + 1).times(_read(right, depth + 1))
        case Apply(atom="div", args=(top, bottom)) if number(bottom) != 0:
            return _read(top, depth + 1).times(_read(bottom, depth + 1).inverse)
        case Apply(atom="square", args=(base,)):
            return _read(base, depth + 1).times(_read(base, depth + 1))
        case _:
            return _Product(1.0, (expr,))


def times(left: Expr, right: Expr) -> Expr:
    return _read(left).times(_read(right)).expr


def over(top: Expr, bottom: Expr, depth: int = 0) -> Expr:
    """top / bottom, each term of a sum for itself."""
    match top:
        case _ if depth == DEEPEST:
            pass
        case Apply(atom="add", args=(left, right)):
            return add(over(left, bottom, depth + 1), over(right, bottom, depth + 1))
        case Apply(atom="sub", args=(left, right)):
            return sub(over(left, bottom, depth + 1), over(right, bottom, depth + 1))
        case Apply(atom="neg", args=(inner,)):
            return neg(over(inner, bottom, depth + 1))
    return _read(top).times(_read(bottom).inverse).expr
