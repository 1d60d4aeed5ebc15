"""Writes one function of the emitted module: its assignments, then what it returns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from declarative import ir
from declarative.backends.jax.names import identifiers
from declarative.backends.jax.printer import Block, Printer, dim_text
from declarative.backends.jax.sizes import Reading, readings
from declarative.dims import Dim
from declarative.rewrite.cones import PACKED
from declarative.rewrite.variant import Back
from declarative.walk import walk


@dataclass(frozen=True)
class Scope:
    """What every function of a module shares: the problem and the Python names of its names."""

    problem: ir.Problem
    names: dict[str, str]
    readings: tuple[Reading, ...]
    back: Back | None = None

    @property
    def params(self) -> tuple[ir.Parameter, ...]:
        """The parameters that are traced; the static ones are constants of the module."""
        return tuple(p for p in self.problem.params if "static" not in p.properties)

    @property
    def size(self) -> Dim:
        return sum(map(stored, self.problem.unknowns), Dim(()))


def scope_of(problem: ir.Problem) -> Scope:
    binders = [node.name for node in walk(problem) if isinstance(node, ir.Binder | ir.Bound)]
    spoken = [
        *(p.name for p in problem.params),
        *(v.name for v in problem.unknowns),
        *problem.dims,
        *(let.name for let in problem.lets),
        *(extern.name for extern in problem.externs),
        *binders,
    ]
    packed = [unknown for unknown in problem.unknowns if PACKED in unknown.properties]
    names = dict(identifiers([*spoken, *(_triangle(unknown) for unknown in packed)]))
    static = frozenset(p.name for p in problem.params if "static" in p.properties)
    sizes = readings(problem.params, static, names)
    orders = [(_triangle(unknown), unknown.type.shape[0]) for unknown in packed]
    triangles = (Reading(name, (), f"rt.triangle({dim_text(n, names)})", n.names) for name, n in orders)
    return Scope(problem, names, (*sizes, *triangles))


def stored(unknown: ir.Variable) -> Dim:
    """How many of the flat numbers an unknown takes."""
    return Dim.of(_triangle(unknown)) if PACKED in unknown.properties else count(unknown.type.shape)


def _triangle(unknown: ir.Variable) -> str:
    """The name of the number of entries in the triangle of a symmetric unknown."""
    return f"entries of {unknown.name}"


def count(shape: tuple[Dim, ...]) -> Dim:
    """How many entries an array of this shape has."""
    product = Dim.of(1)
    for dim in shape:
        product = product * dim
    return product


class Function:
    """One function in the making; `line` adds a line, `expr` and `dim` print and note what they read."""

    def __init__(self, scope: Scope, roots: Iterable[ir.Expr] = ()):
        self.scope = scope
        self.printer = Printer(scope.problem, scope.names, roots)
        self.block = Block()
        self.result: list[str] = []

    def expr(self, node: ir.Expr) -> str:
        return self.printer.text(node, self.block)

    def dim(self, dim: Dim) -> str:
        return self.printer.dim(dim)

    def shape(self, dims: Iterable[Dim]) -> str:
        return "(" + "".join(f"{self.dim(dim)}, " for dim in dims) + ")"

    def returns(self, *lines: str) -> None:
        self.result = list(lines)

    def text(self, head: str, doc: str = "", unknowns: str | None = "unknowns") -> str:
        """The function's source; `unknowns` is the expression that holds them, as a tuple."""
        body = [*self.block.lines, *self.result]
        lines = [f"def {head}:"]
        if doc:
            lines.append(f'    """{doc}"""')
        lines += [f"    {line}" for line in (*self._prologue("\n".join(body), unknowns), *body)]
        return "\n".join(lines) + "\n"

    def _prologue(self, body: str, unknowns: str | None) -> list[str]:
        """Binds the parameters, dimensions and unknowns that the body reads, and nothing else."""
        scope, reads = self.scope, set(self.printer.reads)
        wanted, sizes = set(self.printer.dims), []
        for reading in reversed(scope.readings):
            if reading.name in wanted:
                wanted |= reading.needs
                reads |= set(reading.params)
                sizes.append(f"{scope.names[reading.name]} = {reading.text}")
        lines = _unpacked([p.name for p in scope.params], reads, scope.names, "params")
        lines += reversed(sizes)
        if unknowns is not None:
            lines += _unpacked([v.name for v in scope.problem.unknowns], reads, scope.names, unknowns)
        if re.search(r"\bdtype\b(?!=)", body):
            lines.append("dtype = rt.dtype(params)")
        return lines


def _unpacked(order: list[str], reads: set[str], names: dict[str, str], source: str) -> list[str]:
    kept = [names[name] if name in reads else "_" for name in order]
    while kept and kept[-1] == "_":
        kept.pop()
    if not kept:
        return []
    left = ", ".join(kept) + (", *_" if len(kept) < len(order) else "," if len(kept) == 1 else "")
    return [f"{left} = {source}"]


def comment(node: ir.Node, label: str | None = None) -> str:
    """The source line of a node, as a comment; nothing where it has no source."""
    source = "".join(c for c in " ".join(node.span.text.split()) if unicodedata.category(c)[0] != "C")
    if not source:
        return ""
    named = source if label is None or source.startswith(label) else f"{label}: {source}"
    return f"  # {named[:90]}"


Body = Callable[[Function], None]
