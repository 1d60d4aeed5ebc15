"""The layout of a rendered diagnostic where lines are odd: tabs, wide letters, several lines, the end."""

from declarative.errors import NOWHERE, Diagnostic, Fix, Label, Source, Span
from declarative.errors.render import render

SOURCE = Source("m.decl", "problem p\n\tgiven a: real\n  find 宽 x: real +\n   b\n c\n d\n\n\te f\n\n")


def span(start: str, end: str | None = None) -> Span:
    first = SOURCE.text.index(start)
    last = first + len(start) if end is None else SOURCE.text.index(end) + len(end)
    return Span(SOURCE, first, last)


def shown(*labels: Label, help: str = "", fix: Fix | None = None) -> list[str]:
    return render(Diagnostic("D101", "error", "message", labels, help, fix)).split("\n")


def test_tabs_are_four_columns_wide() -> None:
    assert shown(Label(span("a: real"), "here"))[1:] == [
        " --> m.decl:2:8",
        "  |",
        "2 |     given a: real",
        "  |           ^^^^^^^ here",
    ]


def test_wide_letters_take_two_columns() -> None:
    assert shown(Label(span("x: real"), "here"))[3:] == [
        "3 |   find 宽 x: real +",
        "  |           ^^^^^^^ here",
    ]


def test_labels_stand_in_the_order_of_lines_and_only_the_first_has_carets() -> None:
    lines = shown(
        Label(span("a: real"), "first"), Label(span("problem"), "second"), Label(span("e f"), "third")
    )
    assert lines[1:] == [
        " --> m.decl:2:8",
        "  |",
        "1 | problem p",
        "  | ------- second",
        "2 |     given a: real",
        "  |           ^^^^^^^ first",
        "...",
        "8 |     e f",
        "  |     --- third",
    ]


def test_two_labels_on_one_line_show_it_once() -> None:
    lines = shown(Label(span("x: real"), "type"), Label(span("find"), "keyword"))
    assert sum("find" in line for line in lines) == 1
    assert [line.strip(" |") for line in lines[-2:]] == ["^^^^^^^ type", "---- keyword"]


def test_a_long_span_shows_its_first_lines_and_its_last() -> None:
    lines = shown(Label(span("find", "e f"), "all of it"))
    assert lines[2:] == [
        "  |",
        "3 |   find 宽 x: real +",
        "  |   ^^^^^^^^^^^^^^^^^",
        "4 |    b",
        "  |    ^",
        "...",
        "8 |     e f",
        "  |     ^^^ all of it",
    ]


def test_the_end_of_the_file_has_a_place() -> None:
    end = len(SOURCE.text)
    assert shown(Label(Span(SOURCE, end, end), "missing"))[1:] == [
        "  --> m.decl:10:1",
        "   |",
        "10 |",
        "   | ^ missing",
    ]


def test_a_file_of_no_lines_has_a_place() -> None:
    assert shown(Label(NOWHERE))[1:] == [" --> <none>:1:1", "  |", "1 |", "  | ^"]


def test_two_files_are_named_apart() -> None:
    other = Source("other.decl", "def f(x) = x\n")
    lines = shown(Label(span("a: real"), "used"), Label(Span(other, 4, 5), "defined"))
    assert [line for line in lines if "-->" in line] == [" --> m.decl:2:8", " --> other.decl:1:5"]


def test_help_is_wrapped_under_itself() -> None:
    lines = shown(Label(span("find")), help="word " * 60)
    start = next(i for i, line in enumerate(lines) if "help" in line)
    assert all(len(line) <= 100 for line in lines)
    assert all(line.startswith(" " * 10 + "word") for line in lines[start + 1 :])


def test_a_fix_says_what_to_write_or_to_take_away() -> None:
    assert shown(Label(span("find")), fix=Fix(span("find"), "given"))[-1] == "  = fix: write `given`"
    assert shown(Label(span("find")), fix=Fix(span("find"), ""))[-1] == "  = fix: take `find` away"


def test_control_characters_do_not_reach_the_terminal() -> None:
    source = Source("m", "a\x1b[2Jb\x00")
    assert "\x1b" not in render(Diagnostic("D101", "error", "message", (Label(Span(source, 0, 1)),)))
