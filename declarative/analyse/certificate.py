"""Reads a scalar function of one affine argument; gives its curvature as proven by sympy, or UNKNOWN.

`f(a)` where the unknowns enter through one affine sub-expression `a` alone is convex in them if
f'' >= 0 on an interval that holds every value of `a`. Parameters become real or positive symbols by
what is declared. Only symbolic proof counts; nothing is sampled. sympy is imported when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from declarative.analyse.signs import Signs
from declarative.atoms.record import Curvature, Sign
from declarative.ir import Apply, Expr, Index, Unknown
from declarative.walk import constant as number

_FUNCTIONS = frozenset("add sub mul div neg pow square abs inv_pos".split())
_FUNCTIONS |= frozenset("sqrt exp log log1p expm1 tanh sigmoid softplus".split())
_LINEAR = frozenset(["add", "sub", "neg", "mul", "div"])
_TOO_DEEP = 3  # functions of functions beyond which it is not attempted either
_TOO_LONG = 120  # operations of a second derivative beyond which the proof is not attempted


def certify(expr: Apply, affine: Callable[[Expr], bool], signs: Signs) -> Curvature:
    """The curvature of `expr` in the unknowns, if it is a scalar function of one affine expression."""
    bases = _bases(expr, affine, signs, leaves=False)
    if bases is None:
        return Curvature.UNKNOWN
    if len(bases) != 1:
        bases = _bases(expr, affine, signs, leaves=True)
        if bases is None or len(bases) != 1:
            return Curvature.UNKNOWN
    return _prove(expr, bases[0], signs)


def _bases(expr: Expr, affine: Callable[[Expr], bool], signs: Signs, leaves: bool) -> list[Expr] | None:
    """The distinct affine sub-expressions through which unknowns enter; None if `expr` is no such tree."""
    found: list[Expr] = []

    def visit(node: Expr) -> bool:
        if signs.constant(node):
            return True
        atomic = isinstance(node, (Unknown, Index)) or not leaves or not _linear(node)
        if affine(node) and atomic:
            if node not in found:
                found.append(node)
            return len(found) <= 4
        return isinstance(node, Apply) and node.atom in _FUNCTIONS and all(map(visit, node.args))

    fits = isinstance(expr, Apply) and expr.atom in _FUNCTIONS and all(map(visit, expr.args))
    return found if fits else None


def _linear(expr: Expr) -> bool:
    return isinstance(expr, Apply) and expr.atom in _LINEAR


class _Undefined(Exception):
    """The function is not certain to be defined on an interval."""


def _prove(expr: Apply, base: Expr, signs: Signs) -> Curvature:
    import sympy

    sign = signs(base)
    variable = sympy.Symbol("t", positive=True) if sign is Sign.NONNEG else sympy.Symbol("t", real=True)
    try:
        try:
            function = _Translation(variable, base, signs)(expr)
        except _NeedsPositive:  # log(t), sqrt(t), ...: defined for t >= 0 alone
            variable = sympy.Symbol("t", positive=True)
            function = _Translation(variable, base, signs)(expr)
    except _Undefined:
        return Curvature.UNKNOWN
    if function.has(sympy.Abs) or _nesting(function) > _TOO_DEEP:  # the square of |t| is that of t
        return Curvature.UNKNOWN
    second = sympy.diff(function, variable, 2)
    if second.count_ops() > _TOO_LONG:
        return Curvature.UNKNOWN
    for attempt in (lambda e: e, sympy.together, sympy.factor, _as_exponentials):
        try:
            form = attempt(second)
        except sympy.PolynomialError:
            continue
        if form.is_nonnegative:
            return Curvature.CONVEX
        if form.is_nonpositive:
            return Curvature.CONCAVE
    return Curvature.UNKNOWN


def _nesting(expr: Any) -> int:
    """How many functions stand inside one another."""
    import sympy

    return max(map(_nesting, expr.args), default=0) + isinstance(expr, sympy.Function)


def _as_exponentials(expr: Any) -> Any:
    """With every exponential of the variable as one positive symbol, in lowest terms and factored."""
    import sympy

    symbols = {}
    rewritten = expr.rewrite(sympy.exp)
    if any(power.args[0].has(sympy.exp) for power in rewritten.atoms(sympy.exp)):
        return expr  # exponentials of exponentials have no lowest terms that could be found in time
    rewritten = sympy.together(rewritten)
    for power in rewritten.atoms(sympy.exp):
        symbols[power] = sympy.Dummy(positive=True)
    single = {symbol for power in symbols for symbol in power.free_symbols}
    if len(symbols) > 1 or len(single) != 1:
        return sympy.factor(rewritten)
    return sympy.factor(sympy.cancel(rewritten.xreplace(symbols)))


class _NeedsPositive(Exception):
    """The variable itself stands where only nonnegative values have a meaning."""


class _Translation:
    """IR -> sympy, with `base` as the variable and every other constant leaf as a symbol of its sign."""

    def __init__(self, variable: Any, base: Expr, signs: Signs):
        self.variable, self.base, self.signs = variable, base, signs
        self.leaves: list[tuple[Expr, Any]] = []

    def __call__(self, expr: Expr) -> Any:
        if expr == self.base:
            return self.variable
        if self.signs.constant(expr):
            return self._constant(expr)
        assert isinstance(expr, Apply)
        return self._apply(expr.atom, [self(arg) for arg in expr.args])

    def _constant(self, expr: Expr) -> Any:
        import sympy

        value = number(expr)
        if value is not None and value == value and abs(value) != float("inf"):
            return sympy.Rational(str(value))
        if isinstance(expr, Apply) and expr.atom in _LINEAR:
            return self._apply(expr.atom, [self._constant(arg) for arg in expr.args])
        for known, symbol in self.leaves:
            if known == expr:
                return symbol
        name = f"c{len(self.leaves)}"
        if self.signs.positive(expr):
            symbol = sympy.Symbol(name, positive=True)
        elif self.signs.nonneg(expr):
            symbol = sympy.Symbol(name, nonnegative=True)
        elif self.signs.nonpos(expr):
            symbol = sympy.Symbol(name, nonpositive=True)
        else:
            symbol = sympy.Symbol(name, real=True)
        self.leaves.append((expr, symbol))
        return symbol

    def _apply(self, atom: str, args: list[Any]) -> Any:
        import sympy

        a = args[0]
        match atom:
            case "add":
                return sum(args[1:], a)
            case "sub":
                return a - args[1]
            case "neg":
                return -a
            case "mul":
                return sympy.prod(args)
            case "div" | "inv_pos":
                top, bottom = (a, args[1]) if atom == "div" else (sympy.Integer(1), a)
                if bottom.has(self.variable):
                    if atom == "inv_pos":
                        self._require(bottom, bottom.is_positive)
                    elif not (bottom.is_positive or bottom.is_negative):
                        raise _Undefined
                return top / bottom
            case "pow":
                return self._power(a, args[1])
            case "square":
                return a**2
            case "abs":
                return sympy.Abs(a)
            case "sqrt":
                self._require(a, a.is_nonnegative)
                return sympy.sqrt(a)
            case "log":
                self._require(a, a.is_positive)
                return sympy.log(a)
            case "log1p":
                self._require(1 + a, (1 + a).is_positive)
                return sympy.log(1 + a)
            case "exp":
                return sympy.exp(a)
            case "expm1":
                return sympy.exp(a) - 1
            case "tanh":
                return sympy.tanh(a)
            case "sigmoid":
                return 1 / (1 + sympy.exp(-a))
            case "softplus":
                return sympy.log(1 + sympy.exp(a))
        raise _Undefined

    def _power(self, base: Any, exponent: Any) -> Any:
        if not base.has(self.variable):
            return base**exponent
        if exponent.is_integer and exponent.is_nonnegative:
            return base**exponent
        if exponent.has(self.variable) or exponent.is_real is not True:
            raise _Undefined
        if exponent.is_integer and not base.is_positive:
            raise _Undefined
        self._require(base, base.is_positive)
        return base**exponent

    def _require(self, argument: Any, holds: bool | None) -> None:
        """`holds`, or the argument is the variable, which then is positive."""
        if holds or not argument.has(self.variable):
            return
        if argument == self.variable:
            raise _NeedsPositive
        raise _Undefined
