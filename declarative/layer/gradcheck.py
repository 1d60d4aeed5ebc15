"""A layer's implicit derivative against central differences, parameter by parameter."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from declarative import ir
from declarative.layer import bind, sparse

if TYPE_CHECKING:
    from declarative.layer.layer import Layer

TIGHT = 1e-13
STEP = 2e-4
DIRECTIONS = 3


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
        return "\n".join(
            [f"implicit derivative against central differences, tolerance {self.tolerance:g}", *rows]
        )


def check_grad(layer: Layer, *args: Any, **kwargs: Any) -> GradReport:
    """Compares in float64, along random directions of each real parameter, at a tight tolerance."""
    found = {**layer.defaults, **bind.match(layer.__name__, layer.given, args, kwargs)}
    real = {p.name: p for p in layer.given if p.type.base == "real" and "static" not in p.properties}
    still = {name: value for name, value in found.items() if name not in real}
    matrices = {name: matrix for name in real if (matrix := sparse.read(found[name])) is not None}
    values = {name: _float64(matrices[name].data if name in matrices else found[name]) for name in real}
    patterns = {name: matrix.pattern for name, matrix in matrices.items()}
    tight = layer if layer.options.tol is not None else layer.with_options(tol=TIGHT)
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at such a tolerance, `inaccurate` is no news
        lines = _Compared(tight, values, still, patterns).lines(real)
    return GradReport(tuple(lines), 1e-5)


class _Compared:
    """One compiled solve and one compiled directional derivative serve all parameters."""

    def __init__(
        self,
        layer: Layer,
        values: dict[str, Any],
        still: dict[str, Any],
        patterns: dict[str, sparse.Pattern],
    ):
        def solve(real: dict[str, Any]) -> Any:
            matrices = {name: sparse.Sparse(real[name], pattern) for name, pattern in patterns.items()}
            return layer(**{**real, **matrices}, **still)

        self.values, self.patterns = values, patterns
        self.solve = jax.jit(solve)
        self.slope = jax.jit(lambda real, way: jax.jvp(solve, (real,), (way,))[1])

    def lines(self, params: dict[str, ir.Parameter]) -> list[GradLine]:
        return [GradLine(name, self._error(param), DIRECTIONS) for name, param in params.items()]

    def _error(self, param: ir.Parameter) -> float:
        rng, value = np.random.default_rng(0), self.values[param.name]
        step = STEP * (1 + float(np.max(np.abs(value), initial=0)))
        worst = 0.0
        for _ in range(DIRECTIONS):
            way = rng.normal(size=value.shape) / np.sqrt(max(1, value.size))
            if param.properties & {"psd", "pd", "symmetric"} and param.name not in self.patterns:
                way = way + np.swapaxes(way, -1, -2)
            ways = {name: np.zeros_like(other) for name, other in self.values.items()} | {param.name: way}
            for got, want in zip(
                jax.tree.leaves(self.slope(self.values, ways)),
                self._differences(param.name, way, step),
                strict=True,
            ):
                error = np.abs(np.asarray(got) - want) / (1 + np.abs(want))
                worst = max(worst, float(np.max(error, initial=0)))
                if np.any(np.isnan(error)):
                    return float("nan")
        return worst

    def _differences(self, name: str, way: Any, step: float) -> list[Any]:
        """Central differences of fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h."""

        def at(times: float) -> list[Any]:
            moved = self.values | {name: self.values[name] + times * step * way}
            return [np.asarray(leaf) for leaf in jax.tree.leaves(self.solve(moved))]

        points = zip(at(1), at(-1), at(2), at(-2), strict=True)
        return [(8 * (a - b) - (c - d)) / (12 * step) for a, b, c, d in points]


def _float64(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, np.float64)
