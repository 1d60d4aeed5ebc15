"""The command keeps what JAX compiles, in a folder of the user's."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from declarative.cli.main import script

VARIABLE = "JAX_COMPILATION_CACHE_DIR"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["decl", "--version"])
    monkeypatch.setenv(VARIABLE, "elsewhere")


def started() -> str:
    with pytest.raises(SystemExit):
        script()
    return os.environ[VARIABLE]


def test_compilations_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    folder = Path(started()).parent
    assert folder == tmp_path / "declarative"
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_the_user_has_set_counts() -> None:
    assert started() == "elsewhere"
