"""A call that was looked at once -> what solves every call of the same key."""

from __future__ import annotations

from typing import Any

import numpy as np

from declarative.layer.adapters import Adapter, Traced
from declarative.layer.call import Source
from declarative.layer.run import Result


class Ready:
    """The compiled function, and the way from the leaves of a key to its arrays."""

    def __init__(self, traced: Traced, adapter: Adapter, sources: tuple[Source, ...]):
        self._traced, self._adapter = traced, adapter
        as_given = all(place == at and what is None for at, (place, what) in enumerate(sources))
        self._sources = None if as_given else sources

    def run(self, leaves: list[Any]) -> Result:
        return self._adapter(self._traced, self.arrays(leaves))

    def arrays(self, leaves: list[Any]) -> list[Any]:
        if self._sources is None:
            return leaves
        return [
            what if place is None else leaves[place] if what is None else np.asarray(leaves[place], what)
            for place, what in self._sources
        ]
