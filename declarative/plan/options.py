"""What the user asks of a solve: options of the program and of the call, checked; gives a Request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from declarative.errors import DeclError, Diagnostic, Span, diagnostic
from declarative.ir import Problem

BACKWARD: dict[str, int] = {
    "implicit": 0, "unrolled": 0, "one_step": 0, "truncated": 1, "neumann": 1, "phantom": 2, "smoothed": 1,
}  # fmt: skip
"""Backward modes and how many numbers each takes."""
ON_FAIL = ("nan", "raise", "keep")
OPTIONS = ("engine", "backend", "tol", "max_iter", "backward", "start", "on_fail")


@dataclass(frozen=True)
class Request:
    """`engine` "auto" and `backend` None leave the choice to the plan; tol and max_iter to the engine."""

    engine: str = "auto"
    backend: str | None = None
    tol: float | None = None
    max_iter: int | None = None
    backward: str = "implicit"
    backward_args: tuple[float, ...] = ()
    start: Mapping[str, object] | str | None = None  # by unknown, or the name of a given
    on_fail: str = "nan"
    externs: frozenset[str] | None = None  # names bound by the host; None: do not ask


def request(problem: Problem, overrides: Mapping[str, object] | None = None) -> Request:
    """The program's options, then those of the call. Raises `DeclError` with every mistake."""
    found: list[Diagnostic] = []
    asked = Request()
    spans = option_spans(problem)
    for name, value in problem.options:
        asked = _set(asked, name, value, spans.get(name, problem.span), found)
    for name, value in (overrides or {}).items():
        if value is not None:
            asked = _set(asked, name, value, None, found)
    if found:
        raise DeclError(found)
    return asked


def option_spans(problem: Problem) -> dict[str, Span]:
    """Where each option is set, as far as the text of the problem tells."""
    spans: dict[str, Span] = {}
    text, start = problem.span.text, problem.span.start
    for name, _ in problem.options:
        for line_start, line in _lines(text):
            place = line.split("#")[0].find(f"{name} =")
            if place >= 0:
                offset = start + line_start + place
                end = start + line_start + len(line.split("#")[0].rstrip())
                spans[name] = Span(problem.span.source, offset, end)
    return spans


def _lines(text: str) -> list[tuple[int, str]]:
    lines, offset = [], 0
    for line in text.splitlines(keepends=True):
        lines.append((offset, line.rstrip("\n")))
        offset += len(line)
    return lines


def _set(asked: Request, name: str, value: object, span: Span | None, found: list[Diagnostic]) -> Request:
    def wrong(wanted: str) -> Request:
        found.append(diagnostic("D405", span, name=name, value=_shown(value), wanted=wanted))
        return asked

    match name:
        case "engine" | "backend":
            if not isinstance(value, str):
                return wrong("a name")
            return replace(asked, engine=value) if name == "engine" else replace(asked, backend=value)
        case "tol":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                return wrong("a positive number")
            return replace(asked, tol=float(value))
        case "max_iter":
            whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
            if not whole or not isinstance(value, (int, float)) or value < 1:
                return wrong("a whole number of at least 1")
            return replace(asked, max_iter=int(value))
        case "backward":
            parsed = parse_backward(value)
            if parsed is None:
                return wrong(
                    "implicit, unrolled, truncated(k), one_step, phantom(k, tau), neumann(k) or smoothed(mu)"
                )
            return replace(asked, backward=parsed[0], backward_args=parsed[1])
        case "on_fail":
            return replace(asked, on_fail=str(value)) if value in ON_FAIL else wrong("nan, raise or keep")
        case "start":
            return (
                replace(asked, start=value)
                if isinstance(value, Mapping | str)
                else wrong('values by unknown, as in `compile(text, start={"x": x0})`')
            )
        case "externs":
            assert isinstance(value, (frozenset, set, tuple, list))
            return replace(asked, externs=frozenset(map(str, value)))
        case _:
            found.append(diagnostic("D404", span, name=name, help=closest(name, OPTIONS)))
            return asked


def _shown(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return f"{value[0]}({', '.join(map(str, value[1:]))})"
    return str(value)


def parse_backward(value: object) -> tuple[str, tuple[float, ...]] | None:
    """A mode and its numbers, from `"truncated(5)"`, `("truncated", 5)` or `"implicit"`."""
    if isinstance(value, str):
        head, _, rest = value.partition("(")
        body = rest.rstrip().removesuffix(")") if rest else ""
        try:
            numbers = tuple(float(part) for part in body.split(",") if part.strip())
        except ValueError:
            return None
    elif isinstance(value, tuple) and value and isinstance(value[0], str):
        head, flat = value[0], value[1] if len(value) == 2 and isinstance(value[1], tuple) else value[1:]
        if not all(isinstance(part, (int, float)) for part in flat):
            return None
        numbers = tuple(map(float, flat))
    else:
        return None
    head = head.strip()
    return (head, numbers) if BACKWARD.get(head) == len(numbers) else None


def closest(name: str, words: tuple[str, ...] | list[str]) -> str:
    """ "did you mean", or the list of what there is."""
    near = get_close_matches(name, words, n=1)
    return f"did you mean `{near[0]}`?" if near else "there are: " + ", ".join(f"`{w}`" for w in words)
