"""The pipeline, one line a stage: text -> tree -> IR -> facts -> variants -> choice -> source -> Layer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal

from declarative import ir
from declarative.analyse import analyse
from declarative.backends import emitter, engines
from declarative.check import check
from declarative.errors import DeclError, Diagnostic, Source, diagnostic
from declarative.grammar import parse, tree
from declarative.plan import plan, request
from declarative.rewrite import rewrite

Stage = Literal["parse", "check", "analyse", "rewrite", "plan", "emit"]


@dataclass(frozen=True)
class Host:
    """What the host program brings to a compilation besides the text; `loader` finds imported files."""

    extern: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    static: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    loader: Any = None


@contextmanager
def _room() -> Iterator[None]:
    """Passes walk trees by recursion, some ten frames a level: the deepest program allowed needs more than a
    thousand frames, Python's usual limit."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, 5000))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


def compile_source(
    source: Source, problem: str | None = None, host: Host = Host(), stop_after: Stage | None = None
) -> Any:
    """The Layer of one problem of a text, or the value of an earlier stage."""
    file = parsed(source)
    if stop_after == "parse":
        return file
    return compile_problem(pick(checked(file, host), problem), host, stop_after)


@_room()
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
    from declarative.assemble import layer  # here, since checking a text needs no JAX

    def again(**changes: Any) -> Any:
        return compile_problem(problem, replace(host, options={**host.options, **changes}))

    return layer(problem, choice, source, host, again)


# ---- the first stages, which give diagnostics --------------------------------------------------


def parsed(source: Source) -> tree.File:
    file, found = parse(source)
    return _without_errors(file, found)


@_room()
def checked(file: tree.File, host: Host = Host()) -> dict[str, ir.Problem]:
    problems, found = check(file, host.loader)
    return _without_errors(problems, found)


@_room()
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
    if name is not None and name in problems:
        return problems[name]
    if name is None and len(problems) == 1:
        return next(iter(problems.values()))
    there = ", ".join(f"`{known}`" for known in problems) or "none"
    near = get_close_matches(name, list(problems), n=1) if name is not None else []
    advice = f"did you mean `{near[0]}`?" if near else f"the problems are: {there}"
    raise DeclError([diagnostic("D617" if name is None else "D616", None, help=advice, name=name)])


def _without_errors(value: Any, found: list[Diagnostic]) -> Any:
    if value is None or any(one.severity == "error" for one in found):
        raise DeclError(found)
    return value
