"""Names of a `.decl` program -> Python identifiers: unique, no keyword, no name the emitted module uses."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterable, Mapping

RESERVED = frozenset(
    {"jax", "jnp", "rt", "flat", "params", "unknowns", "point", "extern", "static", "engine", "forms"}
    | {"size", "unpack", "objective", "outputs", "duals", "cost", "data", "residuals", "equations", "step"}
    | {"centre", "set_args", "equalities", "inequalities", "SOLVER", "DEFAULTS", "Quadratic"}
    | {"cp", "ct", "np", "given", "model", "program", "clarabel"}
    | set(keyword.kwlist)
    | set(keyword.softkwlist)
    | set(dir(builtins))
)


def identifier(name: str) -> str:
    """The name itself where Python takes it as it stands, else an ASCII spelling of it."""
    if name.isidentifier() and unicodedata.normalize("NFKC", name) == name and not name.startswith("__"):
        return name
    spelt = "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"_{ord(c):x}" for c in name)
    return spelt if spelt.isidentifier() and not spelt.startswith("_") else f"v{spelt}"


def identifiers(names: Iterable[str], taken: Iterable[str] = RESERVED) -> Mapping[str, str]:
    """A distinct identifier for each name, apart from the `taken` ones."""
    used = set(taken)
    chosen: dict[str, str] = {}
    for name in dict.fromkeys(names):
        candidate = identifier(name)
        while candidate in used:
            candidate += "_"
        used.add(candidate)
        chosen[name] = candidate
    return chosen
