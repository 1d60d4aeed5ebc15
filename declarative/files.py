"""Files on disk: the text of a program, and what its `import` lines mean, within fixed roots."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from declarative.errors import ArgumentError, DeclError, Source, diagnostic
from declarative.grammar import parse, tree

Loader = Callable[[tuple[str, ...], Source], "tree.File | None"]


def read(path: str | PathLike[str]) -> Source:
    """The file as a Source whose name is its path; `DeclError` where it cannot be read."""
    try:
        return Source(str(path), Path(path).read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DeclError(
            [diagnostic("D619", None, path=path, reason=error.strerror or "it cannot be read")]
        ) from None
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is no UTF-8 text"
        raise DeclError([diagnostic("D619", None, path=path, reason=reason)]) from None


def folder(path: str | PathLike[str]) -> Path:
    return Path(path).resolve().parent


def loader(*roots: str | PathLike[str]) -> Loader:
    """Finds `import a.b` as a/b.decl beside the importing file, then in each root; never outside of them."""
    if any(not isinstance(root, str | PathLike) for root in roots):
        raise ArgumentError(diagnostic("D619", None, path=roots, reason="a search path is a list of folders"))
    allowed = [Path(root).resolve() for root in roots]
    seen: dict[Path, tree.File] = {}

    def find(path: tuple[str, ...], importer: Source) -> tree.File | None:
        relative = Path(*path).with_suffix(".decl")
        beside = Path(importer.name).parent
        for folder in (beside, *allowed):
            found = (folder / relative).resolve()
            inside = any(found.is_relative_to(root) for root in allowed)
            if inside and found.is_file():
                if found not in seen:
                    seen[found] = _parsed(read(found))
                return seen[found]
        return None

    return find


def _parsed(source: Source) -> tree.File:
    file, found = parse(source)
    if file is None or any(one.severity == "error" for one in found):
        raise DeclError(found)
    return file
