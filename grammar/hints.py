"""Where the parser is stuck -> the diagnostic that says it best: common mistakes first, then what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lark import Token

from declarative.errors import Diagnostic, Fix, Source, Span, diagnostic
from declarative.grammar.tokens import LISTS, OPERANDS, Chunk, span


@dataclass(frozen=True)
class Stuck:
    """A parser's dead end: the statement, the line in it, the tokens read, the one refused, the ones welcome."""

    source: Source
    chunk: Chunk
    line_number: int
    before: tuple[Token, ...]
    token: Token
    accepts: frozenset[str]

    @property
    def head(self) -> str:
        return "" if self.chunk.head is None else self.chunk.head.type

    @property
    def line(self) -> tuple[Token, ...]:
        return self.chunk.lines[self.line_number] if self.chunk.lines else ()

    @property
    def previous(self) -> Token | None:
        return self.before[-1] if self.before else None

    @property
    def after_operand(self) -> bool:
        return self.previous is not None and self.previous.type in OPERANDS

    @property
    def next(self) -> Token | None:
        later = [token for token in self.line if token.start_pos > self.token.start_pos]
        return later[0] if later and later[0].type != "NEWLINE" else None

    @property
    def at(self) -> Span:
        """The refused token; at the end of a line, the place behind the last one."""
        if self.token.type == "NEWLINE":
            return Span(self.source, self.token.start_pos, self.token.start_pos + 1)
        return span(self.source, self.token)

    def say(self, code: str, at: Span | None = None, fix: str | None = None, **fields: Any) -> Diagnostic:
        place = self.at if at is None else at
        return diagnostic(code, place, fix=None if fix is None else Fix(place, fix), **fields)


def explain(stuck: Stuck) -> tuple[Diagnostic, int, bool]:
    """The diagnostic, the line to leave out, and whether the rest of the statement is lost with it."""
    for hint in _HINTS:
        found = hint(stuck)
        if found is not None:
            return found, stuck.line_number, found.code in ("D112", "D123", "D141")
    return _expected(stuck), stuck.line_number, False


# ---- keywords --------------------------------------------------------------------------------------

_OTHER_WORDS = {
    "minimise": "minimize", "maximise": "maximize", "min": "minimize", "max": "maximize", "subject": "subject to",
    "st": "subject to", "s": "s.t.", "subjectto": "subject to", "subject_to": "subject to",
    "constraints": "subject to", "constraint": "subject to", "var": "find", "variable": "find",
    "variables": "find", "unknown": "find", "unknowns": "find", "param": "given", "params": "given",
    "parameter": "given", "parameters": "given", "input": "given", "inputs": "given", "where": "let",
    "solve": "root", "fixed_point": "fixed point", "fixedpoint": "fixed point", "fixed": "fixed point",
    "output": "return", "outputs": "return", "function": "def", "extern": "extern def", "option": "options",
    "optimize": "minimize", "nash": "equilibrium", "model": "problem",
}  # fmt: skip
_KEYWORDS = (
    "problem", "def", "extern def", "import", "from", "given", "find", "let", "minimize", "maximize", "fixed point",
    "root", "equilibrium", "ode", "subject to", "such that", "assume", "options", "return",
)  # fmt: skip


def _misspelt(stuck: Stuck) -> Diagnostic | None:
    """The line's first word is nearly a keyword, and what follows is no expression of that name."""
    if not stuck.line or stuck.line[0].type != "NAME":
        return None
    first = stuck.line[0]
    if stuck.token is first and stuck.accepts != {"$END"}:
        return None
    second = stuck.line[1].type
    if second in ("EQUAL", "COLON", "COMMA", "LPAR", "LSQB", "IN") or (stuck.line_number == 0 and stuck.head):
        return None
    meant = _OTHER_WORDS.get(first.lower())
    if meant is None:
        close = difflib.get_close_matches(first.lower(), _KEYWORDS, n=1, cutoff=0.75)
        meant = close[0] if close else None
    if meant is None:
        return None
    place = span(stuck.source, first)
    if meant == "subject to" and second == "NAME" and stuck.line[1] in ("to", "too"):
        place = place.to(span(stuck.source, stuck.line[1]))
    return stuck.say("D112", at=place, fix=meant, word=place.text, keyword=meant)


def _no_statement(stuck: Stuck) -> Diagnostic | None:
    """A line that belongs to no statement: before the first keyword, or under a statement of one line."""
    if stuck.head and stuck.accepts == {"$END"} and stuck.token.type == "NAME":
        return stuck.say("D141", word=str(stuck.token))
    if stuck.head:
        return None
    first = stuck.line[0]
    if first.type == "NAME":
        return stuck.say("D141", at=span(stuck.source, first), word=str(first))
    return stuck.say("D123", at=span(stuck.source, first), keyword=str(first))


def _problem_name(stuck: Stuck) -> Diagnostic | None:
    if stuck.head == "PROBLEM" and stuck.previous is stuck.chunk.head:
        return stuck.say("D138")
    if stuck.head == "PROBLEM" and stuck.token.type == "COLON":
        return stuck.say("D118", fix="", keyword="problem " + stuck.before[1])
    return None


def _reserved(stuck: Stuck) -> Diagnostic | None:
    word = str(stuck.token)
    if word.isalpha() and stuck.token.type not in ("NAME", "NUMBER") and stuck.accepts == {"NAME"}:
        return stuck.say("D129", word=word)
    return None


# ---- characters of other languages -----------------------------------------------------------------

_UNKNOWN_MEANS = {
    "∑": "sum", "∏": "prod", "√": "sqrt", "∂": "der", "∇": "grad", "×": "*", "⊤": "'", "⊺": "'", "∧": "and",
    "∨": "or", "¬": "not", "’": "'", "‘": "'", "′": "'", "–": "-", "—": "-", "≔": "=", "÷": "/", "∗": "*",
    "⟨": "dot(", "≻": "⪰", "≺": "⪯", "≽": "⪰", "≼": "⪯", "&": "and", "!": "not",
}  # fmt: skip


def _foreign_sign(stuck: Stuck) -> Diagnostic | None:
    token, behind = stuck.token, stuck.next
    sign = str(token)
    pair = sign + str(behind) if behind is not None and behind.start_pos == token.end_pos else sign
    if token.type == "STRING":
        return stuck.say("D128", fix=sign.strip('"'), word=sign.strip('"'))
    before = stuck.previous
    if sign == "/" and before is not None and before.type == "SLASH" and before.end_pos == token.start_pos:
        return stuck.say("D136", at=span(stuck.source, before).to(stuck.at), sign="//")
    if sign == "/" and pair == "//":
        return stuck.say("D136", at=Span(stuck.source, token.start_pos, token.end_pos + 1), sign="//")
    if sign in ("%", "\\"):
        return stuck.say("D136", sign=sign)
    if sign == "." and behind is not None and behind.type in ("TIMES", "SLASH", "POWER", "PRIME"):
        place = Span(stuck.source, token.start_pos, behind.end_pos)
        return stuck.say("D137", at=place, fix=str(behind), sign=pair, plain=str(behind))
    if sign == "." and stuck.after_operand and stuck.before[-1].type != "NUMBER":
        return _attribute(stuck)
    if token.type != "UNKNOWN":
        return None
    if sign == ";":
        return stuck.say("D113")
    if sign in "{}" or pair == "_{":
        return stuck.say("D114", sign=pair[-1])
    if sign == "|":
        return stuck.say("D126")
    if sign == "_":
        return stuck.say("D129", word="_" + str(behind or ""))
    means = _UNKNOWN_MEANS.get(sign)
    if means is not None:
        place = Span(stuck.source, token.start_pos, behind.end_pos) if behind and pair == "&&" else stuck.at
        return stuck.say("D135", at=place, fix=means, sign=place.text, means=means)
    return stuck.say("D102", sign=sign if sign.isprintable() else f"U+{ord(sign):04X}")


def _attribute(stuck: Stuck) -> Diagnostic:
    member = stuck.next
    owner = stuck.before[-1]
    place = stuck.at if member is None else Span(stuck.source, stuck.token.start_pos, member.end_pos)
    if member is not None and member == "T":
        return stuck.say("D117", at=place, fix="'", member=".T", instead=f"{owner}'")
    called = member is not None and owner in (
        "np",
        "jnp",
        "numpy",
        "jax",
        "torch",
        "cp",
        "dc",
        "math",
        "scipy",
    )
    instead = str(member) if called else f"f({owner})"
    return stuck.say("D117", at=place, member=place.text, instead=instead)


# ---- wrong signs and forms -------------------------------------------------------------------------


def _single_equals(stuck: Stuck) -> Diagnostic | None:
    if stuck.token.type != "EQUAL":
        return None
    if stuck.head in ("SUBJECT_TO", "EQUILIBRIUM", "ASSUME") or "EQ" in stuck.accepts:
        behind = stuck.next
        if behind is not None and behind.type in ("LT", "GT") and behind.start_pos == stuck.token.end_pos:
            place = Span(stuck.source, stuck.token.start_pos, behind.end_pos)
            return stuck.say("D107", at=place, fix=f"{behind}=", sign=place.text, instead=f"{behind}=")
        return stuck.say("D107", fix="==", sign="=", instead="==")
    return None


def _double_equals(stuck: Stuck) -> Diagnostic | None:
    if stuck.token.type == "EQ" and "EQUAL" in stuck.accepts:
        return stuck.say("D107", fix="=", sign="==", instead="=")
    if stuck.token.type == "EQUAL" and stuck.previous is not None and stuck.previous.type == "COLON":
        place = span(stuck.source, stuck.previous).to(stuck.at)
        return stuck.say("D107", at=place, fix="=", sign=":=", instead="=")
    return None


def _declaration(stuck: Stuck) -> Diagnostic | None:
    """`find x`, `find x in real[n]`, `given x real`, and a type that is only a property."""
    if stuck.head not in ("GIVEN", "FIND") or stuck.accepts != {"COLON", "COMMA"}:
        return None
    name = stuck.before[-1]
    if stuck.token.type == "IN" or (stuck.token.type == "NAME" and stuck.next is not None):
        shift = "in " if stuck.token.type == "IN" else ""
        return stuck.say("D124", name=name, example="real[n]", fix=":" if shift else None)
    if stuck.token.type == "LSQB":
        return stuck.say("D124", name=name, example="real[n]")
    if stuck.token.type in ("NEWLINE", "NAME", "EQUAL"):
        return stuck.say("D124", at=span(stuck.source, name), name=name, example="real[n]")
    return None


def _other_language(stuck: Stuck) -> Diagnostic | None:
    word = str(stuck.previous) if stuck.previous is not None and stuck.previous.type == "NAME" else ""
    if word == "lambda":
        return stuck.say("D116", at=span(stuck.source, stuck.before[-1]))
    if stuck.token.type in ("AND", "OR") and stuck.head in ("SUBJECT_TO", "ASSUME", "EQUILIBRIUM"):
        return stuck.say("D132", fix=",", word=str(stuck.token))
    in_index = any(token.type == "LSQB" for token in stuck.before) and "RSQB" in stuck.accepts
    if stuck.token.type == "COLON" and in_index:
        return stuck.say("D133")
    if stuck.token.type == "COLON" and stuck.line_number == 0 and stuck.previous is stuck.chunk.head:
        return stuck.say("D118", fix="", keyword=str(stuck.chunk.head))
    if stuck.token.type in ("NEWLINE", "RPAR", "COMMA") and {"ELSE"} <= stuck.accepts:
        return stuck.say("D134", what="else")
    if stuck.token.type in ("COLON", "NEWLINE") and "THEN" in stuck.accepts:
        return stuck.say("D134", what="then")
    if stuck.token.type == "IF" and stuck.after_operand:
        return stuck.say("D134", what="if")
    return None


def _list_literal(stuck: Stuck) -> Diagnostic | None:
    if stuck.token.type == "LSQB" and not stuck.after_operand and "NAME" in stuck.accepts:
        return stuck.say("D127")
    return None


def _signed_line(stuck: Stuck) -> Diagnostic | None:
    """A continuation that begins with a sign reads as a new item of a list."""
    if stuck.line_number == 0 or stuck.head not in LISTS or not stuck.line:
        return None
    first = stuck.line[0]
    if (
        first.type in ("PLUS", "MINUS")
        and stuck.token.type in ("NEWLINE", "COMMA")
        and stuck.head != "RETURN"
    ):
        return stuck.say("D122", at=span(stuck.source, first), sign=str(first))
    if first.type in ("PLUS", "MINUS") and stuck.token is first:
        return stuck.say("D122", at=span(stuck.source, first), sign=str(first))
    return None


def _juxtaposed(stuck: Stuck) -> Diagnostic | None:
    """`A x` and `2x`: a product without its sign."""
    starts = stuck.token.type in ("NAME", "NUMBER", "FRACTION", "LPAR", "OPEN_BARS")
    if not starts or not stuck.after_operand or not stuck.accepts & {"TIMES"}:
        return None
    before = stuck.before[-1]
    left = span(stuck.source, before)
    sign = "*" if before.type in ("NUMBER", "FRACTION") else "@"
    place = left.to(stuck.at)
    fix = Fix(place, f"{left.text} * {stuck.at.text}") if sign == "*" else None
    return diagnostic("D115", place, fix=fix, left=left.text, right=stuck.at.text)


def _unfinished(stuck: Stuck) -> Diagnostic | None:
    if stuck.token.type != "NEWLINE" or stuck.previous is None:
        return None
    if stuck.accepts & {"NAME", "NUMBER"} and not stuck.after_operand:
        return stuck.say("D121", at=span(stuck.source, stuck.previous), sign=str(stuck.previous))
    return None


def _no_comparison(stuck: Stuck) -> Diagnostic | None:
    """A constraint or equation that is only an expression."""
    if stuck.token.type not in ("NEWLINE", "COMMA") or stuck.head not in LISTS or not stuck.after_operand:
        return None
    if stuck.accepts >= {"LE", "GE"}:
        return stuck.say("D131", what="constraint", signs="`==`, `<=`, `>=` or `in`")
    if stuck.accepts >= {"EQ", "EQUAL"}:
        return stuck.say("D131", what="equation", signs="`=`")
    return None


# ---- everything else -------------------------------------------------------------------------------

_CALLED = {
    "NAME": "a name", "NUMBER": "a number", "NEWLINE": "the end of the line", "CLOSE_BARS": "a closing `||`",
    "OPEN_BARS": "a norm", "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "COMMA": "`,`",
    "COLON": "`:`", "EQUAL": "`=`", "EQ": "`==`", "IN": "`in`", "FOR": "`for`", "WHERE": "`where`",
    "OVER": "`over`", "THEN": "`then`", "ELSE": "`else`", "ARROW": "`->`", "SUBJECT_TO": "`subject to`",
    "IMPORT": "`import`", "MINIMIZES": "`minimizes`", "MAXIMIZES": "`maximizes`", "RANGE": "`..`",
}  # fmt: skip
_SIGNS = frozenset(
    "PLUS MINUS TIMES SLASH AT POWER PRIME SUPERSCRIPT NE LE GE LT GT SUCCEEDS PRECEDES AND OR".split()
)


def _expected(stuck: Stuck) -> Diagnostic:
    accepts = set(stuck.accepts)
    if {"NAME", "NUMBER"} <= accepts:
        wanted = ["an expression"]
    else:
        wanted = ["an operator"] if accepts & _SIGNS else []
        wanted += [_CALLED[kind] for kind in _CALLED if kind in accepts and not (kind == "EQ" and wanted)]
    found = "the end of the line" if stuck.token.type == "NEWLINE" else f"`{stuck.token}`"
    return stuck.say("D101", found=found, expected=_either(wanted[:5]))


def _either(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words) or "the next statement"
    return ", ".join(words[:-1]) + " or " + words[-1]


_HINTS: tuple[Callable[[Stuck], Diagnostic | None], ...] = (
    _foreign_sign,
    _misspelt,
    _no_statement,
    _problem_name,
    _reserved,
    _other_language,
    _double_equals,
    _single_equals,
    _declaration,
    _list_literal,
    _signed_line,
    _juxtaposed,
    _unfinished,
    _no_comparison,
)
