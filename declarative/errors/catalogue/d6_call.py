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
        "`{name}` has {found} axes, shape {shape}; it needs at least {rank}",
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
)

ENTRIES: tuple[Entry, ...] = CALL
