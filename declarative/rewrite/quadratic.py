"""Symbolic data of a quadratic program: a Variant gives IR expressions of the parameters alone.

For the emitter (`backends/jax/emit.py`). `extract(problem, scope)` reads a problem whose objective has
degree <= 2 and whose constraints are affine `Equality` and `Inequality` nodes, and gives `Form`:

    minimise 1/2 z'Pz + q'z   where z concatenates the unknowns, raveled in C order
    row(c)   A z = b          for every Equality c, in the order of problem.constraints
             G z <= h         for every Inequality c

Every matrix comes in blocks, one per unknown, so that absent blocks are known zeros:

    form.P     {(x, y): Expr of shape [size x, size y]} or None, `x`, `y` names of unknowns
    form.q     {x: Expr of shape [size x]} or None
    form.rows  one Row per constraint, in order: Row.blocks {x: Expr [rows, size x]} or None,
               Row.rhs: Expr [rows] or None

`None` means "no pattern is known": the emitter then differentiates the emitted function instead
(`jax.hessian` or `jax.grad` at z = 0 of the objective, `jax.jacfwd` and minus the value at z = 0 of
`left - right`). A block that is missing from a dictionary is zero. A symmetric pair (x, y), (y, x) is
always given in both places. `sense` is applied: for `maximize` P and q are those of -f. Where a
constraint carries binders, its rows follow the binders first, then the axes of the constraint, in
C order, which is the order of its multiplier.
"""
