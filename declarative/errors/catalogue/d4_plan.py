"""D4xx, what no engine can run, and options."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="D401",
        title="no engine takes the problem",
        message="not yet supported by any engine: {cls}",
        label="nothing installed solves this",
        help="{reasons}",
        page="""\
The program is correct, and is understood, but none of the engines that are installed solves its class. The
help line gives every engine's reason. Some reasons can be mended: a constraint that is not certified convex
can be rewritten, a `nonneg` or `psd` can be declared. Where the class as a whole has no engine, the program
still checks, formats and prints.

    problem game
      given A: real[m, n]
      find p: real[m] in simplex, q: real[n] in simplex
      minimize over p maximize over q: p' @ A @ q""",
    ),
    Entry(
        code="D402",
        title="the engine asked for does not take the problem",
        message="engine `{engine}` does not take this problem: {reason}",
        label="here",
        help="{help}",
        page="""\
`engine = name` chooses an engine, and that engine refused. Leave the option out and the plan chooses the
cheapest engine that takes the problem; `decl explain` lists every engine's answer.""",
    ),
    Entry(
        code="D403",
        title="unknown engine",
        message="there is no engine `{engine}`",
        label="unknown engine",
        help="{help}",
        page="""\
The engines are listed by `decl doctor`. A method of an engine is a name as well: `engine = anderson` chooses
the fixed-point engine and its Anderson iteration.""",
    ),
    Entry(
        code="D404",
        title="unknown option",
        message="there is no option `{name}`",
        label="unknown option",
        help="{help}",
        page="""\
The options are `engine`, `backend`, `tol`, `max_iter`, `backward`, `start` and `on_fail`. None of them
changes what the problem means.""",
    ),
    Entry(
        code="D405",
        title="option value",
        message="`{name} = {value}` is not possible: it takes {wanted}",
        label="takes {wanted}",
        page="""\
    options
      engine = auto             # or an engine, or a method of one
      tol = 1e-8                # a positive number
      max_iter = 100            # a whole number, 1 or more
      backward = implicit       # unrolled, truncated(k), one_step, phantom(k, tau), neumann(k), smoothed(mu)
      on_fail = nan             # raise, keep""",
    ),
    Entry(
        code="D406",
        title="backward mode that the engine lacks",
        message="engine `{engine}` has no backward mode `{mode}`",
        label="here",
        help="it has: {modes}",
        page="""\
Every engine has `backward = implicit`, the exact derivative at the solution. The other modes exist where an
iteration can be differentiated: fixed points have `one_step`, `phantom`, `neumann`, `truncated` and
`unrolled`.""",
    ),
    Entry(
        code="D407",
        title="host function without a binding",
        message="nothing is bound to the host function `{name}`",
        label="declared by `extern def`",
        help='pass it when compiling: `compile(text, extern={{"{name}": function}})`',
        page="""\
`extern def` declares a function that the host program brings along. It is bound by name when the program is
compiled: `dc.compile(text, extern={"cell": fn})`. `fn` is called with JAX arrays and must be traceable.""",
    ),
    Entry(
        code="D408",
        title="unknown backend",
        message="there is no backend `{backend}`",
        label="unknown backend",
        help="{help}",
        page="The backends are `jax`, where this package's engines run, and `cvxpy`, the reference.",
    ),
)
