"""Files of `scipy.sparse.save_npz` as data of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse

import declarative as dc
from declarative.cli import data

TEXT = """\
problem p
  given
    A: real[m, n]
    b: real[m]
    k: int[m, n]
  find x: real[n]
  minimize ||A @ x - b||^2 + sum(k)
"""
PROBLEM = dc.compile(TEXT, stop_after="check")


def test_a_sparse_file_gives_the_matrix_of_its_name(tmp_path: Path) -> None:
    matrix = scipy.sparse.csr_array(np.array([[0, 2, 0], [1, 0, 0]]))
    for name in ("A", "other"):
        scipy.sparse.save_npz(tmp_path / f"{name}.npz", matrix)
    for source in (str(tmp_path / "A.npz"), f"A=other@{tmp_path / 'other.npz'}"):
        (found,) = data.read([source], PROBLEM).values()
        assert scipy.sparse.issparse(found)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found.toarray(), matrix.toarray())
    whole = data.read([f"k=other@{tmp_path / 'other.npz'}"], PROBLEM)["k"]
    np.testing.assert_array_equal(whole, matrix.toarray())
