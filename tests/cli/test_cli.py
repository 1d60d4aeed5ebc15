"""The `decl` command from its arguments to its exit code: what it prints where, and that it never breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from declarative.cli.main import main

RIDGE = """problem ridge
  given X: real[m, d], y: real[m], lam: positive real
  find w: real[d]
  minimize ||X @ w - y||^2 + lam * ||w||^2
"""
LIMITED = """problem limited
  given c: real, high: real
  find x: real
  minimize (x - c)^2
  subject to
    0 <= x
    x <= high
"""
WRONG = "problem p\n  given y: real[n]\n  find x: real[n]\n  minimize ||x - yy||^2\n"


@pytest.fixture
def ridge(tmp_path: Path) -> str:
    return _file(tmp_path, "ridge.decl", RIDGE)


def _file(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# ---- check, fmt, explain, compile ----------------------------------------------------------------


def test_check_good(ridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", ridge]) == 0
    assert capsys.readouterr().out == "1 file checked: 0 errors, 0 warnings\n"


def test_check_reports_every_file(ridge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = _file(tmp_path, "a.decl", WRONG), _file(tmp_path, "b.decl", "problem\n")
    assert main(["check", first, ridge, second]) == 1
    shown = capsys.readouterr()
    assert "a.decl:4:18" in shown.err
    assert "b.decl" in shown.err
    assert "Traceback" not in shown.err
    assert shown.out.startswith("3 files checked: ")


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", _file(tmp_path, "a.decl", WRONG)]) == 1
    (found,) = [one for one in json.loads(capsys.readouterr().out) if one["severity"] == "error"]
    assert found["code"].startswith("D2")
    place = found["labels"][0]
    assert (place["line"], place["column"], place["end_column"]) == (4, 18, 20)


def test_fmt_in_place_is_idempotent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(
        tmp_path, "a.decl", "problem p\ngiven y:real[n]\nfind   x: real[n]\nminimize ||x-y||^2 # near\n"
    )
    assert main(["fmt", "--check", path]) == 1
    assert main(["fmt", path]) == 0
    once = Path(path).read_text(encoding="utf-8")
    assert "# near" in once
    assert main(["fmt", "--check", path]) == 0
    assert main(["fmt", "--unicode", path]) == 0
    assert "‖x - y‖²" in Path(path).read_text(encoding="utf-8")
    assert main(["fmt", "--ascii", path]) == 0
    assert Path(path).read_text(encoding="utf-8") == once


def test_fmt_leaves_a_broken_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(tmp_path, "a.decl", "problem p\n  minimize ((x\n")
    assert main(["fmt", path]) == 1
    assert Path(path).read_text(encoding="utf-8") == "problem p\n  minimize ((x\n"
    assert "error[D1" in capsys.readouterr().err


def test_explain_a_problem_and_a_code(ridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", ridge]) == 0
    shown = capsys.readouterr().out
    for word in ("convex", "engine", "clarabel", "cost"):
        assert word in shown
    assert main(["explain", "d203"]) == 0
    assert capsys.readouterr().out.startswith("D203: ")
    assert main(["explain", "D999"]) == 1
    assert "error[D620]" in capsys.readouterr().err


def test_explain_what_no_engine_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "problem g\n  find p: real, q: real\n  minimize over p maximize over q: p * q + p^2 - q^2\n"
    assert main(["explain", _file(tmp_path, "g.decl", text)]) == 1
    shown = capsys.readouterr()
    assert "saddle point" in shown.out
    assert "error[D4" in shown.err


@pytest.mark.parametrize(
    ("form", "word"),
    [("jax", "SOLVER ="), ("cvxpy", "cp.Minimize"), ("latex", "minimize"), ("ir", "sum_squares")],
)
def test_compile(
    form: str, word: str, ridge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", ridge, "--emit", form]) == 0
    text = capsys.readouterr().out
    assert word in text
    out = tmp_path / "out.txt"
    assert main(["compile", ridge, "--emit", form, "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == text


# ---- run and grad --------------------------------------------------------------------------------

X, Y = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), np.array([1.0, 2.0, 3.0])
EXPECTED = np.linalg.solve(X.T @ X + 0.5 * np.eye(2), X.T @ Y)


def test_run_prints_outputs_status_and_time(ridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["-d", f"X={X.tolist()}", "-d", f"y={Y.tolist()}", "-d", "lam=0.5"]
    assert main(["run", ridge, *data]) == 0
    shown = capsys.readouterr().out
    for word in (f"{EXPECTED[0]:.6f}", "status      solved", "derivative  regular", "time"):
        assert word in shown


def test_run_reads_and_writes_every_kind_of_file(
    ridge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "d.npz", X=X, y=Y, extra=1)
    (tmp_path / "d.json").write_text(json.dumps({"X": X.tolist(), "y": Y.tolist()}))
    rows = "\n".join(f"{a},{b},{c}" for (a, b), c in zip(X, Y, strict=True))
    (tmp_path / "d.csv").write_text(f"X[0],X[1],y\n{rows}\n")
    np.savez(tmp_path / "other.npz", targets=Y)
    sources: list[list[str]] = [["d.npz"], ["d.json"], ["d.csv"], ["d.json", "y=targets@other.npz"]]
    for names in sources:
        data = [
            part
            for n in names
            for part in ("-d", n.replace("@", f"@{tmp_path}/") if "@" in n else str(tmp_path / n))
        ]
        out = tmp_path / "out.npz"
        assert main(["run", ridge, *data, "-d", "lam=0.5", "--out", str(out)]) == 0
        np.testing.assert_allclose(np.load(out)["w"], EXPECTED, rtol=1e-9)
    assert "left out, since no parameter has the name: extra" in capsys.readouterr().err
    for name in ("out.json", "out.csv", "out.png"):
        flag = "--plot" if name.endswith("png") else "--out"
        assert (
            main(["run", ridge, "-d", str(tmp_path / "d.npz"), "-d", "lam=0.5", flag, str(tmp_path / name)])
            == 0
        )
    assert json.loads((tmp_path / "out.json").read_text())["w"] == pytest.approx(EXPECTED.tolist())
    assert (tmp_path / "out.csv").read_text().startswith("w\n")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_run_gradient_as_json(ridge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    data = ["-d", str(tmp_path / "d.npz"), "-d", "lam=0.5"]
    assert main(["run", ridge, *data, "--json", "--grad", "w:lam"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outputs"]["w"] == pytest.approx(EXPECTED.tolist())
    slope = -np.linalg.solve(X.T @ X + 0.5 * np.eye(2), EXPECTED).sum()
    assert found["outputs"]["d w / d lam"] == pytest.approx(slope)
    assert found["status"] == "solved"
    assert main(["run", ridge, *data, "--grad", "w:mu"]) == 1
    assert "error[D656]" in capsys.readouterr().err


def test_run_a_long_batch_in_pieces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(tmp_path, "limited.decl", LIMITED)
    c = np.linspace(-1, 2, 150)
    np.savez(tmp_path / "d.npz", c=c)
    out = tmp_path / "out.npz"
    assert main(["run", path, "-d", str(tmp_path / "d.npz"), "-d", "high=1", "--out", str(out)]) == 0
    np.testing.assert_allclose(np.load(out)["x"], np.clip(c, 0, 1), atol=1e-7)
    assert "150 solved" in capsys.readouterr().out


def test_run_a_failed_element_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(tmp_path, "limited.decl", LIMITED)
    assert main(["run", path, "-d", "c=0.5", "-d", "high=[1, -1]", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == ["solved", "infeasible"]
    assert found["outputs"]["x"] == [pytest.approx(0.5), None]
    assert main(["run", path, "-d", "c=0.5", "-d", "high=-1", "--on-fail", "raise"]) == 3
    assert "infeasible" in capsys.readouterr().err


def test_grad(ridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["-d", f"X={X.tolist()}", "-d", f"y={Y.tolist()}", "-d", "lam=0.5"]
    assert main(["grad", ridge, *data]) == 0
    assert "lam" in capsys.readouterr().out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for word in ("jax", "cvxpy", "device", "Python"):
        assert word in shown


# ---- wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "COMMAND"),
        (["sing"], 2, "invalid choice"),
        (["run"], 2, "FILE"),
        (["compile", "x.decl", "--emit", "rust"], 2, "invalid choice"),
        (["check", "nowhere.decl"], 1, "error[D619]"),
        (["run", "RIDGE", "other"], 1, "other"),
        (["run", "RIDGE"], 1, "error[D601]"),
        (["run", "RIDGE", "-d", "lamb=1"], 1, "did you mean `lam`?"),
        (["run", "RIDGE", "-d", "lam=one"], 1, "error[D655]"),
        (["run", "RIDGE", "-d", "lam={}"], 1, "error[D655]"),
        (["run", "RIDGE", "-d", "X=[[1, 2], [3]]"], 1, "error[D655]"),
        (["run", "RIDGE", "-d", "nowhere.npz"], 1, "error[D651]"),
        (["run", "RIDGE", "-d", "RIDGE"], 1, "error[D651]"),
        (["run", "RIDGE", "-d", "X=[[1, 2]]", "-d", "y=[1, 2]", "-d", "lam=1"], 1, "error[D607]"),
        (["run", "RIDGE", "-d", "X=[[1, 2]]", "-d", "y=[1]", "-d", "lam=1", "--tol", "-1"], 1, "error[D405]"),
        (
            ["run", "RIDGE", "-d", "X=[[1, 2]]", "-d", "y=[1]", "-d", "lam=1", "--out", "/no/x.npz"],
            1,
            "error[D661]",
        ),
        (
            ["run", "RIDGE", "-d", "X=[[1, 2]]", "-d", "y=[1]", "-d", "lam=1", "--out", "x.txt"],
            1,
            "error[D661]",
        ),
    ],
)
def test_wrong_use_says_why(
    words: list[str], code: int, said: str, ridge: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([ridge if word == "RIDGE" else word for word in words]) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    assert "internal error" not in shown


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", b"not an archive"),
        ("a.json", b"[1, 2]"),
        ("a.json", b"{"),
        ("a.json", b"\xff\xfe"),
        ("a.csv", b""),
        ("a.csv", b"X,y\n1\n"),
        ("a.csv", b"X\none\n"),
    ],
)
def test_broken_data_files(
    name: str, content: bytes, ridge: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["run", ridge, "-d", str(tmp_path / name)]) == 1
    assert "error[D651]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"\xff", b"(" * 3000, b"problem " * 50, "problem p\n  find ∀: ℝ".encode()]
)
def test_any_bytes_are_checked_without_a_traceback(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.decl"
    path.write_bytes(content)
    assert main(["check", str(path)]) in (0, 1)
    shown = capsys.readouterr().err
    assert "internal error" not in shown


def test_host_functions_cannot_be_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "extern def f(z: real[k]) -> real[k]\n\nproblem p\n  find z: real[3]\n  fixed point z = f(z)\n"
    assert main(["run", _file(tmp_path, "p.decl", text)]) == 1
    assert "error[D659]" in capsys.readouterr().err


# ---- speed ---------------------------------------------------------------------------------------


def _imported(*words: str) -> set[str]:
    program = "import sys; from declarative.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_check_and_fmt_import_no_numerical_library(ridge: str) -> None:
    heavy: set[Any] = {"jax", "cvxpy", "torch", "sympy", "scipy", "matplotlib"}
    assert not _imported("check", ridge) & heavy
    assert not _imported("fmt", "--check", ridge) & heavy
