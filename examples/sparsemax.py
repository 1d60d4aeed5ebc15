"""Sparsemax beside softmax: probabilities that are exactly zero, and a Jacobian known in closed form."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    sparsemax = dc.load(Path(__file__).with_suffix(".decl")).sparsemax
    scores = np.array([1.1, 0.9, 0.2, -0.5])
    with jax.enable_x64(True):
        y = jnp.asarray(scores)
        x, jacobian = sparsemax(y), jax.jacrev(sparsemax)(y)
        print("scores   ", scores)
        print("softmax  ", np.round(jax.nn.softmax(y), 4))
        print("sparsemax", np.round(x, 4))
        support = (x > 1e-9).astype(float)
        expected = jnp.diag(support) - jnp.outer(support, support) / support.sum()
        error = float(jnp.abs(jacobian - expected).max())
    print(f"Jacobian against diag(s) - s s' / sum(s) on the support s: {error:.1e}")
    return {"jacobian": error}


if __name__ == "__main__":
    main()
