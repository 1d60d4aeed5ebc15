"""Norms. `||e||` is `norm2` of any array, `||E||_2` of a matrix is `norm_spec`."""

from __future__ import annotations

from declarative.atoms.record import Atom, Example, MonotoneRule, Sign
from declarative.atoms.rules import CONVEX, NEITHER, curved, moves, moves_with_sign, sign_is
from declarative.atoms.shapes import matrix_to_scalar, scalar

VECTOR, MATRIX = (3.0, -4.0, 0.5), ((1.0, -2.0), (0.5, 3.0), (0.0, 1.0))
BOTH = (Example((VECTOR,)), Example((MATRIX,)))


def _norm(
    name: str, doc: str, jax: str, cvxpy: str, latex: str, monotone: MonotoneRule, conic: str,
    matrix: bool = False, attrs: tuple[tuple[str, object], ...] = (), example: tuple[Example, ...] = BOTH,
) -> Atom:  # fmt: skip
    return Atom(
        name=name, arity=1, doc=doc, shape=matrix_to_scalar if matrix else scalar, order=0,
        sign=sign_is(Sign.NONNEG), curvature=curved(CONVEX), monotone=monotone, jax=jax, cvxpy=cvxpy,
        latex=rf"\left\| {{0}} \right\|_{latex}", attrs=attrs, example=example, conic=conic,
    )  # fmt: skip


ATOMS: tuple[Atom, ...] = (
    _norm("norm2", "`||x||`: the square root of the sum of squares; of a matrix, the Frobenius norm.",
          "rt.norm2({0})", "ct.norm2({0})", "2", moves_with_sign(),
          "given x: real[n]; find t: real; minimize t; subject to concat(t, x) in soc"),
    _norm("norm1", "`||x||_1`: sum of absolute values, also of a matrix's entries.",
          "jnp.sum(jnp.abs({0}))", "cp.norm1({0})", "1", moves_with_sign(),
          "given x: real[n]; find t: real[n]; minimize sum(t); subject to; x <= t; -x <= t"),
    _norm("norm_inf", "`||x||_inf`: largest absolute value, also of a matrix's entries.",
          "jnp.max(jnp.abs({0}))", "cp.norm_inf({0})", r"\infty", moves_with_sign(),
          "given x: real[n]; find t: real; minimize t; subject to; x <= t; -x <= t"),
    _norm("norm_p", "`||x||_p` for a number p >= 1: (sum |x_i|^p)^(1/p).",
          "rt.norm_p({0}, {p})", "ct.norm_p({0}, {p})", "{p}", moves_with_sign(),
          "given x: real[n], p: real; find t: real, r: real[n]; minimize t; "
          "subject to; sum(r) <= t; concat(r[i], t, x[i]) in power_cone(1 / p) for i in n", attrs=(("p", None),),
          example=(Example((VECTOR,), (("p", 3.0),)), Example((VECTOR,), (("p", 1.5),)))),
    _norm("norm_nuc", "`||X||_*`: the nuclear norm, the sum of the singular values.",
          "rt.norm_nuc({0})", "cp.normNuc({0})", "*", moves(NEITHER),
          "given X: real[m, n]; find U: symmetric real[m, m], V: symmetric real[n, n]; "
          "minimize (trace(U) + trace(V)) / 2; "
          "subject to concat(concat(U, X, axis = 1), concat(X', V, axis = 1)) in psd", matrix=True,
          example=(Example((MATRIX,)),)),
    _norm("norm_spec", "`||X||_2`: the spectral norm, the largest singular value.",
          "rt.norm_spec({0})", "cp.sigma_max({0})", "2", moves(NEITHER),
          "given X: real[m, n]; find t: real; minimize t; "
          "subject to concat(concat(t * eye(m), X, axis = 1), concat(X', t * eye(n), axis = 1)) in psd",
          matrix=True,
          example=(Example((MATRIX,)),)),
)  # fmt: skip
