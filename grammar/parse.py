"""Text -> tree.File and diagnostics. Never raises, whatever the text; every statement is parsed on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lark import Token, UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from declarative.errors import Diagnostic, Source, Span, diagnostic
from declarative.grammar import hints, structure, tokens, tree
from declarative.grammar.build import Build, Head, deepest

MOST_ERRORS = 25
# Later stages walk the tree by recursion, and Python reads emitted text to some 200 brackets deep.
MOST_LEVELS = 100


def parse(source: Source) -> tuple[tree.File | None, list[Diagnostic]]:
    """The tree of a file, or None when there is an error."""
    units, found = _units(source)
    items: list[tree.Problem | tree.Def | tree.ExternDef | tree.Import] = []
    for unit in units:
        if isinstance(unit.node, Head):
            head = unit.node
            items.append(tree.Problem(head.name, (), head.doc, span=head.span))
        elif isinstance(unit.node, tree.Def | tree.ExternDef | tree.Import):
            items.append(unit.node)
        elif items and isinstance(items[-1], tree.Problem):
            items[-1] = _with(items[-1], unit.node)
        elif not any(one.code == "D123" for one in found):
            found.append(diagnostic("D123", unit.keyword, keyword=unit.keyword.text))
    return _file(items, found)


def parse_body(
    source: Source, name: tree.Name, text: str | None = None, first: tuple[tree.Given, ...] = ()
) -> tuple[tree.File | None, list[Diagnostic]]:
    """The tree of one problem's statements without its `problem` line, as a docstring holds them.

    `text` is the source's own with all blanked that is not the docstring; `first` are statements that come before.
    """
    units, found = _units(source, text)
    problem = tree.Problem(name, first, span=name.span)
    for unit in units:
        if isinstance(unit.node, Head | tree.Def | tree.ExternDef | tree.Import):
            found.append(diagnostic("D140", unit.keyword, keyword=unit.keyword.text))
        else:
            problem = _with(problem, unit.node)
    return _file([problem], found)


def parse_declaration(text: str) -> tree.Declaration | None:
    """The declaration that the text holds and nothing else, `x: psd real[n, n]`; None where it does not."""
    units, found = _units(Source("<type>", f"given {text}"))
    node = units[0].node if len(units) == 1 and not found else None
    return node.declarations[0] if isinstance(node, tree.Given) and len(node.declarations) == 1 else None


def is_name(text: str) -> bool:
    """Whether the text can be declared: letters, digits, `_`, and no reserved word."""
    found = parse_declaration(f"{text}: real")
    return found is not None and [name.name for name in found.names] == [text]


def _with(problem: tree.Problem, statement: tree.Node) -> tree.Problem:
    """A problem one statement longer."""
    span = (
        statement.span
        if problem.span.source is not statement.span.source
        else problem.span.to(statement.span)
    )
    return replace(problem, statements=(*problem.statements, statement), span=span)  # type: ignore[arg-type]


def _file(
    items: list[tree.Problem | tree.Def | tree.ExternDef | tree.Import], found: list[Diagnostic]
) -> tuple[tree.File | None, list[Diagnostic]]:
    if not found:
        for item in items:
            if isinstance(item, tree.Problem):
                found.extend(structure.check_problem(item))
    found.sort(key=lambda one: one.labels[0].span.start if one.labels else 0)
    if found:
        return None, found[:MOST_ERRORS]
    whole = items[0].span.to(items[-1].span) if items else None
    return (tree.File(tuple(items)) if whole is None else tree.File(tuple(items), span=whole)), []


# ---- one statement at a time ---------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """A statement that parsed, and where its keyword stands."""

    node: tree.Node
    keyword: Span


def _units(source: Source, text: str | None = None) -> tuple[list[Unit], list[Diagnostic]]:
    raw = tokens.lex(source.text if text is None else text)
    docs = tokens.docs(source, raw)
    units: list[Unit] = []
    found: list[Diagnostic] = []
    for chunk in tokens.lay_out(source, raw):
        found.extend(chunk.errors)
        node, errors = _unit(source, chunk, docs)
        found.extend(errors)
        if node is not None and chunk.head is not None:
            units.append(Unit(node, tokens.span(source, chunk.head)))
        if len(found) >= MOST_ERRORS:
            break
    return units, found


def _unit(
    source: Source, chunk: tokens.Chunk, docs: dict[int, str]
) -> tuple[tree.Node | None, list[Diagnostic]]:
    """The node of a statement; lines that do not parse are reported and left out."""
    found: list[Diagnostic] = []
    while len(found) < MOST_ERRORS:
        if not chunk.lines and (chunk.errors or found):
            break
        parser = tokens.language().parse_interactive()
        failure = _feed(parser, source, chunk)
        if failure is None:
            node, errors = _built(source, parser, docs)
            return node, found + errors
        found.append(failure.found)
        if failure.ends_statement or chunk.head is None or chunk.head.type not in tokens.LISTS - {"ODE"}:
            break
        chunk = replace(chunk, lines=chunk.lines[: failure.line] + chunk.lines[failure.line + 1 :])
    return _stand_in(source, chunk), found


def _stand_in(source: Source, chunk: tokens.Chunk) -> tree.Node | None:
    """A `problem` line that does not parse still opens a problem: its statements are not at fault."""
    if chunk.head is None or chunk.head.type != "PROBLEM":
        return None
    at = tokens.span(source, chunk.head)
    return Head(tree.Name("_", span=at), span=at)


def _built(
    source: Source, parser: InteractiveParser, docs: dict[int, str]
) -> tuple[tree.Node, list[Diagnostic]]:
    build = Build(source, docs)
    node = build.transform(parser.feed_eof())
    depth, last = deepest(node)
    if depth > MOST_LEVELS:
        build.found.append(diagnostic("D120", last.span, limit=MOST_LEVELS))
    return node, [*build.found, *structure.check_constraints(node)]


@dataclass(frozen=True)
class Failure:
    found: Diagnostic
    line: int
    ends_statement: bool = False


def _feed(parser: InteractiveParser, source: Source, chunk: tokens.Chunk) -> Failure | None:
    """Give a statement's tokens to the parser; what stopped it, or None."""
    before: list[Token] = []
    for number, token in _numbered(chunk):
        try:
            parser.feed_token(token)
        except UnexpectedInput:
            stuck = hints.Stuck(source, chunk, number, tuple(before), token, frozenset(parser.accepts()))
            return Failure(*hints.explain(stuck))
        before.append(token)
    if "$END" not in parser.accepts():
        assert chunk.head is not None
        code = "D138" if chunk.head.type == "PROBLEM" else "D130"
        return Failure(diagnostic(code, tokens.span(source, chunk.head), keyword=str(chunk.head)), 0, True)
    return None


def _numbered(chunk: tokens.Chunk) -> Iterator[tuple[int, Token]]:
    if chunk.head is not None:
        yield 0, chunk.head
    for number, line in enumerate(chunk.lines):
        for token in line:
            yield number, token
