"""Logistic regression as a layer: which training point, if it moved, would change the decision most?"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    logistic = dc.load(Path(__file__).with_suffix(".decl")).logistic
    rng = np.random.default_rng(7)
    y = np.where(np.arange(40) % 2, 1.0, -1.0)
    X = rng.normal(size=(40, 2)) + 0.8 * y[:, None]
    lam, query = 0.05, np.array([0.3, -0.1])

    w, b = logistic(X, y, lam)
    margin = y * (X @ w + b)
    pull = -y / (1 + np.exp(margin)) / 40
    slope = np.append(X.T @ pull + 2 * lam * w, pull.sum())
    right = (margin > 0).mean()

    def score(X: jax.Array) -> jax.Array:
        w, b = logistic(X, y, lam)
        return jnp.dot(w, query) + b

    with jax.enable_x64(True):
        influence = np.linalg.norm(jax.grad(score)(jnp.asarray(X)), axis=1)
    print(f"{right:.0%} of the points are right; |gradient| <= {np.abs(slope).max():.1e}")
    share = influence.max() / np.median(influence)
    print(f"most influential point: {int(influence.argmax())}, {share:.1f} times the median")
    report = logistic.check_grad(X, y, lam)
    return {"gradient": float(np.abs(slope).max()), "gradient error": report.worst}


if __name__ == "__main__":
    main()
