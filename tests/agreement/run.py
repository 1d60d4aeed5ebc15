"""`python -m tests.agreement.run`: a thousand random programs in blocks of twenty, and what became of them.

    python -m tests.agreement.run --log random.log                 all blocks that the log does not have
    python -m tests.agreement.run --log random.log --blocks 7:9    blocks 7 and 8 anew
    python -m tests.agreement.run --block 7 --only 3               one program, its error raised
    python -m tests.agreement.run --log random.log --table         the table

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


# ---- the table -----------------------------------------------------------------------------------


def recorded(log: Path) -> dict[int, dict[str, Any]]:
    if not log.exists():
        return {}
    records = map(json.loads, log.read_text().splitlines())
    return {record["program"]: record for record in records}


def table(records: dict[int, dict[str, Any]]) -> str:
    """In Markdown: elements by engine and by what is said of them, then what the programs are made of."""
    good = [record for record in records.values() if "wrong" not in record]
    seconds = sorted(record["seconds"] for record in records.values())
    lines = [
        f"{len(records)} programs, {len(records) - len(good)} of them wrong; "
        f"{sum(seconds) / max(len(seconds), 1):.1f} seconds of one core each.",
        "",
        "| engine | programs | " + " | ".join(_ways(good)) + " |",
        "|---|---|" + "---|" * len(_ways(good)),
    ]
    for engine, number in Counter(record["engine"] for record in good).most_common():
        own = Counter(way for r in good if r["engine"] == engine for way in r["elements"])
        cells = (str(own[way] or "") for way in _ways(good))
        lines.append(f"| {engine} | {number} | {' | '.join(cells)} |")
    whole = Counter(way for record in good for way in record["elements"])
    lines.append(f"| all | {len(good)} | {' | '.join(str(whole[way]) for way in _ways(good))} |")
    parts: Counter[str] = Counter()
    for record in good:
        parts.update(record["parts"].keys())
    lines += [
        "",
        "Programs that hold: " + ", ".join(f"{name} {n}" for name, n in sorted(parts.items())) + ".",
    ]
    return "\n".join(lines)


def _ways(records: list[dict[str, Any]]) -> list[str]:
    """What is said of elements, the most frequent first."""
    return [way for way, _ in Counter(way for record in records for way in record["elements"]).most_common()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("random.log"))
    parser.add_argument("--blocks", default="", help="FIRST:LAST, run anew whatever the log has")
    parser.add_argument("--block", type=int, help="with --only: one program, its error raised")
    parser.add_argument("--only", type=int)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.block is not None:
        program = drawn(asked.block)[asked.only or 0]
        print(program.text)
        print(check(program))
        return 0
    before = recorded(asked.log)
    if not asked.table:
        first, _, last = asked.blocks.partition(":")
        blocks = list(range(int(first), int(last))) if asked.blocks else list(range(BLOCKS))
        with asked.log.open("a") as log:
            for record in run(blocks, set() if asked.blocks else set(before)):
                log.write(json.dumps(record) + "\n")
                log.flush()
                said = record.get("wrong") or f"{record['engine']}: {Counter(record['elements'])}"
                print(record["program"], f"{record['seconds']} s", said, flush=True)
    after = recorded(asked.log)
    print(table(after))
    wrong = {number: record["wrong"] for number, record in after.items() if "wrong" in record}
    for number, text in wrong.items():
        print(f"\nprogram {number} (--block {number // BLOCK} --only {number % BLOCK}): {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
