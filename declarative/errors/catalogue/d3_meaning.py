"""D3xx, curvature, well-posedness and other findings of the analysis."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
