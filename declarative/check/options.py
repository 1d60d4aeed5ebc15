"""`options key = value`: the keys, and which values each takes."""

from __future__ import annotations

from collections.abc import Sequence

from declarative.check.reports import Reports, did_you_mean, excerpt, nearest
from declarative.check.scope import Scope
from declarative.errors import Fix
from declarative.grammar import tree

BACKWARD = ("implicit", "unrolled", "truncated", "one_step", "phantom", "neumann", "smoothed")
ON_FAIL = ("nan", "raise", "keep")
WANTS = {
    "engine": "the name of an engine, or auto",
    "tol": "a positive number",
    "max_iter": "a positive whole number",
    "backward": f"one of {', '.join(BACKWARD)}, with its settings in brackets",
    "start": "the name of a given",
    "on_fail": f"one of {', '.join(ON_FAIL)}",
}


def lower_options(
    statements: Sequence[tree.Options], scope: Scope, reports: Reports
) -> tuple[tuple[str, object], ...]:
    """Keys and values in order; `start` names a given."""
    found: dict[str, object] = {}
    for setting in (setting for statement in statements for setting in statement.settings):
        key = setting.name.name
        if key not in WANTS:
            near = nearest(key, WANTS)
            fix = Fix(setting.name.span, near) if near else None
            hint = did_you_mean(key, WANTS) or f"the options are {', '.join(WANTS)}"
            reports.add("D208", setting.name.span, fix=fix, name=key, hint=hint)
            continue
        if key in found:
            reports.add("D203", setting.name.span, name=key)
            continue
        value = _value(setting.value)
        if value is None or not _fits(key, value, scope):
            span = setting.value.span
            reports.add("D209", span, name=key, wants=WANTS[key], found=excerpt(span))
            continue
        found[key] = value
    return tuple(found.items())


def _value(node: tree.Expr) -> object:
    """A number, a name, or the text of a call such as `truncated(5)`; None for anything else."""
    match node:
        case tree.Number(value=value):
            return value
        case tree.Name(name=name):
            return name
        case tree.Unary(op="-", operand=tree.Number(value=value)):
            return -value
        case tree.Call(function=tree.Name(name=name), args=args, keywords=()):
            values = [_value(argument) for argument in args]
            if values and all(isinstance(value, (int, float)) for value in values):
                return f"{name}({', '.join(map(str, values))})"
            return None
        case _:
            return None


def _fits(key: str, value: object, scope: Scope) -> bool:
    match key:
        case "start":
            entry = scope.find(value) if isinstance(value, str) else None
            return entry is not None and entry.kind == "given"
        case "tol":
            return isinstance(value, (int, float)) and 0 < value < float("inf")
        case "max_iter":
            return isinstance(value, int) and value > 0
        case "backward":
            return isinstance(value, str) and value.partition("(")[0] in BACKWARD
        case "on_fail":
            return value in ON_FAIL
        case _:
            return isinstance(value, str) and "(" not in value
