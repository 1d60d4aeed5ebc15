"""D6xx, arguments and data at the call and on the command line."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = ()
