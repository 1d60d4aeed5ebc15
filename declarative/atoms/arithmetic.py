"""Operators: arithmetic, comparison, logic and choice."""

from __future__ import annotations

from declarative.atoms.record import Atom, Curvature, Example, Monotone, Sign, Signs, Values
from declarative.atoms.rules import (
    AFFINE,
    CONCAVE,
    CONVEX,
    DOWN,
    NEITHER,
    NONNEG_SIGNS,
    UNCURVED,
    UP,
    curved,
    direction_of,
    moves,
    moves_as_product,
    moves_as_quotient,
    sign_is,
    sign_of_branches,
    sign_of_difference,
    sign_of_negation,
    sign_of_product,
    sign_of_sum,
)
from declarative.atoms.shapes import elementwise, matmul, transposed

SUM, PRODUCT, SIGN, POWER, COMPARISON = 5, 6, 7, 8, 4
EITHER = (frozenset({0}), frozenset({1}))
TWO = (Example(((1.0, -2.0), (3.0, 0.5))), Example((2.0, (3.0, -0.5))))
MATRIX = ((1.0, 2.0), (-3.0, 4.0), (0.5, -1.0))


# ---- powers: what holds depends on a constant exponent ------------------------------------------


def _exponent(values: Values) -> float | None:
    return values[1] if len(values) > 1 else None


def _power_sign(signs: Signs, values: Values = ()) -> Sign:
    exponent = _exponent(values)
    if signs[0] in NONNEG_SIGNS or (exponent is not None and (exponent % 2 == 0 or exponent % 1 != 0)):
        return Sign.NONNEG
    if signs[0] is Sign.NONPOS and exponent is not None and exponent % 2 == 1:
        return Sign.NONPOS
    return Sign.UNKNOWN


def _power_curvature(signs: Signs, values: Values = ()) -> Curvature:
    exponent, nonneg = _exponent(values), signs[0] in NONNEG_SIGNS
    if exponent is None:
        return Curvature.UNKNOWN
    if exponent == 0:
        return Curvature.CONSTANT
    if exponent == 1:
        return AFFINE
    if exponent % 1 != 0 and exponent > 0:  # its domain is the nonneg numbers
        return CONVEX if exponent > 1 else CONCAVE
    if exponent < 0:
        return CONVEX if nonneg else Curvature.UNKNOWN
    if exponent % 2 == 0 or nonneg:
        return CONVEX
    return CONCAVE if signs[0] is Sign.NONPOS else Curvature.UNKNOWN


def _power_monotone(signs: Signs, values: Values = ()) -> tuple[Monotone, ...]:
    exponent = _exponent(values)
    if exponent is None:
        return NEITHER, NEITHER
    if exponent < 0:
        return (DOWN if signs[0] in NONNEG_SIGNS else NEITHER), NEITHER
    if exponent % 1 != 0 or exponent % 2 == 1:
        return UP, NEITHER
    return direction_of(signs[0]), NEITHER


def _power_conic(signs: Signs, values: Values) -> str | None:
    exponent = _exponent(values)
    if exponent is None:
        return None
    head = "given x: real, c: real; find t: real; "
    if exponent < 0:
        return head + "minimize t; subject to concat(t, x, 1) in power_cone(1 / (1 - c))"
    if 0 < exponent < 1:
        return head + "maximize t; subject to concat(x, 1, t) in power_cone(c)"
    if exponent % 2 == 1 and signs[0] is Sign.NONPOS:
        return head + "maximize -t; subject to concat(t, 1, x) in power_cone(1 / c)"
    if exponent % 1 == 0:
        return head + "minimize t; subject to concat(t, 1, x) in power_cone(1 / c)"
    head = "given x: real, c: real; find t: real, u: nonneg real; "
    return head + "minimize t; subject to; concat(t, 1, u) in power_cone(1 / c); x == u"


# ---- the table ----------------------------------------------------------------------------------


def _compare(name: str, doc: str, python: str, latex: str) -> Atom:
    return Atom(
        name=name, arity=2, doc=doc, shape=elementwise, sign=sign_is(Sign.NONNEG), curvature=UNCURVED,
        monotone=moves(NEITHER), jax=f"{{0}} {python} {{1}}", cvxpy=None, latex=f"{{0}} {latex} {{1}}",
        order=-1, elementwise=True, result="bool", precedence=COMPARISON, example=TWO,
    )  # fmt: skip


def _logic(name: str, arity: int, doc: str, jax: str, latex: str, precedence: int) -> Atom:
    values: tuple[object, ...] = ((True, True, False), (True, False, False))
    return Atom(
        name=name, arity=arity, doc=doc, shape=elementwise, sign=sign_is(Sign.NONNEG), curvature=UNCURVED,
        monotone=moves(NEITHER), jax=jax, cvxpy=None, latex=latex, order=-1, elementwise=True, takes="bool",
        result="bool", precedence=precedence, example=(Example(values[:arity]),),
    )  # fmt: skip


ATOMS: tuple[Atom, ...] = (
    Atom(
        name="add", arity=2, doc="`x + y`, elementwise.", shape=elementwise, sign=sign_of_sum,
        curvature=curved(AFFINE), monotone=moves(UP), jax="{0} + {1}", cvxpy="{0} + {1}", latex="{0} + {1}",
        elementwise=True, result="same", precedence=SUM, example=TWO,
    ),
    Atom(
        name="sub", arity=2, doc="`x - y`, elementwise.", shape=elementwise, sign=sign_of_difference,
        curvature=curved(AFFINE), monotone=moves(UP, DOWN), jax="{0} - {1}", cvxpy="{0} - {1}",
        latex="{0} - {1}", elementwise=True, result="same", precedence=SUM, example=TWO,
    ),
    Atom(
        name="neg", arity=1, doc="`-x`, elementwise.", shape=elementwise, sign=sign_of_negation,
        curvature=curved(AFFINE), monotone=moves(DOWN), jax="-{0}", cvxpy="-{0}", latex="-{0}",
        elementwise=True, result="same", precedence=SIGN, example=(Example(((1.0, -2.0),)),),
    ),
    Atom(
        name="mul", arity=2, doc="`x * y`, elementwise; scalars stretch.", shape=elementwise,
        sign=sign_of_product, curvature=curved(AFFINE), monotone=moves_as_product, jax="{0} * {1}",
        cvxpy="cp.multiply({0}, {1})", latex=r"{0} \, {1}", constant_in=EITHER, elementwise=True,
        result="same", precedence=PRODUCT, example=TWO,
    ),
    Atom(
        name="div", arity=2, doc="`x / y`, elementwise.", shape=elementwise, sign=sign_of_product,
        curvature=curved(AFFINE), monotone=moves_as_quotient, jax="{0} / {1}", cvxpy="{0} / {1}",
        latex=r"\frac{{{0}}}{{{1}}}", constant_in=(frozenset({1}),), elementwise=True, precedence=PRODUCT,
        example=TWO,
    ),
    Atom(
        name="pow", arity=2, doc="`x ^ c`, elementwise; also on a matrix. A fraction wants x >= 0.",
        shape=elementwise, sign=_power_sign, curvature=_power_curvature, monotone=_power_monotone,
        jax="{0} ** {1}", cvxpy="ct.power({0}, {1})", latex="{0}^{{{1}}}", constant_in=(frozenset({1}),),
        conic=_power_conic, elementwise=True, result="same", precedence=POWER,
        example=(
            Example(((0.5, -2.0), 2.0)), Example(((0.5, 2.0), 1.5)), Example(((0.5, 2.0), 0.5)),
            Example(((0.5, 2.0), -1.0)), Example(((0.5, 2.0), 3.0)),
        ),
    ),
    Atom(
        name="matmul", arity=2, doc="`x @ y`, as in NumPy: inner product, matrix times vector or matrix.",
        shape=matmul, sign=sign_of_product, curvature=curved(AFFINE), monotone=moves_as_product,
        jax="{0} @ {1}", cvxpy="{0} @ {1}", latex=r"{0} {1}", constant_in=EITHER, result="same",
        precedence=PRODUCT,
        example=(Example((MATRIX, (1.0, -2.0))), Example(((1.0, -2.0), (0.5, 3.0)))),
    ),
    Atom(
        name="transpose", arity=1, doc="`X'` of a matrix; a vector stays as it is.", shape=transposed,
        sign=sign_of_sum, curvature=curved(AFFINE), monotone=moves(UP), jax="{0}.T", cvxpy="{0}.T",
        latex=r"{0}^\top", result="same", precedence=9, example=(Example((MATRIX,)),),
    ),
    Atom(
        name="where", arity=3, doc="`if c then x else y`, elementwise.", shape=elementwise,
        sign=sign_of_branches, curvature=curved(AFFINE), monotone=moves(NEITHER, UP),
        jax="jnp.where({0}, {1}, {2})", cvxpy="ct.where({0}, {1}, {2})",
        latex=r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        constant_in=(frozenset({0}),), elementwise=True, takes="choice", result="same",
        example=(Example(((True, False), (1.0, 2.0), (3.0, 4.0))), Example(((True, False), 1.0, 0.0))),
    ),
    _compare("less", "`x < y`, elementwise.", "<", "<"),
    _compare("less_equal", "`x <= y`, elementwise; `y >= x` is the same.", "<=", r"\le"),
    _compare("equal", "`x == y`, elementwise.", "==", "="),
    _compare("not_equal", "`x != y`, elementwise.", "!=", r"\ne"),
    _logic("and", 2, "`p and q`, elementwise.", "jnp.logical_and({0}, {1})", r"{0} \land {1}", 2),
    _logic("or", 2, "`p or q`, elementwise.", "jnp.logical_or({0}, {1})", r"{0} \lor {1}", 1),
    _logic("not", 1, "`not p`, elementwise.", "jnp.logical_not({0})", r"\lnot {0}", 3),
)  # fmt: skip
