"""D5xx, decorated Python functions."""

from __future__ import annotations

from declarative.errors.catalogue.entry import Entry


def _page(why: str, wrong: str, right: str) -> str:
    """A page in one form: the reason, what was written, what to write."""
    return f"{why}\n\nNot:\n\n{_indent(wrong)}\n\nbut:\n\n{_indent(right)}\n"


def _indent(program: str) -> str:
    return "\n".join(f"    {line}" for line in program.split("\n"))


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "D501",
        "chained comparison",
        "Python cannot chain comparisons of symbols",
        "Python reads this as `{first} and {second}`",
        "state both: `dc.subject_to({first}, {second})`",
        _page(
            "Python turns `a <= x <= b` into `a <= x and x <= b` and asks the first half for its truth, which is not "
            "known while the function is traced. In `.decl` text and in docstrings chains are fine.",
            "dc.subject_to(0 <= x <= 1)",
            "dc.subject_to(0 <= x, x <= 1)",
        ),
    ),
    Entry(
        "D502",
        "truth of a symbol",
        "{what} asks whether a symbol is true",
        "not known before the problem is solved",
        "choose elementwise by `dc.where(c, a, b)`; join conditions by `&`, `|` and `~`; take extremes by `dc.max` "
        "and `dc.maximum`",
        _page(
            "The body runs once, with symbols in the place of values; a branch would be taken once for all values. "
            "Conditions on constants of the closure are fine.",
            "y = x if x > 0 else -x",
            "y = dc.where(x > 0, x, -x)",
        ),
    ),
    Entry(
        "D503",
        "foreign function on a symbol",
        "{function} cannot work on a symbol",
        "this needs numbers",
        "use {instead}",
        _page(
            "NumPy, JAX, PyTorch and `math` compute with numbers; while a function is traced, there are none. Every "
            "function of the language is a function of `dc`. Operators between arrays and symbols work.",
            "dc.minimize(np.sum(np.exp(x)))",
            "dc.minimize(dc.sum(dc.exp(x)))",
        ),
    ),
    Entry(
        "D504",
        "value of a symbol",
        "a symbol has no value while it is traced",
        "this asks for {wanted}",
        "{instead}",
        _page(
            "Lengths, loops and conversions need values, which parameters and unknowns have only at the call. Loops "
            "over numbers known outside are fine.",
            "for i in range(len(x)): ...",
            'dc.sum(x[i] ** 2 for i in dc.each("n"))',
        ),
    ),
    Entry(
        "D505",
        "member of a symbol",
        "symbols have no member `{member}`",
        "only `.T` is known",
        "write {instead}",
        _page(
            "A symbol knows operators, indexing and `.T`.", "dc.minimize(x.sum())", "dc.minimize(dc.sum(x))"
        ),
    ),
    Entry(
        "D506",
        "parameter without a type",
        "parameter `{name}` has no type",
        "neither an annotation nor a `given` says what this is",
        'annotate it, as in `{name}: dc.real["n"]` or `{name}: Annotated[Array, "psd real[n, n]"]`, or state '
        "`given {name}: real[n]` in the docstring",
        _page(
            "Each parameter is declared once: all by annotations, or all by `given` in the docstring.",
            "def ridge(X, y): ...",
            'def ridge(X: dc.real["m", "d"], y: dc.real["m"]): ...',
        ),
    ),
    Entry(
        "D507",
        "types said twice",
        "`{name}` is given in the docstring, and the parameters are annotated",
        "a second declaration of parameters",
        "keep either the annotations or the `given` statement",
        _page(
            "Two declarations could contradict each other.",
            'def f(y: dc.real["n"]):\n    """given y: real[n]\n    ..."""',
            'def f(y):\n    """given y: real[n]\n    ..."""',
        ),
    ),
    Entry(
        "D508",
        "parameters that differ",
        "`given` and the function's parameters differ",
        "not so in the function's head",
        "declare the parameters in the order of the head: {order}",
        _page(
            "Arguments are passed by position, so both lists have the same names in the same order.",
            'def f(a, b):\n    """given b: real, a: real\n    ..."""',
            'def f(a, b):\n    """given a: real, b: real\n    ..."""',
        ),
    ),
    Entry(
        "D509",
        "text that is no type",
        "`{text}` does not parse here",
        "expected words of the language",
        "a type reads `psd real[n, n]`, a dimension `n` or `T + 1`, a set `simplex` or `box(0, 1)`",
        _page(
            "Types in annotations are text of the language.",
            'x: Annotated[Array, "float[n]]"]',
            'x: Annotated[Array, "real[n]"]',
        ),
    ),
    Entry(
        "D510",
        "default that is no number",
        "the default of `{name}` is no number",
        "a value of type `{kind}`",
        "defaults are numbers; leave others to the caller",
        _page(
            "A default becomes part of the program.",
            "def f(x: dc.real = None): ...",
            "def f(x: dc.real = 0): ...",
        ),
    ),
    Entry(
        "D511",
        "open-ended parameters",
        "`{name}` takes any number of arguments",
        "a problem has fixed parameters",
        "name every parameter",
        _page(
            "The parameters of a problem are fixed.",
            "def f(*xs): ...",
            "def f(x1: dc.real, x2: dc.real): ...",
        ),
    ),
    Entry(
        "D512",
        "outside of a decorated function",
        "there is no problem here to speak of",
        "only a function under `@declarative` may say this",
        "put it into the body of a function decorated by `@declarative`",
        _page(
            "Statements and functions of `dc` write the program of the function that is being traced.",
            'w = dc.find("d")',
            '@declarative\ndef p():\n    w = dc.find("d")\n    ...',
        ),
    ),
    Entry(
        "D513",
        "large constant array",
        "an array of {size} numbers cannot be a constant",
        "at most {limit} numbers, in at most two axes",
        "make it a parameter, and pass it at the call",
        _page(
            "Constants become text of the program. Data are parameters.",
            "def f(x: ...): dc.minimize(dc.sum_squares(BIG @ x))",
            "def f(x: ..., big: dc.real[1000, 1000]): dc.minimize(dc.sum_squares(big @ x))",
        ),
    ),
    Entry(
        "D514",
        "value that is no expression",
        "{kind} cannot stand in an expression",
        "not a number, an array of numbers or a symbol",
        "expressions hold symbols, numbers and small arrays of numbers",
        _page("A program computes with real numbers.", 'dc.minimize(x + "1")', "dc.minimize(x + 1)"),
    ),
    Entry(
        "D515",
        "a symbol of another kind",
        "this is not {what}",
        "of the wrong kind",
        'constraints compare symbols, as in `x <= 1` or `dc.member(x, "simplex")`; unknowns are what `dc.find` gave',
        _page(
            "A comparison of plain numbers is true or false already, and an expression alone compares nothing.",
            "dc.subject_to(1 <= 2)",
            "dc.subject_to(x <= 2)",
        ),
    ),
    Entry(
        "D516",
        "not a function",
        "`{name}` cannot be a problem",
        "",
        "decorate a plain function defined by `def`, with a docstring or a body",
        _page(
            "Classes, generators and coroutines have no single run to trace.",
            "@declarative\nasync def f(): ...",
            "@declarative\ndef f(): ...",
        ),
    ),
    Entry(
        "D517",
        "assignment to entries",
        "entries of a symbol cannot be assigned",
        "symbols do not change",
        "build the array from its parts by `dc.stack` or `dc.concat`, or state `x[0] == v` as a constraint",
        _page("Expressions are values.", "x[0] = x0", "dc.subject_to(x[0] == x0)"),
    ),
    Entry(
        "D518",
        "operator without a meaning",
        "`{what}` has no meaning for symbols",
        "not an operation of the language",
        "write `{instead}`",
        _page(
            "Python's `in` asks for a truth, and `//` and `%` are no operators of the language.",
            "dc.subject_to(x in simplex)",
            'dc.subject_to(dc.member(x, "simplex"))',
        ),
    ),
    Entry(
        "D519",
        "return value",
        "a value of type `{kind}` cannot be returned",
        "in this function",
        "return symbols: one, several, or a dictionary of them",
        _page("Outputs are expressions of the unknowns.", 'return "done"', "return w"),
    ),
    Entry(
        "D520",
        "index outside of a generator",
        "`dc.each` stands outside of a generator",
        "no sum or constraint to run over",
        'write it inside one: `dc.sum(x[i] for i in dc.each("n"))`, `dc.subject_to(x[i] <= 1 for i in dc.each("n"))`',
        _page(
            "The index has no value; it belongs to the sum, extremum or constraint around the generator.",
            'for i in dc.each("n"): total += x[i]',
            'total = dc.sum(x[i] for i in dc.each("n"))',
        ),
    ),
)
