"""The CVXPY side of the atoms that need more than one call."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

import cvxpy as cp
import numpy as np


def where(condition: Any, then: Any, otherwise: Any) -> Any:
    """A choice by a constant condition: an array of booleans, or a parameter of zeros and ones."""
    mask = condition if isinstance(condition, cp.Parameter) else np.asarray(_value(condition), float)
    return cp.multiply(mask, then) + cp.multiply(1 - mask, otherwise)


def huber(x: Any, delta: Any) -> Any:
    """The least of r^2 / 2 + delta * |x - r| over r, where cvxpy's own wants a number for delta."""
    if not isinstance(delta, cp.Parameter):
        return cp.huber(x, delta) / 2  # cvxpy's is twice as large
    r = cp.Variable(np.broadcast_shapes(x.shape, delta.shape))
    return cp.square(r) / 2 + cp.multiply(delta, cp.abs(x - r))


def norm2(x: Any) -> Any:
    """Of a matrix, the Frobenius norm."""
    return cp.norm2(cp.vec(x, order="C") if _axes(x) > 1 else x)


def power(x: Any, exponent: Any) -> Any:
    return cp.power(x, exponent, **_exact(exponent))


def norm_p(x: Any, p: float) -> Any:
    return cp.pnorm(x, p, **_exact(p))


def _exact(exponent: Any) -> dict[str, Any]:
    """Second-order cones state powers with small fractions; for others cvxpy would take a fraction nearby, unless it
    knows power cones."""
    if not isinstance(exponent, int | float) or (exponent * 2 % 1 == 0 and abs(exponent) <= 4):
        return {}
    return {"approx": False} if "approx" in signature(cp.power).parameters else {}


def dot(x: Any, y: Any) -> Any:
    return x @ y


def solve(A: Any, b: Any) -> Any:
    """The x of A @ x == b for a constant A."""
    return np.linalg.inv(_value(A)) @ b


def diff(x: Any, axis: int | None) -> Any:
    return cp.diff(x, axis=axis or 0)


def cumsum(x: Any, axis: int | None) -> Any:
    return cp.cumsum(x, axis=axis or 0)


def concat(parts: Sequence[Any], axis: int) -> Any:
    joined = [cp.reshape(part, (1,), order="C") if _axes(part) == 0 else part for part in parts]
    return cp.vstack(joined) if axis == 0 and _axes(joined[0]) == 2 else cp.hstack(joined)


def stack(parts: Sequence[Any], axis: int) -> Any:
    if _axes(parts[0]) == 0:
        return cp.hstack(parts)
    rows = cp.vstack(parts)
    return rows if axis == 0 else rows.T


def largest(parts: Sequence[Any]) -> Any:
    """Elementwise over a list of one or more."""
    return cp.maximum(*parts) if len(parts) > 1 else parts[0]


def smallest(parts: Sequence[Any]) -> Any:
    return cp.minimum(*parts) if len(parts) > 1 else parts[0]


def _value(x: Any) -> Any:
    return x.value if isinstance(x, cp.Expression) else x


def _axes(x: Any) -> int:
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)
