"""Reads an expression; gives its curvature in the unknowns by disciplined rules, and who is to blame.

Parameters are constants and may enter in any way. Beyond the composition rule over the atoms'
records: squares and quadratic forms of affine expressions, quotients, and certificates by sympy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from declarative.analyse.certificate import certify
from declarative.analyse.scope import Memo, children
from declarative.analyse.signs import Signs, as_quadratic
from declarative.analyse.terms import pulled
from declarative.atoms import ATOMS
from declarative.atoms.record import Curvature, Monotone
from declarative.errors import NOWHERE
from declarative.ir import Apply, Const, Expr, Extern, Index, Param, Reduce, SubProblem, Unknown
from declarative.walk import constant as number

CONSTANT, AFFINE, CONVEX, CONCAVE, UNKNOWN = (
    Curvature.CONSTANT,
    Curvature.AFFINE,
    Curvature.CONVEX,
    Curvature.CONCAVE,
    Curvature.UNKNOWN,
)
_FACTOR = "the sign of the factor is not known, so the curvature of the product is not"
_NEGATED = {CONVEX: CONCAVE, CONCAVE: CONVEX}


def negated(curvature: Curvature) -> Curvature:
    return _NEGATED.get(curvature, curvature)


@dataclass(frozen=True)
class Blame:
    """The subexpression at which certainty is lost, and why in words."""

    expr: Expr
    reason: str
    help: str = ""


class Curvatures:
    """`curvatures(e)` is the certified curvature of every entry of `e` in the unknowns."""

    def __init__(self, signs: Signs, prove: bool = True):
        """Without `prove`, sympy stays out of it."""
        self.signs, self.prove = signs, prove
        self.constant = signs.constant
        self._curvature = Memo(self._compute)

    def __call__(self, expr: Expr) -> Curvature:
        return self._curvature(expr)

    def affine(self, expr: Expr) -> bool:
        return self(expr) in (CONSTANT, AFFINE)

    def convex(self, expr: Expr) -> bool:
        return self(expr) in (CONSTANT, AFFINE, CONVEX)

    def concave(self, expr: Expr) -> bool:
        return self(expr) in (CONSTANT, AFFINE, CONCAVE)

    # ---- rules --------------------------------------------------------------------------------

    def _compute(self, expr: Expr) -> Curvature:
        found = self.disciplined(expr)
        if found is not UNKNOWN or not isinstance(expr, Apply):
            return found
        found = self._special(expr)
        if found is UNKNOWN and self.prove:
            return certify(expr, self.affine, self.signs)
        return found

    def disciplined(self, expr: Expr) -> Curvature:
        """By the composition rule at this expression, which is all that cvxpy looks at."""
        if self.constant(expr):
            return CONSTANT
        match expr:
            case Unknown():
                return AFFINE
            case Index(array=array):
                indices = all(self.constant(item) for item in children(expr) if item is not array)
                return self(array) if indices else UNKNOWN
            case Reduce():
                return self._reduced(expr)
            case Apply():
                return self._composed(expr)
            case _:
                return UNKNOWN

    def _reduced(self, expr: Reduce) -> Curvature:
        if expr.where is not None and not self.constant(expr.where):
            return UNKNOWN
        body = self(expr.body)
        match expr.op:
            case "sum" | "mean":
                return body
            case "max":
                return CONVEX if body in (AFFINE, CONVEX) else UNKNOWN
            case "min":
                return CONCAVE if body in (AFFINE, CONCAVE) else UNKNOWN
            case _:
                return UNKNOWN

    def _composed(self, expr: Apply) -> Curvature:
        """The composition rule, over each alternative of which arguments are constant."""
        atom = ATOMS[expr.atom]
        if not any(self._alternatives(expr)) or not self.signs.in_matrix_domain(expr):
            return UNKNOWN
        signs, values = tuple(map(self.signs, expr.args)), tuple(map(number, expr.args))
        own = atom.curvature(signs, values)
        moves = atom.monotone(signs, values)
        if own in (CONVEX, AFFINE) and all(map(self._keeps_convex, expr.args, moves)):
            affine = own is AFFINE and all(map(self.affine, expr.args))
            return AFFINE if affine else CONVEX
        if own in (CONCAVE, AFFINE) and all(map(self._keeps_concave, expr.args, moves)):
            return CONCAVE
        return UNKNOWN

    def _alternatives(self, expr: Apply) -> Iterator[bool]:
        for indices in ATOMS[expr.atom].constant_in:
            yield all(self.constant(arg) for i, arg in enumerate(expr.args) if i in indices)

    def _keeps_convex(self, arg: Expr, moves: Monotone) -> bool:
        match moves:
            case Monotone.INCREASING:
                return self.convex(arg)
            case Monotone.DECREASING:
                return self.concave(arg)
            case _:
                return self.affine(arg)

    def _keeps_concave(self, arg: Expr, moves: Monotone) -> bool:
        match moves:
            case Monotone.INCREASING:
                return self.concave(arg)
            case Monotone.DECREASING:
                return self.convex(arg)
            case _:
                return self.affine(arg)

    def _special(self, expr: Apply) -> Curvature:
        """Quadratics and quotients, whose arguments belong together."""
        pair = as_quadratic(expr)
        if pair is not None:
            return self._quadratic(*pair)
        match expr:
            case Apply(atom="mul", args=(left, right)) if left == right:
                return self._squared(left)
            case Apply(atom="div", args=(top, bottom)) if self.constant(top) and self.signs.nonneg(bottom):
                # c / b, b > 0 where the quotient is defined, falls and is convex in b
                if self.concave(bottom) and self.signs.nonneg(top):
                    return CONVEX
                return CONCAVE if self.concave(bottom) and self.signs.nonpos(top) else UNKNOWN
            case Apply(atom="div", args=(top, bottom)) if not top.type.shape and not bottom.type.shape:
                # t^2 / b is jointly convex for b > 0
                base = squared(top)
                fits = base is not None and self.signs.nonneg(bottom) and self.concave(bottom)
                return self._squared(base) if fits and base is not None else UNKNOWN
            case _:
                return UNKNOWN

    def _quadratic(self, vector: Expr, matrix: Expr | None) -> Curvature:
        if matrix is None:
            return self._squared(vector)
        if not self.constant(matrix) or not self.affine(vector):
            return UNKNOWN
        if self.signs.psd(matrix):
            return CONVEX
        return CONCAVE if self.signs.nsd(matrix) else UNKNOWN

    def _squared(self, base: Expr) -> Curvature:
        if self.affine(base):
            return CONVEX
        monotone = self.convex(base) and self.signs.nonneg(base)
        return CONVEX if monotone or (self.concave(base) and self.signs.nonpos(base)) else UNKNOWN

    # ---- blame --------------------------------------------------------------------------------

    def blame(self, expr: Expr, wanted: Curvature) -> Blame:
        """Why `expr` is not certified to have the wanted curvature: at the innermost guilty place."""
        found = self(expr)
        if found is not UNKNOWN:
            return self._wrong(expr, found, wanted)
        for child in children(expr):
            if self(child) is UNKNOWN:
                return self.blame(child, wanted)
        return self._unknown(expr, wanted)

    def _wrong(self, expr: Expr, found: Curvature, wanted: Curvature) -> Blame:
        """`expr` has a certified curvature, the opposite one: go down to the term that causes it."""
        match expr:
            case Apply(atom="add" | "sub", args=(left, right)):
                sides = (wanted, wanted if expr.atom == "add" else negated(wanted))
                for child, want in zip((left, right), sides, strict=True):
                    if self(child) not in (CONSTANT, AFFINE, want):
                        return self._wrong(child, self(child), want)
            case Apply(atom="neg", args=(inner,)):
                return self._wrong(inner, self(inner), negated(wanted))
            case Reduce(op="sum" | "mean", body=inner):
                return self._wrong(inner, found, wanted)
        return Blame(expr, f"this is {found.value}, and must be {wanted.value} here")

    def _unknown(self, expr: Expr, wanted: Curvature) -> Blame:
        match expr:
            case Apply():
                return self._unknown_apply(expr, wanted)
            case Reduce(op=op, body=body):
                return Blame(expr, f"the {op} of terms that are {self(body).value} is not certified")
            case Index():
                return Blame(expr, "an unknown chooses the index")
            case SubProblem():
                return Blame(expr, "a nested problem has no known curvature")
            case Extern(name=name):
                return Blame(expr, f"the host function `{name}` has no known curvature")
            case _:
                return Blame(expr, "nothing is known about its curvature")

    def _unknown_apply(self, expr: Apply, wanted: Curvature) -> Blame:
        pair = as_quadratic(expr)
        if pair is not None and pair[1] is not None and self.affine(pair[0]) and self.constant(pair[1]):
            matrix = pulled(pair[1], self.constant).core
            if matrix.span is NOWHERE:  # the identity
                return Blame(expr, _FACTOR)
            help_text = ""
            if isinstance(matrix, Param):
                size = matrix.type.shape[0]
                help_text = f"if it always is, declare `{matrix.name}: psd real[{size}, {size}]`"
            return Blame(matrix, "this matrix is not known to be positive semidefinite", help_text)
        if not any(self._alternatives(expr)):
            return Blame(expr, self._product_words(expr))
        if expr.atom in ("add", "sub"):
            for child, want in zip(
                expr.args, (wanted, wanted if expr.atom == "add" else negated(wanted)), strict=False
            ):
                if self(child) not in (CONSTANT, AFFINE, want):
                    return self._wrong(child, self(child), want)
        if not self.signs.in_matrix_domain(expr):
            return Blame(expr, f"the argument of `{expr.atom}` is not known to be symmetric")
        return Blame(expr, self._composition_words(expr))

    def _product_words(self, expr: Apply) -> str:
        names = {
            "mul": "multiplies two unknown quantities",
            "matmul": "multiplies two unknown quantities",
            "dot": "multiplies two unknown quantities",
            "outer": "multiplies two unknown quantities",
            "div": "divides by an unknown quantity",
            "pow": "has an exponent that is not a constant",
        }
        return f"this {names.get(expr.atom, f'applies `{expr.atom}` where too much is unknown')}"

    def _composition_words(self, expr: Apply) -> str:
        atom = ATOMS[expr.atom]
        signs, values = tuple(map(self.signs, expr.args)), tuple(map(number, expr.args))
        own = atom.curvature(signs, values)
        if own is UNKNOWN:
            return f"`{expr.atom}` is neither convex nor concave here"
        for arg, moves in zip(expr.args, atom.monotone(signs, values), strict=True):
            curvature = self(arg)
            if curvature in (CONSTANT, AFFINE):
                continue
            if moves is Monotone.NEITHER:
                if own is AFFINE:
                    return _FACTOR
                return (
                    f"`{expr.atom}` is {own.value} but neither increasing nor decreasing, "
                    f"so its argument must be affine, and is {curvature.value}"
                )
            wanted = own if moves is Monotone.INCREASING else negated(own)
            return (
                f"`{expr.atom}` is {own.value} and {moves.value}, "
                f"so its argument must be {wanted.value}, and is {curvature.value}"
            )
        return f"the curvature of `{expr.atom}` is not known here"


def squared(expr: Expr) -> Expr | None:
    """The base of a square, however it is spelt."""
    match expr:
        case Apply(atom="square", args=(base,)):
            return base
        case Apply(atom="pow", args=(base, Const(value=2))):
            return base
        case Apply(atom="mul", args=(left, right)) if left == right:
            return left
        case _:
            return None
