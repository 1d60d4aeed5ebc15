"""A file and what it imports: problems, functions and host functions by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from declarative.check.reports import Reports, did_you_mean
from declarative.errors import DeclError, Source, Span
from declarative.grammar import tree

Item = tree.Problem | tree.Def | tree.ExternDef
Loader = Callable[[tuple[str, ...], Source], "tree.File | None"]
"""The path of an import and the file that imports -> the parsed file, None where there is none within
the roots; raises `DeclError` for a file that does not parse."""


@dataclass(eq=False)
class Library:
    """What the names of one file mean: its own items and imported ones, each with the library it is from."""

    items: dict[str, tuple[Item, Library]] = field(default_factory=dict)
    own: list[tree.Problem] = field(default_factory=list)

    def find(self, name: str) -> tuple[Item, Library] | None:
        return self.items.get(name)


def collect(file: tree.File, loader: Loader | None, reports: Reports) -> Library:
    return _collect(file, loader, reports, {})


def _collect(file: tree.File, loader: Loader | None, reports: Reports, known: dict[str, Library]) -> Library:
    """`known` holds the libraries of files being read, so that files may import each other."""
    library = known[_key(file)] = Library()
    for item in file.items:
        if isinstance(item, tree.Import):
            _import(item, library, loader, reports, known)
        else:
            _define(library, item.name.name, item, library, item.name.span, reports)
            if isinstance(item, tree.Problem) and library.items[item.name.name][0] is item:
                library.own.append(item)
    return library


def _define(library: Library, name: str, item: Item, home: Library, span: Span, reports: Reports) -> None:
    if name in library.items and library.items[name][0] is not item:
        reports.add("D203", span, library.items[name][0].name.span, name=name)
    else:
        library.items[name] = (item, home)


def _import(
    item: tree.Import, library: Library, loader: Loader | None, reports: Reports, known: dict[str, Library]
) -> None:
    path = tuple(part.name for part in item.path)
    try:
        file = loader(path, item.span.source) if loader is not None else None
    except DeclError as error:
        reports.found.extend(found for found in error.diagnostics if found not in reports.found)
        file = tree.File(())
        if item.names is None:
            return
    if file is None:
        reports.add("D211", item.span, path=".".join(path))
        return
    other = known[_key(file)] if _key(file) in known else _collect(file, loader, reports, known)
    if item.names is None:
        for name, (thing, home) in other.items.items():
            if home is other:
                _define(library, name, thing, home, item.span, reports)
        return
    for imported in item.names:
        name = imported.name.name
        found = other.find(name)
        if found is None:
            if file.items:
                reports.add(
                    "D212",
                    imported.span,
                    name=name,
                    path=".".join(path),
                    hint=did_you_mean(name, other.items),
                )
        else:
            alias = (imported.alias or imported.name).name
            _define(library, alias, found[0], found[1], imported.span, reports)


def _key(file: tree.File) -> str:
    return file.items[0].span.source.name if file.items else ""
