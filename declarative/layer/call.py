"""One call: its arguments sorted into arrays, and the structure that fixes which function solves it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from declarative import ir
from declarative.errors import ArgumentError, diagnostic
from declarative.grammar.words import ascii_name
from declarative.layer import bind, run, values
from declarative.layer.bind import Bound, Lead
from declarative.layer.options import Options
from declarative.layer.program import Emitted, Program
from declarative.layer.run import Structure

LARGE = 4_000_000
"""Entries of a dense matrix, order 2000, from which on engines for sparse matrices are asked, if one came."""
HUGE = 100_000_000
"""The same where all arguments are dense: order 10,000, beyond what a factorisation is good for."""
TABLE = 200_000_000  # entries of a table that cvxpy may make


class Densified(UserWarning):
    """A large sparse matrix is made dense, since the engine that was asked for knows no others."""


class Oversized(Exception):
    """The call needs larger matrices than the chosen engine is good for; `args[0]`: it suits a sparse factorisation."""


class Source(NamedTuple):
    """`place` among the arrays and numbers given, with the dtype of a number; or None and the array itself."""

    place: int | None
    what: Any


def arrays(sources: tuple[Source, ...], given: list[Any]) -> list[Any]:
    """The arrays of a solve out of the arrays and numbers of a call."""
    return [
        what if place is None else given[place] if what is None else np.asarray(given[place], what)
        for place, what in sources
    ]


class Call:
    """The matched arguments `found`, looked at in turn: static ones, arrays, shapes, kinds, dtypes.

    `given` has their arrays and numbers in the order of the call, `sources` the way to the solve's.
    """

    def __init__(
        self,
        program: Program,
        found: Mapping[str, Any],
        options: Options,
        full: bool,
        dense: bool = False,
    ):
        given = {**program.defaults, **found}
        static = {p.name: static_value(p, given[p.name]) for p in program.given if "static" in p.properties}
        static = {**program.static, **static}
        params = [p for p in program.problem.params if "static" not in p.properties]

        sorted_out = [_sorted(param, given[param.name]) for param in params]
        leaves = [leaf for leaves, _ in sorted_out for leaf in leaves]
        shaped = tuple(p for p in params if p.type.base != "any" and p.name in found)
        shapes = {leaf.name: leaf.shape for leaf in leaves if leaf.core and leaf.name in found}
        start = _start_leaves(program, options)
        self.bound = bind.shapes(shaped, shapes, _static_sizes(program.problem, static))
        most = HUGE if all(leaf.pattern is None for leaf in leaves) else LARGE
        if program.dense and not dense and _entries(program, leaves, self.bound) > most:
            raise Oversized(_direct(program, leaves, self.bound))
        leaves = [leaf if leaf.name in program.sparse else _densified(leaf, program) for leaf in leaves]
        patterns = {leaf.name: leaf.pattern for leaf in leaves}
        self.kind = values.kind_of([*leaves, *start])
        self.traced = values.traced([*leaves, *start])
        solve, out = values.dtypes(leaves, self.kind)
        solve = solve if options.precision is None or self.traced else options.precision
        self.module: Emitted = program.load(static)
        self._leaves = leaves
        start_leads, batch = _start_leads(program.solved, start, self.bound)
        self.given = [leaf.value for name in found for leaf in leaves if leaf.name == name]
        self.sources = self._sources(program, found, leaves, start, solve)
        self.structure = Structure(
            params=tuple(
                patterns[param.name] if tree is None else tree
                for param, (_, tree) in zip(params, sorted_out, strict=True)
            ),
            leads=(
                *(self.bound.leads.get(leaf.name, ()) if leaf.core else () for leaf in leaves),
                *start_leads,
            ),
            batch=batch,
            solve_dtype=solve,
            out_dtype=out,
            unknowns=tuple(unknown.name for unknown in program.solved.unknowns),
            start=tuple(leaf.name for leaf in start),
            static=tuple((name, hashable(value)) for name, value in static.items()),
            full=full,
        )

    @property
    def matrices(self) -> str | None:
        """See `run.matrices`."""
        return run.matrices(self.module, self.structure, arrays(self.sources, self.given))

    @property
    def operations(self) -> float | None:
        """See `run.operations`."""
        return run.operations(self.module, self.structure, arrays(self.sources, self.given))

    @property
    def by_name(self) -> dict[str, Any]:
        """The arrays of declared shapes, sparse matrices with all their entries."""
        whole = [
            leaf if leaf.pattern is None else values.densified(leaf) for leaf in self._leaves if leaf.core
        ]
        return {leaf.name: leaf.value for leaf in whole}

    def _sources(
        self,
        program: Program,
        found: Mapping[str, Any],
        leaves: list[values.Leaf],
        start: list[values.Leaf],
        dtype: str,
    ) -> tuple[Source, ...]:
        """Where each array of the solve comes from; calls of the same key need not be sorted again."""
        own = [leaf.name for leaf in leaves]
        first, count = {}, 0
        for name in found:
            first[name] = count
            count += own.count(name)
        sources: list[Source] = []
        for at, leaf in enumerate(leaves):
            if leaf.name not in found:
                shape = _shape(program.problem, leaf.name, self.bound)
                sources.append(Source(None, np.broadcast_to(_array(leaf, dtype), shape)))
                continue
            number = None if leaf.kind is not None else _array(leaf, dtype).dtype
            sources.append(Source(first[leaf.name] + own[:at].count(leaf.name), number))
        return (*sources, *(Source(None, _array(leaf, dtype)) for leaf in start))


def static_value(param: ir.Parameter, value: Any) -> Any:
    """A static parameter as a Python value: a number, or a NumPy array."""
    held = None if isinstance(value, str) else values.classify(value)
    if param.type.base == "any":
        return value
    bad = held is None or values.traced([values.Leaf(param.name, held[1], held[0], held[2], True)])
    array = np.asarray(0 if bad or held is None else held[1])
    expected = {"int": "a whole number", "bool": "True or False", "real": "a number"}[param.type.base]
    if param.type.shape:
        expected = (
            "an array of " + {"int": "whole numbers", "bool": "booleans", "real": "numbers"}[param.type.base]
        )
    kinds = {"int": "iu", "bool": "b", "real": "iufb"}[param.type.base]
    if bad or array.dtype.kind not in kinds or array.ndim != len(param.type.shape):
        found = "a traced value" if held is not None and bad else repr(value)[:60]
        advice = f'fix it when the layer is compiled: `static={{"{param.name}": ...}}`'
        raise ArgumentError(
            diagnostic("D612", param.span, name=param.name, expected=expected, found=found, help=advice)
        )
    return array if param.type.shape else array.item()


def _entries(program: Program, leaves: list[values.Leaf], bound: Bound) -> int:
    """Of the largest dense matrix that the call would need."""
    sparse = [math.prod(leaf.pattern.shape) for leaf in leaves if leaf.pattern is not None]
    return max([_unknowns(program, bound) ** 2, *sparse])


def _direct(program: Program, leaves: list[values.Leaf], bound: Bound) -> bool:
    """Whether a matrix came sparse, and cvxpy can state the program: it tabulates a quadratic objective by unknowns
    and numbers given."""
    if all(leaf.pattern is None for leaf in leaves):
        return False
    numbers = sum(np.size(leaf.value) for leaf in leaves)
    return program.info["class"] == "linear program" or _unknowns(program, bound) * numbers <= TABLE


def _unknowns(program: Program, bound: Bound) -> int:
    """How many numbers are sought; 0 if only the engine can tell."""
    shapes = [unknown.type.shape for unknown in program.problem.unknowns]
    known = all(dim.names <= bound.sizes.keys() for shape in shapes for dim in shape)
    return sum(math.prod(bind.shape_of(shape, bound.sizes)) for shape in shapes) if known else 0


def _densified(leaf: values.Leaf, program: Program) -> values.Leaf:
    """The leaf as an array; a warning where that takes much memory."""
    if leaf.pattern is None:
        return leaf
    entries = math.prod(leaf.pattern.shape)
    if entries > LARGE:
        text = diagnostic("D626", None, name=leaf.name, entries=entries, engine=program.engine)
        warnings.warn(f"{text.message}: {text.help}", Densified, stacklevel=6)
    return values.densified(leaf)


def _sorted(param: ir.Parameter, value: Any) -> tuple[list[values.Leaf], Any]:
    if param.type.base == "any":
        return values.tree_leaves(param, value)
    return [values.leaf(param, value)], None


def _static_sizes(problem: ir.Problem, static: Mapping[str, Any]) -> dict[str, int]:
    """Dimensions known before the call: static whole numbers, and the axes of static arrays."""
    sizes = {name: value for name, value in static.items() if name in problem.dims}
    for param in problem.params:
        if param.name in static and param.type.shape:
            for dim, length in zip(param.type.shape, np.shape(static[param.name]), strict=True):
                if str(dim) in problem.dims:
                    sizes.setdefault(str(dim), length)
    return sizes


def _shape(problem: ir.Problem, name: str, bound: Bound) -> tuple[int, ...]:
    param = next(p for p in problem.params if p.name == name)
    missing = sorted({part for dim in param.type.shape for part in dim.names} - set(bound.sizes))
    if missing:
        names = ", ".join(f"`{part}`" for part in missing)
        advice = f"give `{name}` a value: only its shape tells"
        raise ArgumentError(diagnostic("D609", param.span, names=names, help=advice))
    return bind.shape_of(param.type.shape, bound.sizes)


def _array(leaf: values.Leaf, dtype: str) -> Any:
    """The value as the adapter takes it; plain numbers follow the dtype of the solve."""
    if leaf.kind is not None:
        return leaf.value
    return np.asarray(leaf.value, dtype if leaf.dtype == "float" else None)


def _start_leaves(program: Program, options: Options) -> list[values.Leaf]:
    unknowns = {unknown.name: unknown for unknown in program.problem.unknowns}
    leaves = []
    for spelt, value in options.start.items():
        name = ascii_name(spelt)
        if name not in unknowns:
            there = ", ".join(f"`{known}`" for known in unknowns)
            raise ArgumentError(
                diagnostic("D614", None, problem=f"names `{name}`; the unknowns are {there}", label="")
            )
        leaves.append(values.leaf(unknowns[name], value))
    return leaves


def _start_leads(problem: ir.Problem, start: list[values.Leaf], bound: Bound) -> tuple[list[Lead], Lead]:
    """Batch axes of the first values, and the batch with them."""
    unknowns = {unknown.name: unknown for unknown in problem.unknowns}
    leads, batch = [], bound.batch
    for leaf in start:
        wanted = bind.shape_of(unknowns[leaf.name].type.shape, bound.sizes)
        lead = leaf.shape[: len(leaf.shape) - len(wanted)]
        try:
            batch = np.broadcast_shapes(batch, lead)
            good = leaf.shape[len(lead) :] == wanted
        except ValueError:
            good = False
        if not good:
            trouble = f"for `{leaf.name}` has shape {leaf.shape}; {wanted} is needed, after batch axes {bound.batch}"
            raise ArgumentError(
                diagnostic("D614", unknowns[leaf.name].span, problem=trouble, label="declared here")
            )
        leads.append(lead)
    return leads, batch


def hashable(value: Any) -> Any:
    """A static value as part of a key."""
    return (value.shape, value.dtype.name, value.tobytes()) if isinstance(value, np.ndarray) else value
