"""The harness end to end: processes, rounds, verdicts, files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.rounds import Settings, measure
from benchmarks.workload import Case, Outcome, Point
from benchmarks.workloads import sparsemax
from tests.benchmarks.stub import CONTENDERS

PEERS = "tests.benchmarks.stub"


def tiny() -> tuple[Case, Outcome]:
    return sparsemax.case(n=5, batch=3)


@pytest.fixture(scope="module")
def rows() -> dict[str, report.Row]:
    said: list[str] = []
    settings = Settings(rounds=2, peers=PEERS)
    point = Point("sparsemax", "sparsemax", tiny)
    found = measure(point, CONTENDERS, settings, np.random.default_rng(0), said.append)
    assert said[-1] == "sparsemax: round 2 of 2"
    return {row.contender: row for row in found}


def test_verdicts(rows: dict[str, report.Row]) -> None:
    assert {name: row.verdict for name, row in rows.items()} == {
        "declarative": "right",
        "hand-written": "right",
        "sorting": "right",
        "wrong": "wrong",
        "undefined": "wrong",
        "broken": "failed",
        "tires": "failed",
        "gone": "absent",
    }
    assert rows["tires"].reason == "ArithmeticError: enough"
    assert rows["broken"].reason == "ArithmeticError: no such luck"
    assert rows["gone"].reason == "no_such_package: No module named 'no_such_package'"


def test_measurements(rows: dict[str, report.Row]) -> None:
    ours = rows["declarative"]
    assert ours.gradient_error < 1e-12
    assert ours.solution_error < 1e-12
    for name in ("declarative", "sorting", "wrong"):
        row = rows[name]
        assert len(row.cpu) == len(row.wall) == 2
        assert min(row.cpu) > 0
        assert row.peak >= row.base > 0
    assert rows["wrong"].gradient_error == pytest.approx(0.01)
    assert rows["broken"].cpu == rows["gone"].cpu == ()


def test_a_silent_worker_is_given_up() -> None:
    settings = Settings(rounds=1, limit=0.001, peers=PEERS)
    [row] = measure(
        Point("sparsemax", "sparsemax", tiny), CONTENDERS[2:3], settings, np.random.default_rng(0), print
    )
    assert (row.verdict, row.reason) == ("failed", "no answer in 0.001 s")


def test_the_command_writes_json_tables_and_a_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = Point("sparsemax-tiny", "sparsemax", partial(sparsemax.case, 5, 3), quick=True)
    monkeypatch.setattr(command, "POINTS", (point,))
    monkeypatch.setattr(command, "contenders", lambda module: CONTENDERS[2:])
    assert command.main(["--quick", "-r", "1", "--peers", PEERS, "-o", str(tmp_path), "-c", "*o*"]) == 0
    run = report.from_json((tmp_path / "speed.json").read_text())
    assert [row.contender for row in run.rows] == ["sorting", "wrong", "broken", "gone"]
    assert "- gone: no_such_package" in (tmp_path / "speed.md").read_text()
    assert "absent: gone: no_such_package" in capsys.readouterr().out


def test_earlier_rows_are_kept_but_for_cases_measured_anew() -> None:
    def row(case: str, threads: str, contender: str) -> report.Row:
        return report.Row(case, "", contender, True, threads, "right", "")

    old = [row("ridge", "1", "old"), row("sparsemax", "1", "old"), row("sparsemax", "all", "old")]
    found = command.merged(old, [row("sparsemax", "1", "new")])
    assert [(each.case, each.threads, each.contender) for each in found] == [
        ("sparsemax", "1", "new"),
        ("ridge", "1", "old"),
        ("sparsemax", "all", "old"),
    ]


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(SystemExit):
        command.main(["no-such-workload"])
