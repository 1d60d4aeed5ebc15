"""A Python function -> the tree of a problem: its docstring is parsed, or its body traced once with symbols."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

from declarative.errors import NOWHERE, DeclError, Diagnostic, Source, Span, diagnostic
from declarative.grammar import tree, words
from declarative.grammar.namespace import NAMESPACE, Type, declaration
from declarative.grammar.parse import is_name, parse_body
from declarative.grammar.places import Files, PythonFile, definition
from declarative.grammar.sharing import name_shared
from declarative.grammar.structure import check_constraints, check_problem
from declarative.grammar.symbols import Symbol, constant, lift, twin
from declarative.grammar.trace import Trace

__all__ = ["trace_function", *NAMESPACE]

Traced = tuple[Source, tree.File | None, list[Diagnostic]]


def __getattr__(name: str) -> Any:
    """The words of the namespace are attributes of this module."""
    try:
        return NAMESPACE[name]
    except KeyError:
        raise AttributeError(name) from None


def trace_function(function: Callable[..., Any]) -> Traced:
    """The source, the tree and the diagnostics of a decorated function. Errors of its own code pass through."""
    files = Files()
    lasting = inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)
    if not inspect.isfunction(function) or lasting:
        return (
            NOWHERE.source,
            None,
            [diagnostic("D516", None, name=getattr(function, "__name__", repr(function)))],
        )
    file = files(function.__code__.co_filename, function.__globals__)
    written = definition(file, function)
    try:
        name, givens = _head(function, file, written)
        if _is_docstring_form(function, written):
            return _from_docstring(function, file, written, name, givens)
        return _from_body(function, file, written, name, givens, files)
    except DeclError as error:
        return file.source, None, error.diagnostics


# ---- the head: name, parameters, types -------------------------------------------------------------


def _head(
    function: Callable[..., Any], file: PythonFile, written: ast.FunctionDef | None
) -> tuple[tree.Name, list[tuple[tree.Name, tree.Declaration | None]]]:
    """The problem's name, and each parameter with its declaration if its annotation is one."""
    line = file.line_span(function.__code__.co_firstlineno)
    at = line if written is None else _name_span(file, written)
    places = {} if written is None else {arg.arg: file.span_of(arg) for arg in _arguments(written)}
    givens: list[tuple[tree.Name, tree.Declaration | None]] = []
    for parameter in inspect.signature(function).parameters.values():
        place = places.get(parameter.name, line)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DeclError([diagnostic("D511", place, name=str(parameter))])
        own = tree.Name(words.ascii_name(parameter.name), span=place)
        if not is_name(own.name):
            raise DeclError([diagnostic("D129", place, word=own.name)])
        text = _type_text(parameter.annotation, function)
        declared = None if text is None else declaration(own.name, text, place)
        if declared is not None and parameter.default is not parameter.empty:
            declared = replace(declared, default=_default(parameter.name, parameter.default, place))
        givens.append((own, declared))
    return tree.Name(words.ascii_name(function.__name__), span=at), givens


def _arguments(written: ast.FunctionDef) -> list[ast.arg]:
    args = written.args
    rest = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *rest]


def _name_span(file: PythonFile, written: ast.FunctionDef) -> Span:
    start = file.source.text.index(written.name, file.offset(written.lineno, written.col_offset) + len("def"))
    return Span(file.source, start, start + len(written.name))


def _type_text(annotation: Any, function: Callable[..., Any]) -> str | None:
    """The type that an annotation gives in the language's words; None for an annotation of another kind."""
    if isinstance(annotation, str):
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        scope = {name: cell.cell_contents for name, cell in cells if _filled(cell)}
        try:
            annotation = eval(annotation, function.__globals__, scope)
        except Exception:  # a bare text such as "psd real[n, n]" is no Python
            return annotation
    if isinstance(annotation, Type):
        return str(annotation)
    if isinstance(annotation, str):
        return annotation
    texts = [str(item) for item in get_args(annotation)[1:] if isinstance(item, str | Type)]
    return texts[0] if texts and hasattr(annotation, "__metadata__") else None


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _default(name: str, value: Any, at: Span) -> tree.Expr:
    if isinstance(value, bool | int | float):
        return constant(value, at)
    raise DeclError([diagnostic("D510", at, name=name, kind=type(value).__name__)])


# ---- the docstring form ----------------------------------------------------------------------------


def _is_docstring_form(function: Callable[..., Any], written: ast.FunctionDef | None) -> bool:
    if not function.__doc__:
        return False
    if written is None:
        return (
            not function.__code__.co_names and function.__code__.co_argcount == function.__code__.co_nlocals
        )
    return all(isinstance(node, ast.Pass) or _is_constant(node) for node in written.body[1:])


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _from_docstring(
    function: Callable[..., Any],
    file: PythonFile,
    written: ast.FunctionDef | None,
    name: tree.Name,
    givens: list[tuple[tree.Name, tree.Declaration | None]],
) -> Traced:
    source, text = file.source, None
    if written is None:
        source = Source(f"<docstring of {function.__name__}>", function.__doc__ or "")
        name = replace(name, span=Span(source, 0, 0))
    else:
        text = _only_docstring(file, written.body[0])
    declared = tuple(one for _, one in givens if one is not None)
    first = (tree.Given(declared, span=declared[0].span.to(declared[-1].span)),) if declared else ()
    parsed, found = parse_body(source, name, text, first)
    if parsed is not None:
        problem = parsed.items[0]
        assert isinstance(problem, tree.Problem)
        found = _compare_parameters(problem, givens, bool(declared))
    return source, None if found else parsed, found


def _only_docstring(file: PythonFile, statement: ast.stmt) -> str:
    """The file's text with everything blanked that is not inside the quotes, so that every place is the file's."""
    assert isinstance(statement, ast.Expr)
    span = file.span_of(statement.value)
    opening = re.match(r"[a-zA-Z]*(\"\"\"|'''|\"|')", span.text)
    assert opening is not None
    start, end = span.start + opening.end(), span.end - len(opening[1])
    text = file.source.text
    return _blank(text[:start]) + text[start:end] + _blank(text[end:])


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _compare_parameters(
    problem: tree.Problem, givens: list[tuple[tree.Name, tree.Declaration | None]], annotated: bool
) -> list[Diagnostic]:
    """Each parameter is declared once, in its annotation or in the text, in the function's order."""
    statements = [one for one in problem.statements[annotated:] if isinstance(one, tree.Given)]
    stated = [name for one in statements for declared in one.declarations for name in declared.names]
    if annotated and stated:
        return [diagnostic("D507", stated[0].span, name=stated[0].name)]
    if annotated:
        return [diagnostic("D506", name.span, name=name.name) for name, one in givens if one is None]
    wanted = [name.name for name, _ in givens]
    if not wanted or wanted == [name.name for name in stated]:
        return []
    missing = [name for name, _ in givens if name.name not in {one.name for one in stated}]
    if missing:
        return [diagnostic("D506", name.span, name=name.name) for name in missing]
    extra = [name for name in stated if name.name not in wanted]
    return [diagnostic("D508", (extra or stated)[0].span, order=", ".join(wanted))]


# ---- the body form ---------------------------------------------------------------------------------


def _from_body(
    function: Callable[..., Any],
    file: PythonFile,
    written: ast.FunctionDef | None,
    name: tree.Name,
    givens: list[tuple[tree.Name, tree.Declaration | None]],
    files: Files,
) -> Traced:
    untyped = [diagnostic("D506", own.span, name=own.name) for own, declared in givens if declared is None]
    if untyped:
        return file.source, None, untyped
    declared = [one for _, one in givens if one is not None]
    trace = Trace(files, names=_names_in(declared))
    arguments = [Symbol(one.names[0]) for one in declared]
    parameters = inspect.signature(function).parameters
    keys, kinds = list(parameters), [parameter.kind for parameter in parameters.values()]
    last = [kind.name == "KEYWORD_ONLY" for kind in kinds]
    by_name = {key: one for key, one, named in zip(keys, arguments, last, strict=True) if named}
    by_place = [one for one, named in zip(arguments, last, strict=True) if not named]
    with trace.active_here():
        try:
            result = function(*by_place, **by_name)
        except (TypeError, ValueError) as error:
            foreign = _foreign(error, files)
            if foreign is None:
                raise
            raise foreign from error
        outputs = _outputs(result, file, written, name.span)
    doc = inspect.cleandoc(function.__doc__) if function.__doc__ else ""
    statements = name_shared(_statements(trace, declared, outputs, name.span), trace)
    problem = tree.Problem(name, statements, doc, span=name.span)
    found = [
        *(one for statement in statements for one in check_constraints(statement)),
        *check_problem(problem),
    ]
    return file.source, None if found else tree.File((problem,), span=name.span), found


def _foreign(error: Exception, files: Files) -> DeclError | None:
    """A library that choked on a symbol without asking it, as JAX does; other errors are the function's own."""
    place = files.raised(error)
    if isinstance(error, DeclError) or place is None or Symbol.__qualname__ not in str(error):
        return None
    name = files.called(*place) or "this function"
    return DeclError([diagnostic("D503", place[1], function=name, instead=twin(name))])


def _names_in(declared: list[tree.Declaration]) -> set[str]:
    """Parameters and the dimensions of their shapes."""
    names: set[str] = set()
    pending: list[tree.Node] = list(declared)
    while pending:
        node = pending.pop()
        if isinstance(node, tree.Name):
            names.add(node.name)
        pending.extend(tree.children(node))
    return names


def _statements(
    trace: Trace, givens: list[tree.Declaration], outputs: tuple[tree.Binding, ...], at: Span
) -> tuple[tree.Statement, ...]:
    fixed, equations = trace.equations["fixed_point"], trace.equations["root"]
    parts: list[tree.Statement | None] = [
        tree.Given(tuple(givens), span=givens[0].span) if givens else None,
        tree.Find(tuple(trace.unknowns), span=trace.unknowns[0].span) if trace.unknowns else None,
        tree.Let(tuple(trace.bindings), span=trace.bindings[0].span) if trace.bindings else None,
        *trace.goals,
        tree.FixedPoint(tuple(fixed), span=fixed[0].span) if fixed else None,
        tree.Root(tuple(equations), span=equations[0].span) if equations else None,
        tree.SubjectTo(tuple(trace.constraints), span=trace.constraints[0].span)
        if trace.constraints
        else None,
        tree.Assume(tuple(trace.facts), span=trace.facts[0].span) if trace.facts else None,
        tree.Options(tuple(trace.settings), span=trace.settings[0].span) if trace.settings else None,
        tree.Return(outputs, span=at) if outputs else None,
    ]
    return tuple(part for part in parts if part is not None)


def _outputs(
    result: Any, file: PythonFile, written: ast.FunctionDef | None, at: Span
) -> tuple[tree.Binding, ...]:
    """What the function returned, under the names of a mapping, of a named tuple, or of its own variables."""
    if result is None:
        return ()
    if isinstance(result, dict):
        return tuple(_output(str(name), value, at) for name, value in result.items())
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return tuple(_output(name, value, at) for name, value in zip(result._fields, result, strict=True))
    several = result if isinstance(result, tuple | list) else (result,)
    names = _returned_names(written, len(several))
    return tuple(
        _output(None if _is_name(value) else name, value, at)
        for name, value in zip(names, several, strict=True)
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, Symbol) and isinstance(value.node, tree.Name)


def _output(name: str | None, value: Any, at: Span) -> tree.Binding:
    if not isinstance(value, Symbol | int | float) and not hasattr(value, "tolist"):
        raise DeclError([diagnostic("D519", at, kind=type(value).__name__)])
    node = lift(value).node
    if name is None or node == tree.Name(name):
        return tree.Binding(None, node, span=at)
    return tree.Binding(tree.Name(words.ascii_name(name), span=at), node, span=at)


def _returned_names(written: ast.FunctionDef | None, count: int) -> list[str | None]:
    """The variables in the function's only `return`, where they are variables."""
    returns = (
        [node for node in ast.walk(written) if isinstance(node, ast.Return)] if written is not None else []
    )
    if len(returns) != 1 or returns[0].value is None:
        return [None] * count
    value = returns[0].value
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    if len(parts) != count:
        return [None] * count
    return [part.id if isinstance(part, ast.Name) else None for part in parts]
