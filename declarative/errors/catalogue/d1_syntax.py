"""D1xx, text that does not parse."""

from declarative.errors.catalogue.entry import Entry

ENTRIES: tuple[Entry, ...] = tuple(Entry(f"D{n}", "", "{found}" if n==101 else "x") for n in range(101,142))
