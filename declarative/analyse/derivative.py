"""Derivatives of elementwise expressions, entry by entry, as expressions that share what they can.

    d = Derivatives(leaf)        d(e) is de / dleaf, d(d(e)) the second derivative

An expression is a tree of elementwise atoms over the leaf and what does not depend on it. A quotient is
taken by the reciprocal of its bottom, one node however often it is needed: divisions cost most.
"""

from __future__ import annotations

from collections.abc import Callable

from declarative.analyse.scope import Memo, children
from declarative.analyse.structure import root_of_squares
from declarative.analyse.terms import ONE, ZERO, add, apply, is_zero, mul, neg, sub
from declarative.ir import Apply, Const, Expr
from declarative.walk import constant as number

HALF, TWO = Const(0.5), Const(2.0)


class NoRule(Exception):
    """An atom has no derivative here."""


class Derivatives:
    """Derivatives in one leaf, which is compared by value."""

    def __init__(self, leaf: Expr):
        self.leaf = leaf
        self.moves = Memo(self._depends)
        self._known = Memo(self._derivative)
        self._reciprocals = Memo(lambda expr: apply("div", ONE, expr))

    def __call__(self, expr: Expr) -> Expr:
        """Raises `NoRule` where an atom is not elementwise or has no derivative."""
        return self._known(expr)

    def _depends(self, expr: Expr) -> bool:
        return expr == self.leaf or any(map(self.moves, children(expr)))

    def reciprocal(self, expr: Expr) -> Expr:
        value = number(expr)
        return self._reciprocals(expr) if not value else Const(1 / value)

    def _derivative(self, expr: Expr) -> Expr:
        if expr == self.leaf:
            return ONE
        if not self.moves(expr):
            return ZERO
        if not isinstance(expr, Apply):
            raise NoRule
        root = root_of_squares(expr)
        if root is not None:
            return _times(_times(TWO, root), self(root))
        match expr.atom, expr.args:
            case "add", (a, b):
                return add(self(a), self(b))
            case "sub", (a, b):
                return sub(self(a), self(b))
            case "mul", (a, b):
                return add(_times(self(a), b), _times(a, self(b)))
            case "div", (a, b):
                return self._quotient(expr, a, b)
            case "pow", (a, b) if not self.moves(b):
                return _times(self._power(a, b), self(a))
            case ("maximum" | "minimum") as atom, (a, b):
                first = apply("less_equal", *((b, a) if atom == "maximum" else (a, b)))
                return apply("where", first, self(a), self(b))
            case "where", (condition, a, b):
                return apply("where", condition, self(a), self(b))
            case "huber", (a, width) if not self.moves(width):
                return _times(apply("maximum", neg(width), apply("minimum", a, width)), self(a))
            case atom, (a,) if atom in _RULES:
                return _times(_RULES[atom](self, a, expr), self(a))
            case _:
                raise NoRule

    def _quotient(self, expr: Apply, top: Expr, bottom: Expr) -> Expr:
        if not self.moves(bottom):
            return apply("div", self(top), bottom)
        inverse = expr if number(top) == 1 else self.reciprocal(bottom)
        falling = (
            _times(_times(top, inverse), self(bottom)) if number(top) != 1 else _times(expr, self(bottom))
        )
        return _times(neg(falling) if is_zero(self(top)) else sub(self(top), falling), inverse)

    def _power(self, base: Expr, exponent: Expr) -> Expr:
        value = number(exponent)
        if value is None:
            return _times(exponent, apply("pow", base, sub(exponent, ONE)))
        if value == 0.5:
            return _times(HALF, self.reciprocal(apply("sqrt", base)))
        lower = {2.0: base, 3.0: apply("square", base)}.get(value)
        return _times(Const(value), apply("pow", base, Const(value - 1)) if lower is None else lower)


def _times(left: Expr, right: Expr) -> Expr:
    """The product, with its numbers in front."""
    if is_zero(left) or is_zero(right):
        return ZERO
    (a, x), (b, y) = _numbered(left), _numbered(right)
    return mul(Const(a * b), mul(x, y))


def _numbered(expr: Expr) -> tuple[float, Expr]:
    """(c, e) where expr is spelt as c * e."""
    value = number(expr)
    if value is not None:
        return value, ONE
    match expr:
        case Apply(atom="neg", args=(inner,)):
            factor, core = _numbered(inner)
            return -factor, core
        case Apply(atom="mul", args=(left, right)) if number(left) is not None and not left.type.shape:
            factor, core = _numbered(right)
            return float(number(left) or 0.0) * factor, core
        case _:
            return 1.0, expr


Rule = Callable[[Derivatives, Expr, Expr], Expr]
"""(derivatives, argument, the expression itself) -> the atom's derivative at the argument."""

_RULES: dict[str, Rule] = {
    "neg": lambda d, a, e: Const(-1.0),
    "square": lambda d, a, e: _times(TWO, a),
    "sqrt": lambda d, a, e: _times(HALF, d.reciprocal(e)),
    "exp": lambda d, a, e: e,
    "expm1": lambda d, a, e: apply("exp", a),
    "log": lambda d, a, e: d.reciprocal(a),
    "log1p": lambda d, a, e: d.reciprocal(add(ONE, a)),
    "inv_pos": lambda d, a, e: neg(apply("square", e)),
    "tanh": lambda d, a, e: sub(ONE, apply("square", e)),
    "sigmoid": lambda d, a, e: _times(e, sub(ONE, e)),
    "softplus": lambda d, a, e: apply("sigmoid", a),
    "sin": lambda d, a, e: apply("cos", a),
    "cos": lambda d, a, e: neg(apply("sin", a)),
    "relu": lambda d, a, e: apply("where", apply("less", ZERO, a), ONE, ZERO),
    "hinge": lambda d, a, e: apply("where", apply("less", a, ONE), Const(-1.0), ZERO),
}
