"""optimistix with its implicit adjoint."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.frames import jax_mapped, jax_run
from benchmarks.workload import Case, Contender, Prepared


def pooling(case: Case) -> Prepared:
    """The optimality condition, by Newton's method."""
    import jax.numpy as jnp
    import optimistix as optx

    def condition(u: Any, x: Any) -> Any:
        rest = u - x
        return (rest / jnp.sqrt(1 + rest**2)).sum()

    solver = optx.Newton(rtol=1e-10, atol=1e-10)
    return jax_mapped(lambda x: optx.root_find(condition, solver, x.mean(), args=x).value, case)


def logistic(case: Case) -> Prepared:
    """The optimality condition, by Newton's method."""
    import jax
    import jax.numpy as jnp
    import optimistix as optx

    def condition(w: Any, args: Any) -> Any:
        X, y, lam = args
        return 2 * lam * w - X.T @ (y * jax.nn.sigmoid(-y * (X @ w)))

    solver = optx.Newton(rtol=1e-10, atol=1e-10)

    def solve(X: Any, y: Any, lam: Any) -> Any:
        return optx.root_find(condition, solver, jnp.zeros(X.shape[1]), args=(X, y, lam)).value

    return jax_mapped(solve, case)


def deq(case: Case) -> Prepared:
    """The whole batch is one fixed point; its adjoint is solved without a matrix."""
    import jax.numpy as jnp
    import lineax as lx
    import optimistix as optx

    def layer(z: Any, args: Any) -> Any:
        W, U, b, x = args
        return jnp.tanh(z @ W.T + x @ U.T + b)

    solver = optx.FixedPointIteration(rtol=1e-10, atol=1e-10)
    adjoint = optx.ImplicitAdjoint(linear_solver=lx.GMRES(rtol=1e-10, atol=1e-10, restart=50))

    def solve(*args: Any) -> Any:
        start = jnp.zeros((case.batch, len(args[2])))
        return optx.fixed_point(layer, solver, start, args=args, max_steps=1000, adjoint=adjoint).value

    return jax_run(solve, case)


CONTENDERS = (
    Contender(
        "optimistix",
        ("jax", "optimistix"),
        ("optimistix", "lineax", "jax"),
        {"pooling": pooling, "logistic": logistic, "deq": deq},
        "Newton, FixedPointIteration with GMRES for the adjoint, all to 1e-10",
    ),
)
