"""D5xx, decorated Python functions."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
