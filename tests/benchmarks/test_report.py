"""Tables, ratios and JSON of made-up rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.rounds import Row


def row(name: str, milliseconds: float, **facts: object) -> Row:
    times = tuple(factor * milliseconds / 1e3 for factor in (0.9, 1.0, 5.0))
    known = {"peer": True, "verdict": "right", "solution_error": 2e-15, "gradient_error": 3e-14}
    return Row("qp-tiny", "qp", name, threads="1", settings="", cpu=times, wall=times, **(known | facts))


ROWS = (
    row("declarative", 2.0, peer=False, first_cpu=1.5, first_wall=3.0, peak=200.4, base=100.0),
    row("hand-written", 1.0, peer=False),
    row("slow", 8.0),
    row("quick", 4.0, gradient_error=None),
    row("liar", 1.0, verdict="wrong", gradient_error=0.25, gradient_errors={"P": 0.1, "G": 0.25}),
    Row("qp-tiny", "qp", "gone", True, "1", "absent", "", "gone: No module\nnamed 'gone'"),
    Row("qp-tiny", "qp", "broken", True, "1", "failed", "", "A|B"),
)
RUN = report.Run("python -m benchmarks", "2026-01-01", {"cores": "2"}, 0, ROWS)


def test_a_wrong_peer_is_not_the_fastest() -> None:
    fastest = report.fastest(ROWS)
    assert fastest is not None
    assert fastest.contender == "quick"
    assert report.lead(ROWS) == pytest.approx(2.0)


def test_no_lead_over_nobody() -> None:
    assert report.lead(ROWS[:2]) is None
    assert report.lead(ROWS[2:]) is None


def test_table() -> None:
    assert report.table(ROWS).splitlines()[2:] == [
        "| hand-written | 1 | 1 | 0.25 | 2e-15 | 3e-14 | – | – |",
        "| **declarative** | 2 | 2 | 0.50 | 2e-15 | 3e-14 | 1.50 | 200 (100) |",
        "| quick | 4 | 4 | 1.00 | 2e-15 | – | – | – |",
        "| slow | 8 | 8 | 2.00 | 2e-15 | 3e-14 | – | – |",
        "| liar | 1 | 1 | 0.25 | 2e-15 | **wrong** in G, 2e-01 | – | – |",
        r"| broken | failed: A\|B | | | | | | |",
    ]


def test_summary() -> None:
    text = report.summary(RUN.cases())
    assert "| qp-tiny | 2 | 3e-14 | quick | 4 | 2.00 | 2.00 |" in text
    assert "- qp: 2.00 times faster in the geometric mean, 2.00 at the least (cases: 1)" in text


def test_who_is_absent_is_said() -> None:
    assert "- gone: gone: No module named 'gone'" in report.to_markdown(RUN)


def test_json_and_back() -> None:
    assert report.from_json(report.to_json(RUN)) == RUN


def test_plot(tmp_path: Path) -> None:
    report.plot(RUN, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 10_000
