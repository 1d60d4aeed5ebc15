"""D7xx, problems that were stated in cvxpy."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "D701",
        "product or function of parameters",
        "{where} is not DPP: a parameter does not enter linearly there: {text}",
        help="{help}",
        page="""\
cvxpy reduces a problem once for all values of its parameters, so that parameters must enter the reduced
program linearly (disciplined parametrized programming). Make what is not linear a parameter of its own:

    cp.sum_squares(a * b * x)          # not DPP
    ab = cp.Parameter(); cp.sum_squares(ab * x)
    layer = CvxpyLayer(problem, [ab], [x]); layer(a * b)    # JAX or PyTorch differentiates the product

A factor of a quadratic form goes inside: `cp.quad_form(x, P)` with a parameter P may stand in the objective (with
cvxpy 1.9), elsewhere write `cp.sum_squares(root @ x)` with P = root.T @ root. In this language parameters may
enter in any way.""",
    ),
    Entry(
        "D702",
        "problem that is not disciplined convex",
        "{where} does not follow cvxpy's rules of convexity: {text}",
        help="{help}",
        page="""\
cvxpy certifies convexity by the rules of disciplined convex programming (`problem.is_dcp()`), which its
documentation lists. Geometric programs (`problem.is_dgp()`) are solved with `gp=True`.""",
    ),
    Entry(
        "D703",
        "problem that is not a disciplined geometric program",
        "{where} does not follow cvxpy's rules of log-log convexity: {text}",
        help="variables are declared `pos=True`; leave `gp=True` out if the problem is convex as it stands",
        page="""\
With `gp=True` a problem must be a disciplined geometric program (`problem.is_dgp()`): monomials and posynomials
of variables with `pos=True`.""",
    ),
    Entry(
        "D704",
        "variable that is not real",
        "the variable `{name}` is {what}, and a layer finds real numbers",
        help="{help}",
        page="""\
Solutions in whole numbers do not move with the parameters, so that there is nothing to differentiate: relax the
variable to real numbers between bounds. A complex variable is two real ones.""",
    ),
    Entry(
        "D705",
        "complex parameter",
        "the parameter `{name}` is complex",
        help="use two real parameters, one for the real and one for the imaginary part",
        page="Layers take real arrays. A complex parameter is `re + 1j * im` with two real ones.",
    ),
    Entry(
        "D706",
        "list of parameters that is not the problem's",
        "the list of parameters does not match the problem: {reason}",
        help="the problem's parameters are: {names}",
        page="Every parameter of the problem is an argument of the layer, in the order of the list.",
    ),
    Entry(
        "D707",
        "variable that is not the problem's",
        "{name} is no variable of the problem, nor a dual variable of one of its constraints",
        help="the problem's variables are: {names}; `constraint.dual_variables` has a constraint's multipliers",
        page="""\
The values that a layer gives are those of variables in `problem.variables()`, and of dual variables such as
`constraint.dual_variables[0]` of a constraint in `problem.constraints`.""",
    ),
    Entry(
        "D708",
        "more than one batch axis",
        "`{name}` has the batch axes {lead}: a CvxpyLayer takes one",
        help="its shape in the problem is {shape}; `dc.from_cvxpy` takes any number of batch axes",
        page="""\
An argument of a `CvxpyLayer` has the shape of its parameter, or one axis more, in front, that all batched arguments
share. The layer of `dc.from_cvxpy` broadcasts batches of any number of axes.""",
    ),
    Entry(
        "D709",
        "reduction of cvxpy's that is not known",
        "cvxpy {version} reduces this problem to something that is not known here: {what}",
        help="the versions 1.7 to 1.9 are tested; please report the problem",
        page="""\
Layers read what cvxpy makes of a problem before it calls a solver. Anything in it that they do not know is refused,
since to leave it out would change the problem.""",
    ),
    Entry(
        "D710",
        "solver that cannot be called",
        "`solver` is a {found}: a layer is solved by this package's own engines",
        help="leave `solver` out; the name of one of cvxpy's solvers is accepted, and has no effect",
        page="""\
A `CvxpyLayer` takes `solver`, `solver_args` and `canon_backend` so that a call need not change. Problems are
canonicalised by cvxpy, but solved and differentiated here.""",
    ),
)
