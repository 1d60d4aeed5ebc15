"""Text -> text in canonical layout: the author's words, line breaks and comments, our indentation and spaces.

Lines are never joined or wrapped, save that a list over several lines stands below its keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from lark import Token

from declarative.errors import DeclError, Source
from declarative.grammar import spelling
from declarative.grammar.parse import parse
from declarative.grammar.tokens import CLOSERS, LISTS, OPERANDS, Chunk, lay_out, lex

Style = Literal["ascii", "unicode"]

_TOP = frozenset({"PROBLEM", "DEF", "EXTERN_DEF", "IMPORT", "FROM"})
_STEP = 2


@dataclass(frozen=True)
class Row:
    """One line to be: the tokens on it, and the comment behind them."""

    indent: int
    tokens: tuple[Token, ...]
    opens: bool = False  # the first row of a logical line
    goes_on: bool = False  # a sign at its start belongs to the operand on the row above


def format_file(text: str, style: Style | None = None, name: str = "<text>") -> str:
    """The canonical layout of a program; `DeclError` where it does not parse."""
    source = Source(name, text)
    _, found = parse(source)
    if found:
        raise DeclError(found)
    raw = lex(text)
    chunks = lay_out(source, raw)
    comments = [token for token in raw if token.type == "COMMENT"]
    padded = _padded(chunks)
    blocks = [_rows(chunk, style, padded[index]) for index, chunk in enumerate(chunks)]
    return _print(blocks, comments, [chunk.head.type if chunk.head else "" for chunk in chunks])


def _padded(chunks: Sequence[Chunk]) -> list[bool]:
    """For each statement, whether its problem has a `given` on one line, to which short keywords are aligned."""
    result: list[bool] = []
    start = 0
    for end in [
        *(i for i, chunk in enumerate(chunks) if i and chunk.head and chunk.head.type in _TOP),
        len(chunks),
    ]:
        inline = any(
            chunk.head and chunk.head.type == "GIVEN" and _is_inline(chunk) for chunk in chunks[start:end]
        )
        result += [inline] * (end - start)
        start = end
    return result


# ---- rows ------------------------------------------------------------------------------------------


def _is_inline(chunk: Chunk) -> bool:
    assert chunk.head is not None
    if chunk.head.type == "EQUILIBRIUM":
        return False
    several = chunk.head.type in LISTS - {"ODE"} and len(chunk.lines) > 1
    return not several and chunk.lines[0][0].line == chunk.head.line


def _rows(chunk: Chunk, style: Style | None, padded: bool) -> list[Row]:
    """The rows of one statement, aligned, without comments."""
    assert chunk.head is not None
    base = 0 if chunk.head.type in _TOP else _STEP
    respell = _respell(chunk.head.type, style)
    inline = _is_inline(chunk)
    rows: list[Row] = [] if inline else [Row(base, (chunk.head,))]
    for number, line in enumerate(chunk.lines):
        head = (chunk.head,) if inline and number == 0 else ()
        rows += _broken(head, respell(list(line[:-1])), base if head else base + _STEP)
    if inline and padded and chunk.head.type in ("FIND", "LET", "ROOT"):
        keyword = chunk.head.update(value=chunk.head.ljust(len("given")))
        rows[0] = replace(rows[0], tokens=(keyword, *rows[0].tokens[1:]))
    return rows if inline else [rows[0], *_aligned(chunk.head.type, rows[1:])]


def _respell(head: str, style: Style | None) -> Callable[[list[Token]], list[Token]]:
    if style == "ascii":
        return spelling.to_ascii
    if style == "unicode":
        return lambda line: spelling.to_unicode(line, quantified=head == "SUBJECT_TO")
    return lambda line: line


def _broken(head: tuple[Token, ...], line: list[Token], indent: int) -> list[Row]:
    """A logical line in rows, broken where the author broke it."""
    starts = [0]
    indents = [indent]
    opened: list[int] = []  # the indentation of the rows that opened the brackets around
    for index, token in enumerate(line):
        closes = token.type in CLOSERS and bool(opened)
        if index > 0 and token.line > line[index - 1].line:
            outer = opened[-1] if opened else indent
            starts.append(index)
            indents.append(outer if closes else outer + 2 * _STEP)
        if closes:
            opened.pop()
        elif token.type in CLOSERS.values():
            opened.append(indents[-1])
    first, *more = pairwise([*starts, len(line)])
    return [
        Row(indent, (*head, *line[slice(*first)]), opens=True),
        *(
            Row(at, tuple(line[start:end]), goes_on=line[start - 1].type in OPERANDS)
            for (start, end), at in zip(more, indents[1:], strict=True)
        ),
    ]


# The sign behind which the items of a block are aligned, and whether the space goes before it or behind.
_ALIGNED_AT = {
    "GIVEN": ("COLON", False),
    "FIND": ("COLON", False),
    "SUBJECT_TO": ("COLON", False),
    "LET": ("EQUAL", True),
    "OPTIONS": ("EQUAL", True),
}


def _aligned(head: str, rows: list[Row]) -> list[Row]:
    """Names, types and values in columns, when every line of the block has just one item with its sign."""
    if head not in _ALIGNED_AT:
        return rows
    kind, before = _ALIGNED_AT[head]
    cuts = [_cut(row, kind) if row.opens else 0 for row in rows]
    if any(cut is None for cut in cuts):
        return rows
    width = max(len(_text(row.tokens[:cut])) for row, cut in zip(rows, cuts, strict=True))
    return [_pad(row, cut, width, before) if cut else row for row, cut in zip(rows, cuts, strict=True)]


def _cut(row: Row, kind: str) -> int | None:
    """Where the row's only item has its sign; None when it has none, or the row holds several items."""
    depth, found = 0, None
    for index, token in enumerate(row.tokens):
        depth += (token.type in CLOSERS.values()) - (token.type in CLOSERS)
        if depth == 0 and token.type == kind and found is None:
            found = index
        if depth == 0 and token.type == "COMMA" and (found is not None or kind == "EQUAL"):
            return None
    return found


def _pad(row: Row, cut: int, width: int, before: bool) -> Row:
    missing = " " * (width - len(_text(row.tokens[:cut])))
    sign = row.tokens[cut]
    padded = sign.update(value=missing + sign if before else sign + missing)
    return replace(row, tokens=(*row.tokens[:cut], padded, *row.tokens[cut + 1 :]))


# ---- spaces ----------------------------------------------------------------------------------------


def _text(tokens: Sequence[Token], goes_on: bool = False) -> str:
    """Tokens on one line, with the spaces between them."""
    tight = _in_ranges(tokens)
    parts: list[str] = []
    brackets: list[str] = []
    for index, token in enumerate(tokens):
        if index and (_spaced(tokens, index, brackets, tight) or (goes_on and index == 1)):
            parts.append(" ")
        parts.append(str(token))
        if token.type in CLOSERS.values():
            brackets.append(token.type)
        elif token.type in CLOSERS and brackets:
            brackets.pop()
    return "".join(parts).rstrip()


_TIGHT = frozenset("POWER RANGE DOT".split())
_NO_SPACE_BEFORE = frozenset("COMMA COLON RPAR RSQB CLOSE_BARS PRIME SUPERSCRIPT".split())
_NO_SPACE_AFTER = frozenset("LPAR LSQB OPEN_BARS".split())


def _spaced(tokens: Sequence[Token], index: int, brackets: list[str], tight: frozenset[int]) -> bool:
    """Whether a space stands before the token at `index`."""
    left, right = tokens[index - 1], tokens[index]
    if _is_bars(left) and _is_bars(right):
        return True
    if left.type in _TIGHT or right.type in _TIGHT:
        return _would_merge(left, right)
    if right.type in _NO_SPACE_BEFORE or left.type in _NO_SPACE_AFTER:
        return False
    if left.type == "COLON":
        return not (brackets and brackets[-1] == "LSQB")
    if left.type in ("PLUS", "MINUS") and (index < 2 or tokens[index - 2].type not in OPERANDS):
        return False  # a unary sign
    if right.type in ("LPAR", "LSQB"):
        return left.type not in OPERANDS
    if index in tight or index - 1 in tight:
        return False
    if "SLASH" in (left.type, right.type):
        at = index if right.type == "SLASH" else index - 1
        around = (tokens[at - 1].type, tokens[at + 1].type if at + 1 < len(tokens) else "")
        return around != ("NUMBER", "NUMBER")
    return True


def _is_bars(token: Token) -> bool:
    return token.type in ("OPEN_BARS", "CLOSE_BARS")


def _would_merge(left: Token, right: Token) -> bool:
    """`1. ..n` without its space would be read otherwise."""
    return left.endswith(".") and right.startswith(".")


def _in_ranges(tokens: Sequence[Token]) -> frozenset[int]:
    """The operators between `in` and the end of a range, which are set tight: `1..n-1`."""
    found: set[int] = set()
    for at, token in enumerate(tokens):
        if token.type == "RANGE":
            found |= _operators(tokens, range(at - 1, -1, -1))
            found |= _operators(tokens, range(at + 1, len(tokens)))
    return frozenset(found)


def _operators(tokens: Sequence[Token], places: range) -> set[int]:
    """The operators of an operand that is read from one end, up to the bracket or the keyword around it."""
    found: set[int] = set()
    depth = 0
    outside = 1 if places.step < 0 else -1
    for index in places:
        kind = tokens[index].type
        depth += (kind in CLOSERS.values()) - (kind in CLOSERS)
        if depth == outside or (depth == 0 and kind in ("IN", "FOR", "WHERE", "COMMA")):
            break
        if depth == 0 and kind in ("PLUS", "MINUS", "TIMES", "SLASH"):
            found.add(index)
    return found


# ---- comments and blank lines ----------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A line of the result with what decides the blank line before it."""

    indent: int
    text: str
    comment: str
    first: int  # the source lines it comes from
    last: int
    column: int
    statement: int  # the number of the one it belongs to
    keyword: str = ""  # its statement's keyword, on that statement's first line
    alone: bool = False  # the keyword of a list that follows on lines of its own


def _print(blocks: list[list[Row]], comments: list[Token], heads: list[str]) -> str:
    rows = [
        Entry(
            row.indent,
            _text(row.tokens, row.goes_on and row.tokens[0].type in ("PLUS", "MINUS")),
            "",
            row.tokens[0].line or 0,
            row.tokens[-1].end_line or 0,
            row.tokens[0].column or 1,
            number,
            heads[number] if index == 0 else "",
            alone=index == 0 and len(row.tokens) == 1,
        )
        for number, block in enumerate(blocks)
        for index, row in enumerate(block)
    ]
    ends = [row.tokens[-1].end_pos or 0 for block in blocks for row in block]
    lines = _align_comments(_merge(rows, ends, comments))
    return _with_blanks(lines)


def _merge(rows: list[Entry], ends: list[int], comments: list[Token]) -> list[Entry]:
    """Rows and comments in the order of the source."""
    result: list[Entry] = []
    waiting = list(comments)
    for index, (row, end) in enumerate(zip(rows, ends, strict=True)):
        while waiting and (waiting[0].line or 0) < row.first:
            result.append(_comment_line(waiting.pop(0), rows[:index], row))
        kept = [c for c in waiting if c.start_pos < end or c.line == row.last]
        if index + 1 < len(rows) and rows[index + 1].first == row.last:
            kept = [c for c in kept if c.start_pos < end]  # the rest of the line comes first
        waiting = [c for c in waiting if c not in kept]
        result.append(replace(row, comment="  ".join(_comment(c) for c in kept)))
    return [*result, *(_comment_line(comment, rows, None) for comment in waiting)]


def _comment_line(comment: Token, above: list[Entry], below: Entry | None) -> Entry:
    """A comment alone on its line: set with what follows, or with what it follows when it stands deeper."""
    line, column = comment.line or 0, comment.column or 1
    indent = 0 if below is None else below.indent
    if below is None or column > below.column:
        indent = max(indent, _level(column, above))
    return Entry(indent, "", _comment(comment), line, line, column, -1)


def _level(column: int, above: list[Entry]) -> int:
    """The indentation of a comment in this column behind some rows: in the last statement's list, or beside it."""
    if not above:
        return 0
    head = next(row for row in above if row.statement == above[-1].statement)
    if column <= head.column:
        return head.indent if column > 1 else 0
    if head.keyword in _TOP:
        return _STEP if head.keyword == "PROBLEM" else 0
    return head.indent + _STEP if head.alone else head.indent


def _comment(token: Token) -> str:
    """One space behind the sign; lines of signs stay."""
    sign = "##" if token.startswith("##") else "#"
    rest = token[len(sign) :]
    if rest.startswith(("#", "!")):
        return str(token).rstrip()
    return f"{sign} {rest.strip()}".rstrip()


def _align_comments(lines: list[Entry]) -> list[Entry]:
    """The comments behind the lines of one statement start in one column."""
    columns: dict[int, int] = {}
    for line in lines:
        if line.text and line.comment and not line.alone:
            columns[line.statement] = max(columns.get(line.statement, 0), line.indent + len(line.text) + 2)
    return [_with_comment(line, 0 if line.alone else columns.get(line.statement, 0)) for line in lines]


def _with_comment(line: Entry, column: int) -> Entry:
    if not (line.text and line.comment):
        return line
    width = max(column - line.indent, len(line.text) + 2)
    return replace(line, text=line.text.ljust(width) + line.comment, comment="")


def _with_blanks(lines: list[Entry]) -> str:
    """At most one blank line where the author had some; always one before a problem and its comments."""
    forced: set[int] = set()
    for index, line in enumerate(lines):
        if line.keyword == "PROBLEM":
            start = index
            while start and not lines[start - 1].text and lines[start - 1].last + 1 == lines[start].first:
                start -= 1
            forced.add(start)
    result: list[str] = []
    for index, line in enumerate(lines):
        if index and (index in forced or line.first > lines[index - 1].last + 1):
            result.append("")
        result.append(" " * line.indent + (line.text or line.comment))
    return "\n".join(result) + "\n" if result else ""
