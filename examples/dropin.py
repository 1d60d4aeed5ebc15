"""A problem stated in cvxpy as a layer: what cvxpylayers does, then what it does not, derivatives of derivatives."""

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np

from declarative.compat import CvxpyLayer


def main() -> dict[str, float]:
    n, k = 6, 3
    w, mu, F = cp.Variable(n, name="w"), cp.Parameter(n, name="mu"), cp.Parameter((k, n), name="F")
    budget = cp.sum(w) == 1
    risk = cp.sum_squares(F @ w) + 0.05 * cp.sum_squares(w)
    problem = cp.Problem(cp.Minimize(risk - mu @ w), [budget, w >= 0])
    layer = CvxpyLayer(problem, parameters=[mu, F], variables=[w, budget.dual_variables[0]])

    rng = np.random.default_rng(3)
    returns, loadings = rng.normal(0.06, 0.05, n), rng.normal(size=(k, n)) / 2
    scenarios = returns + rng.normal(0, 0.02, (5, n))
    holdings, price = layer(scenarios, loadings)  # a batch of returns, one matrix for all of them
    mu.value, F.value = scenarios[0], loadings
    problem.solve(solver=cp.CLARABEL)
    apart = float(np.abs(holdings[0] - w.value).max())
    print("holdings in five scenarios, and what the budget is worth in each:")
    for row, worth in zip(holdings, price, strict=True):
        print("  ", " ".join(f"{abs(share):5.2f}" for share in row), f"  {worth:6.3f}")

    def regret(mu: jax.Array) -> jax.Array:
        """Risk less return as the returns are, where those of `mu` were planned with."""
        held, _ = layer(mu, loadings)
        return jnp.sum((loadings @ held) ** 2) - returns @ held

    with jax.enable_x64(True):
        slope, bend = jax.jit(jax.value_and_grad(regret)), jax.jit(jax.hessian(regret))
        way, step = rng.normal(size=n), 1e-6
        (high, right), (low, left) = slope(returns + step * way), slope(returns - step * way)
        first = float(jnp.abs(slope(returns)[1] @ way - (high - low) / (2 * step)))
        second = float(jnp.abs(bend(returns) @ way - (right - left) / (2 * step)).max())
    print(
        f"apart from cvxpy's own solution {apart:.0e}; gradient off by {first:.0e}, Hessian by {second:.0e}"
    )
    return {"against cvxpy": apart, "gradient error": first, "Hessian error": second}


if __name__ == "__main__":
    main()
