"""Each peer that is installed, on a small case of each of its families: right where it is held to be."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from functools import partial

import jax
import numpy as np
import pytest

from benchmarks.peers import CONTENDERS
from benchmarks.rounds import RIGHT
from benchmarks.workload import Case, Contender, Outcome, compare
from benchmarks.workloads import (
    deq,
    lasso,
    logistic,
    logistic_constrained,
    maxent,
    mpc,
    pooling,
    portfolio,
    psd,
    qp,
    ridge,
    sdp,
    sparsemax,
)

WRONG = {  # shown as such in the tables
    ("qpax, explicit", "qp"),
    ("qpax, explicit", "mpc"),
    ("qpax, defaults", "qp"),
    ("qpax, defaults", "mpc"),
    ("torchdeq, defaults", "deq"),
    ("jaxopt", "mpc"),
    ("cvxpylayers, diffcp, defaults", "logistic_constrained"),
    ("cvxpylayers, moreau", "logistic_constrained"),
}


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Its default type is set for the whole process."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)


def equality() -> tuple[Case, Outcome]:
    """One row for three elements that share everything else."""
    rng = np.random.default_rng(0)
    inputs = {"P": np.eye(3), "q": rng.normal(size=3), "A": rng.normal(size=(2, 1, 3)), "b": np.ones(1)}
    weights = rng.normal(size=(2, 3))
    case = Case("mpc_equality", "mpc_equality", inputs, weights, frozenset("Pqb"), frozenset("P"))
    return case, qp.answer(inputs, weights, np.zeros((2, 0), bool))


SMALL = {
    "qp": partial(qp.case, 10, 2, True),
    "mpc": partial(mpc.balance, 8, 3),
    "mpc_equality": equality,
    "sparsemax": partial(sparsemax.case, 6, 3),
    "ridge": partial(ridge.case, 6, 3, 2),
    "logistic": partial(logistic.case, 12, 3, 2),
    "psd": partial(psd.case, 4, 2),
    "pooling": partial(pooling.case, 3, 2),
    "deq": partial(deq.case, 4, 3, 2),
    "portfolio": partial(portfolio.case, 8, 2),
    "lasso": partial(lasso.case, "lasso", 20, 5, 2),
    "elastic_net": partial(lasso.case, "elastic_net", 20, 5, 2),
    "logistic_constrained": partial(logistic_constrained.case, 12, 4, 2),
    "sdp": partial(sdp.case, 4, 3, 2),
    "maxent": partial(maxent.case, 6, 2, 2),
}


def runs() -> Iterator[object]:
    """Ours has its own tests."""
    for contender in CONTENDERS:
        missing = [name for name in contender.modules if importlib.util.find_spec(name) is None]
        skip = pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")
        for family in contender.prepare if contender.name != "declarative" else ():
            yield pytest.param(contender, family, marks=skip, id=f"{contender.name}-{family}")


@pytest.mark.filterwarnings("default")  # other packages have theirs
@pytest.mark.parametrize(("contender", "family"), list(runs()))
def test_peer(contender: Contender, family: str) -> None:
    case, exact = SMALL[family]()
    with jax.enable_x64(True):
        prepared = contender.prepare[family](case)
        error = compare(case, prepared.read(prepared.run()), exact)
    right = error.solution <= RIGHT and error.gradient <= RIGHT
    assert right == ((contender.name, family) not in WRONG), error


def test_names_are_unique_and_families_known() -> None:
    names = [contender.name for contender in CONTENDERS]
    assert len(set(names)) == len(names)
    assert set().union(*(contender.prepare for contender in CONTENDERS)) == set(SMALL)
