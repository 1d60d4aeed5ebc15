"""D1xx, text that does not parse."""

from __future__ import annotations

from declarative.errors.catalogue.entry import Entry


def _page(why: str, wrong: str, right: str) -> str:
    """A page in one form: the reason, what was written, what to write."""
    return f"{why}\n\nNot:\n\n{_indent(wrong)}\n\nbut:\n\n{_indent(right)}\n"


def _indent(program: str) -> str:
    return "\n".join(f"    {line}" for line in program.split("\n"))


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "D101",
        "unexpected text",
        "unexpected {found}",
        "expected {expected}",
        "a statement is a keyword and what belongs to it, up to the end of the line",
        _page(
            "The statement reads well up to the caret, and nothing of the language can stand there. The label lists "
            "what can.",
            "minimize x + * y",
            "minimize x * y",
        ),
    ),
    Entry(
        "D102",
        "unknown character",
        "the language has no sign `{sign}`",
        "this character starts nothing",
        "names are made of letters, Greek letters, digits and `_`; the signs are + - * / ^ @ ' = and comparisons",
        _page(
            "No word or sign of the language starts with this character.", "minimize x $ y", "minimize x * y"
        ),
    ),
    Entry(
        "D103",
        "bracket never closed",
        "`{sign}` is never closed",
        "no `{closer}` follows before the next statement",
        "close it with `{closer}`; inside brackets a statement may go on over as many lines as it likes",
        _page(
            "Every `(` needs its `)` and every `[` its `]` within one statement.",
            "minimize sum(x[i] for i in n\nsubject to x >= 0",
            "minimize sum(x[i] for i in n)\nsubject to x >= 0",
        ),
    ),
    Entry(
        "D104",
        "bracket that closes nothing",
        "`{sign}` closes nothing that is open",
        "nothing here waits for `{sign}`",
        "take it away, or open the bracket where it should begin",
        also="this one is open, and `{closer}` closes it",
        page=_page(
            "A closing bracket needs the opening bracket of its kind before it, and inner brackets close first.",
            "minimize sum(x[i)] for i in n)",
            "minimize sum(x[i] for i in n)",
        ),
    ),
    Entry(
        "D105",
        "norm bars without a partner",
        "a norm's `{sign}` stands alone",
        "its partner is missing on this line",
        "a norm is `||e||`, with a kind behind the second pair of bars if needed: `||e||_1`, `||e||_inf`, `||E||_*`; "
        "for a logical or, write `or`",
        _page(
            "Norm bars come in pairs, around an expression, on one line unless brackets or an operator carry it on.",
            "subject to ||x <= 1",
            "subject to ||x|| <= 1",
        ),
    ),
    Entry(
        "D106",
        "an inequality that excludes one point",
        "a constraint cannot be `!=`",
        "excludes points, not a region",
        "state which side is meant: `<=` or `>=` with a margin of your choice",
        _page(
            "The points where two expressions differ make an open set without a nearest point: no solution need "
            "exist. In a condition (`where i != j`) the sign is fine.",
            "subject to x != 0",
            "subject to x >= 0.01",
        ),
    ),
    Entry(
        "D107",
        "the wrong equals sign",
        "`{sign}` where `{instead}` is meant",
        "write `{instead}` here",
        "`=` gives a name to something (let, options, return, defaults); `==` says that two things are equal in a "
        "constraint or a condition; `root` and `fixed point` take either",
        _page(
            "As in Python, naming and comparing have different signs.",
            "let s == sum(w)\nsubject to s = 1",
            "let s = sum(w)\nsubject to s == 1",
        ),
    ),
    Entry(
        "D108",
        "strict inequality",
        "a constraint cannot be strict",
        "`{sign}` leaves out the boundary",
        "write `{sign}=`; to stay away from the boundary add a margin, as in `x >= 1e-6`",
        _page(
            "The minimum over an open set is often not attained: minimizing x over x > 0 has no solution. Solvers "
            "treat `<` as `<=` without a word; this language says so. `assume` and conditions may be strict.",
            "subject to x > 0",
            "subject to x >= 0",
        ),
    ),
    Entry(
        "D109",
        "nothing to find",
        "problem `{problem}` has nothing to find",
        "no `find` among its statements",
        "declare the unknowns, as in `find x: real[n]`",
        _page(
            "A problem finds the value of its unknowns; `find` declares them.",
            "problem p\n  given y: real[n]\n  minimize ||x - y||^2",
            "problem p\n  given y: real[n]\n  find  x: real[n]\n  minimize ||x - y||^2",
        ),
    ),
    Entry(
        "D110",
        "no goal",
        "problem `{problem}` does not say what is solved",
        "no `minimize`, `root` or the like among its statements",
        "state one goal: minimize, maximize, fixed point, root, minimize over ... maximize over ..., equilibrium or "
        "ode; for any feasible point write `minimize 0`",
        _page(
            "One statement of a problem says what makes the unknowns right.",
            "problem p\n  given a: real\n  find  x: real",
            "problem p\n  given a: real\n  find  x: real\n  root  x^3 + x = a",
        ),
    ),
    Entry(
        "D111",
        "said twice",
        "a second {what} in one problem",
        "a problem has one {what}",
        "join the two into one statement, or write two problems",
        also="the first one is here",
        page=_page(
            "A problem has one goal and at most one `return`. Two objectives need weights; outputs are separated by "
            "commas.",
            "minimize f\nminimize g",
            "minimize f + lam * g",
        ),
    ),
    Entry(
        "D112",
        "misspelt keyword",
        "no statement starts with `{word}`",
        "did you mean `{keyword}`?",
        "statements start with given, find, let, minimize, maximize, fixed point, root, equilibrium, ode, "
        "subject to, assume, options or return",
        _page(
            "The first word of a line says what kind of statement it is.",
            "minimise ||x||",
            "minimize ||x||",
        ),
    ),
    Entry(
        "D113",
        "semicolon",
        "statements do not end in `;`",
        "take the semicolon away",
        "the end of the line ends a statement; items of a list are separated by commas or lines",
        _page("There are no semicolons.", "find x: real;", "find x: real"),
    ),
    Entry(
        "D114",
        "brace",
        "the language has no braces",
        "`{sign}` starts nothing",
        "group with `(` and `)`; a problem needs no brackets, its statements follow its first line; a norm's kind "
        "is written `||x||_1`",
        _page(
            "Braces of C, of Python's sets and of TeX have no meaning here.",
            "problem p {{\n  find x: real\n}}".replace("{{", "{").replace("}}", "}"),
            "problem p\n  find x: real",
        ),
    ),
    Entry(
        "D115",
        "product without a sign",
        "two expressions side by side",
        "no sign between `{left}` and `{right}`",
        "a product needs its sign: `*` multiplies elementwise and by numbers, `@` is the matrix product",
        _page(
            "Mathematics writes products by juxtaposition; here the sign says which product is meant.",
            "subject to A x <= 2 b",
            "subject to A @ x <= 2 * b",
        ),
    ),
    Entry(
        "D116",
        "anonymous function",
        "the language has no `lambda`",
        "functions are defined by `def`",
        "write `def f(x) = ...` outside the problem; a Greek λ is the name `lam`",
        _page(
            "A `def` is expanded where it is called; there are no function values.",
            "let f = lambda r: r^2",
            "def f(r) = r^2",
        ),
    ),
    Entry(
        "D117",
        "attribute",
        "`{member}` looks for something inside a value",
        "values have no attributes or modules",
        "write `{instead}`: functions stand alone, as in `exp(x)`, and the transpose is `x'`",
        _page(
            "There are no modules and no methods: all functions of the language are known by their bare names.",
            "minimize np.sum(x.T @ x)",
            "minimize sum(x' @ x)",
        ),
    ),
    Entry(
        "D118",
        "colon behind a keyword",
        "no colon behind `{keyword}`",
        "take the colon away",
        "a colon stands between a name and its type, and behind the label of a constraint",
        _page("Statements have no colon as Python's have.", "subject to:\n  x >= 0", "subject to\n  x >= 0"),
    ),
    Entry(
        "D119",
        "number too large",
        "this number is larger than any double",
        "more than 1.8e308",
        "write `inf` for infinity, or scale the problem",
        _page("Numbers are IEEE doubles.", "subject to x <= 1e999", "subject to x <= inf"),
    ),
    Entry(
        "D120",
        "nested too deeply",
        "an expression of more than {limit} levels",
        "this is nested too deeply",
        "name parts of it by `let`, or write a long sum as `sum(x[i] for i in n)`",
        _page(
            "A chain a + b + c counts one level a sign. Such an expression is nearly always a comprehension "
            "written out.",
            "minimize x[0] + x[1] + x[2] + ...",
            "minimize sum(x)",
        ),
    ),
    Entry(
        "D121",
        "unfinished line",
        "the statement stops behind `{sign}`",
        "something is missing behind this",
        "a line that ends with an operator or a comma goes on in the next line, unless a new statement starts there",
        _page(
            "Behind an operator an operand is needed.",
            "minimize x +\nsubject to x >= 0",
            "minimize x\nsubject to x >= 0",
        ),
    ),
    Entry(
        "D122",
        "a line that starts with a sign",
        "in a list, a line that starts with `{sign}` is a new item",
        "so this does not continue the line above",
        "leave the `{sign}` at the end of the line above, or put the expression in brackets",
        _page(
            "`-u <= x` is a frequent start of a constraint; so in lists of constraints, equations and bindings a line "
            "that starts with `+` or `-` begins a new item. In `minimize` it continues the sum.",
            "let s = a\n      + b",
            "let s = a +\n        b",
        ),
    ),
    Entry(
        "D123",
        "statement outside a problem",
        "`{keyword}` stands outside a problem",
        "no `problem` line comes before it",
        "start the file with `problem NAME`; the statements that follow belong to it",
        _page(
            "A file holds problems, definitions and imports; statements belong to the problem above them. After a "
            "`def`, a new `problem` line is needed.",
            "find x: real\nminimize x^2",
            "problem square\n  find x: real\n  minimize x^2",
        ),
    ),
    Entry(
        "D124",
        "declaration without a type",
        "`{name}` is declared without a type",
        "expected `: real`, `: {example}` or another type",
        "write `{name}: {example}`, with properties before the base and a set behind it: "
        "`{name}: nonneg real[n] in simplex`",
        _page(
            "Every parameter and unknown says its base (real, int, bool, any) and its shape. A set comes after the "
            "type.",
            "find x in real[n], y",
            "find x: real[n], y: real",
        ),
    ),
    Entry(
        "D125",
        "kind of norm",
        "there is no norm of kind `{kind}`",
        "a number from 1, `inf`, `F` or `*`",
        "the exponent is a number of the text, in `norm(x, p)` as well; with p < 1 it would not be a norm",
        _page("The kind of a norm is fixed text.", "minimize ||x||_p", "minimize ||x||_3"),
    ),
    Entry(
        "D126",
        "single bars",
        "`|` is no bracket",
        "single bars have no meaning",
        "write `abs(x)` for absolute values, `det(X)` for determinants, `||x||` for norms, `or` for a logical or",
        _page("Single bars mean too many things.", "minimize |x|", "minimize abs(x)"),
    ),
    Entry(
        "D127",
        "list of values",
        "`[` starts no value",
        "an array is not written in brackets",
        "write `stack(a, b)` for an array of scalars, `concat(x, y)` to join vectors; `[lo, hi]` is a set, behind `in`",
        _page("Brackets index, give shapes and bound intervals.", "let c = [1, 2]", "let c = stack(1, 2)"),
    ),
    Entry(
        "D128",
        "text in quotes",
        "the language has no texts",
        "quotes start nothing",
        "write the bare name: `{word}`",
        _page(
            "Options take names; a transpose is a single quote behind a name.",
            'options engine = "anderson"',
            "options engine = anderson",
        ),
    ),
    Entry(
        "D129",
        "not a name",
        "`{word}` cannot be a name",
        "a name is expected here",
        "names start with a letter, and these words are reserved: for in where over if then else and or not true "
        "false",
        _page(
            "A few words are reserved everywhere; statement keywords such as `root` are free inside expressions.",
            "find over: real, _x: real",
            "find above: real, x: real",
        ),
    ),
    Entry(
        "D130",
        "empty statement",
        "nothing stands behind `{keyword}`",
        "this statement is empty",
        "write its content on the same line or on the lines below, or take the keyword away",
        _page("A keyword alone says nothing.", "subject to\nreturn x", "return x"),
    ),
    Entry(
        "D131",
        "no comparison",
        "this {what} compares nothing",
        "expected {signs}",
        "an expression alone is neither true nor false: say what it is compared with",
        _page(
            "A constraint holds or does not hold; an equation has two sides.",
            "subject to sum(w)",
            "subject to sum(w) == 1",
        ),
    ),
    Entry(
        "D132",
        "constraints joined by a word",
        "constraints are not joined by `{word}`",
        "this joins conditions, not constraints",
        "for `and`, write two constraints, separated by a comma or a line; `or` would make a disjunction, "
        "which is no constraint",
        _page(
            "All constraints of the list hold together.",
            "subject to x >= 0 and x <= 1",
            "subject to x >= 0, x <= 1",
        ),
    ),
    Entry(
        "D133",
        "slice with a step",
        "slices have no step",
        "a second `:` has no meaning",
        "write `x[lo:hi]`, or gather with an integer parameter, `x[idx]`",
        _page("A slice is a range of neighbours.", "let y = x[0:n:2]", "let y = x[idx]"),
    ),
    Entry(
        "D134",
        "incomplete condition",
        "a conditional expression without its `{what}`",
        "`{what}` is missing or out of place",
        "write `if c then a else b`; elementwise, `where(c, a, b)`",
        _page(
            "Both values and the order if, then, else are needed, and brackets around it inside a larger expression.",
            "let y = a if x > 0 else b",
            "let y = if x > 0 then a else b",
        ),
    ),
    Entry(
        "D135",
        "sign of another language",
        "`{sign}` is not a sign of the language",
        "did you mean `{means}`?",
        "write `{means}`",
        _page("Many signs of mathematics are read; this one is not.", "minimize A × x", "minimize A @ x"),
    ),
    Entry(
        "D136",
        "comment of another language",
        "`{sign}` starts no comment",
        "comments start with `#`",
        "write `#` for a comment, `##` for documentation of the declaration beside it",
        _page(
            "Comments go from `#` to the end of the line.", "find x: real  // slack", "find x: real  # slack"
        ),
    ),
    Entry(
        "D137",
        "dotted operator",
        "`{sign}` is written `{plain}`",
        "no dot before an operator",
        "`* / ^` are elementwise already; the matrix product is `@`",
        _page("As in NumPy, elementwise is the plain sign.", "let r = x .* y", "let r = x * y"),
    ),
    Entry(
        "D138",
        "problem without a name",
        "the problem has no name",
        "expected a name",
        "write `problem NAME`; programs and the command line call it by that name",
        _page(
            "A problem becomes a layer of this name.", "problem\n  find x: real", "problem p\n  find x: real"
        ),
    ),
    Entry(
        "D139",
        "argument out of order",
        "an argument by position behind one by name",
        "move this before the named arguments",
        "as in Python, named arguments come last",
        _page("Named arguments come last.", "let s = sum(axis = 0, X)", "let s = sum(X, axis = 0)"),
    ),
    Entry(
        "D140",
        "more than a problem's body",
        "`{keyword}` cannot stand in a docstring",
        "the function is the problem",
        "write the statements alone; definitions and further problems belong in a `.decl` file",
        _page(
            "A decorated function is one problem and has its name; its docstring holds the statements.",
            'def p(y):\n    """problem p\n    find x: real\n    ..."""',
            'def p(y):\n    """find x: real\n    ..."""',
        ),
    ),
    Entry(
        "D141",
        "no statement",
        "no statement starts with `{word}`",
        "expected a keyword",
        "a file holds `problem`, `def`, `extern def` and `import`; the statements of a problem start with given, "
        "find, let, minimize, maximize, fixed point, root, equilibrium, ode, subject to, assume, options or return",
        _page(
            "Every statement starts with its keyword; what has none is a line of the list above it, and this "
            "statement holds no list.",
            "minimize x^2\nx >= 1",
            "minimize x^2\nsubject to x >= 1",
        ),
    ),
)
