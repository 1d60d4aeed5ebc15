"""A layer's implicit derivative against central differences, parameter by parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from declarative.layer import bind

if TYPE_CHECKING:
    from declarative.layer.layer import Layer


@dataclass(frozen=True)
class GradLine:
    """One parameter: how its derivative along random directions compares with differences."""

    name: str
    error: float  # largest |implicit - difference| over (1 + |difference|)
    directions: int


@dataclass(frozen=True)
class GradReport:
    lines: tuple[GradLine, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return all(line.error <= self.tolerance for line in self.lines)

    @property
    def worst(self) -> float:
        return max((line.error for line in self.lines), default=0.0)

    def __repr__(self) -> str:
        width = max((len(line.name) for line in self.lines), default=4)
        rows = [
            f"  {line.name:<{width}}  {line.error:9.2e}  {'ok' if line.error <= self.tolerance else 'DIFFERS'}"
            for line in self.lines
        ]
        return "\n".join([f"implicit derivative against central differences, tolerance {self.tolerance:g}", *rows])


def check_grad(layer: Layer, *args: Any, **kwargs: Any) -> GradReport:
    """Compares in float64, along three random directions for each real parameter."""
    names = [p.name for p in layer.problem.params if p.type.base == "real" and "static" not in p.properties]
    found = {**layer.defaults, **bind.match(layer.__name__, layer.given, args, kwargs)}
    wide = {name: _float64(found[name]) if name in names else found[name] for name in found}
    lines = [_line(layer, wide, name) for name in names if name in wide]
    return GradReport(tuple(lines), 1e-5)


def _line(layer: Layer, values: dict[str, Any], name: str, directions: int = 3, step: float = 1e-6) -> GradLine:
    rng, value = np.random.default_rng(0), values[name]
    symmetric = {"psd", "pd", "symmetric"} & next(p for p in layer.problem.params if p.name == name).properties
    size = step * (1 + np.max(np.abs(value), initial=0))

    def solved(x: Any) -> Any:
        return layer(**{**values, name: x})

    worst = 0.0
    with jax.enable_x64(True):
        for _ in range(directions):
            way = rng.normal(size=value.shape)
            way = way + np.swapaxes(way, -1, -2) if symmetric else way
            _, slope = jax.jvp(solved, (jnp.asarray(value),), (jnp.asarray(way),))
            up, down = solved(value + size * way), solved(value - size * way)
            for got, high, low in zip(*map(jax.tree.leaves, (slope, up, down)), strict=True):
                want = (np.asarray(high) - np.asarray(low)) / (2 * size)
                error = np.abs(np.asarray(got) - want) / (1 + np.abs(want))
                worst = max(worst, float(np.max(error, initial=0)))  # NaN stays NaN
                worst = float("nan") if np.any(np.isnan(error)) else worst
    return GradLine(name, worst, directions)


def _float64(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, np.float64)
