"""A portfolio with a factor risk model: how the turnover limit is priced, and what returns do to holdings."""

from pathlib import Path

import jax
import numpy as np

import declarative as dc


def main() -> dict[str, float]:
    layer = dc.load(Path(__file__).with_suffix(".decl")).portfolio
    rng = np.random.default_rng(1)
    n, k = 12, 3
    mu, F, d = rng.normal(0.06, 0.05, n), rng.normal(size=(n, k)) / 8, rng.uniform(0.1, 0.3, n)
    w0, limits = np.full(n, 1 / n), np.array([0.1, 0.4, 0.8, 1.6])

    found = layer.solve(mu, F, d, w0, gamma=2.0, tau=limits)  # one problem for each limit
    print("turnover limit   risk     price of the limit   names held")
    for tau, w, risk, price in zip(limits, found.w, found.risk, found.price, strict=True):
        print(f"{tau:14.1f}   {risk:.4f}   {price:18.4f}   {int((w > 1e-8).sum()):10d}")

    with jax.enable_x64(True):
        jacobian = np.asarray(jax.jit(jax.jacrev(lambda mu: layer(mu, F, d, w0, gamma=2.0, tau=0.8).w))(mu))
    slopes, leak = np.diag(jacobian), float(np.abs(jacobian.sum(axis=0)).max())  # holdings sum to 1
    name = int(slopes.argmax())
    print(f"one more percent of expected return on name {name} buys {slopes[name]:.1f} percent more of it")

    budget = np.abs(found.w.sum(axis=1) - 1).max()
    rising = float(np.diff(found.price).max())  # a looser limit costs less
    return {"leak": leak, "budget": float(budget), "price rises": max(rising, 0.0)}


if __name__ == "__main__":
    main()
