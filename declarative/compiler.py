"""The pipeline, one line a stage: text -> tree -> IR -> facts -> variants -> choice -> source -> Layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

from declarative import ir
from declarative.analyse import analyse
from declarative.backends import emitter, engines
from declarative.check import check
from declarative.errors import DeclError, Diagnostic, Source, diagnostic
from declarative.grammar import parse, tree
from declarative.layer.call import hashable, static_value
from declarative.layer.layer import Layer
from declarative.layer.load import load
from declarative.layer.options import Backward, Options
from declarative.layer.program import Emitted, Program
from declarative.plan import Choice, Variant, explain, plan, request
from declarative.rewrite import rewrite
from declarative.walk import constant

Stage = Literal["parse", "check", "analyse", "rewrite", "plan", "emit"]


@dataclass(frozen=True)
class Host:
    """What the host program brings to a compilation besides the text; `loader` finds imported files."""

    extern: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    static: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    loader: Any = None


def compile_source(
    source: Source, problem: str | None = None, host: Host = Host(), stop_after: Stage | None = None
) -> Any:
    """The Layer of one problem of a text, or the value of an earlier stage."""
    file = parsed(source)
    if stop_after == "parse":
        return file
    return compile_problem(pick(checked(file, host), problem), host, stop_after)


def compile_problem(problem: ir.Problem, host: Host = Host(), stop_after: Stage | None = None) -> Any:
    """The Layer of a checked problem, or the value of an earlier stage."""
    if stop_after == "check":
        return problem
    facts = analyse(problem)
    if stop_after == "analyse":
        return facts
    variants = rewrite(problem, facts)
    if stop_after == "rewrite":
        return variants
    choice = plan(variants, engines(), request(problem, {"externs": frozenset(host.extern), **host.options}))
    if stop_after == "plan":
        return choice
    source = emitter(choice.engine.backend)(choice)
    if stop_after == "emit":
        return source
    return layer(variants, choice, source, host)


# ---- the first stages, which give diagnostics --------------------------------------------------


def parsed(source: Source) -> tree.File:
    file, found = parse(source)
    return _without_errors(file, found)


def checked(file: tree.File, host: Host = Host()) -> dict[str, ir.Problem]:
    problems, found = check(file, host.loader)
    return _without_errors(problems, found)


def diagnose(source: Source, host: Host = Host()) -> list[Diagnostic]:
    """Everything there is to say about a text: errors and warnings of every stage, the plan included."""
    file, found = parse(source)
    if file is None:
        return found
    problems, more = check(file, host.loader)
    found = [*found, *more]
    if any(one.severity == "error" for one in found):
        return found
    for problem in problems.values():
        facts = analyse(problem)
        found += facts.findings
        try:
            plan(rewrite(problem, facts), engines(), request(problem))
        except DeclError as error:
            found += error.diagnostics
    return found


def pick(problems: Mapping[str, ir.Problem], name: str | None) -> ir.Problem:
    """The named problem, or the only one."""
    if name in problems:
        return problems[name]
    if name is None and len(problems) == 1:
        return next(iter(problems.values()))
    there = ", ".join(f"`{known}`" for known in problems) or "none"
    near = get_close_matches(name, list(problems), n=1) if name is not None else []
    advice = f"did you mean `{near[0]}`?" if near else f"the problems are: {there}"
    code, fields = ("D617", {}) if name is None else ("D616", {"name": name})
    raise DeclError([diagnostic(code, None, help=advice, **fields)])


def _without_errors(value: Any, found: list[Diagnostic]) -> Any:
    if value is None or any(one.severity == "error" for one in found):
        raise DeclError(found)
    return value


# ---- the last: source becomes a layer ----------------------------------------------------------


def layer(variants: tuple[Variant, ...], choice: Choice, source: str, host: Host) -> Layer:
    problem = variants[0].problem
    static = _static(problem, host.static)

    def again(**changes: Any) -> Layer:
        result = compile_problem(problem, replace(host, options={**host.options, **changes}))
        assert isinstance(result, Layer)
        return result

    return Layer(_program(problem, choice, source, static, host), _options(choice), again)


def _program(
    problem: ir.Problem, choice: Choice, source: str, static: Mapping[str, Any], host: Host
) -> Program:
    modules: dict[Any, Emitted] = {}  # by the values of the static parameters

    def loaded(values: Mapping[str, Any]) -> Emitted:
        key = tuple((name, hashable(value)) for name, value in values.items())
        if key not in modules:
            modules[key] = load(source, problem.name, values, host.extern)
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
    )


def _options(choice: Choice) -> Options:
    asked = choice.request
    return Options(
        tol=asked.tol,
        max_iter=asked.max_iter,
        method=choice.method,
        backward=Backward(asked.backward, asked.backward_args),
        on_fail=asked.on_fail,
        start=dict(asked.start or {}),
    )


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
