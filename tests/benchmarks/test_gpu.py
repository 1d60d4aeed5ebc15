"""The accelerator's script on the CPU, in its small sizes: it runs, is right, and writes its table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.workloads import ridge


def run(folder: Path, *arguments: str) -> list[dict[str, object]]:
    gpu.main(["--smoke", "--out", str(folder), *arguments])
    results = json.loads((folder / "gpu.json").read_text())["results"]
    assert len((folder / "gpu.md").read_text().splitlines()) >= 8 + len(results)
    return results


def test_one_family(tmp_path: Path) -> None:
    for result in run(tmp_path, "--dtype", "float64", "--families", "sparsemax"):
        assert result["failed"] == ""
        assert result["solution_error"] < 1e-12
        assert result["gradient_error"] < 1e-12


@pytest.mark.slow
def test_the_other_families(tmp_path: Path) -> None:
    results = run(tmp_path, "--families", "qp", "ridge", "deq")
    assert [result["family"] for result in results] == ["qp", "qp", "ridge", "deq"] * 2
    for result in results:
        assert result["failed"] == ""
        assert result["gradient_error"] < (1e-9 if result["dtype"] == "float64" else 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["portfolio", "logistic_constrained", "sdp", "maxent"])
def test_cones(tmp_path: Path, family: str) -> None:
    [result] = run(tmp_path, "--dtype", "float64", "--families", family)
    assert (result["family"], result["failed"]) == (family, "")
    assert result["gradient_error"] < 1e-9


def test_what_does_not_fit_is_said_and_the_rest_goes_on() -> None:
    def impossible(*_: object) -> gpu.Arrays:
        raise MemoryError("too large")

    task = gpu.Task("ridge", 3, 2, impossible, frozenset(), 1.0, 1.0, gpu.in_order(ridge.answer))
    assert gpu.measure(task, "float64", {}, 0.0).failed == "MemoryError: too large"


def test_no_size_is_begun_late(tmp_path: Path) -> None:
    [result] = run(tmp_path, "--dtype", "float32", "--families", "deq", "--limit", "0")
    assert result["failed"] == "not begun: time is up"
