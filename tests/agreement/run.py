"""`python -m tests.agreement.run`: a thousand random programs in blocks of twenty, and what became of them.

    python -m tests.agreement.run --log a.log                  all programs that the log does not have
    python -m tests.agreement.run --log a.log --blocks 0:25    of half of the blocks
    python -m tests.agreement.run --log a.log --again          those that were wrong, anew
    python -m tests.agreement.run --program 143                one program, its error raised
    python -m tests.agreement.run --table a.log b.log          the table of what logs have; with --write DOCUMENT there

A block is what hypothesis draws from the block's number as its seed, so that blocks can be run in any order, and
again after a change. The log has one line for each program, JSON; of several lines for one program the last counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from hypothesis import HealthCheck, Phase, given, seed, settings
from jax.sharding import AbstractMesh, use_abstract_mesh

import tests.conftest as _switches  # noqa: F401  of XLA, set before its first use
from tests.agreement.check import Wrong, check
from tests.agreement.language import disciplined_programs
from tests.agreement.programs import Program
from tests.agreement.table import Records, section, write

BLOCK, BLOCKS = 20, 50
CLEARED = 10
"""Programs after which JAX's compiled functions are dropped: they fill the memory."""
NO_MESH = AbstractMesh((), ())
"""JAX sets it while it differentiates what is compiled; set from the start, it traces several functions once only."""


def drawn(block: int) -> list[Program]:
    """The programs of a block, always the same. Hypothesis draws some twice, which count once."""
    found: dict[str, Program] = {}

    @seed(block)
    @settings(
        max_examples=3 * BLOCK,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(disciplined_programs(block))
    def collect(program: Program) -> None:
        found.setdefault(program.text, program)

    collect()
    return list(found.values())[:BLOCK]


def run(blocks: list[int], skip: set[int]) -> Iterator[dict[str, Any]]:
    """One record for each program of the blocks that is not among `skip`."""
    gc.disable()  # a tenth of the time goes into looking at objects that tracing makes
    for block in blocks:
        for place, program in enumerate(drawn(block)):
            number = block * BLOCK + place
            if number in skip:
                continue
            start = time.process_time()
            record: dict[str, Any] = {"program": number}
            try:
                with use_abstract_mesh(NO_MESH):
                    outcome = check(program)
                record |= {
                    "engine": outcome.engine,
                    "elements": outcome.elements,
                    "parts": dict(outcome.parts),
                }
            except Wrong as error:
                record |= {"wrong": str(error)}
            except Exception as error:  # a crash is a finding, and the others are to be run
                record |= {"wrong": f"{type(error).__name__}: {error}\n{program.text}"}
            yield record | {"seconds": round(time.process_time() - start, 1)}
            if place % CLEARED == CLEARED - 1:
                jax.clear_caches()
                gc.collect()


def recorded(*logs: Path) -> Records:
    """By number; of several lines for one program the last counts."""
    records = [json.loads(line) for log in logs if log.exists() for line in log.read_text().splitlines()]
    return {record["program"]: record for record in records}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("random.log"))
    parser.add_argument("--blocks", default=f"0:{BLOCKS}", help="FIRST:LAST")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--program", type=int)
    parser.add_argument("--table", type=Path, nargs="+", metavar="LOG")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    asked = parser.parse_args(arguments)
    if asked.program is not None:
        program = drawn(asked.program // BLOCK)[asked.program % BLOCK]
        print(program.text)
        print(check(program))
        return 0
    if asked.table is None:
        before = recorded(asked.log)
        skip = {n for n, record in before.items() if not (asked.again and "wrong" in record)}
        if asked.again:
            skip |= set(range(BLOCK * BLOCKS)) - set(before)
        first, _, last = asked.blocks.partition(":")
        with asked.log.open("a") as log:
            for record in run(list(range(int(first), int(last))), skip):
                log.write(json.dumps(record) + "\n")
                log.flush()
                said = record.get("wrong") or f"{record['engine']}: {dict(Counter(record['elements']))}"
                print(record["program"], f"{record['seconds']} s", said, flush=True)
    after = recorded(*(asked.table or [asked.log]))
    print(section(after))
    if asked.write is not None:
        write(after, asked.write)
    wrong = {number: record["wrong"] for number, record in after.items() if "wrong" in record}
    for number, text in sorted(wrong.items()):
        print(f"\nprogram {number}: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
