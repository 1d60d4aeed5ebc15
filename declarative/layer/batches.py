"""Sizes of a batch -> the sizes that are compiled for: many sizes, few compilations.

The first size of a kind of call is compiled as it is, since most programs have one. Another size is filled up
to a power of two by repeating its last element, until it has come so often in a row that it is worth a
compilation of its own. Rounding up costs at most twice the solve; 1000 sizes compile at most eleven times more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from declarative.layer.bind import Lead
from declarative.layer.run import Structure

OFTEN = 32  # calls in a row


class Padding(NamedTuple):
    """Fills a batch of `size` up by `extra` elements; `moves` tells which arrays have the batch's first axis."""

    size: int
    extra: int
    moves: tuple[bool, ...]

    def fill(self, arrays: list[Any], lengthened: Callable[[Any, int], Any]) -> list[Any]:
        return [
            lengthened(array, self.extra) if move else array
            for array, move in zip(arrays, self.moves, strict=True)
        ]


class Batches:
    """What one layer has met, by the structure of its calls but for the size."""

    def __init__(self) -> None:
        self._own: dict[Structure, set[int]] = {}  # sizes with compilations of their own
        self._last: Padding | None = None
        self._run = 0

    def stays(self, padding: Padding | None) -> bool:
        """Whether a call of this padding is one of many in a row."""
        self._run = self._run + 1 if padding is self._last else 1
        self._last = padding
        return padding is not None and self._run >= OFTEN

    def rounded(self, structure: Structure, often: bool) -> tuple[Structure, Padding | None]:
        """The structure to be compiled, and the way to it; `often` once the size has shown that it stays."""
        if not structure.batch or not structure.batch[0]:
            return structure, None
        size = structure.batch[0]
        moves = tuple(_moves(lead, structure.batch) for lead in structure.leads)
        own = self._own.setdefault(_resized(structure, moves, -1), set())
        if often or not own:
            own.add(size)
        bucket = 1 << (size - 1).bit_length()
        if size in own or bucket == size:
            return structure, None
        return _resized(structure, moves, bucket), Padding(size, bucket - size, moves)


def _moves(lead: Lead, batch: Lead) -> bool:
    return len(lead) == len(batch) and lead[0] == batch[0]


def _resized(structure: Structure, moves: tuple[bool, ...], size: int) -> Structure:
    leads = zip(structure.leads, moves, strict=True)
    return replace(
        structure,
        leads=tuple((size, *lead[1:]) if move else lead for lead, move in leads),
        batch=(size, *structure.batch[1:]),
    )
