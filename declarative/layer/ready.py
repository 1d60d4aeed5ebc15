"""A call that was looked at once -> what solves every call of the same key."""

from __future__ import annotations

from typing import Any

from declarative.layer.adapters import Adapter, Traced
from declarative.layer.batches import Padding
from declarative.layer.call import Source, arrays
from declarative.layer.run import Result


class Ready:
    """The compiled function, and the way from the leaves of a key to its arrays.

    `attempt`: the function is the small part of a program that most data need, and may leave some unsolved.
    """

    def __init__(
        self,
        traced: Traced,
        adapter: Adapter,
        sources: tuple[Source, ...],
        padding: Padding | None,
        attempt: bool,
    ):
        self._traced, self._adapter = traced, adapter
        as_given = all(place == at and what is None for at, (place, what) in enumerate(sources))
        self._sources = None if as_given else sources
        self.padding, self.attempt = padding, attempt

    def run(self, leaves: list[Any]) -> Result:
        given = leaves if self._sources is None else arrays(self._sources, leaves)
        return self._adapter(self._traced, given, self.padding)
