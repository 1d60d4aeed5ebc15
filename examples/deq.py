"""A deep equilibrium layer: its derivative needs no memory of the iterations, and agrees with unrolling them."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    deq = dc.load(Path(__file__).with_suffix(".decl")).deq
    rng = np.random.default_rng(5)
    W, U = 0.2 * rng.normal(size=(10, 10)), rng.normal(size=(10, 3))
    b, x = rng.normal(size=10), rng.normal(size=(16, 3))

    found = deq.solve(W, U, b, x)
    residual = np.abs(np.tanh(found.z @ W.T + x @ U.T + b) - found.z).max()
    print(f"16 inputs: {np.max(found.iterations)} iterations at most, |g(z) - z| <= {residual:.1e}")

    with jax.enable_x64(True):

        def unrolled(W: jax.Array) -> jax.Array:
            z = jnp.zeros((16, 10))
            for _ in range(80):
                z = jnp.tanh(z @ W.T + x @ U.T + b)
            return (z**2).sum()

        implicit = jax.grad(lambda W: (deq(W, U, b, x) ** 2).sum())(W)
        difference = float(jnp.abs(implicit - jax.grad(unrolled)(jnp.asarray(W))).max())
    print(f"implicit derivative against 80 unrolled steps: {difference:.1e}")
    return {"residual": float(residual), "gradient error": difference}


if __name__ == "__main__":
    main()
