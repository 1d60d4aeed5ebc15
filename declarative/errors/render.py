"""Diagnostic -> text with the source line, a caret, labels, help and fix, in the manner of rustc."""

from __future__ import annotations

from declarative.errors.diagnostic import Diagnostic, Label


def render(found: Diagnostic) -> str:
    """The diagnostic as plain text; the command line colours it."""
    head = f"{found.severity}[{found.code}]: {found.message}"
    lines = [head]
    width = max((len(str(label.span.line)) for label in found.labels), default=1)
    shown = None
    for label in found.labels:
        source = label.span.source
        if shown != source.name:
            line, column = source.position(label.span.start)
            lines.append(f"{' ' * width}--> {source.name}:{line}:{column}")
            shown = source.name
        lines.extend(_snippet(label, width))
    if found.help:
        lines.append(f"{' ' * width} = help: {found.help}")
    if found.fix is not None:
        lines.append(f"{' ' * width} = fix: write `{found.fix.text.strip()}`")
    return "\n".join(lines)


def _snippet(label: Label, width: int) -> list[str]:
    line, column = label.span.source.position(label.span.start)
    text = label.span.source.line(line)
    length = max(1, min(label.span.end - label.span.start, len(text) - column + 1))
    indent = "".join("\t" if char == "\t" else " " for char in text[: column - 1])
    return [
        f"{' ' * width} |",
        f"{line:>{width}} | {text}",
        f"{' ' * width} | {indent}{'^' * length} {label.text}".rstrip(),
    ]
