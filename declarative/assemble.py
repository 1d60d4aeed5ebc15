"""A plan and the source that was emitted for it -> the Layer that users call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from declarative import ir
from declarative.analyse.factors import factors
from declarative.errors import DeclError, diagnostic
from declarative.layer.call import hashable, static_value
from declarative.layer.host import host_function
from declarative.layer.layer import Layer
from declarative.layer.load import load
from declarative.layer.options import Backward, Options
from declarative.layer.program import Emitted, Program
from declarative.plan import Choice, explain
from declarative.walk import constant

if TYPE_CHECKING:
    from declarative.compiler import Host


def layer(problem: ir.Problem, choice: Choice, source: str, host: Host, again: Callable[..., Layer]) -> Layer:
    """`again(**options)` compiles the same problem with other options."""
    static = _static(problem, host.static)
    return Layer(_program(problem, choice, source, static, host), _options(problem, choice), again)


def _program(
    problem: ir.Problem, choice: Choice, source: str, static: Mapping[str, Any], host: Host
) -> Program:
    named = choice.request.engine != "auto" or choice.request.backend is not None
    extern = {e.name: host_function(e, host.extern[e.name]) for e in problem.externs}
    modules: dict[Any, Emitted] = {}  # by the values of the static parameters

    def loaded(values: Mapping[str, Any]) -> Emitted:
        key = tuple((name, hashable(value)) for name, value in values.items())
        if key not in modules:
            modules[key] = load(source, problem.name, values, extern)
        return modules[key]

    return Program(
        problem=problem,
        solved=choice.variant.problem,
        backend=choice.engine.backend,
        engine=choice.engine.name,
        source=source,
        load=loaded,
        explain=lambda: explain(choice),
        latex=lambda: _latex(problem),
        info=_info(problem, choice),
        static=static,
        defaults={p.name: constant(p.default) for p in problem.params if p.default is not None},
        sparse=factors(choice.variant.problem) if getattr(choice.engine, "sparse", False) else frozenset(),
        dense=getattr(choice.engine, "dense", False) and not named,
        blocks=None if choice.request.engine != "auto" else getattr(choice.engine, "blocks", None),
    )


def _options(problem: ir.Problem, choice: Choice) -> Options:
    asked = choice.request
    named = _started(problem, asked.start) if isinstance(asked.start, str) else None
    return Options(
        tol=asked.tol,
        max_iter=asked.max_iter,
        method=choice.method,
        backward=Backward(asked.backward, asked.backward_args),
        on_fail=asked.on_fail,
        start={} if asked.start is None or isinstance(asked.start, str) else dict(asked.start),
        start_from=named,
    )


def _started(problem: ir.Problem, name: str) -> tuple[int, str]:
    """`options start = y0`: the place of the given, and the first unknown of its shape."""
    given = [p for p in problem.params if "static" not in p.properties]
    index = next((i for i, param in enumerate(given) if param.name == name), None)
    fits = [] if index is None else [u for u in problem.unknowns if u.type.shape == given[index].type.shape]
    if index is None or not fits:
        span = problem.span if index is None else given[index].span
        reason = (
            f"names `{name}`, but no unknown has its shape"
            if index is not None
            else f"names `{name}`, no given"
        )
        raise DeclError([diagnostic("D614", span, problem=reason, label="declared here")])
    return index, fits[0].name


def _static(problem: ir.Problem, given: Mapping[str, Any]) -> dict[str, Any]:
    """The static parameters that were fixed when compiling; the others are arguments of each call."""
    known = {p.name: p for p in problem.params if "static" in p.properties}
    for name in given:
        if name not in known:
            there = ", ".join(f"`{one}`" for one in known) or "none"
            raise DeclError([diagnostic("D618", None, name=name, problem=problem.name, there=there)])
    return {name: static_value(param, given[name]) for name, param in known.items() if name in given}


def _info(problem: ir.Problem, choice: Choice) -> dict[str, Any]:
    facts = choice.answers[0].variant.facts
    return {
        "problem": problem.name,
        "class": facts.cls.value,
        "backend": choice.engine.backend,
        "engine": choice.engine.name,
        "rewrites": choice.variant.steps,
        "convex": facts.convex,
        "params": tuple(p.name for p in problem.params),
        "unknowns": tuple(v.name for v in problem.unknowns),
        "outputs": tuple(o.name for o in problem.outputs),
        "dims": problem.dims,
    }


def _latex(problem: ir.Problem) -> str:
    from declarative.show import latex

    return latex(problem)
