"""What `layer.solve` gives: outputs by name, and for each element of the batch how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from declarative.errors import SolveError
from declarative.grammar.words import ascii_name
from declarative.layer.status import DerivativeStatus, Status


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True)
class Solution:
    """Outputs are attributes and items: `solution.z`, `solution["z"]`. A pytree of arrays, so it leaves `jit`."""

    outputs: Mapping[str, Any]
    objective: Any
    dual: Mapping[str, Any]
    status_code: Any  # Status.code of each element
    derivative_code: Any  # DerivativeStatus.code of each element
    iterations: Any
    residual: Any
    gradient_error: Any

    def __getitem__(self, name: str) -> Any:
        return self.outputs[ascii_name(name)]

    def __getattr__(self, name: str) -> Any:
        outputs = self.__dict__.get("outputs", {})
        if ascii_name(name) in outputs:
            return outputs[ascii_name(name)]
        raise AttributeError(f"no output `{name}`; there are: {', '.join(outputs)}")

    @cached_property
    def status(self) -> np.ndarray[Any, Any]:
        """One `Status` for each element of the batch."""
        return _members(self.status_code, Status)

    @cached_property
    def derivative(self) -> np.ndarray[Any, Any]:
        """One `DerivativeStatus` for each element of the batch."""
        return _members(self.derivative_code, DerivativeStatus)

    @property
    def ok(self) -> bool:
        """Whether every element is solved, or close (`inaccurate`)."""
        return all(status.usable for status in self.status.flat)

    def raise_for_status(self) -> Solution:
        """Itself, or `SolveError` that names the elements that failed."""
        raise_for_status(self.status_code)
        return self

    def __repr__(self) -> str:
        if readable(self.status_code) is None:
            return f"Solution({', '.join(self.outputs)}: traced)"
        rows = [(name, _shown(value)) for name, value in self.outputs.items()]
        rows += [(f"dual[{label}]", _shown(value)) for label, value in self.dual.items()]
        rows += [("status", _counts(self.status)), ("derivative", _counts(self.derivative))]
        if np.any(np.isfinite(_numpy(self.objective))):
            rows.append(("objective", _shown(self.objective)))
        rows += [("iterations", _shown(self.iterations)), ("residual", _shown(self.residual))]
        if np.any(np.isfinite(_numpy(self.gradient_error))):
            rows.append(("gradient_error", _shown(self.gradient_error)))
        width = max(len(name) for name, _ in rows)
        return "\n".join(["Solution", *(f"  {name:<{width}}  {text}" for name, text in rows)])

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[()]]:
        parts = (self.outputs, self.objective, self.dual, self.status_code, self.derivative_code)
        return (*(dict(p) if isinstance(p, Mapping) else p for p in parts), self.iterations, self.residual,
                self.gradient_error), ()  # fmt: skip

    @classmethod
    def tree_unflatten(cls, _: tuple[()], parts: tuple[Any, ...]) -> Solution:
        return cls(*parts)


def raise_for_status(codes: Any) -> None:
    """`SolveError` if any code says that its element failed."""
    if not np.any(_numpy(codes)):
        return
    found = _members(codes, Status)
    failed = [(at, status) for at, status in np.ndenumerate(found) if not status.usable]
    if not failed:
        return
    first = [f"{_place(at)}{status}: {status.advice}" for at, status in failed[:5]]
    more = [f"and {len(failed) - 5} more"] if len(failed) > 5 else []
    count = f"{len(failed)} of {found.size} elements failed" if found.shape else "the solve failed"
    raise SolveError("\n  ".join([count, *first, *more]))


def _place(at: tuple[int, ...]) -> str:
    return f"element {at[0] if len(at) == 1 else at}: " if at else ""


def _members(codes: Any, kind: Iterable[Any]) -> np.ndarray[Any, Any]:
    """The members that the codes stand for, as an array of objects of the same shape."""
    table, numbers = list(kind), _numpy(codes).astype(int)
    members: np.ndarray[Any, Any] = np.empty(numbers.shape, dtype=np.object_)
    for at, code in np.ndenumerate(numbers):
        members[at] = table[code]
    return members


def readable(value: Any) -> np.ndarray[Any, Any] | None:
    """The numbers of an array, or None inside of a transformation (JAX's or PyTorch's)."""
    if isinstance(value, jax.core.Tracer):
        return None
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except RuntimeError:  # what torch.func gives to a function that it maps
        return None


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    found = readable(value)
    assert found is not None, "inside of a transformation there are no numbers to look at"
    return found


def _counts(members: np.ndarray[Any, Any]) -> str:
    counts = Counter(map(str, members.flat))
    if not members.shape:
        return next(iter(counts))
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    array = _numpy(value)
    if array.size <= 6 and array.ndim <= 1:
        return np.array2string(array, precision=6, separator=", ")
    kind = "" if array.dtype == np.float64 else f" {array.dtype}"
    return (
        f"array{list(array.shape)}{kind}, from {array.min():.4g} to {array.max():.4g}"
        if array.size
        else "empty"
    )
