"""Where in a Python file: frames -> spans, functions and calls -> their syntax. Knows nothing of symbols."""

from __future__ import annotations

import ast
import itertools
import linecache
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from declarative.errors import Source, Span
from declarative.grammar import tree

_OURS = str(Path(__file__).parent)
N = TypeVar("N", bound=tree.Node)


@dataclass(frozen=True)
class PythonFile:
    """A file of Python text; the text is empty where it cannot be had, as at a bare prompt."""

    source: Source

    @cached_property
    def module(self) -> ast.Module | None:
        try:
            return ast.parse(self.source.text) if self.source.text else None
        except (SyntaxError, ValueError, RecursionError):
            return None

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and a column as Python counts them: from 1, and in bytes of UTF-8 from 0."""
        start = self.source.line_starts[line - 1]
        return start + len(self.source.line(line).encode()[:column].decode(errors="ignore"))

    def span(self, line: int, column: int, end_line: int, end_column: int) -> Span:
        if not 1 <= line <= end_line <= len(self.source.line_starts):
            return Span(Source(self.source.name, "", line), 0, 0)
        return Span(self.source, self.offset(line, column), self.offset(end_line, end_column))

    def span_of(self, node: ast.expr | ast.stmt | ast.arg) -> Span:
        return self.span(
            node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0
        )

    def line_span(self, line: int) -> Span:
        if not 1 <= line <= len(self.source.line_starts):
            return Span(Source(self.source.name, "", line), 0, 0)
        text = self.source.line(line)
        start = self.source.line_starts[line - 1]
        return Span(self.source, start + len(text) - len(text.lstrip()), start + len(text.rstrip()))

    def enclosing(self, at: Span) -> Iterator[ast.AST]:
        """The nodes of the file that cover a span, outermost first."""
        level: list[ast.AST] = [] if self.module is None else [self.module]
        while level:
            covering = [node for node in level if isinstance(node, ast.Module) or self._covers(node, at)]
            yield from covering
            level = [child for node in covering for child in ast.iter_child_nodes(node)]

    def _covers(self, node: ast.AST, at: Span) -> bool:
        if not isinstance(node, ast.expr | ast.stmt):
            # comprehensions, arguments and the like have no place of their own; look inside
            return True
        span = self.span_of(node)
        return span.source is at.source and span.start <= at.start and at.end <= span.end


class Files:
    """The Python files met while one function is traced; one source a file."""

    def __init__(self) -> None:
        self._files: dict[str, PythonFile] = {}

    def __call__(self, name: str, module_globals: dict[str, Any] | None = None) -> PythonFile:
        if name not in self._files:
            text = "".join(linecache.getlines(name, module_globals))
            self._files[name] = PythonFile(Source(name, text))
        return self._files[name]

    def here(self) -> tuple[PythonFile, Span]:
        """The file and the expression that the caller's own code is evaluating."""
        frame = caller()
        return self._at(frame, frame.f_lasti, frame.f_lineno)

    def raised(self, error: BaseException) -> tuple[PythonFile, Span] | None:
        """The same for the expression in which an exception rose, or went into a library."""
        found = None
        trace = error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if not name.startswith(_OURS) and not _is_library(name):
                found = self._at(trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
            trace = trace.tb_next
        return found

    def called(self, file: PythonFile, at: Span) -> str | None:
        """The name of the function whose call stands at a place, as it is written."""
        calls = [
            node for node in file.enclosing(at) if isinstance(node, ast.Call) and file.span_of(node) == at
        ]
        return file.span_of(calls[-1].func).text if calls else None

    def _at(self, frame: FrameType, instruction: int, number: int) -> tuple[PythonFile, Span]:
        file = self(frame.f_code.co_filename, frame.f_globals)
        line, end_line, column, end_column = _position(frame.f_code, instruction)
        if line is None or end_line is None or column is None or end_column is None:
            return file, file.line_span(line or number)
        return file, self._loop(file, file.span(line, column, end_line, end_column))

    def _loop(self, file: PythonFile, at: Span) -> Span:
        """Python 3.11 says that the whole `for` statement asks its iterable; what asks is the iterable."""
        if at.text.startswith("for "):
            loops = [
                node for node in file.enclosing(at) if isinstance(node, ast.For) and file.span_of(node) == at
            ]
            return file.span_of(loops[-1].iter) if loops else at
        return at


def caller() -> FrameType:
    """The innermost frame that is not of this package's front end nor inside a numerical library."""
    frame: FrameType | None = sys._getframe(1)
    last = frame
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OURS) and not _is_library(name):
            return frame
        last, frame = frame, frame.f_back
    assert last is not None
    return last


def _is_library(name: str) -> bool:
    parts = Path(name).parts
    return "site-packages" in parts and bool({"numpy", "jax", "torch"} & set(parts))


def _position(code: CodeType, instruction: int) -> tuple[int | None, int | None, int | None, int | None]:
    if instruction < 0:
        return None, None, None, None
    return next(itertools.islice(code.co_positions(), instruction // 2, None), (None, None, None, None))


def definition(file: PythonFile, function: Callable[..., Any]) -> ast.FunctionDef | None:
    """The `def` of a function in its file."""
    if file.module is None:
        return None
    line = function.__code__.co_firstlineno
    for node in ast.walk(file.module):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == line or node.lineno == line:
                return node
    return None


def respan(node: N, span: Span) -> N:
    """The same tree with one place for all of its nodes: text that stands inside a Python expression."""
    changed: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tree.Node):
            changed[field.name] = respan(value, span)
        elif isinstance(value, tuple):
            changed[field.name] = tuple(respan(v, span) if isinstance(v, tree.Node) else v for v in value)
    return replace(node, **{**changed, "span": span})
