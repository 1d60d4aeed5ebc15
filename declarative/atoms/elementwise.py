"""Functions of numbers, applied to each entry."""

from __future__ import annotations

from declarative.atoms.record import Atom, CurvatureRule, Example, MonotoneRule, Sign, SignRule
from declarative.atoms.rules import (
    CONCAVE,
    CONVEX,
    DOWN,
    NEITHER,
    UNCURVED,
    UP,
    concave_where_nonneg,
    curved,
    moves,
    moves_with_sign,
    sign_is,
    sign_of_first,
    sign_of_larger,
    sign_of_smaller,
)
from declarative.atoms.shapes import elementwise

NONNEG, ANY = sign_is(Sign.NONNEG), sign_is(Sign.UNKNOWN)
LINE = (Example(((-1.5, 0.0, 0.25, 2.0),)),)
POSITIVE = (Example(((0.25, 1.0, 3.0),)),)


def _one(
    name: str, doc: str, sign: SignRule, curvature: CurvatureRule, monotone: MonotoneRule,
    jax: str, cvxpy: str | None, latex: str, domain: str = "real", order: int = 2,
    example: tuple[Example, ...] = LINE, result: str = "real", conic: str | None = None,
) -> Atom:  # fmt: skip
    """A row for a function of one number."""
    return Atom(
        name=name, arity=1, doc=doc, shape=elementwise, sign=sign, curvature=curvature, monotone=monotone,
        jax=jax, cvxpy=cvxpy, latex=latex, domain=(domain,), order=order, elementwise=True, result=result,
        example=example, conic=conic,
    )  # fmt: skip


def _many(name: str, doc: str, sign: SignRule, curvature: CurvatureRule, call: str, conic: str) -> Atom:
    """A row for the larger or the smaller of several numbers."""
    return Atom(
        name=name, arity=(2, None), doc=doc, shape=elementwise, sign=sign, curvature=curvature,
        monotone=moves(UP), jax=f"rt.{name}({{args}})", cvxpy=f"cp.{name}({{args}})",
        latex=rf"\{call}({{args}})", order=0, elementwise=True, result="same", conic=conic,
        example=(Example(((1.0, -2.0), (0.5, 3.0))), Example(((1.0, -2.0), 0.0, (0.5, -3.0)))),
    )  # fmt: skip


ATOMS: tuple[Atom, ...] = (
    _one("abs", "Absolute value.", NONNEG, curved(CONVEX), moves_with_sign(),
         "jnp.abs({0})", "cp.abs({0})", r"\left| {0} \right|", order=0, result="same",
         conic="given x: real; find t: real; minimize t; subject to; x <= t; -x <= t"),
    _one("sign", "-1, 0 or 1.", sign_of_first, UNCURVED, moves(UP),
         "jnp.sign({0})", None, r"\operatorname{{sign}}({0})", order=-1),
    _one("sqrt", "Square root, of x >= 0.", NONNEG, curved(CONCAVE), moves(UP),
         "jnp.sqrt({0})", "cp.sqrt({0})", r"\sqrt{{{0}}}", domain="nonneg", example=POSITIVE,
         conic="given x: real; find t: real; maximize t; subject to concat(1 + x, 1 - x, 2 * t) in soc"),
    _one("exp", "Exponential.", NONNEG, curved(CONVEX), moves(UP),
         "jnp.exp({0})", "cp.exp({0})", r"\exp({0})",
         conic="given x: real; find t: real; minimize t; subject to concat(x, 1, t) in exp_cone"),
    _one("log", "Natural logarithm, of x > 0.", ANY, curved(CONCAVE), moves(UP),
         "jnp.log({0})", "cp.log({0})", r"\log({0})", domain="positive", example=POSITIVE,
         conic="given x: real; find t: real; maximize t; subject to concat(t, 1, x) in exp_cone"),
    _one("log1p", "log(1 + x), exact for small x.", sign_of_first, curved(CONCAVE), moves(UP),
         "jnp.log1p({0})", "cp.log1p({0})", r"\log(1 + {0})", domain="> -1", example=POSITIVE,
         conic="given x: real; find t: real; maximize t; subject to concat(t, 1, 1 + x) in exp_cone"),
    _one("expm1", "exp(x) - 1, exact for small x.", sign_of_first, curved(CONVEX), moves(UP),
         "jnp.expm1({0})", "(cp.exp({0}) - 1)", r"(\exp({0}) - 1)",
         conic="given x: real; find t: real; minimize t - 1; subject to concat(x, 1, t) in exp_cone"),
    _one("sin", "Sine.", ANY, UNCURVED, moves(NEITHER), "jnp.sin({0})", None, r"\sin({0})"),
    _one("cos", "Cosine.", ANY, UNCURVED, moves(NEITHER), "jnp.cos({0})", None, r"\cos({0})"),
    _one("tan", "Tangent.", ANY, UNCURVED, moves(NEITHER), "jnp.tan({0})", None, r"\tan({0})"),
    _one("tanh", "Hyperbolic tangent.", sign_of_first, concave_where_nonneg, moves(UP),
         "jnp.tanh({0})", None, r"\tanh({0})"),
    _one("sigmoid", "1 / (1 + exp(-x)).", NONNEG, concave_where_nonneg, moves(UP),
         "jax.nn.sigmoid({0})", None, r"\sigma({0})"),
    _one("relu", "max(x, 0).", NONNEG, curved(CONVEX), moves(UP),
         "jax.nn.relu({0})", "cp.pos({0})", r"({0})_+", order=0,
         conic="given x: real; find t: real; minimize t; subject to; x <= t; 0 <= t"),
    _one("softplus", "log(1 + exp(x)).", NONNEG, curved(CONVEX), moves(UP),
         "rt.softplus({0})", "cp.logistic({0})", r"\log(1 + \exp({0}))",
         conic="given x: real; find t: real; minimize t; subject to exp(x - t) + exp(-t) <= 1"),
    _one("square", "x^2.", NONNEG, curved(CONVEX), moves_with_sign(),
         "jnp.square({0})", "cp.square({0})", r"({0})^2", result="same",
         conic="given x: real; find t: real; minimize t; subject to concat(1 + t, 1 - t, 2 * x) in soc"),
    _one("inv_pos", "1 / x, of x > 0.", NONNEG, curved(CONVEX), moves(DOWN),
         "rt.inv_pos({0})", "cp.inv_pos({0})", r"({0})^{{-1}}", domain="positive", example=POSITIVE,
         conic="given x: real; find t: real; minimize t; subject to concat(x + t, x - t, 2) in soc"),
    _one("hinge", "max(0, 1 - x), the loss of a margin x.", NONNEG, curved(CONVEX), moves(DOWN),
         "jax.nn.relu(1 - ({0}))", "cp.pos(1 - ({0}))", r"(1 - {0})_+", order=0,
         conic="given x: real; find t: real; minimize t; subject to; 1 - x <= t; 0 <= t"),
    Atom(
        name="huber", arity=2,
        doc="x^2 / 2 where |x| <= delta, else delta * (|x| - delta / 2); delta is 1 unless given.",
        shape=elementwise, sign=NONNEG, curvature=curved(CONVEX), monotone=moves_with_sign(NEITHER),
        jax="rt.huber({0}, {1})", cvxpy="ct.huber({0}, {1})", latex=r"\operatorname{{huber}}_{{{1}}}({0})",
        domain=("real", "positive"), constant_in=(frozenset({1}),), defaults=(1.0,), order=1,
        conic="given x: real, delta: positive real; find m: real; minimize m^2 / 2 + delta * abs(x - m)",
        elementwise=True, example=(Example(((-3.0, -0.5, 0.0, 0.5, 2.0), 1.0)), Example(((-3.0, 1.5), 2.0))),
    ),
    _many("maximum", "The largest of its arguments, elementwise.", sign_of_larger, curved(CONVEX), "max",
          "given x: real, y: real; find t: real; minimize t; subject to; x <= t; y <= t"),
    _many("minimum", "The smallest of its arguments, elementwise.", sign_of_smaller, curved(CONCAVE), "min",
          "given x: real, y: real; find t: real; maximize t; subject to; t <= x; t <= y"),
    Atom(
        name="stop_gradient", arity=1, doc="x itself, held constant by every derivative.",
        shape=elementwise, sign=sign_of_first, curvature=UNCURVED, monotone=moves(UP),
        jax="jax.lax.stop_gradient({0})", cvxpy=None, latex=r"\operatorname{{stop\_gradient}}({0})",
        elementwise=True, result="same", example=LINE,
    ),
)  # fmt: skip
