"""Functions of vectors and matrices as such: products, forms, traces, determinants, eigenvalues."""

from __future__ import annotations

from declarative.atoms.record import Atom, Example, Sign
from declarative.atoms.rules import (
    AFFINE,
    CONCAVE,
    CONVEX,
    DOWN,
    NEITHER,
    UNCURVED,
    UP,
    curved,
    direction_of,
    moves,
    moves_as_product,
    sign_is,
    sign_of_first,
    sign_of_product,
)
from declarative.atoms.shapes import (
    inner,
    kron,
    outer,
    quad_form,
    quad_over_lin,
    solution,
    square_to_same,
    square_to_scalar,
)

NONNEG, ANY = sign_is(Sign.NONNEG), sign_is(Sign.UNKNOWN)
PD = ((2.0, 0.5), (0.5, 1.0))
SQUARE = ((2.0, -1.0), (0.5, 1.0))
EITHER = (frozenset({0}), frozenset({1}))

ATOMS: tuple[Atom, ...] = (
    Atom(
        name="dot", arity=2, doc="Inner product of two vectors.", shape=inner, sign=sign_of_product,
        curvature=curved(AFFINE), monotone=moves_as_product, jax="jnp.dot({0}, {1})", cvxpy="ct.dot({0}, {1})",
        latex=r"\langle {0}, {1} \rangle", constant_in=EITHER, result="same",
        example=(Example(((1.0, -2.0, 3.0), (0.5, 1.0, -1.0))),),
    ),
    Atom(
        name="outer", arity=2, doc="Outer product of two vectors: the matrix x_i * y_j.", shape=outer,
        sign=sign_of_product, curvature=curved(AFFINE), monotone=moves_as_product,
        jax="jnp.outer({0}, {1})", cvxpy="cp.outer({0}, {1})", latex=r"{0} \otimes {1}", constant_in=EITHER,
        result="same", example=(Example(((1.0, -2.0, 3.0), (0.5, 1.0))),),
    ),
    Atom(
        name="kron", arity=2, doc="Kronecker product of two matrices.", shape=kron, sign=sign_of_product,
        curvature=curved(AFFINE), monotone=moves_as_product, jax="jnp.kron({0}, {1})",
        cvxpy="cp.kron({0}, {1})", latex=r"{0} \otimes {1}", constant_in=EITHER, result="same",
        example=(Example((SQUARE, ((1.0, 2.0, -3.0),))),),
    ),
    Atom(
        name="quad_form", arity=2, doc="x' @ P @ x for a psd matrix P.", shape=quad_form, sign=NONNEG,
        curvature=curved(CONVEX), monotone=moves(NEITHER), jax="rt.quad_form({0}, {1})",
        cvxpy="cp.quad_form({0}, {1}, assume_PSD=True)", latex=r"{0}^\top {1} {0}", domain=("real", "psd"),
        constant_in=(frozenset({1}),), example=(Example(((1.0, -2.0), PD)),),
        conic="given x: real[n], P: psd real[n, n]; find t: real; minimize t; "
              "subject to concat(1 + t, 1 - t, 2 * sqrtm(P) @ x) in soc",
    ),
    Atom(
        name="quad_over_lin", arity=2, doc="sum(x^2) / y for a number y > 0.", shape=quad_over_lin,
        sign=NONNEG, curvature=curved(CONVEX),
        monotone=lambda signs, values=(): (direction_of(signs[0]), DOWN),
        jax="rt.sum_squares({0}) / ({1})", cvxpy="cp.quad_over_lin({0}, {1})",
        latex=r"\frac{{\| {0} \|_2^2}}{{{1}}}", domain=("real", "positive"), precedence=6,
        conic="given x: real[n], y: real; find t: real; minimize t; "
              "subject to concat(y + t, y - t, 2 * x) in soc",
        example=(Example(((1.0, -2.0), 0.5)),),
    ),
    Atom(
        name="trace", arity=1, doc="Sum of the diagonal of a square matrix.", shape=square_to_scalar,
        sign=sign_of_first, curvature=curved(AFFINE), monotone=moves(UP), jax="jnp.trace({0})",
        cvxpy="cp.trace({0})", latex=r"\operatorname{{tr}}({0})", result="same", example=(Example((SQUARE,)),),
    ),
    Atom(
        name="det", arity=1, doc="Determinant of a square matrix.", shape=square_to_scalar, sign=ANY,
        curvature=UNCURVED, monotone=moves(NEITHER), jax="rt.det({0})", cvxpy=None,
        latex=r"\det({0})", example=(Example((SQUARE,)),),
    ),
    Atom(
        name="log_det", arity=1, doc="log of the determinant of a positive definite matrix.",
        shape=square_to_scalar, sign=ANY, curvature=curved(CONCAVE), monotone=moves(NEITHER),
        jax="rt.log_det({0})", cvxpy="cp.log_det({0})", latex=r"\log\det({0})", domain=("pd",),
        conic="given X: psd real[n, n]; find Z: real[n, n]; maximize sum(log(diag(Z))); subject to; "
              "Z[i, j] == 0 for i in n for j in n where i < j; "
              "concat(concat(X, Z, axis = 1), concat(Z', diag(diag(Z)), axis = 1)) in psd",
        example=(Example((PD,)),),
    ),
    Atom(
        name="inv", arity=1, doc="Inverse of a square matrix.", shape=square_to_same, sign=ANY,
        curvature=UNCURVED, monotone=moves(NEITHER), jax="rt.inv({0})", cvxpy=None, latex=r"{0}^{{-1}}",
        example=(Example((SQUARE,)),),
    ),
    Atom(
        name="solve", arity=2, doc="`solve(A, b)`: the x of A @ x == b, for a vector or a matrix b.",
        shape=solution, sign=ANY, curvature=curved(AFFINE), monotone=moves(NEITHER),
        jax="rt.solve({0}, {1})", cvxpy="ct.solve({0}, {1})", latex=r"{0}^{{-1}} {1}",
        constant_in=(frozenset({0}),),
        example=(Example((SQUARE, (1.0, -2.0))), Example((SQUARE, ((1.0, -2.0), (0.5, 3.0))))),
    ),
    Atom(
        name="sqrtm", arity=1, doc="The psd square root of a psd matrix.", shape=square_to_same, sign=ANY,
        curvature=UNCURVED, monotone=moves(NEITHER), jax="rt.sqrtm({0})", cvxpy=None, latex=r"{0}^{{1/2}}",
        domain=("psd",), example=(Example((PD,)),),
    ),
    Atom(
        name="eig_max", arity=1, doc="Largest eigenvalue of a symmetric matrix.", shape=square_to_scalar,
        sign=ANY, curvature=curved(CONVEX), monotone=moves(NEITHER), jax="rt.eig_max({0})",
        conic="given X: symmetric real[n, n]; find t: real; minimize t; subject to t * eye(n) >> X",
        cvxpy="cp.lambda_max({0})", latex=r"\lambda_{{\max}}({0})", domain=("symmetric",), order=0,
        example=(Example((PD,)),),
    ),
    Atom(
        name="eig_min", arity=1, doc="Smallest eigenvalue of a symmetric matrix.", shape=square_to_scalar,
        sign=ANY, curvature=curved(CONCAVE), monotone=moves(NEITHER), jax="rt.eig_min({0})",
        conic="given X: symmetric real[n, n]; find t: real; maximize t; subject to X >> t * eye(n)",
        cvxpy="cp.lambda_min({0})", latex=r"\lambda_{{\min}}({0})", domain=("symmetric",), order=0,
        example=(Example((PD,)),),
    ),
)  # fmt: skip
