"""Text -> tokens -> statements: keywords told from names, opening bars from closing ones, lines joined.

The lexer is lark's, over the terminals of decl.lark; what follows here is the part of the language that a
context-free grammar says badly.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lark import Lark, Token

from declarative.errors import Diagnostic, Fix, Source, Span, also, diagnostic

STATEMENTS = frozenset(
    "PROBLEM DEF EXTERN_DEF IMPORT FROM GIVEN FIND LET MINIMIZE MAXIMIZE FIXED_POINT ROOT EQUILIBRIUM ODE "
    "SUBJECT_TO ASSUME OPTIONS RETURN".split()
)
# Keywords of two words are never names.
_TWO_WORDS = frozenset({"EXTERN_DEF", "FIXED_POINT", "SUBJECT_TO"})
# Words that declare nothing and label nothing: a colon behind them is a slip.
_NEVER_LABELS = frozenset({"PROBLEM", "GIVEN", "FIND", "MINIMIZE", "MAXIMIZE", "RETURN"})
# Statements that hold a list: in them a line that starts with a sign begins a new item.
LISTS = frozenset("GIVEN FIND LET FIXED_POINT ROOT ODE SUBJECT_TO ASSUME OPTIONS RETURN".split())

# What shows that the word before it is a name: no statement goes on so.
_AFTER_A_NAME = frozenset(
    "EQUAL COMMA EQ NE LE GE LT GT SUCCEEDS PRECEDES IN POWER SUPERSCRIPT PRIME TIMES SLASH AT LSQB RPAR RSQB DOT "
    "RANGE".split()
)
OPERANDS = frozenset("NAME NUMBER FRACTION RPAR RSQB CLOSE_BARS PRIME SUPERSCRIPT TRUE FALSE STRING".split())
_BINARY = frozenset(
    "PLUS MINUS TIMES SLASH AT POWER EQ NE LE GE LT GT SUCCEEDS PRECEDES EQUAL COMMA RANGE ARROW FOR IN WHERE "
    "THEN ELSE OVER AND OR MINIMIZES MAXIMIZES".split()
)
_LINE_GOES_ON_AFTER = _BINARY | {"COLON", "IF", "NOT"}
_LINE_GOES_ON_BEFORE = (_BINARY | {"PRIME", "SUPERSCRIPT"}) - {"PLUS", "MINUS"}
CLOSERS = {"RPAR": "LPAR", "RSQB": "LSQB", "CLOSE_BARS": "OPEN_BARS"}
_OPENERS = frozenset(CLOSERS.values())
_AMBIGUOUS = frozenset({"PLUS", "MINUS", "LPAR", "COLON", "FOR", "OVER", "BARS", ""})


@dataclass(frozen=True)
class Chunk:
    """One statement: its keyword (None for lines before any) and its logical lines, each ended by NEWLINE."""

    head: Token | None
    lines: tuple[tuple[Token, ...], ...]
    errors: tuple[Diagnostic, ...] = ()

    @property
    def tokens(self) -> tuple[Token, ...]:
        return (
            *(() if self.head is None else (self.head,)),
            *(token for line in self.lines for token in line),
        )


# ---- lexing ------------------------------------------------------------------------------------


class _Keep:
    """lark drops terminals that no rule uses; a post-lexer may ask for them."""

    always_accept = ("BARS", "FOR_ALL", "ELEMENT_OF", "COMMENT", "STRING", "UNKNOWN")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


@cache
def language(strict: bool = False) -> Lark:
    """The parser of decl.lark; its tables come from the user's cache folder where there is one."""
    text = Path(__file__).with_name("decl.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer="basic",
        start="unit",
        strict=strict,
        postlex=_Keep(),
        keep_all_tokens=True,
        maybe_placeholders=False,
        cache=False if strict else _cache_file(text),
    )


def _cache_file(grammar: str) -> str | bool:
    """A file for lark's tables, which are a pickle; False where there is none."""
    folder = cache_folder()
    if folder is None:
        return False
    key = hashlib.sha256(grammar.encode()).hexdigest()[:12]
    return str(folder / f"grammar-{key}-{sys.version_info[0]}{sys.version_info[1]}.lark")


def cache_folder() -> Path | None:
    """A folder of this user only; None where it cannot be made or written."""
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = base / "declarative"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def lex(text: str) -> list[Token]:
    """All tokens of a text, comments and line ends included. Never raises: odd characters are UNKNOWN."""
    reader = language().parse_interactive(text)
    return list(reader.lexer_thread.lex(reader.parser_state))


# ---- layout ------------------------------------------------------------------------------------


def retyped(token: Token, kind: str) -> Token:
    return Token.new_borrow_pos(kind, str(token), token)


def span(source: Source, token: Token) -> Span:
    return Span(source, token.start_pos, token.end_pos)


def lay_out(source: Source, raw: Iterable[Token]) -> list[Chunk]:
    """Cut the tokens into statements and logical lines. Comments are left out."""
    return _Layout(source, [token for token in raw if token.type != "COMMENT"]).chunks()


class _Layout:
    """One walk over the tokens; its state is where the walk stands."""

    def __init__(self, source: Source, tokens: list[Token]):
        self.source = source
        self.tokens = tokens
        self.open: list[Token] = []  # brackets and bars not yet closed
        self.head: Token | None = None
        self.lines: list[tuple[Token, ...]] = []
        self.line: list[Token] = []
        self.broken = False  # the line at hand has an error and will be left out
        self.errors: list[Diagnostic] = []
        self.done: list[Chunk] = []

    def chunks(self) -> list[Chunk]:
        fresh = True
        for index, token in enumerate(self.tokens):
            if token.type == "NEWLINE":
                fresh = True
                continue
            if self._starts_statement(index, token, fresh):
                self._end_chunk()
                self.head = token
            else:
                self._add(self._as_word(token), fresh)
            fresh = False
        self._end_chunk()
        return self.done

    def _add(self, token: Token, fresh: bool) -> None:
        if fresh and self.line and not self._in_brackets and not self._goes_on(token):
            self._end_line()
        if token.type == "COLON" and not self.line and self.head is not None and not self.lines:
            self._blame(_stray_colon(self.source, self.head, token))
        if token.type in _BRACKETS:
            token = self._bracket(token)
        self.line.append(token)

    @property
    def _in_brackets(self) -> bool:
        """Inside brackets a statement goes on over line ends; norm bars alone do not carry it."""
        return any(token.type != "OPEN_BARS" for token in self.open)

    @property
    def _after_operand(self) -> bool:
        return bool(self.line) and self.line[-1].type in OPERANDS

    def _next(self, index: int, skip: bool) -> tuple[int, str]:
        """Where the next token is and its type, past line ends if asked; "" at the end."""
        index += 1
        while skip and index < len(self.tokens) and self.tokens[index].type == "NEWLINE":
            index += 1
        return index, self.tokens[index].type if index < len(self.tokens) else ""

    def _starts_statement(self, index: int, token: Token, fresh: bool) -> bool:
        if token.type not in STATEMENTS:
            return False
        if token.type == "SUBJECT_TO":
            # On the line of a player it is the player's; in brackets it is a nested problem's.
            return not self._in_brackets and (fresh or self.head is None or self.head.type != "EQUILIBRIUM")
        if not fresh:
            return False
        if token.type in _TWO_WORDS:
            return True
        at, behind = self._next(index, skip=self._in_brackets)
        if self._in_brackets:  # either a bracket was left open, or the word is a name
            return behind not in _AFTER_A_NAME and behind not in _AMBIGUOUS
        if behind == "COLON":  # a label or a declaration, unless nothing follows
            ends_line = self._next(at, skip=False)[1] in ("NEWLINE", "")
            names = self.head is not None and self.head.type in ("SUBJECT_TO", "GIVEN", "FIND")
            return ends_line or not names or token.type in _NEVER_LABELS
        if behind == "IN":  # `root in simplex` is a constraint, `given in: real` a mistake
            return self._next(at, skip=False)[1] == "COLON"
        if behind == "LSQB":  # `root[0] <= 1` indexes, `minimize [1, 2]` is a mistake
            return self.tokens[at].start_pos > token.end_pos
        return behind not in _AFTER_A_NAME

    def _as_word(self, token: Token) -> Token:
        """The token as it reads here: a keyword out of its place is a name."""
        kind = token.type
        head = "" if self.head is None else self.head.type
        if kind == "FOR_ALL":
            return retyped(token, "FOR")
        if kind == "ELEMENT_OF":
            return retyped(token, "IN")
        if kind in ("WHERE", "MINIMIZES", "MAXIMIZES"):
            keyword = self._after_operand
        elif kind in ("AS", "IMPORT"):
            keyword = head in ("FROM", "IMPORT")
        elif kind in ("MINIMIZE", "MAXIMIZE"):  # `minimize over p maximize over q`
            keyword = head in ("MINIMIZE", "MAXIMIZE") and self._after_operand
        else:
            keyword = kind not in STATEMENTS or kind in _TWO_WORDS
        return token if keyword else retyped(token, "NAME")

    def _goes_on(self, token: Token) -> bool:
        """Whether a token at the start of a line continues the line before."""
        if self.line[-1].type in _LINE_GOES_ON_AFTER:
            return True
        if token.type in ("PLUS", "MINUS"):
            return self.head is None or self.head.type not in LISTS
        return token.type in _LINE_GOES_ON_BEFORE

    def _bracket(self, token: Token) -> Token:
        if token.type == "BARS":
            closes = self._after_operand or not token.endswith(("|", "‖"))
            token = retyped(token, "CLOSE_BARS" if closes else "OPEN_BARS")
        if token.type in _OPENERS:
            self.open.append(token)
        elif self.open and self.open[-1].type == CLOSERS[token.type]:
            self.open.pop()
        else:
            self._blame(_unopened(self.source, token, self.open[-1] if self.open else None))
        return token

    def _blame(self, found: Diagnostic) -> None:
        if not self.broken:
            self.errors.append(found)
        self.broken = True

    def _end_line(self) -> None:
        if self.open:
            self._blame(_unclosed(self.source, self.open[-1]))
            self.open = []
        if self.line and not self.broken:
            last = self.line[-1]
            end = Token("NEWLINE", "\n", start_pos=last.end_pos, line=last.end_line, end_pos=last.end_pos)
            self.lines.append((*self.line, end))
        self.line = []
        self.broken = False

    def _end_chunk(self) -> None:
        self._end_line()
        if self.head is not None or self.lines or self.errors:
            self.done.append(Chunk(self.head, tuple(self.lines), tuple(self.errors)))
        self.head = None
        self.lines, self.errors = [], []


_BRACKETS = frozenset({"LPAR", "RPAR", "LSQB", "RSQB", "BARS"})


def _unclosed(source: Source, opener: Token) -> Diagnostic:
    code = "D105" if opener.type == "OPEN_BARS" else "D103"
    return diagnostic(code, span(source, opener), sign=str(opener), closer=_CLOSING.get(opener.type, "||"))


def _unopened(source: Source, closer: Token, opener: Token | None) -> Diagnostic:
    at = span(source, closer)
    if opener is None:
        return diagnostic(
            "D105" if closer.type == "CLOSE_BARS" else "D104", at, sign=str(closer), closer="||"
        )
    wanted = _CLOSING.get(opener.type, "||")
    note = also("D104", span(source, opener), closer=wanted)
    return diagnostic("D104", at, note, sign=str(closer))


_CLOSING = {"LPAR": ")", "LSQB": "]"}


def _stray_colon(source: Source, keyword: Token, colon: Token) -> Diagnostic:
    return diagnostic("D118", span(source, colon), fix=Fix(span(source, colon), ""), keyword=str(keyword))


def docs(source: Source, raw: Sequence[Token]) -> dict[int, str]:
    """The `##` documentation by the line (as shown) of the declaration that it precedes or follows."""
    found: dict[int, str] = {}
    waiting: list[str] = []
    last_line = 0
    for token in raw:
        line = source.first_line + token.line - 1
        if token.type == "NEWLINE":
            continue
        if token.type != "COMMENT":
            if waiting:
                found[line] = "\n".join((*waiting, *([found[line]] if line in found else [])))
                waiting = []
            last_line = line
        elif token.startswith("##"):
            text = token[2:].strip().strip("#").strip()
            if line == last_line:
                found[line] = f"{found[line]}\n{text}" if line in found else text
            else:
                waiting.append(text)
    return found
