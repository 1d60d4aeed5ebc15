"""Ridge regression whose penalty is learned: the validation error's derivative goes through the fit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    ridge = dc.load(Path(__file__).with_suffix(".decl")).ridge
    rng = np.random.default_rng(2)
    truth = rng.normal(size=8)
    X, V = rng.normal(size=(14, 8)), rng.normal(size=(60, 8))
    y, v = X @ truth + rng.normal(size=14), V @ truth + rng.normal(size=60)

    def validation(log_lam: jax.Array) -> jax.Array:
        return jnp.mean((V @ ridge(X, y, jnp.exp(log_lam)) - v) ** 2)

    with jax.enable_x64(True):
        expected = np.linalg.solve(X.T @ X + 0.5 * np.eye(8), X.T @ y)
        error = float(np.abs(ridge(X, y, 0.5) - expected).max())
        descend = jax.jit(jax.value_and_grad(validation))
        log_lam = jnp.asarray(-4.0)
        first, _ = descend(log_lam)
        for _ in range(60):
            value, slope = descend(log_lam)
            log_lam -= 0.5 * slope
        print(
            f"penalty {jnp.exp(-4.0):.3f} -> {jnp.exp(log_lam):.3f}, validation error {first:.3f} -> {value:.3f}"
        )
    return {"against the formula": error, "worse": max(float(value - first), 0.0)}


if __name__ == "__main__":
    main()
