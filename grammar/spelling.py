"""Tokens of a line -> tokens in ASCII or in Unicode spelling, such that the line parses to the same tree."""

from __future__ import annotations

from lark import Token

from declarative.grammar import words
from declarative.grammar.tokens import CLOSERS, OPERANDS

# Behind one of these, `1/2` would take in more than the fraction does; before one of those, only its end.
_BINDS_LEFT = frozenset({"TIMES", "SLASH", "AT", "POWER"})
_BINDS_RIGHT = frozenset({"POWER", "PRIME", "SUPERSCRIPT", "LSQB"})


def to_ascii(line: list[Token]) -> list[Token]:
    result: list[Token] = []
    for index, token in enumerate(line):
        behind = line[index + 1].type if index + 1 < len(line) else ""
        if token.type == "FRACTION":
            above, below = words.FRACTIONS[token]
            parts = [
                _like(token, "NUMBER", str(above)),
                _like(token, "SLASH", "/"),
                _like(token, "NUMBER", str(below)),
            ]
            alone = not _sticks(result) and behind not in _BINDS_RIGHT
            result += parts if alone else [_like(token, "LPAR", "("), *parts, _like(token, "RPAR", ")")]
        elif token.type == "SUPERSCRIPT":
            digits = words.superscript_value(token)
            power = [_like(token, "POWER", "^"), *_signed(token, digits)]
            if behind in _BINDS_RIGHT:
                start = _operand_start(result)
                result.insert(start, _like(result[start], "LPAR", "("))
                power.append(_like(token, "RPAR", ")"))
            result += power
        else:
            result.append(_ascii_token(token))
    return result


def to_unicode(line: list[Token], quantified: bool = False) -> list[Token]:
    """`quantified` says that a `for` outside brackets is a constraint's, which may be written ∀."""
    result: list[Token] = []
    depth = index = 0
    while index < len(line):
        token = line[index]
        depth += (token.type in CLOSERS.values()) - (token.type in CLOSERS)
        kinds = [later.type for later in line[index : index + 4]] + [""] * 4
        if (
            kinds[:3] == ["NUMBER", "SLASH", "NUMBER"]
            and kinds[3] not in _BINDS_RIGHT
            and not _sticks(result)
        ):
            pair = (_integer(token), _integer(line[index + 2]))
            if pair in words.TO_FRACTION:
                result.append(_like(token, "FRACTION", words.TO_FRACTION[pair]))
                index += 3
                continue
        length = (
            2 if kinds[:2] == ["POWER", "NUMBER"] else 3 if kinds[:3] == ["POWER", "MINUS", "NUMBER"] else 0
        )
        if length and kinds[length] not in _BINDS_RIGHT and line[index + length - 1].isdecimal():
            sign = "-" if length == 3 else ""
            result.append(_like(token, "SUPERSCRIPT", words.superscript(sign + line[index + length - 1])))
            index += length
            continue
        result.append(_unicode_token(token, quantified and depth == 0))
        index += 1
    return result


def _like(token: Token, kind: str, text: str) -> Token:
    return Token.new_borrow_pos(kind, text, token)


def _signed(token: Token, digits: str) -> list[Token]:
    minus = [_like(token, "MINUS", "-")] if digits.startswith("-") else []
    return [*minus, _like(token, "NUMBER", digits.removeprefix("-"))]


def _integer(token: Token) -> int:
    return int(token) if len(token) == 1 and token.isdecimal() else -1


def _sticks(before: list[Token]) -> bool:
    """Whether what stands before would take a following `1/2` apart: a tighter operator or a unary sign."""
    if not before:
        return False
    if before[-1].type in ("PLUS", "MINUS"):
        return len(before) == 1 or before[-2].type not in OPERANDS
    return before[-1].type in _BINDS_LEFT


def _operand_start(before: list[Token]) -> int:
    """Where the operand begins that ends the tokens: `f(x)[0]'` is one."""
    index = len(before) - 1
    while True:
        if before[index].type in ("PRIME", "SUPERSCRIPT"):
            index -= 1
        elif before[index].type in CLOSERS:
            depth = 0
            while True:
                depth += (before[index].type in CLOSERS) - (before[index].type in CLOSERS.values())
                if depth == 0:
                    break
                index -= 1
            called = (
                before[index].type in ("LPAR", "LSQB") and index > 0 and before[index - 1].type in OPERANDS
            )
            if not called:
                return index
            index -= 1
        else:
            return index


def _ascii_token(token: Token) -> Token:
    kind = token.type
    if kind in words.SIGNS:
        return retyped_text(token, words.SIGNS[kind][0])
    if kind == "NAME":
        return retyped_text(token, words.ascii_name(token))
    if kind in ("OPEN_BARS", "CLOSE_BARS"):
        return retyped_text(token, words.ascii_bars(token))
    if kind == "FOR":
        return retyped_text(token, "for")
    if kind == "POWER":
        return retyped_text(token, "^")
    return retyped_text(token, "-") if kind == "MINUS" else token


def _unicode_token(token: Token, quantifier: bool) -> Token:
    kind = token.type
    if kind in words.SIGNS:
        return retyped_text(token, words.SIGNS[kind][1])
    if kind == "NAME":
        return retyped_text(token, words.unicode_name(token))
    if kind in ("OPEN_BARS", "CLOSE_BARS"):
        return retyped_text(token, words.unicode_bars(token))
    if kind == "POWER":
        return retyped_text(token, "^")
    return retyped_text(token, "∀") if kind == "FOR" and quantifier else token


def retyped_text(token: Token, text: str) -> Token:
    """The token with another text."""
    return Token.new_borrow_pos(token.type, text, token)
