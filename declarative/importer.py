"""After `import declarative.importer`, `from models import optnet` finds models.decl on Python's path."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


class DeclFinder(MetaPathFinder):
    """Looks for NAME.decl where Python looks for NAME.py, after Python has found nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for folder in sys.path if path is None else path:
            file = Path(folder or ".") / f"{fullname.rpartition('.')[2]}.decl"
            if file.is_file():
                return ModuleSpec(fullname, DeclLoader(file), origin=str(file))
        return None


class DeclLoader(Loader):
    """Makes a Python module whose attributes are the layers of a file, compiled when first used."""

    def __init__(self, file: Path):
        self._file = file

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from declarative.api import load

        layers = load(self._file, roots=[folder for folder in sys.path if folder])

        def find(name: str) -> Any:
            if name in layers:
                return layers[name]
            raise AttributeError(f"module {module.__name__!r} has no problem {name!r}")

        module.__file__ = str(self._file)
        module.__getattr__ = find  # type: ignore[method-assign]
        module.__all__ = list(layers)  # type: ignore[attr-defined]


if not any(isinstance(finder, DeclFinder) for finder in sys.meta_path):
    sys.meta_path.append(DeclFinder())
