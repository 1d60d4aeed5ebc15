"""D3xx, curvature, well-posedness and other findings of the analysis."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="D301",
        title="objective not certified convex",
        severity="warning",
        message="what is {verb} is not certified {wanted}: a local solution is sought",
        label="{reason}",
        help="give a `start` near the solution you want, or write the objective in a {wanted} way{more}",
        page="""\
The rules of disciplined convex programming could not show that a minimized objective is convex (or that a
maximized one is concave). The caret stands at the innermost subexpression where certainty is lost.

    find x: real
    minimize (x^2 - 1)^2        # `pow` is convex but neither increasing nor decreasing

The problem can still be solved where an engine takes it, but what is found may be a local solution that
depends on the start, and which one it is may jump when a parameter changes.

What helps:
 - a square of something affine, `||A @ x - b||^2`, is convex; the square of a convex function is when it is
   nonnegative;
 - `x' @ P @ x` is convex when `P` is: declare it `psd`, or write it `B' @ B`;
 - a product of two unknown quantities is not convex; a product with a parameter is, if its sign fits: declare
   parameters `nonneg`;
 - a scalar function of one affine argument is differentiated twice and proven where possible, so
   `sqrt(1 + r^2) - 1` needs no help.""",
    ),
    Entry(
        code="D302",
        title="constraint not certified convex",
        severity="warning",
        message="a constraint is not certified convex: a local solution is sought",
        label="{reason}",
        help="this constraint is convex if it is {wanted}{more}",
        page="""\
A constraint is convex when it is one of

    affine == affine
    convex <= concave
    affine in a convex set
    affine ⪰ affine

and the one at the caret could not be shown to be. `||x||^2 == 1` is a sphere, which is not convex;
`||x||^2 <= 1` is the ball. `sqrt(x) >= 1` is `1 <= concave`, which is convex.""",
    ),
    Entry(
        code="D303",
        title="set without convexity",
        severity="warning",
        message="`{what}` is not a convex set: a local solution is sought",
        label="not convex",
        help="its convex relative is often enough: `ball(r)` for `sphere`, `[0, 1]` for whole numbers",
        page="""\
`sphere`, `stiefel`, `SO`, `SE` and sets of whole numbers are not convex: the straight line between two of
their points leaves them. Solutions may be local, and there may be several.""",
    ),
    Entry(
        code="D304",
        title="solution of a linear program",
        severity="note",
        message="the solution of a linear program is piecewise constant in its costs",
        label="linear",
        help="for gradients that carry information, add a small strongly convex term such as `eps * ||x||^2`",
        page="""\
The minimiser of a linear objective over a polyhedron is a corner of it. Small changes of the costs leave the
corner where it is, so the derivative of the solution with respect to the costs is zero, and at the changes
where it jumps the derivative does not exist. Derivatives with respect to the right-hand sides and the
optimal value are informative nonetheless.""",
    ),
    Entry(
        code="D305",
        title="no geometric program",
        severity="note",
        message="all unknowns are positive, but this is no geometric program",
        label="{reason}",
        help="monomials are products of powers with positive coefficients, posynomials their sums",
        page="""\
A problem in positive unknowns is convex in their logarithms if it minimizes a posynomial, or maximizes a monomial,
subject to

    posynomial <= monomial
    monomial == monomial

A monomial is a product of powers of the unknowns and a positive coefficient, such as `c * x^2 / y` for
`given c: positive real`; a posynomial is a sum of monomials, and sums, products, positive powers and maxima of
posynomials count as well. Such a problem is solved to its global optimum, in the logarithms.""",
    ),
)
