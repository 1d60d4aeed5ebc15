"""The words of the tables: sign, curvature and monotonicity rules that rows share."""

from __future__ import annotations

from collections.abc import Iterable

from declarative.atoms.record import (
    Curvature,
    CurvatureRule,
    Monotone,
    MonotoneRule,
    Sign,
    SignRule,
    Signs,
    Values,
)

AFFINE, CONVEX, CONCAVE = Curvature.AFFINE, Curvature.CONVEX, Curvature.CONCAVE
UP, DOWN, NEITHER = Monotone.INCREASING, Monotone.DECREASING, Monotone.NEITHER
NONNEG_SIGNS = (Sign.NONNEG, Sign.ZERO)
NONPOS_SIGNS = (Sign.NONPOS, Sign.ZERO)


# ---- signs -------------------------------------------------------------------------------------


def negated(sign: Sign) -> Sign:
    return {Sign.NONNEG: Sign.NONPOS, Sign.NONPOS: Sign.NONNEG}.get(sign, sign)


def sum_of(signs: Iterable[Sign]) -> Sign:
    """The sign of a sum of terms, and of anything that lies between them or collects them."""
    seen = set(signs) - {Sign.ZERO}
    return seen.pop() if len(seen) == 1 else Sign.UNKNOWN if seen else Sign.ZERO


def product_of(left: Sign, right: Sign) -> Sign:
    if Sign.ZERO in (left, right):
        return Sign.ZERO
    if Sign.UNKNOWN in (left, right):
        return Sign.UNKNOWN
    return Sign.NONNEG if left is right else Sign.NONPOS


def sign_is(sign: Sign) -> SignRule:
    return lambda signs, values=(): sign


def sign_of_sum(signs: Signs, values: Values = ()) -> Sign:
    return sum_of(signs)


def sign_of_difference(signs: Signs, values: Values = ()) -> Sign:
    return sum_of((signs[0], negated(signs[1])))


def sign_of_product(signs: Signs, values: Values = ()) -> Sign:
    return product_of(signs[0], signs[1])


def sign_of_negation(signs: Signs, values: Values = ()) -> Sign:
    return negated(signs[0])


def sign_of_first(signs: Signs, values: Values = ()) -> Sign:
    """The sign of the first argument: odd and sign-keeping functions."""
    return signs[0]


def sign_of_larger(signs: Signs, values: Values = ()) -> Sign:
    if any(sign is Sign.NONNEG for sign in signs):
        return Sign.NONNEG
    if any(sign is Sign.ZERO for sign in signs):
        return Sign.ZERO if all(sign in NONPOS_SIGNS for sign in signs) else Sign.NONNEG
    return Sign.NONPOS if all(sign is Sign.NONPOS for sign in signs) else Sign.UNKNOWN


def sign_of_smaller(signs: Signs, values: Values = ()) -> Sign:
    return negated(sign_of_larger(tuple(map(negated, signs))))


def sign_of_branches(signs: Signs, values: Values = ()) -> Sign:
    return sum_of(signs[1:])


# ---- curvature ---------------------------------------------------------------------------------


def curved(curvature: Curvature) -> CurvatureRule:
    return lambda signs, values=(): curvature


UNCURVED = curved(Curvature.UNKNOWN)
"""Neither convex nor concave, or not known to be."""


def concave_where_nonneg(signs: Signs, values: Values = ()) -> Curvature:
    if signs[0] in NONNEG_SIGNS:
        return CONCAVE
    return CONVEX if signs[0] is Sign.NONPOS else Curvature.UNKNOWN


# ---- monotonicity ------------------------------------------------------------------------------


def moves(*directions: Monotone) -> MonotoneRule:
    """The given direction per argument; the last one holds for all further arguments."""

    def rule(signs: Signs, values: Values = ()) -> tuple[Monotone, ...]:
        return tuple(directions[min(i, len(directions) - 1)] for i in range(len(signs)))

    return rule


def direction_of(sign: Sign) -> Monotone:
    """Of x -> c * x for c of this sign."""
    return UP if sign in NONNEG_SIGNS else DOWN if sign is Sign.NONPOS else NEITHER


def moves_with_sign(*rest: Monotone) -> MonotoneRule:
    """Up on nonneg first arguments, down on nonpos ones, as |x| does; `rest` for the others."""
    return lambda signs, values=(): (direction_of(signs[0]), *rest)


def moves_as_product(signs: Signs, values: Values = ()) -> tuple[Monotone, ...]:
    return (direction_of(signs[1]), direction_of(signs[0]))


def moves_as_quotient(signs: Signs, values: Values = ()) -> tuple[Monotone, ...]:
    return (direction_of(signs[1]), NEITHER)
