"""IR -> an indented tree, one node a line, for reading what the compiler sees."""

from __future__ import annotations

from dataclasses import fields

from declarative import ir
from declarative.atoms.shapes import shape_text
from declarative.dims import Dim


def tree(node: ir.Node) -> str:
    return "\n".join(_lines(node, "", 0)) + "\n"


def _lines(node: ir.Node, role: str, depth: int) -> list[str]:
    plain: list[str] = []
    below: list[str] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if (
            field.name in ("span", "type")
            or value is None
            or value == ()
            or value == ""
            or value == frozenset()
        ):
            continue
        if isinstance(value, ir.Node):
            below += _lines(value, field.name, depth + 1)
        elif isinstance(value, tuple) and _holds_nodes(value):
            below += _group(value, field.name, depth + 1)
        else:
            plain.append(_plain(value))
    type_ = getattr(node, "type", None)
    typed = f" : {type_.base} {shape_text(type_.shape)}" if isinstance(type_, ir.Type) else ""
    head = f"{role + ' = ' if role else ''}{' '.join([type(node).__name__, *plain])}{typed}"
    return ["  " * depth + head, *below]


def _group(values: tuple[object, ...], role: str, depth: int) -> list[str]:
    lines = ["  " * depth + role]
    for value in values:
        if isinstance(value, ir.Node):
            lines += _lines(value, "", depth + 1)
        elif isinstance(value, tuple):
            for part in value:
                if isinstance(part, ir.Node):
                    lines += _lines(part, "", depth + 2)
                else:
                    lines.append("  " * (depth + 1) + _plain(part))
        else:
            lines.append("  " * (depth + 1) + _plain(value))
    return lines


def _holds_nodes(value: tuple[object, ...]) -> bool:
    return any(
        isinstance(item, ir.Node) or (isinstance(item, tuple) and _holds_nodes(item)) for item in value
    )


def _plain(value: object) -> str:
    if isinstance(value, ir.Type):
        return f"{value.base} {shape_text(value.shape)}"
    if isinstance(value, Dim):
        return str(value)
    if isinstance(value, frozenset):
        return " ".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    return str(value)
