"""D1xx, text that does not parse."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
