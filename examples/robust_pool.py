"""Robust pooling of image windows: one bright pixel moves the mean, not the robust pool."""

from pathlib import Path

import jax
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    pool = dc.load(Path(__file__).with_suffix(".decl")).robust_pool
    rng = np.random.default_rng(4)
    windows = rng.normal(1.0, 0.1, size=(5, 9))
    windows[:, 0] = [1, 2, 5, 20, 100]  # an outlier in each window

    pooled = pool(windows, 0.2)
    print("outlier    mean   pooled")
    for outlier, mean, value in zip(windows[:, 0], windows.mean(axis=1), pooled, strict=True):
        print(f"{outlier:7.0f}  {mean:6.2f}  {value:7.3f}")

    with jax.enable_x64(True):
        share = np.asarray(jax.grad(lambda x: pool(x, 0.2))(windows[-1]))
    print(f"share of each pixel: {np.round(share, 3)}")
    return {
        "pull": float(np.abs(pooled - 1).max()),
        "shares": float(np.abs(share.sum() - 1)),
        "outlier's share": float(share[0]),
    }


if __name__ == "__main__":
    main()
