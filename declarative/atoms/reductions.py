"""Functions of all entries of an array, or of one axis: sums, extremes, entropies, soft maxima."""

from __future__ import annotations

from declarative.atoms.record import Atom, CurvatureRule, Example, MonotoneRule, Sign, SignRule
from declarative.atoms.rules import (
    AFFINE,
    CONCAVE,
    CONVEX,
    DOWN,
    NEITHER,
    UNCURVED,
    UP,
    curved,
    moves,
    moves_with_sign,
    sign_is,
    sign_of_first,
)
from declarative.atoms.shapes import along, pairwise_reduced, reduced, scalar
from declarative.dims import Dim

NONNEG, ANY = sign_is(Sign.NONNEG), sign_is(Sign.UNKNOWN)
MATRIX = ((1.0, -2.0, 0.5), (3.0, 0.25, -4.0))
AXIS = (("axis", None),)
BY_AXIS = (Example((MATRIX,)), Example((MATRIX,), (("axis", 0),)), Example(((1.0, -2.0),), (("axis", 0),)))
SHARES = ((0.25, 0.5, 0.125), (0.5, 0.25, 1.0))


def _reduction(
    name: str, doc: str, sign: SignRule, curvature: CurvatureRule, monotone: MonotoneRule,
    jax: str, cvxpy: str | None, latex: str, order: int = 2, result: str = "real",
    conic: str | None = None,
) -> Atom:  # fmt: skip
    return Atom(
        name=name, arity=1, doc=doc, shape=reduced, sign=sign, curvature=curvature, monotone=monotone,
        jax=jax, cvxpy=cvxpy, latex=latex, attrs=AXIS, order=order, result=result, conic=conic, example=BY_AXIS,
    )  # fmt: skip


def _divergence(
    name: str,
    doc: str,
    sign: SignRule,
    monotone: MonotoneRule,
    jax: str,
    cvxpy: str,
    latex: str,
    conic: str,
) -> Atom:
    return Atom(
        name=name, arity=2, doc=doc, shape=pairwise_reduced, sign=sign, curvature=curved(CONVEX),
        monotone=monotone, jax=jax, cvxpy=cvxpy, latex=latex, domain=("nonneg", "positive"), conic=conic,
        example=(Example(SHARES), Example(((0.0, 0.5), (0.5, 0.5)))),
    )  # fmt: skip


ATOMS: tuple[Atom, ...] = (
    _reduction("sum", "Sum of all entries, or along `axis`.", sign_of_first, curved(AFFINE), moves(UP),
               "jnp.sum({0}, axis={axis})", "cp.sum({0}, axis={axis})", r"\mathbf{{1}}^\top {0}",
               result="same"),
    _reduction("mean", "Mean of all entries, or along `axis`.", sign_of_first, curved(AFFINE), moves(UP),
               "jnp.mean({0}, axis={axis})", "cp.mean({0}, axis={axis})",
               r"\operatorname{{mean}}({0})"),
    _reduction("max", "Largest entry, of all or along `axis`.", sign_of_first, curved(CONVEX), moves(UP),
               "jnp.max({0}, axis={axis})", "cp.max({0}, axis={axis})", r"\max({0})", order=0,
               result="same", conic="given x: real[n]; find t: real; minimize t; subject to x <= t"),
    _reduction("min", "Smallest entry, of all or along `axis`.", sign_of_first, curved(CONCAVE), moves(UP),
               "jnp.min({0}, axis={axis})", "cp.min({0}, axis={axis})", r"\min({0})", order=0,
               result="same", conic="given x: real[n]; find t: real; maximize t; subject to t <= x"),
    _reduction("prod", "Product of all entries, or along `axis`.",
               lambda signs, values=(): signs[0] if signs[0] in (Sign.NONNEG, Sign.ZERO) else Sign.UNKNOWN,
               UNCURVED, lambda signs, values=(): (UP if signs[0] is Sign.NONNEG else NEITHER,),
               "jnp.prod({0}, axis={axis})", None, r"\operatorname{{prod}}({0})", result="same"),
    Atom(
        name="sum_squares", arity=1, doc="Sum of the squares of all entries; `||x||^2` means this.",
        shape=scalar, sign=NONNEG, curvature=curved(CONVEX), monotone=moves_with_sign(),
        jax="rt.sum_squares({0})", cvxpy="cp.sum_squares({0})", latex=r"\left\| {0} \right\|_2^2",
        conic="given x: real[n]; find t: real; minimize t; subject to concat(1 + t, 1 - t, 2 * x) in soc",
        result="same", example=(Example((MATRIX,)), Example((-3.0,))),
    ),
    Atom(
        name="sum_largest", arity=1, doc="`sum_largest(x, k)`: sum of the k largest entries.",
        shape=scalar, sign=sign_of_first, curvature=curved(CONVEX), monotone=moves(UP),
        jax="rt.sum_largest({0}, {k})", cvxpy="cp.sum_largest({0}, {k})",
        latex=r"\operatorname{{sum\_largest}}_{{{k}}}({0})", attrs=(("k", None),), order=0,
        conic="given x: real[n], k: real; find q: real; minimize k * q + sum(relu(x - q))",
        example=(Example(((1.0, -2.0, 3.0, 0.5),), (("k", Dim.of(2)),)),),
    ),
    Atom(
        name="log_sum_exp", arity=1, doc="log of the sum of exponentials, of all entries or along `axis`.",
        shape=reduced, sign=ANY, curvature=curved(CONVEX), monotone=moves(UP),
        jax="jsp.logsumexp({0}, axis={axis})", cvxpy="cp.log_sum_exp({0}, axis={axis})",
        latex=r"\operatorname{{logsumexp}}({0})", attrs=AXIS, example=BY_AXIS,
        conic="given x: real[n]; find t: real; minimize t; subject to sum(exp(x - t)) <= 1",
    ),
    Atom(
        name="softmax", arity=1, doc="exp(x) / sum(exp(x)) of a vector, or along `axis`.",
        shape=along, sign=NONNEG, curvature=UNCURVED, monotone=moves(NEITHER),
        jax="jax.nn.softmax({0}, axis={axis})", cvxpy=None, latex=r"\operatorname{{softmax}}({0})",
        attrs=AXIS, example=(Example(((1.0, -2.0, 0.5),)), Example((MATRIX,), (("axis", 1),))),
    ),
    Atom(
        name="entropy", arity=1, doc="-sum(x * log(x)), with 0 at x = 0.", shape=scalar, sign=ANY,
        curvature=curved(CONCAVE), monotone=moves(NEITHER), jax="rt.entropy({0})",
        cvxpy="cp.sum(cp.entr({0}))", latex=r"H({0})", domain=("nonneg",),
        conic="given x: real[n]; find t: real[n]; maximize sum(t); "
              "subject to concat(t[i], x[i], 1) in exp_cone for i in n",
        example=(Example(((0.25, 0.0, 0.75),)),),
    ),
    _divergence("rel_entropy", "sum(x * log(x / y)), with 0 at x = 0.", ANY, moves(NEITHER, DOWN),
                "rt.rel_entropy({0}, {1})", "cp.sum(cp.rel_entr({0}, {1}))", r"D({0} \,\|\, {1})",
                "given x: real[n], y: real[n]; find t: real[n]; minimize sum(t); "
                "subject to concat(-t[i], x[i], y[i]) in exp_cone for i in n"),
    _divergence("kl", "sum(x * log(x / y) - x + y), nonneg and zero only at x = y.", NONNEG, moves(NEITHER),
                "rt.kl({0}, {1})", "cp.sum(cp.kl_div({0}, {1}))",
                r"D_{{\mathrm{{KL}}}}({0} \,\|\, {1})",
                "given x: real[n], y: real[n]; find t: real[n]; minimize sum(t - x + y); "
                "subject to concat(-t[i], x[i], y[i]) in exp_cone for i in n"),
)  # fmt: skip
