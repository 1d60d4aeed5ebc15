"""D200 to D219, names: of values, functions, properties, sets, labels, options and files."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="D201",
        title="unknown name",
        message="unknown name `{name}`",
        label="nothing of this name is in sight",
        help="{hint}",
        page="""
A name stands for a given, an unknown, a `let` above it, a dimension of some shape, an index variable of an
enclosing `for`, or one of the constants `pi` and `inf`. Inside a `def` only its own arguments are in sight.

    given y: real[n]
    find  x: real[n]
    minimize ||x - z||^2        # `z` is not declared

Declare the name, or correct its spelling.
""",
    ),
    Entry(
        code="D202",
        title="unknown function",
        message="unknown function `{name}`",
        label="no function, `def` or problem has this name",
        help="{hint}",
        page="""
What can be called is a function of the language (`decl explain` lists them in docs/atoms.md), a `def`, an
`extern def` or a `problem` of this file, or one that was imported.

    minimize sum_square(x)      # the function is `sum_squares`
""",
    ),
    Entry(
        code="D203",
        title="name declared twice",
        message="`{name}` is declared twice",
        label="this name is taken",
        also="first declared here",
        help="give one of them another name",
        page="""
Within a problem, a name has one meaning: givens, unknowns, lets, dimensions, index variables and the time of
an `ode` share one space of names, labels another, and the problems and functions of a file a third.

    given n: real, x: real[n]   # `n` is a number and a dimension
""",
    ),
    Entry(
        code="D204",
        title="unknown property",
        message="unknown property `{name}`",
        label="not a property",
        help="{hint}",
        page="""
The properties are `nonneg positive nonpos negative` (of every entry), `symmetric psd pd skew diagonal` (of a
square matrix) and `static` (of a given: a Python value, fixed when compiled).

    given P: semidefinite real[n, n]    # write `psd real[n, n]`
""",
    ),
    Entry(
        code="D205",
        title="unknown set",
        message="unknown set `{name}`",
        label="not a set",
        help="{hint}",
        page="""
The sets are `simplex`, `box(lo, hi)`, `[lo, hi]`, `ball(r)`, `ball(r, p)`, `sphere`, `soc`, `psd`, `exp_cone`,
`power_cone(a)`, `birkhoff`, `stiefel`, `SO`, `SE`, `monotone`, `nonneg` and `unit_interval`.
Any other set is written as constraints under `subject to`.
""",
    ),
    Entry(
        code="D206",
        title="unknown type",
        message="unknown type `{name}`",
        label="not a type",
        help="{hint}",
        page="""
A type is `real`, `int` or `bool`, with properties before it and a shape behind it, or `any` for a pytree that is
passed on to an `extern def`.

    given x: float[n]           # write `real[n]`; the precision is that of the arguments
""",
    ),
    Entry(
        code="D207",
        title="unknown label",
        message="no constraint is labelled `{name}`",
        label="not a label",
        help="{hint}",
        page="""
`dual(label)` is the multiplier of the constraint with that label.

    subject to
      budget: sum(x) <= 1
    return x, price = dual(budget)
""",
    ),
    Entry(
        code="D208",
        title="unknown option",
        message="unknown option `{name}`",
        label="not an option",
        help="{hint}",
        page="""
The options are `engine`, `tol`, `max_iter`, `backward`, `start` and `on_fail`. They choose how a problem is
solved and never what it means.
""",
    ),
    Entry(
        code="D209",
        title="value of an option",
        message="`{name}` cannot be `{found}`",
        label="wrong value",
        help="it takes {wants}",
        page="""
    options engine = anderson, tol = 1e-8, max_iter = 50, backward = truncated(5), on_fail = raise
""",
    ),
    Entry(
        code="D210",
        title="endless expansion",
        message="`{name}` calls itself",
        label="this call would never end",
        help="a `def` is expanded in place and a problem is solved within another: neither can contain itself",
        page="""
There is no recursion in the language. Repetition is written with `sum(… for i in n)`, `prod`, `max` or `min`, or
as a `fixed point`.
""",
    ),
    Entry(
        code="D211",
        title="import not found",
        message="no file for `import {path}`",
        label="not found",
        help="a dotted path is relative to this file or to the search path, and never leaves them",
        page="""
`import a.b` looks for `a/b.decl` beside the file, then in the folders of the search path.
""",
    ),
    Entry(
        code="D212",
        title="imported name not found",
        message="`{path}` has no `{name}`",
        label="not defined there",
        help="{hint}",
        page="""
`from models import ridge` brings in a problem, a `def` or an `extern def` of `models.decl`.
""",
    ),
    Entry(
        code="D213",
        title="name of a constant",
        message="`{name}` is a constant of the language",
        label="this name is taken",
        help="choose another name",
        page="""
`pi` and `inf` always mean the numbers. A Greek letter is a spelling of its name: `π` is `pi`.
""",
    ),
    Entry(
        code="D214",
        title="function without its arguments",
        message="`{name}` is a function",
        label="used as a value",
        help="call it: `{name}(…)`",
        page="""
Functions are not values: they cannot be passed on, returned or added. Write the call.
""",
    ),
    Entry(
        code="D215",
        title="number of arguments",
        message="`{name}` takes {wants}, not {got}",
        label="{got} given here",
        help="",
        page="""
Each function takes a fixed number of arguments; a few take more (`maximum`, `concat`, `stack`), and those that
make an array take its sizes: `zeros(m, n)`, `reshape(x, m, n)`.
""",
    ),
    Entry(
        code="D216",
        title="value called like a function",
        message="`{name}` is a value, not a function",
        label="called here",
        help="index with brackets, `{name}[i]`; multiply with `*`",
        page="""
    minimize x(0) + 2(y)        # write x[0] + 2 * y

Only the unknowns of an `ode` are functions, of time, in what is returned.
""",
    ),
    Entry(
        code="D217",
        title="comprehension of another function",
        message="`{name}` takes no `for` and no `over`",
        label="not one of the functions that do",
        help="`sum`, `max`, `min`, `prod` and `mean` take `for`; `argmin`, `argmax`, `min` and `max` take `over`",
        page="""
    sum(x[i]^2 for i in n)                      # a reduction over an index
    argmin((u - a)^2 over u: real)              # a problem within a problem
""",
    ),
    Entry(
        code="D218",
        title="unknown argument name",
        message="`{function}` has no argument `{name}` to set",
        label="not known, or given twice",
        help="{hint}",
        page="""
Arguments of a `def`, an `extern def` or a problem may be given by name. Functions of the language take names for
settings only: `sum(X, axis = 0)`.
""",
    ),
    Entry(
        code="D219",
        title="type that does not fit",
        message="{what} is of type {base}; {wanted} is wanted",
        label="of type {base}",
        help="whole numbers fit where `real` is declared, nothing else is converted",
        page="""
A given, an argument or a default of type `int` or `bool` takes values of that type only.

    def pick(x: real[n], i: int) = x[i]
    ... pick(x, 0.5)
""",
    ),
)
