"""D220 to D249, shapes, sizes, indices and types of values."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="D220",
        title="different numbers of axes",
        message="`{text}`: shapes {left} and {right} do not go together",
        label="one has more axes than the other",
        help="scalars stretch; otherwise both sides need the same number of axes",
        page="""
Elementwise operations do not add axes: a vector is neither a row nor a column. Say which you mean.

    X - mu                              # X: real[m, n], mu: real[n]
    X - outer(ones(m), mu)              # the same mu in every row
""",
    ),
    Entry(
        code="D221",
        title="axes of different length",
        message="`{text}`: {left} vs {right}",
        label="these axes have different lengths",
        help="dimensions are equal only if they are written so: use one name for what is one length",
        page="""
Elementwise, both sides have the same number of axes, and each axis the same length; an axis of length 1 stretches.
Two names of dimensions are two lengths, even if the numbers happen to be equal in some call.

    given a: real[m], b: real[n]
    ... a + b                           # m of `a` vs n of `b`
""",
    ),
    Entry(
        code="D222",
        title="axes that a product cannot join",
        message="`{text}`: {left} vs {right}",
        label="the product sums over axes of different length",
        help="`A @ x` sums over the last axis of `A` and the first of `x`; `A'` is the transpose",
        page="""
    given F: real[n, k], w: real[k]
    ... F' @ w                          # n of `F` vs k of `w`: write F @ w
""",
    ),
    Entry(
        code="D223",
        title="wrong number of axes",
        message="this must be {wanted}; its shape is {shape}",
        label="wrong number of axes",
        help="",
        page="""
Some functions are of vectors (`dot`, `outer`, `quad_form`), some of matrices (`trace`, `det`, `inv`, `||X||_*`).
`x[i]` takes an entry, `X[i, :]` a row, `vec(X)` all entries as a vector, `reshape(x, m, n)` makes a matrix.
""",
    ),
    Entry(
        code="D224",
        title="matrix that is not square",
        message="this must be a square matrix; its shape is {shape}",
        label="not square",
        help="both axes must be the same dimension, as in `real[n, n]`",
        page="""
`trace`, `det`, `log_det`, `inv`, `sqrtm`, `solve`, `eig_max`, `eig_min` and the matrix of `quad_form` are defined for
square matrices.
""",
    ),
    Entry(
        code="D225",
        title="index out of range",
        message="index {index} is out of range: the axis has length {dim}",
        label="out of range",
        help="indices run from 0 to the length less 1; negative ones count from the end",
        page="""
    given x: real[n]
    ... x[n]                            # the last entry is x[n - 1], or x[-1]
""",
    ),
    Entry(
        code="D226",
        title="number expected",
        message="this must be one number; its shape is {shape}",
        label="not a scalar",
        help="",
        page="""
The condition of a filter, the denominator of `quad_over_lin` and the ends of a time interval are single numbers.
""",
    ),
    Entry(
        code="D227",
        title="no such axis",
        message="there is no axis {axis}: the shape is {shape}",
        label="no such axis",
        help="axes are counted from 0; negative ones count from the end",
        page="""
    sum(X, axis = 0)                    # column sums of a matrix
    sum(X, axis = 1)                    # row sums
""",
    ),
    Entry(
        code="D228",
        title="matrix product with a scalar",
        message="`@` is the product of vectors and matrices, not of a scalar",
        label="one side is a scalar",
        help="write `*`",
        page="""
`@` contracts an axis of each side. To scale an array by a number, write `c * A`.
""",
    ),
    Entry(
        code="D229",
        title="argument of the wrong shape",
        message="`{name}` of `{function}` is declared {wanted}; this is {found}{why}",
        label="does not fit the declaration",
        help="",
        page="""
The shapes of the arguments of a `def`, an `extern def` or a problem are matched with the declared ones: each name
in them stands for one length.

    def mse(a: real[n], b: real[n]) = mean((a - b)^2)
    ... mse(x, y)                       # x: real[k], y: real[m]: `n` cannot be both
""",
    ),
    Entry(
        code="D230",
        title="elementwise product of a matrix and a vector",
        message="`*` is elementwise: it cannot multiply {left} and {right}",
        label="a matrix and a vector",
        help="write `@` for the matrix product; `diag(d) @ A` or `outer` scale rows and columns",
        page="""
    minimize ||A * x - b||^2            # write A @ x
""",
    ),
    Entry(
        code="D231",
        title="not a dimension",
        message="`{text}` is no dimension",
        label="a length is wanted here",
        help="{why}; lengths are made of dimensions, whole numbers and static integers",
        page="""
Shapes, ranges, slice ends and sizes are known before any number is: they are made of dimensions.

    given T: static int, x: real[T + 1] # `static` fixes T when the problem is compiled
""",
    ),
    Entry(
        code="D232",
        title="which axis",
        message="along which axis? The shape is {shape}",
        label="it has {axes} axes",
        help="write `axis = 0` or another axis",
        page="""
`diff`, `cumsum` and `softmax` run along the only axis of a vector; of a matrix, the axis must be said.

    diff(X, axis = 0)                   # X[1:, :] - X[:-1, :]
""",
    ),
    Entry(
        code="D233",
        title="reshape that changes the number of entries",
        message="{have} holds {count} entries, {want} would hold {wants}",
        label="the numbers of entries differ",
        help="`reshape(x, m, n)` keeps all entries, row by row",
        page="""
    given x: real[2 * n]
    ... reshape(x, 2, n)                # two rows of n
""",
    ),
    Entry(
        code="D234",
        title="p-norm of a matrix",
        message="`||E||_{kind}` of a matrix has two meanings",
        label="entries, or singular values?",
        help="write `||vec(E)||_{kind}` for the entries",
        page="""
For a matrix, `||E||`, `||E||_F`, `||E||_1`, `||E||_inf` (all of the entries), `||E||_2` and `||E||_*` (of the singular
values) are defined.
""",
    ),
    Entry(
        code="D235",
        title="empty range",
        message="`{name}` runs over an empty range",
        label="no index in it",
        help="`1..n` includes both ends; `i in n` runs from 0 to n - 1",
        page="""
    sum(x[i] for i in 3..1)             # nothing to sum
""",
    ),
    Entry(
        code="D236",
        title="too many indices",
        message="{given} indices for shape {shape}",
        label="at most one index per axis",
        help="",
        page="""
An array takes at most one index per axis; axes without an index are kept whole: `X[i]` is `X[i, :]`.
""",
    ),
    Entry(
        code="D237",
        title="several index vectors",
        message="only one index can be a vector",
        label="two or more are",
        help="gather one axis after the other: `X[rows, :][:, columns]`",
        page="""
With two index vectors, NumPy pairs them and mathematics takes all combinations. Gathering axis by axis says which.
""",
    ),
    Entry(
        code="D238",
        title="empty slice",
        message="the slice from {lower} to {upper} is empty",
        label="nothing in it",
        help="the upper end is not included",
        page="""
`x[a:b]` holds the entries a, a + 1, …, b - 1. Negative numbers count from the end: `x[:-1]` leaves out the last.
""",
    ),
    Entry(
        code="D239",
        title="index variable out of range",
        message="`{index}` is {value} for `{name}` = {at}: out of range of {dim}",
        label="out of range",
        also="the range of the index",
        help="shorten the range, as in `for {name} in 1..n-1`, or filter it with `where`",
        page="""
    sum((x[i + 1] - x[i])^2 for i in n)         # i = n - 1 reads x[n]
    sum((x[i + 1] - x[i])^2 for i in n - 1)
""",
    ),
    Entry(
        code="D240",
        title="truth value used as a number",
        message="{what} is a {base}; {wanted} is wanted",
        label="true or false",
        help="write `if … then 1 else 0`",
        page="""
    sum(x[i] > 0 for i in n)                    # count with
    sum(if x[i] > 0 then 1 else 0 for i in n)
""",
    ),
    Entry(
        code="D241",
        title="value without arithmetic",
        message="{what} cannot be computed with",
        label="not a number",
        help="a value of type `any` can only be passed on to an `extern def`",
        page="""
A pytree goes through a problem untouched. What is computed from it is computed by a host function:

    extern def cell(z: real[n], theta: any) -> real[n]
""",
    ),
    Entry(
        code="D242",
        title="index that is no whole number",
        message="an index must be a whole number, not {base}",
        label="of type {base}",
        help="declare it `int`",
        page="""
    given idx: int[k], x: real[n]
    ... x[idx]                                  # gathers k entries
""",
    ),
    Entry(
        code="D243",
        title="not a condition",
        message="a condition is wanted here, not a value of type {base}",
        label="of type {base}",
        help="compare it with something, as in `x > 0`",
        page="""
`if`, `where`, `and`, `or` and `not` take truth values: comparisons, `true`, `false` and givens of type `bool`.
""",
    ),
    Entry(
        code="D244",
        title="not known when compiled",
        message="`{what}` must be known when the problem is compiled",
        label="not fixed",
        help="write a whole number, a dimension or a static given",
        page="""
`axis` is a number of the text: it decides shapes. An argument for a `static int` of a nested problem is a size.
""",
    ),
    Entry(
        code="D245",
        title="matrix order as a value",
        message="the order of symmetric matrices is a constraint, not a value",
        label="cannot stand here",
        help="write it under `subject to`",
        page="""
`X >> Y` (`X ⪰ Y`) says that X - Y is positive semidefinite. Two matrices may well be in neither order, so it is no
condition for `if` or `where`.
""",
    ),
    Entry(
        code="D246",
        title="result of unknown size",
        message="`{name}` in the result of `{function}` is in no argument's shape",
        label="its length is unknown",
        help="dimensions of the result must occur in the shapes of the arguments",
        page="""
    extern def encode(x: real[n]) -> real[k]    # how long is it?
    extern def encode(x: real[n], like: real[k]) -> real[k]
""",
    ),
    Entry(
        code="D247",
        title="undetermined dimension",
        message="nothing says how long `{name}` is",
        label="in no given's shape",
        help="{hint}",
        page="""
Dimensions are bound by the arguments of the call. `real[n + 1]` determines n; `real[m * n]` alone determines neither.

    given n: static int                         # or let a given have the length
    find  x: real[n]
""",
    ),
    Entry(
        code="D248",
        title="nested problem with several results",
        message="`{name}` gives {count} values; inside an expression it must give one",
        label="which one?",
        help="let it `return` one value, or search over one unknown",
        page="""
A problem that is called like a function stands for its only output. Concatenate, or write two problems.
""",
    ),
    Entry(
        code="D249",
        title="untyped host function",
        message="`{name}` of `{function}` needs a type",
        label="no type",
        help="a host function cannot be looked into: declare shapes for all of its arguments",
        page="""
    extern def cell(z: real[d], theta: any) -> real[d]
""",
    ),
)
