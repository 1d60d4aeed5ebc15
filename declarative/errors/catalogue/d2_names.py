"""D2xx, names, shapes, types and domains."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
