"""D250 to D289, what is solved: objectives, constraints, equations, declarations and outputs."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="D250",
        title="objective that is no number",
        message="an objective is one number; this has shape {shape}",
        label="not a scalar",
        help="sum it, or take a norm",
        page="""
    minimize (X @ w - y)^2              # a vector
    minimize sum((X @ w - y)^2)
""",
    ),
    Entry(
        code="D252",
        title="unknown that is not solved for",
        message="`{name}` appears in nothing that is solved",
        label="free to be anything",
        help="use it in the objective or a constraint, or remove it",
        page="""
An unknown that neither the objective nor any constraint or equation mentions has no determined value, and so no
derivative. Its own set or properties do not count.
""",
    ),
    Entry(
        code="D253",
        title="unused given",
        severity="warning",
        message="`{name}` is not used",
        label="declared here",
        help="remove it, or use it",
        page="""
A given that nothing reads has derivative zero. It is allowed, and almost always a mistake.
""",
    ),
    Entry(
        code="D254",
        title="one equation per unknown",
        message="`{name}` has {what}",
        label="one for each unknown",
        also="see here",
        help="",
        page="""
A `fixed point` has one equation `z = g(z)` for each unknown; an `ode` has `der(y) == …` and `y(a) == …` for each.

    fixed point
      x = cos(y)
      y = sin(x)
""",
    ),
    Entry(
        code="D255",
        title="image of another shape",
        message="`{name}` has shape {wanted}; the right-hand side has shape {found}",
        label="shape {found}",
        also="declared here",
        help="",
        page="""
The right-hand side of `z = g(z)`, of `der(y) == …` and of `y(a) == …` has the shape of the unknown.
""",
    ),
    Entry(
        code="D256",
        title="equations do not match unknowns",
        message="{equations} equations for {unknowns} unknowns",
        label="a root needs as many equations as unknown entries",
        help="an equation between arrays counts once per entry",
        page="""
With fewer equations than unknowns roots come in families, with more there is usually none. For too many equations,
minimise the sum of their squares instead.
""",
    ),
    Entry(
        code="D257",
        title="label on a chain",
        message="`{label}` would name {parts} multipliers",
        label="a label names one constraint",
        help="write the parts of the chain as constraints of their own, each with its label",
        page="""
Each inequality of `lo <= x <= hi` has its own multiplier.

    subject to
      lower: lo <= x
      upper: x <= hi
    return x, up = dual(upper)
""",
    ),
    Entry(
        code="D259",
        title="property of a square matrix",
        message="`{name}` speaks of a square matrix; the shape is {shape}",
        label="not a square matrix",
        help="both axes must be the same dimension, as in `real[n, n]`",
        page="""
`symmetric`, `psd`, `pd`, `skew` and `diagonal` are properties of square matrices.
""",
    ),
    Entry(
        code="D260",
        title="declaration that makes no sense",
        message="{what} cannot be said of {whom}",
        label="not here",
        help="{why}",
        page="""
`static` is for givens, `any` is for givens without a shape, and signs are for numbers.
""",
    ),
    Entry(
        code="D261",
        title="opposite properties",
        message="`{name}` and `{other}` contradict each other",
        label="contradiction",
        help="remove one of them",
        page="""
No number is both positive and at most zero; only the zero matrix is both symmetric and skew.
""",
    ),
    Entry(
        code="D262",
        title="only in what is returned",
        message="{what} is known only after the solve",
        label="cannot stand here",
        help="use it under `return`; `dual` needs constraints, `objective` needs `minimize` or `maximize`",
        page="""
    return x, price = dual(budget), cost = objective

To use the optimal value of one problem inside another, write `min(f over u: …)`.
""",
    ),
    Entry(
        code="D263",
        title="multiplier of what",
        message="`dual` takes the label of one constraint",
        label="not a label",
        help="write `name:` before a constraint, and `dual(name)` here",
        page="""
    subject to
      budget: sum(x) <= 1
    return x, dual(budget)
""",
    ),
    Entry(
        code="D264",
        title="set of other things",
        message="`{name}` holds {wants}, not {found}",
        label="does not fit",
        help="",
        page="""
`simplex`, `soc` and `monotone` hold vectors, `psd`, `birkhoff`, `SO` and `SE` square matrices, `exp_cone` and
`power_cone` vectors of 3 numbers, `ball` and `sphere` arrays, and intervals and boxes hold numbers.
""",
    ),
    Entry(
        code="D265",
        title="bound of the wrong shape",
        message="shape {found} does not stretch to {wanted}",
        label="shape {found}",
        help="write a number, or an array of the same shape",
        page="""
The ends of an interval and a default are numbers, which stand for every entry, or arrays of the declared shape.
""",
    ),
    Entry(
        code="D266",
        title="set that moves with an unknown",
        message="a set may depend on parameters only",
        label="an unknown is in it",
        help="write it as a constraint: `x <= t`, `||x|| <= r`",
        page="""
    find t: real, x: real[n] in ball(t)         # write ||x|| <= t under `subject to`
""",
    ),
    Entry(
        code="D267",
        title="filter that reads data",
        message="which constraints there are cannot depend on data",
        label="reads more than indices and sizes",
        help="the filter of a constraint may read index variables, dimensions and static givens",
        page="""
Every element of a batch has the same constraints. A constraint can be made idle by data instead: `w[i] * x[i] <= b`.
""",
    ),
    Entry(
        code="D268",
        title="constraint without an unknown",
        message="there is no unknown in this constraint",
        label="parameters only",
        help="state facts about parameters under `assume`",
        page="""
    assume
      lo <= hi
""",
    ),
    Entry(
        code="D269",
        title="assumption about an unknown",
        message="`assume` speaks of parameters only",
        label="an unknown is in it",
        help="write it under `subject to`",
        page="""
A fact about parameters is a promise that the analysis may use. A demand on an unknown is a constraint.
""",
    ),
    Entry(
        code="D271",
        title="function without an implementation",
        message="`{name}` cannot be used here yet",
        label="not implemented",
        help="`der` stands at the left of an `ode` equation; the others come with later engines",
        page="""
`der`, `grad`, `laplacian`, `integral` and `interpolate` belong to the language. No engine evaluates them inside an
expression yet; differences are written with `diff`, sums with `sum`.
""",
    ),
    Entry(
        code="D272",
        title="order of other things",
        message="the matrix order compares square matrices of one size, not {left} and {right}",
        label="shapes {left} and {right}",
        help="`X >> 0` says that X is positive semidefinite; `c * eye(n)` is a multiple of the identity",
        page="""
`X >> Y` says that X - Y is positive semidefinite. For entries, write `X >= Y`.
""",
    ),
    Entry(
        code="D273",
        title="not an unknown",
        message="`{name}` is not an unknown",
        label="an unknown is wanted",
        help="{hint}",
        page="""
The left of a `fixed point` equation, the names after `over` and before `minimizes`, and the argument of `der` are
names declared under `find`.
""",
    ),
    Entry(
        code="D274",
        title="left of a fixed point",
        message="`{what}` is no unknown",
        label="an unknown is wanted here",
        help="write `z = …`; for equations of another form use `root`",
        page="""
    fixed point z = tanh(W @ z + b)
    root z + A @ z = b
""",
    ),
    Entry(
        code="D275",
        title="whose unknown",
        message="`{name}` belongs to {what}",
        label="each unknown has one",
        also="see here",
        help="",
        page="""
In a saddle point each unknown either minimises or maximises; in an equilibrium each belongs to one player.
""",
    ),
    Entry(
        code="D276",
        title="value at another time",
        message="`{name}` must be given at the start",
        label="not the start",
        also="the start",
        help="only initial value problems are solved",
        page="""
    ode t in [0, 1]
      der(y) == -y
      y(0) == y0
""",
    ),
    Entry(
        code="D277",
        title="left of an ode equation",
        message="`{what}` is neither `der(y)` nor the value of an unknown at the start",
        label="not understood",
        help="write `der(y) == …` and `y(a) == …`",
        page="""
    ode t in [0, 1]
      der(y) == -y
      y(0) == y0
""",
    ),
    Entry(
        code="D280",
        title="length below one",
        message="an axis cannot have length {dim}",
        label="not a length",
        help="",
        page="""
Every axis holds at least one entry. A scalar is declared without brackets.
""",
    ),
    Entry(
        code="D281",
        title="default of an unknown",
        message="`{name}` is to be found: it has no default",
        label="a value is given here",
        help="a starting point is given at the call, or by `options start = …`",
        page="""
Defaults are for givens that may be left out at the call.
""",
    ),
    Entry(
        code="D282",
        title="default that depends on names",
        message="a default is made of constants",
        label="reads another name",
        help="numbers, dimensions and functions of them, such as `zeros(n)`",
        page="""
    given w0: real[n] = zeros(n), gamma: positive real = 1
""",
    ),
    Entry(
        code="D283",
        title="two outputs of one name",
        message="two outputs would be called `{name}`",
        label="this one too",
        also="called `{name}`",
        help="name one of them: `return {name}, other = …`",
        page="""
Outputs come back by name. A bare `x` goes by its own name, and so does a bare `x[0]`.
""",
    ),
    Entry(
        code="D284",
        title="constraints beside equations",
        message="equations alone decide {what}",
        label="cannot be demanded as well",
        help="constraints, sets and properties of unknowns belong to `minimize` and `maximize`",
        page="""
A root or a fixed point cannot be asked to lie in a set: it does or it does not. To choose among roots, minimise a
distance subject to the equations.
""",
    ),
    Entry(
        code="D286",
        title="too large when expanded",
        message="`{name}` becomes too large when its definitions are expanded",
        label="{why}",
        help="name repeated parts by `let`: they are computed once; write long sums as `sum(… for i in n)`",
        page="""
Each call of a `def` is replaced by its body. Definitions that call each other twice double at each step.

    def f(r) = g(r) + g(r)      # write 2 * g(r)
""",
    ),
    Entry(
        code="D285",
        title="unused let",
        severity="warning",
        message="`{name}` is not used",
        label="named here",
        help="remove it, or return it",
        page="""
A `let` that nothing reads changes nothing.
""",
    ),
)
