"""How tightly things bind, in `.decl` text, in Python and in LaTeX alike: loose is small."""

from __future__ import annotations

from declarative import ir
from declarative.atoms import ATOMS

OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, POSTFIX, CALL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 100

SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "pow": "^", "and": "and", "or": "or",
    "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!=",
}  # fmt: skip


def sides(atom: str) -> tuple[int, int]:
    """How tightly the left and the right operand must bind to stand without parentheses."""
    own = ATOMS[atom].precedence
    if own == POWER:
        return POSTFIX, SIGN
    return (SUM, SUM) if own == COMPARISON else (own, own + 1)


def binding(expr: ir.Expr) -> int:
    """How tightly the text of an expression holds together, its own signs considered."""
    match expr:
        case ir.Const(value=value):
            return SIGN if not isinstance(value, bool) and value < 0 else CALL
        case ir.Size(dim=dim):
            if len(dim.terms) > 1:
                return SUM
            (monomial, factor) = dim.terms[0] if dim.terms else ((), 0)
            if factor < 0:
                return SIGN if len(monomial) + (factor != -1) <= 1 else PRODUCT
            return CALL if len(monomial) + (factor != 1 or not monomial) <= 1 else PRODUCT
        case ir.Apply(atom="sum_squares", args=(argument,)):
            return POWER if argument.type.shape else CALL
        case ir.Apply(atom=atom):
            return ATOMS[atom].precedence if atom in SYMBOLS or atom in ("neg", "not", "transpose") else CALL
        case _:
            return CALL
