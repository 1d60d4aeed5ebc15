"""The JAX backend: IR -> readable Python source, and the engines that it calls, one file each."""

from importlib import import_module

from declarative.plan import Engine

NAMES = (
    "closed_form",
    "interior_point",
    "least_squares",
    "newton",
    "quasi_newton",
    "fixed_point",
    "root",
)
"""In the order in which equally good ones are preferred."""


def _engine(name: str) -> Engine | None:
    try:
        module = import_module(f"{__name__}.engines.{name}")
    except ModuleNotFoundError:
        return None
    return getattr(module, "ENGINE", None)


ENGINES: tuple[Engine, ...] = tuple(engine for engine in map(_engine, NAMES) if engine is not None)
