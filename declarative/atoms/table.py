"""The atoms as a Markdown table: docs/atoms.md is this text (`python -m declarative.atoms.table`)."""

from __future__ import annotations

from declarative.atoms import TABLES
from declarative.atoms.record import Atom, Curvature, Monotone, Sign

WORDS = {
    Curvature.CONSTANT: "constant", Curvature.AFFINE: "affine", Curvature.CONVEX: "convex",
    Curvature.CONCAVE: "concave", Curvature.UNKNOWN: "—",
    Monotone.INCREASING: "up", Monotone.DECREASING: "down", Monotone.NEITHER: "—",
    Sign.ZERO: "0", Sign.NONNEG: "≥ 0", Sign.NONPOS: "≤ 0", Sign.UNKNOWN: "—",
}  # fmt: skip
SMOOTH = {-1: "jumps", 0: "kinks", 1: "once", 2: "smooth"}
HEAD = """# Atoms

The functions of the language, one record each in `declarative/atoms`; this page is made from them.
Curvature, sign and direction are those on arguments of any sign; where they are better on nonnegative arguments,
that stands behind a slash. Directions are given per argument. A product is affine in one argument while the others
named in *constant* are free of unknowns.
"""


def markdown() -> str:
    parts = [HEAD]
    for table in TABLES:
        title = (table.__doc__ or "").partition(".")[0]
        parts.append(f"## {title}\n\n{_rows(table.ATOMS)}")
    return "\n".join(parts)


def _rows(atoms: tuple[Atom, ...]) -> str:
    lines = [
        "| atom | meaning | domain | sign | curvature | direction | constant | derivatives | cvxpy | conic form |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|---|")
    for atom in atoms:
        cells = [
            f"`{atom.name}`", atom.doc.replace("|", "\\|"), _domain(atom), *_behaviour(atom), _constant(atom),
            SMOOTH[min(atom.order, 2)], "yes" if atom.cvxpy else "—", _conic(atom),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _domain(atom: Atom) -> str:
    limits = ["any" if limit == "real" else limit for limit in atom.domain]
    return ", ".join(limits) if set(limits) - {"any"} else "any"


def _behaviour(atom: Atom) -> list[str]:
    """Sign, curvature and directions for arguments of any sign, and for nonneg ones where they differ."""
    count = atom.arity if isinstance(atom.arity, int) else atom.arity[0]
    cells: list[str] = []
    for rule in (atom.sign, atom.curvature, atom.monotone):
        shown = [_shown(rule((sign,) * count)) for sign in (Sign.UNKNOWN, Sign.NONNEG)]
        cells.append(shown[0] if shown[0] == shown[1] else " / ".join(shown))
    return cells


def _conic(atom: Atom) -> str:
    """The form without the givens, which are the arguments."""
    found: list[str | None] = []
    for case in atom.example:
        constants = tuple(arg if isinstance(arg, float) else None for arg in case.args)
        signs = (Sign.UNKNOWN,) * len(case.args)
        found.append(atom.conic(signs, constants) if callable(atom.conic) else atom.conic)
    texts = [text for text in dict.fromkeys(found) if text is not None]
    return "<br>".join(f"`{text.partition('; ')[2]}`" for text in texts) or "—"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        words = [WORDS[direction] for direction in value]
        return words[0] if len(set(words)) == 1 else ", ".join(words) or "—"
    return WORDS[value]  # type: ignore[index]


def _constant(atom: Atom) -> str:
    names = {0: "first", 1: "second", 2: "third"}
    choices = [" and ".join(names[i] for i in sorted(choice)) for choice in atom.constant_in]
    return " or ".join(choices) if all(choices) else ""


if __name__ == "__main__":
    print(markdown(), end="")
