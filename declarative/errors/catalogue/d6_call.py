"""D6xx, arguments and data at the call and on the command line."""

from declarative.errors.catalogue.entry import Entry

CALL: tuple[Entry, ...] = (
    Entry(
        "D601",
        "missing argument",
        "`{problem}` needs an argument for {names}",
        label="declared here, without a default",
        help="the call is {signature}",
        page="Every `given` without a default needs an argument, by position or by name.",
    ),
    Entry(
        "D602",
        "unexpected argument",
        "`{problem}` takes no argument `{name}`{hint}",
        help="the call is {signature}",
        page="A keyword must be the name of a `given`. A `static` parameter that was fixed when the layer was "
        "compiled is no argument any more.",
    ),
    Entry(
        "D603",
        "too many arguments",
        "`{problem}` takes {expected} positional arguments, {found} were given",
        help="the call is {signature}",
        page="Arguments by position follow the order of the `given` declarations.",
    ),
    Entry(
        "D604",
        "argument given twice",
        "`{name}` was given by position and by name",
        label="declared here",
        help="the call is {signature}",
        page="Pass each argument once, by position or by name.",
    ),
    Entry(
        "D605",
        "too few axes",
        "`{name}` has too few axes: its shape is {shape}, at least {rank} are needed",
        label="declared `{declared}` here",
        help="the last {rank} axes are `{axes}`; axes before them are batch axes",
        page="An argument has the declared axes, and possibly batch axes before them. A vector is not stretched "
        "to a matrix.",
    ),
    Entry(
        "D606",
        "wrong kind of value",
        "`{name}` must be {expected}, found {found}",
        label="declared `{declared}` here",
        help="{help}",
        page="A `real` takes floating point or integer arrays and numbers, an `int` integers, a `bool` booleans. "
        "Complex numbers, text and arrays of Python objects have no meaning here.",
    ),
    Entry(
        "D607",
        "dimension clash",
        "`{name}` does not fit: its axis {axis} has length {found}, but {dim} is {expected}",
        label="axis {axis} of `{name}` is `{dim}`{batch}",
        help="{who}",
        page="The name of a dimension means one number in a call. The first argument that has the axis binds it, "
        "in the order of declaration; later ones must agree.",
    ),
    Entry(
        "D608",
        "dimension without a whole number",
        "`{name}` does not fit: axis {axis} has length {found}, and {dim} = {found} has no solution",
        label="axis {axis} of `{name}` is `{dim}`",
        help="`{unknown}` would have to be a whole number that is not negative{who}",
        page="Arithmetic on dimensions is solved: an argument of shape [2*n] needs an even length.",
    ),
    Entry(
        "D609",
        "dimension not determined",
        "no argument determines {names}",
        label="needs {names}",
        help="{help}",
        page="Each dimension is read from the shape of an argument, or is a `static` parameter.",
    ),
    Entry(
        "D610",
        "batch axes clash",
        "the batch axes of `{name}`, {found}, do not broadcast with {expected}",
        label="declared `{declared}` here",
        help="{who}; batch axes broadcast by NumPy's rules: equal from the right, or 1",
        page="Axes before the declared ones are batch axes. They must broadcast between the arguments.",
    ),
    Entry(
        "D611",
        "promise broken",
        "`{name}` is not {promise}{where}",
        label="`{promise}` is promised here",
        help="{help}",
        page="Properties and sets of a `given` are promises on which the analysis builds. They are checked with "
        "`layer.solve(..., check=True)` and `decl run --check-values`.",
    ),
    Entry(
        "D612",
        "static parameter",
        "`{name}` is static: it must be {expected}, found {found}",
        label="declared here",
        help="{help}",
        page="A `static` parameter is a Python value, fixed when the layer is compiled: "
        "`dc.compile(text, static={{...}})`.",
    ),
    Entry(
        "D613",
        "mixed kinds of arrays",
        "`{name}` is {found}, but `{first}` is {expected}",
        help="pass all arrays as JAX or NumPy arrays, or all as PyTorch tensors on one device",
        page="The outputs are of the kind of the arguments, so that kind must be one: PyTorch tensors and traced "
        "JAX arrays cannot stand in one call. NumPy arrays and Python numbers go with either.",
    ),
    Entry(
        "D614",
        "bad start",
        "`start` {problem}",
        label="{label}",
        help='`start={{"name": array}}` gives first values of unknowns, with their shapes',
        page="A start must name unknowns of the problem and have their shapes, possibly with batch axes.",
    ),
    Entry(
        "D615",
        "learnable parameter without a shape",
        "`{name}` cannot be made: {names} is known from no other argument",
        label="declared here",
        help="give `sizes={{...}}` or a first value: `learn={{{name!r}: array}}`",
        page="A module that owns parameters must know their shapes before the first call, or see them in it.",
    ),
    Entry(
        "D616",
        "no such problem",
        "there is no problem `{name}`",
        help="{help}",
        page="`problem=` and `module[...]` take the name that stands after the keyword `problem`.",
    ),
    Entry(
        "D617",
        "which problem",
        "the text holds no single problem: say which one with `problem=`",
        help="{help}",
        page='`dc.compile(text)` takes a text with one problem; otherwise `dc.compile(text, problem="ridge")`, or '
        "`dc.load(path)`, which gives them all.",
    ),
    Entry(
        "D618",
        "not a static parameter",
        "`{problem}` has no static parameter `{name}`",
        help="static parameters: {there}",
        page="Only parameters declared `static`, as in `T: static int`, can be fixed when compiling.",
    ),
    Entry(
        "D625",
        "sparse matrix of unknown pattern",
        "`{name}` is a sparse matrix whose pattern is traced",
        label="declared here",
        help="trace its entries only: `lambda data: layer(BCOO((data, A.indices), shape=A.shape))`",
        page="Where the entries of a sparse matrix stand is a part of the program that is compiled, as its shape is: "
        "under `jit`, `vmap` and `grad` the entries may be traced, the indices may not.",
    ),
    Entry(
        "D626",
        "large sparse matrix made dense",
        "the sparse matrix `{name}` is made dense, with {entries} entries, for the engine `{engine}`",
        help='`engine="first_order"` and `backend="cvxpy"` keep a matrix sparse that stands in products with '
        "vectors only",
        page="Engines of dense matrices take sparse ones as dense. From 4,000,000 entries on the plan asks for an "
        "engine that keeps them sparse; this warning says that there is none, or that the options name a dense one. "
        "A matrix stays sparse where the problem only multiplies vectors by it: `A @ x`, `A' @ y`, `x' @ P @ x`.",
    ),
)

DATA: tuple[Entry, ...] = (
    Entry(
        "D651",
        "unreadable file",
        "`{path}` cannot be read: {reason}",
        help="{help}",
        page="Programs are UTF-8 text. Data are NumPy archives (`.npz`), JSON objects (`.json`), tables with a "
        "head line (`.csv`), or single values written `name=value`.",
    ),
    Entry(
        "D654",
        "data for no parameter",
        "`{name}` is no parameter of `{problem}`{hint}",
        help="the parameters are {names}",
        page="`--data name=value` must name a `given`. Arrays of a data file that no parameter has the name of "
        "are left out, and the command says so.",
    ),
    Entry(
        "D655",
        "bad value",
        "`{name}` cannot be read from `{text}`",
        help="write a number, `true`, `false`, or nested lists: `q=[1, -2.5]`",
        page="A value on the command line is JSON: a number, a truth value, or lists of them.",
    ),
    Entry(
        "D656",
        "bad gradient request",
        "`--grad {text}` names no {what}",
        help="write `--grad OUT:PARAM`, with OUT one of {outputs} and PARAM one of {params}",
        page="`--grad OUT:PARAM` prints the derivative of the sum of an output's entries with respect to a "
        "parameter with floating-point entries.",
    ),
    Entry(
        "D657",
        "package missing",
        "`{feature}` needs the package `{package}`",
        help="pip install '{install}'",
        page="Some features use packages that are not installed by default; the extras of "
        "`declarative-layers` bring them.",
    ),
    Entry(
        "D659",
        "host function needed",
        "`{problem}` calls the host function `{name}`, which the command line cannot bind",
        label="declared here",
        help='bind it in Python: `dc.compile(text, extern={{"{name}": function}})`',
        page="An `extern def` stands for a function of the host program. The command line has no host program.",
    ),
    Entry(
        "D661",
        "unwritable file",
        "`{path}` cannot be written: {reason}",
        help="{help}",
        page="The folder must exist; outputs are written as `.npz`, `.json` or `.csv`, plots as `.png`.",
    ),
    Entry(
        "D690",
        "cvxpy does not see the convexity",
        "cvxpy does not accept the program: {reason}",
        help='use `backend="jax"`, or write the problem with atoms that cvxpy knows',
        page="The cvxpy backend states the problem in cvxpy, whose own rules must certify it again, for the sizes "
        "of the call. Where they do not, the JAX backend may still solve the problem.",
    ),
    Entry(
        "D692",
        "too large for cvxpy",
        "cvxpy would tabulate the quadratic objective, {unknowns} unknowns by {numbers} numbers given",
        help='use `engine="first_order"`',
        page="cvxpy writes a quadratic objective as a dense table of its unknowns and all numbers that are given, also "
        "where the matrices are sparse. Linear objectives have no such limit.",
    ),
    Entry(
        "D691",
        "second derivative on the cvxpy backend",
        "the cvxpy backend gives first derivatives only where curved cones are involved",
        help='use `backend="jax"` for second derivatives',
        page="For linear and quadratic programs the cvxpy backend has derivatives of every order. With "
        "second-order, semidefinite, exponential or power cones it has first derivatives, forward and reverse.",
    ),
    Entry(
        "D619",
        "file that cannot be read",
        "cannot read {path}: {reason}",
        help="a program is a text file in UTF-8, usually with the ending .decl",
        page="The file must exist and hold UTF-8 text.",
    ),
    Entry(
        "D620",
        "no such code",
        "there is no diagnostic `{name}`",
        help="codes look like D203: D1 syntax, D2 names, shapes and types, D3 analysis, D4 plan, D5 Python, D6 calls",
        page="Each diagnostic has a code, which stands in brackets behind `error` or `warning`.",
    ),
    Entry(
        "D621",
        "decorator on something else",
        "`@declarative` stands before a function, found {found}",
        help="write `@declarative` above `def name(...):`",
        page="The decorator reads a function's docstring or traces its body.",
    ),
    Entry(
        "D622",
        "not a text",
        "a program is a text, found {found}",
        help="pass a string; `dc.load(path)` reads a file",
        page="`dc.compile`, `dc.check` and `dc.format` take the program itself, as a string.",
    ),
    Entry(
        "D623",
        "not a mapping",
        "`{name}` maps names to values, found {found}",
        help='write `{name}={{"name": value}}`',
        page="`extern` binds host functions by name, `static` fixes static parameters by name.",
    ),
    Entry(
        "D624",
        "host function of another shape",
        "the host function `{name}` gave {found}, but shape ({expected}) is declared",
        label="declared to give `[{axes}]`",
        help="change the function, or the declaration",
        page="What `extern def` declares is what the host function must give: one array of that shape for one "
        "element, without batch axes.",
    ),
)

ENTRIES: tuple[Entry, ...] = (*CALL, *DATA)
