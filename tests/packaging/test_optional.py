"""What is not installed is not needed: the JAX path without cvxpy, the package without torch and sympy."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"cvxpy", "clarabel", "scs", "diffcp", "torch", "sympy", "matplotlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import numpy as np
import declarative as dc

text = "problem sparsemax\\n  given y: real[n]\\n  find x: real[n] in simplex\\n  minimize 1/2 * ||x - y||^2"
layer = dc.compile(text)
np.testing.assert_allclose(layer(np.array([0.5, 0.2, -1.0])), [0.65, 0.35, 0], atol=1e-9)
print(layer.explain())
"""


def test_jax_path_without_the_optional_packages() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "clarabel" in done.stdout  # the plan can still say what the other backend would do
