"""Random programs of the whole convex language in batches of three: JAX, cvxpy and finite differences agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from tests.agreement.check import check
from tests.agreement.language import disciplined_programs
from tests.agreement.programs import Program
from tests.agreement.run import main
from tests.agreement.test_agreement import quick


@quick(3)
@given(disciplined_programs())
def test_disciplined_programs_agree(program: Program) -> None:
    check(program)


@pytest.mark.slow
def test_a_thousand_programs_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The whole battery; prints what became of the elements: by engine, and by status where it is not agreement."""
    with capsys.disabled():
        assert main(["--log", str(tmp_path / "random.log")]) == 0
