"""Emitted text -> the names it defines. Registered with `linecache`, so that tracebacks show its lines."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from hashlib import sha256
from types import SimpleNamespace
from typing import Any


def load(source: str, name: str, static: Mapping[str, Any], extern: Mapping[str, Any]) -> Any:
    """Runs the text as a module whose static parameters and host functions are given."""
    filename = f"<declarative {name} {sha256(source.encode()).hexdigest()[:8]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {
        "__name__": f"declarative.emitted.{name}",
        "static": static,
        "extern": extern,
    }
    exec(compile(source, filename, "exec"), namespace)
    return SimpleNamespace(**{key: value for key, value in namespace.items() if not key.startswith("__")})
