"""What users call: compile, load, check, format, explain, the decorator `declarative`, and Module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, overload

from declarative import compiler, files, ir
from declarative.compiler import Host
from declarative.errors import CATALOGUE, ArgumentError, DeclError, Diagnostic, Source, diagnostic
from declarative.layer.layer import Layer

Extern = Mapping[str, Callable[..., Any]]


class Module:
    """The problems of a file as layers: `module.optnet`, `module["optnet"]`, `list(module)`; made when asked for."""

    def __init__(self, name: str, problems: Mapping[str, ir.Problem], host: Host):
        self._name = name
        self._problems = problems
        self._host = host
        self._layers: dict[str, Layer] = {}

    def __getitem__(self, name: str) -> Layer:
        if name not in self._layers:
            problem = compiler.pick(self._problems, name)
            self._layers[name] = compiler.compile_problem(problem, self._host)
        return self._layers[name]

    def __getattr__(self, name: str) -> Layer:
        if name.startswith("_") or name not in self._problems:
            raise AttributeError(f"{self!r} has no problem `{name}`")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._problems)

    def __len__(self) -> int:
        return len(self._problems)

    def __contains__(self, name: object) -> bool:
        return name in self._problems

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._problems]

    def __repr__(self) -> str:
        return f"<Module {self._name}: {', '.join(self._problems)}>"


def compile_text(
    text: str,
    problem: str | None = None,
    *,
    extern: Extern | None = None,
    static: Mapping[str, Any] | None = None,
    name: str = "<text>",
    stop_after: compiler.Stage | None = None,
    **options: Any,
) -> Any:
    """The Layer of a text's problem. Options: engine, backend, tol, max_iter, backward, on_fail, start.

    `stop_after` gives the value of an earlier stage: "parse", "check", "analyse", "rewrite", "plan", "emit".
    """
    source = text if isinstance(text, Source) else Source(name, _text(text))
    host = Host(extern=_named(extern, "extern"), static=_named(static, "static"), options=options)
    return compiler.compile_source(source, problem, host, stop_after)


def load(
    path: str | PathLike[str],
    *,
    roots: Sequence[str | PathLike[str]] = (),
    extern: Extern | None = None,
    static: Mapping[str, Any] | None = None,
    **options: Any,
) -> Module:
    """The problems of a `.decl` file. Its imports are found beside it and in `roots`."""
    source = files.read(path)
    find = files.loader(files.folder(path), *roots)
    host = Host(
        extern=_named(extern, "extern"), static=_named(static, "static"), options=options, loader=find
    )
    return Module(str(path), compiler.checked(compiler.parsed(source), host), host)


def check_text(text: str, name: str = "<text>") -> list[Diagnostic]:
    """All that there is to say about a text, errors first to last; it runs nothing."""
    return compiler.diagnose(Source(name, _text(text)))


def format_text(text: str, style: Any = None) -> str:
    """The text in canonical layout; `style` "ascii" or "unicode" also converts its spelling."""
    from declarative.grammar import format_file

    return format_file(_text(text), style)


def explain(code: str) -> str:
    """The page of a diagnostic's code: why it is an error, an example, its mend."""
    entry = CATALOGUE.get(str(code).strip().upper())
    if entry is None:
        raise ArgumentError(diagnostic("D620", None, name=code))
    return f"{entry.code}: {entry.title}\n\n{(entry.page or entry.message).strip()}"


@overload
def declarative(function: Callable[..., Any]) -> Layer: ...
@overload
def declarative(
    *, extern: Extern | None = ..., static: Mapping[str, Any] | None = ..., **options: Any
) -> Callable[[Callable[..., Any]], Layer]: ...
def declarative(
    function: Callable[..., Any] | None = None,
    *,
    extern: Extern | None = None,
    static: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Decorator: a function whose docstring or body states a problem becomes its Layer."""
    if function is None:
        return partial(_decorated, extern=extern, static=static, options=options)
    return _decorated(function, extern, static, options)


def _decorated(
    function: Any, extern: Extern | None, static: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> Layer:
    if not inspect.isfunction(function):
        raise ArgumentError(diagnostic("D621", None, found=type(function).__name__))
    from declarative.grammar.python import trace_function

    _, file, found = trace_function(function)
    if file is None or any(one.severity == "error" for one in found):
        raise DeclError(found)
    host = Host(extern=_named(extern, "extern"), static=_named(static, "static"), options=options)
    layer: Layer = compiler.compile_problem(compiler.pick(compiler.checked(file, host), None), host)
    layer.__module__ = function.__module__
    return layer


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise ArgumentError(diagnostic("D622", None, found=type(text).__name__))
    return text


def _named(given: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    if given is not None and not (isinstance(given, Mapping) and all(isinstance(key, str) for key in given)):
        raise ArgumentError(diagnostic("D623", None, name=name, found=type(given).__name__))
    return dict(given or {})
