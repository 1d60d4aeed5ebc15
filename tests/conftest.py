"""Switches of the test run."""

import os
from importlib.metadata import version

import pytest

# Nearly all of a test's time is XLA's: hundreds of small programs, each run a few times. Set before jax loads;
# the benchmarks run with full optimisation.
_FLAGS = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
if version("jaxlib").startswith(
    "0.10."
):  # a quarter of the time; later ones do not know the flag, and would stop
    _FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(_FLAGS))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write expected renderings anew instead of comparing"
    )
