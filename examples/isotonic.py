"""Isotonic regression against pooling of adjacent violators, and its derivative: block averages."""

from pathlib import Path

import numpy as np

import declarative as dc


def pooled(y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Merge neighbours that fall into their weighted mean, until none fall."""
    blocks: list[list[float]] = []
    for value, w in zip(y, weight, strict=True):
        blocks.append([value, w, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, v, i), (b, w, j) = blocks[-2:]
            blocks[-2:] = [[(a * v + b * w) / (v + w), v + w, i + j]]
    return np.concatenate([np.full(int(count), value) for value, _, count in blocks])


def main() -> dict[str, float]:
    isotonic = dc.load(Path(__file__).with_suffix(".decl")).isotonic
    rng = np.random.default_rng(8)
    y = np.linspace(0, 2, 15) + 0.5 * rng.normal(size=15)
    weight = rng.uniform(0.5, 2, 15)
    x = isotonic(y, weight)
    error = float(np.abs(x - pooled(y, weight)).max())
    print("data    ", np.round(y, 2))
    print("isotonic", np.round(x, 2))
    report = isotonic.check_grad(y, weight)
    print(f"against pooling: {error:.1e};  derivatives: {report.worst:.1e}")
    return {"error": error, "gradient error": report.worst}


if __name__ == "__main__":
    main()
