"""What makes a planned problem run: one folder a backend, each with its engines and its emitter."""

if __name__ != "declarative.backends":
    raise ImportError("import this package as `declarative.backends`")

from collections.abc import Callable
from importlib import import_module

from declarative.plan import Choice, Engine

NAMES = ("jax", "cvxpy")


def engines() -> tuple[Engine, ...]:
    """The engines of all backends; asking them imports no solver library."""
    return tuple(engine for name in NAMES for engine in import_module(f"{__name__}.{name}").ENGINES)


def emitter(backend: str) -> Callable[[Choice], str]:
    """The function that writes a choice of this backend as a Python module."""
    emit: Callable[[Choice], str] = import_module(f"{__name__}.{backend}.emit").emit
    return emit
