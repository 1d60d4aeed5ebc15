"""LASSO along a path of penalties, solved as one batch: weights leave one by one, exactly."""

from pathlib import Path

import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    lasso = dc.load(Path(__file__).with_suffix(".decl")).lasso
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 10))
    y = X @ np.array([3, -2, 1.5, 0, 0, 0, 0, 0, 0, 0]) + 0.3 * rng.normal(size=40)
    lams = np.array([0.1, 1.0, 5.0, 20.0, 60.0])

    w = lasso(X, y, lams)
    print("penalty   weights that are not zero")
    for lam, row in zip(lams, w, strict=True):
        kept = np.flatnonzero(np.abs(row) > 1e-9)
        print(f"{lam:7.1f}   " + ", ".join(f"w[{j}] = {row[j]:.3f}" for j in kept))

    pull = np.abs((X @ w.T - y[:, None]).T @ X)  # at most lam, and lam where a weight is not zero
    excess = float((pull - lams[:, None]).max())
    report = lasso.check_grad(X, y, 5.0)
    print(f"optimality: |X'(X w - y)| exceeds lam by {excess:.1e};  derivatives: {report.worst:.1e}")
    return {"excess": max(excess, 0.0), "gradient error": report.worst}


if __name__ == "__main__":
    main()
