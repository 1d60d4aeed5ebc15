"""Switches of the test run."""

import os

import pytest

# Nearly all of a test's time is XLA's: hundreds of small programs, each run a few times. Set before jax loads;
# the benchmarks run with full optimisation.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write expected renderings anew instead of comparing"
    )
