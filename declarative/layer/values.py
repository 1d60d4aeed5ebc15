"""One argument at a time: what kind of array it is, and in which dtype the call is solved."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jax_core

from declarative import ir
from declarative.errors import ArgumentError, diagnostic
from declarative.layer import sparse
from declarative.layer.bind import type_text

Kind = Literal["torch", "jax", "numpy"]
Place = Literal["outside", "eager", "jit"]
WORDS = {"torch": "a PyTorch tensor", "jax": "a traced JAX array", "numpy": "a NumPy array"}
EXPECTED = {"real": "a real array or number", "int": "an integer array or number", "bool": "a boolean"}


@dataclass(frozen=True)
class Leaf:
    """One array of a call. `kind` None: a plain number, which follows the others."""

    name: str
    value: Any
    kind: Kind | None
    dtype: str  # its own, as a NumPy name; for a plain number "int", "float" or "bool"
    core: bool  # an array of a declared shape, not a leaf of an `any`
    pattern: sparse.Pattern | None = None  # of a sparse matrix, whose entries `value` holds

    @property
    def shape(self) -> tuple[int, ...]:
        if self.pattern is not None:
            return (*self.value.shape[:-1], *self.pattern.shape)
        return tuple(np.shape(self.value)) if self.kind is None else tuple(self.value.shape)


def leaf(param: ir.Parameter | ir.Variable, value: Any) -> Leaf:
    """The argument of an array parameter; `ArgumentError` for values that are no numbers."""
    try:
        matrix = sparse.read(value)
    except TypeError:
        raise ArgumentError(diagnostic("D625", param.span, name=param.name)) from None
    if matrix is not None:
        whole = replace(leaf(param, matrix.data), pattern=matrix.pattern)
        return whole if len(param.type.shape) == 2 and "float" in whole.dtype else densified(whole)
    held = classify(value)
    if held is None:
        raise _wrong(param, _described(value), "numbers, lists of numbers and arrays are taken")
    kind, array, dtype = held
    wanted = param.type.base
    if wanted == "real" and not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
        advice = "split a complex array into real and imaginary parts" if "complex" in dtype else ""
        raise _wrong(param, f"{dtype} values", advice or "numbers, lists of numbers and arrays are taken")
    if wanted == "int" and not dtype.startswith(("int", "uint")):
        raise _wrong(param, f"{dtype} values", "convert it with `.astype(int)` if its entries are whole")
    if wanted == "bool" and dtype != "bool":
        raise _wrong(param, f"{dtype} values", "compare it with something to get booleans")
    return Leaf(param.name, array, kind, dtype, True)


def densified(held: Leaf) -> Leaf:
    """The same matrix with all its entries."""
    assert held.pattern is not None
    matrix = sparse.Sparse(held.value, held.pattern)
    value = matrix.dense() if held.kind == "jax" else matrix.to_numpy()
    return replace(held, value=value, pattern=None)


def tree_leaves(param: ir.Parameter, value: Any) -> tuple[list[Leaf], tuple[Any, tuple[Any, ...]]]:
    """The arrays and floats of a pytree, and the rest: its structure and its static leaves."""
    flat, structure = jax.tree.flatten(value)
    arrays: list[Leaf] = []
    still: list[tuple[Any] | None] = []
    for item in flat:
        held = None if isinstance(item, str | bool | int) and not _is_array(item) else classify(item)
        if held is not None:
            arrays.append(Leaf(param.name, held[1], held[0], held[2], False))
            still.append(None)
        elif isinstance(item, Hashable):
            still.append((item,))
        else:
            raise _wrong(param, _described(item), "leaves are arrays, numbers, or hashable constants")
    return arrays, (structure, tuple(still))


def classify(value: Any) -> tuple[Kind | None, Any, str] | None:
    """(kind, array, dtype name) of anything that is an array of numbers, else None."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return "torch", value, str(value.dtype).removeprefix("torch.")
    if isinstance(value, jax.Array):
        return "jax", value, value.dtype.name
    if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
        return None, value, type(value).__name__
    if not (isinstance(value, list | tuple) or _is_array(value)):
        return None
    if isinstance(value, list | tuple) and any(
        isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(value)
    ):
        try:
            stacked = jnp.asarray(value)
        except (TypeError, ValueError):
            return None
        return "jax", stacked, stacked.dtype.name
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    numeric = array.dtype.kind in "fiubc" or array.dtype.name == "bfloat16"
    return ("numpy", array, array.dtype.name) if numeric else None


def kind_of(leaves: Iterable[Leaf]) -> Kind:
    """The kind of the outputs: that of the tensors, else of the JAX arrays, else NumPy's."""
    first: dict[str, Leaf] = {}
    for held in leaves:
        if held.kind is not None:
            first.setdefault(held.kind, held)
    if "torch" in first:
        tensor = first["torch"]
        for held in leaves:
            if isinstance(held.value, jax.core.Tracer):
                raise _mixed(held, tensor, WORDS["jax"])
            if held.kind == "torch" and held.value.device != tensor.value.device:
                raise _mixed(held, tensor, f"on the device {held.value.device}", f"on {tensor.value.device}")
        return "torch"
    return "jax" if "jax" in first else "numpy"


def traced(leaves: Iterable[Leaf]) -> bool:
    """Whether the call stands inside of a JAX transformation, with or without traced arguments."""
    return any(isinstance(held.value, jax.core.Tracer) for held in leaves) or place() != "outside"


def place() -> Place:
    """Where this code runs: outside of JAX's transformations, in one that runs at once, or under `jit`."""
    if _trace() == OUTSIDE:
        return "outside"
    return "jit" if jax_core.unsafe_am_i_under_a_jit_DO_NOT_USE() else "eager"


def _trace() -> Any:
    return jax_core.get_opaque_trace_state(convention="nnx")


with ThreadPoolExecutor(
    1
) as fresh:  # in a thread of its own: this import may stand inside of a transformation
    OUTSIDE = fresh.submit(_trace).result()


def dtypes(leaves: list[Leaf], kind: Kind) -> tuple[str, str]:
    """(dtype of the solve, dtype of the outputs): float64 if any float64 came, half precision in float32.

    Among traced arrays NumPy's float64 counts as JAX's flag has it, as everywhere in JAX.
    """
    named = [held for held in leaves if held.kind is not None and "float" in held.dtype]
    if traced(leaves):
        default = jnp.result_type(float).name
        names = {held.dtype if held.kind == "jax" or held.dtype != "float64" else default for held in named}
    else:
        default = {"numpy": "float64", "jax": jnp.result_type(float).name, "torch": _torch_default()}[kind]
        names = {held.dtype for held in named}
    if not names:
        return default, default
    if "float64" in names or "longdouble" in names:
        return "float64", "float64"
    out = names.pop() if len(names) == 1 else "float32"
    return "float32", out


def _torch_default() -> str:
    torch = sys.modules.get("torch")
    return str(torch.get_default_dtype()).removeprefix("torch.") if torch is not None else "float32"


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__")


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {value[:30]!r}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} that is no array of numbers"
    return f"a value of type {type(value).__name__}"


def _wrong(param: ir.Parameter | ir.Variable, found: str, advice: str) -> ArgumentError:
    return ArgumentError(
        diagnostic(
            "D606",
            param.span,
            name=param.name,
            expected=EXPECTED.get(param.type.base, "a pytree"),
            found=found,
            declared=type_text(param),
            help=advice,
        )
    )


def _mixed(held: Leaf, first: Leaf, found: str, expected: str = WORDS["torch"]) -> ArgumentError:
    return ArgumentError(
        diagnostic("D613", None, name=held.name, first=first.name, found=found, expected=expected)
    )
