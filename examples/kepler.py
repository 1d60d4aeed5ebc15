"""Kepler's equation for a whole orbit at once, with first and second derivatives through the root."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    anomaly = dc.load(Path(__file__).with_suffix(".decl")).kepler
    M, e = np.linspace(0.0, 2 * np.pi, 50), 0.6
    E = anomaly(M, e)
    residual = float(np.abs(E - e * np.sin(E) - M).max())

    with jax.enable_x64(True):
        E, M = jnp.asarray(E), jnp.asarray(M)
        rate = jax.vmap(jax.grad(anomaly), (0, None))(M, e)
        bend = jax.vmap(jax.grad(jax.grad(anomaly)), (0, None))(M, e)
        exact = 1 / (1 - e * jnp.cos(E))
        errors = [float(jnp.abs(rate - exact).max()), float(jnp.abs(bend + e * jnp.sin(E) * exact**3).max())]
        contrast = float(rate.max() / rate.min())
    print(f"50 positions: residual {residual:.1e}; dE/dM off by {errors[0]:.1e}, d2E/dM2 by {errors[1]:.1e}")
    print(f"the planet is {contrast:.1f} times as fast at its nearest point as at its farthest")
    return {"residual": residual, "first derivative": errors[0], "second derivative": errors[1]}


if __name__ == "__main__":
    main()
