"""The OptNet layer: a batch of quadratic programs, their multipliers, and the derivative in every matrix."""

from functools import partial
from pathlib import Path

import jax
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    layer = dc.load(Path(__file__).with_suffix(".decl")).optnet
    rng = np.random.default_rng(0)
    n, m, p, batch = 6, 4, 2, 8
    factor = rng.normal(size=(n, n))
    P, G, A = factor @ factor.T + np.eye(n), rng.normal(size=(m, n)), rng.normal(size=(p, n))
    q = rng.normal(size=(batch, n))  # a leading axis: one program for each row
    h, b = rng.uniform(0.1, 1, m), rng.normal(size=p) / 5

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def size(G: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        outputs = layer(P, q, G=G, h=h, A=A, b=b)
        return (outputs.z**2).sum(), outputs

    with jax.enable_x64(True):
        (_, outputs), slope = size(G)
    z, nu, lam = map(np.asarray, outputs)
    stationary = z @ P + q + nu @ A + lam @ G
    print(f"{batch} programs: |P z + q + A'nu + G'lam| <= {np.abs(stationary).max():.1e}")

    print(f"d sum(z^2) / d G has shape {slope.shape}; row 1 begins {np.round(np.asarray(slope)[1, :3], 4)}")

    report = layer.check_grad(P, q[0], G=G, h=h, A=A, b=b)
    print(report)
    return {"stationarity": float(np.abs(stationary).max()), "gradient error": report.worst}


if __name__ == "__main__":
    main()
