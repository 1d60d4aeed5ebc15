"""Declarative layers: say what is given, what is to be found, and what makes it right.

    import declarative as dc
    layer = dc.compile(text)
    x = layer(y)

Every public name is imported when it is first used, so that this import is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from declarative import nn as nn
    from declarative import torch as torch
    from declarative.api import Module as Module
    from declarative.api import check_text as check  # noqa: F401
    from declarative.api import compile_text as compile  # noqa: F401
    from declarative.api import declarative as declarative
    from declarative.api import explain as explain
    from declarative.api import format_text as format  # noqa: F401
    from declarative.api import load as load
    from declarative.compat.problem import from_cvxpy as from_cvxpy
    from declarative.errors import ArgumentError as ArgumentError
    from declarative.errors import DeclError as DeclError
    from declarative.errors import Diagnostic as Diagnostic
    from declarative.errors import SolveError as SolveError
    from declarative.layer.layer import Inaccurate as Inaccurate
    from declarative.layer.layer import Layer as Layer
    from declarative.layer.solution import Solution as Solution
    from declarative.layer.status import DerivativeStatus as DerivativeStatus
    from declarative.layer.status import Status as Status

__version__ = "0.1.0"

_HOMES = {
    "compile": ("declarative.api", "compile_text"),
    "load": ("declarative.api", "load"),
    "check": ("declarative.api", "check_text"),
    "format": ("declarative.api", "format_text"),
    "explain": ("declarative.api", "explain"),
    "declarative": ("declarative.api", "declarative"),
    "Module": ("declarative.api", "Module"),
    "from_cvxpy": ("declarative.compat.problem", "from_cvxpy"),
    "Layer": ("declarative.layer.layer", "Layer"),
    "Inaccurate": ("declarative.layer.layer", "Inaccurate"),
    "Solution": ("declarative.layer.solution", "Solution"),
    "Status": ("declarative.layer.status", "Status"),
    "DerivativeStatus": ("declarative.layer.status", "DerivativeStatus"),
    "DeclError": ("declarative.errors", "DeclError"),
    "ArgumentError": ("declarative.errors", "ArgumentError"),
    "SolveError": ("declarative.errors", "SolveError"),
    "Diagnostic": ("declarative.errors", "Diagnostic"),
}
# The words of the decorator's body form, from declarative.grammar.python; a test holds the two lists together.
_SYMBOLS: tuple[str, ...] = tuple(
    "SE SO abs any assume ball birkhoff bool box concat cos cumsum det diag diagonal diff dot dual "
    "each eig_max eig_min entropy exp exp_cone expm1 eye find fixed_point grad hinge huber inf int "
    "integral interpolate inv inv_pos kl kron laplacian let log log1p log_det log_sum_exp max "
    "maximize maximum mean member min minimize minimum monotone negative nonneg nonpos norm "
    "objective ones options outer pd pi positive pow power_cone prod psd quad_form quad_over_lin "
    "real rel_entropy relu reshape root saddle sigmoid sign simplex sin skew soc softmax softplus "
    "solve sphere sqrt sqrtm square stack static stiefel stop_gradient subject_to sum sum_largest "
    "sum_squares symmetric tan tanh trace unit_interval vec where zeros".split()
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        home, attribute = _HOMES[name]
        value = getattr(import_module(home), attribute)
    elif name in ("torch", "nn"):
        value = import_module(f"declarative.{name}")
    elif (
        name.startswith("_") or find_spec(f"declarative.{name}") is not None
    ):  # Python imports folders itself
        raise AttributeError(name)
    elif name in _symbols():
        value = _symbols()[name]
    else:
        raise AttributeError(f"module 'declarative' has no attribute {name!r}")
    globals()[name] = value
    return value


def _symbols() -> dict[str, Any]:
    """What the body of a decorated function is written with: `dc.find`, `dc.minimize`, `dc.sum_squares`, ..."""
    from declarative.grammar.namespace import NAMESPACE

    return NAMESPACE


class _Package(ModuleType):
    """`dc.check` is the function, although importing the folder `check` would put a module in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "check" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_symbols(), "torch", "nn"})
