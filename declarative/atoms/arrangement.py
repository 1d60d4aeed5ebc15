"""Functions that arrange entries or make arrays; all linear, all exact."""

from __future__ import annotations

from declarative.atoms.record import Atom, Example, Monotone, ShapeRule, Sign, SignRule
from declarative.atoms.rules import AFFINE, NEITHER, UP, curved, moves, sign_is, sign_of_sum
from declarative.atoms.shapes import (
    along,
    as_given,
    concatenated,
    diagonal,
    differences,
    flat,
    reshaped,
    square_of_size,
    stacked,
)
from declarative.dims import Dim

AXIS, FIRST_AXIS = (("axis", None),), (("axis", 0),)
VECTOR, MATRIX = (1.0, -2.0, 4.0), ((1.0, -2.0, 0.5), (3.0, 0.25, -4.0))
SHAPE = (("shape", (Dim.of(3), Dim.of(2))),)


def _linear(
    name: str, arity: int | tuple[int, int | None], doc: str, shape: ShapeRule, jax: str, cvxpy: str,
    latex: str, example: tuple[Example, ...], attrs: tuple[tuple[str, object], ...] = (),
    sign: SignRule = sign_of_sum, direction: Monotone = UP,
) -> Atom:  # fmt: skip
    return Atom(
        name=name, arity=arity, doc=doc, shape=shape, sign=sign, curvature=curved(AFFINE),
        monotone=moves(direction), jax=jax, cvxpy=cvxpy, latex=latex, attrs=attrs, result="same",
        example=example,
    )  # fmt: skip


ATOMS: tuple[Atom, ...] = (
    _linear("diag", 1, "The diagonal matrix of a vector, or the diagonal of a square matrix.", diagonal,
            "jnp.diag({0})", "cp.diag({0})", r"\operatorname{{diag}}({0})",
            (Example((VECTOR,)), Example((((1.0, 2.0), (3.0, 4.0)),)))),
    _linear("diff", 1, "Differences x[1:] - x[:-1] of a vector, or along `axis`.", differences,
            "rt.diff({0}, {axis})", "ct.diff({0}, {axis})", r"\operatorname{{diff}}({0})",
            (Example((VECTOR,)), Example((MATRIX,), (("axis", 1),))), attrs=AXIS,
            sign=sign_is(Sign.UNKNOWN), direction=NEITHER),
    _linear("cumsum", 1, "Running sums of a vector, or along `axis`.", along,
            "rt.cumsum({0}, {axis})", "ct.cumsum({0}, {axis})", r"\operatorname{{cumsum}}({0})",
            (Example((VECTOR,)), Example((MATRIX,), (("axis", 1),))), attrs=AXIS),
    _linear("concat", (1, None), "Joins arrays along `axis` (0); numbers count as vectors of length 1.",
            concatenated, "rt.concat([{args}], {axis})", "ct.concat([{args}], {axis})", r"({args})",
            (Example((VECTOR, 0.5, (2.0, 3.0))), Example((MATRIX, ((5.0,), (6.0,))), (("axis", 1),))),
            attrs=FIRST_AXIS),
    _linear("stack", (1, None), "Stacks arrays of one shape along a new `axis` (0).", stacked,
            "jnp.stack([{args}], axis={axis})", "ct.stack([{args}], {axis})",
            r"\operatorname{{stack}}({args})",
            (Example((VECTOR, (2.0, 3.0, 0.5))), Example((VECTOR, (2.0, 3.0, 0.5)), (("axis", 1),)),
             Example((1.0, 2.0))), attrs=FIRST_AXIS),
    _linear("reshape", 1, "`reshape(x, m, n)`: the same entries, row by row, in another shape.", reshaped,
            "jnp.reshape({0}, {shape})", 'cp.reshape({0}, {shape}, order="C")',
            r"\operatorname{{reshape}}({0})", (Example((MATRIX,), SHAPE),), attrs=(("shape", None),)),
    _linear("vec", 1, "All entries as one vector, row by row (the order of `reshape`).", flat,
            "jnp.ravel({0})", 'cp.vec({0}, order="C")', r"\operatorname{{vec}}({0})", (Example((MATRIX,)),)),
    _linear("zeros", 0, "`zeros(m, n)`: an array of zeros.", as_given, "rt.full({shape}, 0.0)",
            "np.zeros({shape})", r"\mathbf{{0}}", (Example((), SHAPE),), attrs=(("shape", None),),
            sign=sign_is(Sign.ZERO)),
    _linear("ones", 0, "`ones(m, n)`: an array of ones.", as_given, "rt.full({shape}, 1.0)", "np.ones({shape})",
            r"\mathbf{{1}}", (Example((), SHAPE),), attrs=(("shape", None),), sign=sign_is(Sign.NONNEG)),
    _linear("eye", 0, "`eye(n)`: the identity matrix.", square_of_size, "rt.eye({size})", "np.eye({size})",
            "I", (Example((), (("size", Dim.of(3)),)),), attrs=(("size", None),),
            sign=sign_is(Sign.NONNEG)),
)  # fmt: skip
