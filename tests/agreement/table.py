"""The records of `run` -> what became of the programs, in Markdown, as a section of a document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tests.agreement.check import AGREES, BATCH

Records = dict[int, dict[str, Any]]

HEADING = "## Random programs of the whole convex language"
INTRO = """`python -m tests.agreement.run`: programs drawn from the language's grammar, each solved for a batch of
{batch} parameters. Solutions and multipliers of the JAX engine and of the cvxpy backend agree to 5e-5 and 1e-3 (one of
the two may report `inaccurate`), and where the derivative is reported as regular, the reverse gradient and central
differences to 2e-3."""
KINDS = (
    "all agree",
    "differences agree, cvxpy refuses",
    "solutions agree, derivative irregular",
    "other status",
)
PARTS = {
    "atom": "functions",
    "set": "sets",
    "constraint": "constraints",
    "unknown": "unknowns",
    "": "and",
}


def section(records: Records) -> str:
    good = [record for record in records.values() if "wrong" not in record]
    each = sum(record["seconds"] for record in records.values()) / max(len(records), 1)
    lines = [
        HEADING,
        "",
        INTRO.format(batch=BATCH),
        "",
        f"{len(records)} programs, {each:.1f} seconds of one core each; {len(records) - len(good)} of them wrong. "
        "Elements by what became of them:",
        "",
        f"| engine | programs | {' | '.join(KINDS)} |",
        "|---|---|" + "---|" * len(KINDS),
    ]
    engines = Counter(record["engine"] for record in good)
    for engine, number in [*engines.most_common(), ("all", len(good))]:
        own = (record for record in good if engine in (record["engine"], "all"))
        found = Counter(_kind(way) for record in own for way in record["elements"])
        lines.append(f"| {engine} | {number} | {' | '.join(str(found[kind]) for kind in KINDS)} |")
    said = Counter(way for record in good for way in record["elements"] if way != AGREES)
    lines += ["", "Where not all agree, the statuses say why:", ""]
    lines += [f"- {way}: {number} elements" for way, number in said.most_common()]
    return "\n".join([*lines, "", "What the programs hold, and how many of them:", "", *_parts(good)])


def _kind(way: str) -> str:
    if way == AGREES:
        return KINDS[0]
    if way.startswith(AGREES):
        return KINDS[1]
    return KINDS[2] if way.startswith("solutions agree") else KINDS[3]


def _parts(records: list[dict[str, Any]]) -> list[str]:
    groups: dict[str, list[str]] = {kind: [] for kind in PARTS}
    for part, number in sorted(Counter(part for record in records for part in record["parts"]).items()):
        kind, _, name = part.partition(" ")
        known = kind in PARTS
        groups[kind if known else ""].append(f"{name if known else part} {number}")
    return [f"- {PARTS[kind]}: {', '.join(words)}" for kind, words in groups.items()]


def write(records: Records, document: Path) -> None:
    """In place of the section there, or at the end."""
    text = document.read_text()
    before, _, rest = text.partition(HEADING)
    _, following, after = rest.partition("\n## ")
    document.write_text(f"{before.rstrip()}\n\n{section(records)}\n{following}{after}")
