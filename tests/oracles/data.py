"""Where the shared problem sets lie, and the skip for where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import declarative as dc

DATA = Path(os.environ.get("DECLARATIVE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def folder(name: str) -> Path:
    """The folder of one set; skips the test where it is absent."""
    path = DATA / name
    if not path.is_dir():
        pytest.skip(f"the shared problem set {name!r} is not here; set DECLARATIVE_DATA to its parent folder")
    return path


def first(solution: dc.Solution) -> np.ndarray:
    """The first output of a solution."""
    return np.asarray(next(iter(solution.outputs.values())))
