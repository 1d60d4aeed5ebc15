"""`from_cvxpy`: a `cvxpy.Problem`, checked, as a Layer; what cannot be one gets a diagnostic with what to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from declarative.errors import ArgumentError, Diagnostic, diagnostic
from declarative.layer.layer import Layer

if TYPE_CHECKING:
    from declarative.backends.cvxpy.canonical import Canonical


def from_cvxpy(
    problem: Any,
    parameters: Sequence[Any] | None = None,
    variables: Sequence[Any] | None = None,
    *,
    gp: bool = False,
    canon_backend: str | None = None,
    **options: Any,
) -> Layer:
    """A `cvxpy.Problem` as a `Layer`: called with values of `parameters`, it gives those of `variables`.

    `parameters` and `variables` are lists of the problem's own; left out, they are `problem.parameters()` and
    `problem.variables()`. `variables` may have dual variables of the constraints. Arguments and values have the
    shapes that cvxpy declares, after any batch axes. `gp=True` for geometric programs, as in cvxpy. Options: tol,
    max_iter, backward, on_fail; `precision="float64"` solves concrete arrays of any dtype in float64.

    In a `Solution`, outputs have the names of the variables, and multipliers the labels of the constraints, or
    "constraint0", "constraint1", ... in the order of `problem.constraints`.

    cvxpy canonicalises once, here; no value of a parameter is looked at. Linear constraints and a quadratic objective
    are solved as a quadratic program, other cones by the interior-point engine for cones.

    Raises `ArgumentError` for what is not disciplined (DCP, DPP, DGP), not continuous, or not the problem's.
    """
    from declarative.backends.cvxpy.canonical import canonical
    from declarative.backends.cvxpy.stuffing import Unknown, Valued
    from declarative.compat.program import Named, layer

    parameters = _parameters(problem, parameters)
    variables = _variables(problem, variables)
    _continuous(problem)
    found = _undisciplined(problem, gp)
    if found is not None:
        raise ArgumentError(found)
    try:
        form: Canonical = canonical(problem, parameters, gp, canon_backend)
    except Valued:
        text = " ".join(str(problem.objective).split())
        raise ArgumentError(diagnostic("D701", None, where="the objective", text=text, help=_FORMS)) from None
    except Unknown as error:
        raise ArgumentError(diagnostic("D709", None, version=_version(), what=error)) from None
    return layer(form, Named.of(problem, parameters, variables), options)


# ---- what a problem must be --------------------------------------------------------------------


def _parameters(problem: Any, given: Sequence[Any] | None) -> list[Any]:
    own = problem.parameters()
    if given is None:
        return list(own)
    names = ", ".join(f"`{parameter.name()}`" for parameter in own) or "none"

    def wrong(reason: str) -> ArgumentError:
        return ArgumentError(diagnostic("D706", None, reason=reason, names=names))

    listed = _listed(given)
    if listed is None:
        raise wrong("it is no list")
    ids = [getattr(parameter, "id", None) for parameter in listed]
    missing = [parameter.name() for parameter in own if parameter.id not in ids]
    if missing:
        raise wrong(f"`{missing[0]}` is not in it")
    extra = [one for one, key in zip(listed, ids, strict=True) if key not in {p.id for p in own}]
    if extra:
        raise wrong(f"{extra[0]} is in it")
    if len(set(ids)) < len(ids):
        raise wrong("one is in it twice")
    return listed


def _variables(problem: Any, given: Sequence[Any] | None) -> list[Any]:
    own = problem.variables()
    if given is None:
        return list(own)
    duals = [variable for constraint in problem.constraints for variable in constraint.dual_variables]
    known = {variable.id for variable in (*own, *duals)}
    names = ", ".join(f"`{variable.name()}`" for variable in own)
    listed = _listed(given)
    if listed is None:
        raise ArgumentError(diagnostic("D707", None, name=f"{given}", names=names))
    for variable in listed:
        if getattr(variable, "id", None) not in known:
            raise ArgumentError(diagnostic("D707", None, name=f"{variable}", names=names))
    return listed


def _listed(given: Any) -> list[Any] | None:
    return list(given) if isinstance(given, list | tuple) else None


def _continuous(problem: Any) -> None:
    for variable in problem.variables():
        name, attributes = variable.name(), variable.attributes
        if variable.is_complex():
            advice = "use two real variables, one for the real and one for the imaginary part"
            raise ArgumentError(diagnostic("D704", None, name=name, what="complex", help=advice))
        for word, advice in (
            ("boolean", "relax it: `cp.Variable(..., bounds=[0, 1])`"),
            ("integer", "relax it to real numbers"),
        ):
            if attributes[word]:
                raise ArgumentError(diagnostic("D704", None, name=name, what=word, help=advice))
    if problem.is_mixed_integer():
        advice = "a constraint such as `FiniteSet` chooses among numbers; relax it to bounds"
        raise ArgumentError(
            diagnostic("D704", None, name=problem.variables()[0].name(), what="discrete", help=advice)
        )
    for parameter in problem.parameters():
        if parameter.is_complex():
            raise ArgumentError(diagnostic("D705", None, name=parameter.name()))


def _undisciplined(problem: Any, gp: bool) -> Diagnostic | None:
    """The first rule of cvxpy's that the problem breaks."""
    from declarative.backends.cvxpy.stuffing import quadratic_forms, takes_forms

    if gp:
        if not problem.is_dgp():
            where, text = _first(problem, lambda part: part.is_dgp())
            return diagnostic("D703", None, where=where, text=text)
        if not problem.is_dpp("dgp"):
            where, text = _first(problem, lambda part: part.is_dgp(dpp=True))
            return diagnostic("D701", None, where=where, text=text, help=_FUNCTIONS)
        return None
    if not problem.is_dcp():
        where, text = _first(problem, lambda part: part.is_dcp())
        advice = (
            "it is a geometric program: solve it with `gp=True`"
            if problem.is_dgp()
            else "rewrite it by cvxpy's rules, or state it in this language"
        )
        return diagnostic("D702", None, where=where, text=text, help=advice)
    with quadratic_forms():
        objective = problem.objective.is_dcp(dpp=True)
    if not (objective and all(constraint.is_dcp(dpp=True) for constraint in problem.constraints)):
        where, text = _first(
            problem, lambda part: (part is problem.objective and objective) or part.is_dcp(dpp=True)
        )
        advice = _FUNCTIONS
        if "quadform" in text.lower().replace("_", ""):
            advice = _FORMS if takes_forms() else _OLD.format(version=_version())
        return diagnostic("D701", None, where=where, text=text, help=advice)
    return None


def _first(problem: Any, good: Any) -> tuple[str, str]:
    """Which part of the problem is the first that is not good, and its text."""
    parts = [("the objective", problem.objective)]
    parts += [(f"constraint {i}", constraint) for i, constraint in enumerate(problem.constraints)]
    where, part = next((one for one in parts if not good(one[1])), parts[0])
    text = " ".join(str(part).split())
    return where, text if len(text) <= 100 else f"{text[:97]}..."


_FUNCTIONS = (
    "make each product or function of parameters a parameter of its own, and compute its value before the call; or "
    "state the problem in this language, where parameters enter in any way"
)
_FORMS = (
    "a matrix of parameters may stand in a quadratic form that is a term of the objective, declared PSD or NSD; "
    "elsewhere write `cp.sum_squares(root @ x)`, with P = root.T @ root"
)
_OLD = (
    "cvxpy takes a matrix of parameters in a quadratic form from version 1.9 on, and this is {version}; write "
    "`cp.sum_squares(root @ x)`, with P = root.T @ root"
)


def _version() -> str:
    import cvxpy

    return str(cvxpy.__version__)
