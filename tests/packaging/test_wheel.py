"""The wheel, installed away from the checkout, runs an example and leaks no top-level folder."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import numpy, pathlib
import declarative as dc
import declarative.grammar
assert "site-packages" in dc.__file__ and pathlib.Path(dc.__file__).is_relative_to({home!r}), dc.__file__
layer = dc.load({example!r})["sparsemax"]
x = numpy.asarray(layer(numpy.array([0.5, 0.2, -1.0])))
numpy.testing.assert_allclose(x, [0.65, 0.35, 0.0], atol=1e-9)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source") / "checkout"
    # Built from the tracked files alone: what git does not know must not be needed.
    subprocess.run(["git", "-C", str(ROOT), "checkout-index", "-a", f"--prefix={source}/"], check=True)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return path


def test_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"declarative"}
    for needed in (
        "declarative/py.typed",
        "declarative/grammar/decl.lark",
        "declarative/grammar/parse.py",
        "declarative/backends/jax/emit.py",
        "declarative/backends/cvxpy/emit.py",
        "declarative/cli/main.py",
    ):
        assert needed in names


def test_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
    )  # fmt: skip
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    # The dependencies come from the environment that runs the tests; its .pth files (an editable
    # install among them) are not followed through a path entry.
    (site / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")
    example = tmp_path / "sparsemax.decl"
    example.write_text((ROOT / "examples" / "sparsemax.decl").read_text())
    program = PROGRAM.format(home=str(home), example=str(example))
    done = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for leaked in ("grammar", "backends"):
        done = subprocess.run(
            [python, "-c", f"import {leaked}"], cwd=tmp_path, capture_output=True, text=True
        )
        assert "ModuleNotFoundError" in done.stderr
