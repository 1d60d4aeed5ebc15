"""jaxopt, which is no longer kept up: its solvers with implicit derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.peers.frames import jax_mapped, jax_run
from benchmarks.workload import Case, Contender, Prepared


def quadratic(case: Case) -> Prepared:
    import jaxopt

    order = list(case.inputs)
    solver = jaxopt.OSQP(tol=1e-8, maxiter=100_000)

    def solve(*arrays: Any) -> Any:
        given = dict(zip(order, arrays, strict=True))
        sides = {
            f"params_{name}": (given[matrix], given[right])
            for name, matrix, right in (("eq", "A", "b"), ("ineq", "G", "h"))
            if matrix in given
        }
        return solver.run(params_obj=(given["P"], given["q"]), **sides).params.primal

    return jax_mapped(solve, case)


def sparsemax(case: Case) -> Prepared:
    from jaxopt.projection import projection_simplex

    return jax_mapped(projection_simplex, case)


def _minimised(loss: Callable[..., Any], start: Callable[..., Any], case: Case) -> Prepared:
    """By L-BFGS, the derivative by conjugate gradients."""
    import jaxopt

    solver = jaxopt.LBFGS(loss, tol=1e-9, maxiter=1000)
    return jax_mapped(lambda *arrays: solver.run(start(*arrays), *arrays).params, case)


def ridge(case: Case) -> Prepared:
    import jax.numpy as jnp

    def loss(w: Any, X: Any, y: Any, lam: Any) -> Any:
        return ((X @ w - y) ** 2).sum() + lam * (w**2).sum()

    return _minimised(loss, lambda X, *_: jnp.zeros(X.shape[1]), case)


def logistic(case: Case) -> Prepared:
    import jax
    import jax.numpy as jnp

    def loss(w: Any, X: Any, y: Any, lam: Any) -> Any:
        return jax.nn.softplus(-y * (X @ w)).sum() + lam * (w**2).sum()

    return _minimised(loss, lambda X, *_: jnp.zeros(X.shape[1]), case)


def pooling(case: Case) -> Prepared:
    import jax.numpy as jnp

    def loss(u: Any, x: Any) -> Any:
        return (jnp.sqrt(1 + (x - u) ** 2) - 1).sum()

    return _minimised(loss, jnp.mean, case)


def lasso(case: Case) -> Prepared:
    """By accelerated proximal gradients; also the elastic net."""
    import jax.numpy as jnp
    import jaxopt

    def fit(w: Any, data: Any) -> Any:
        X, y = data
        return ((X @ w - y) ** 2).sum()

    proximal = jaxopt.prox.prox_lasso if case.family == "lasso" else jaxopt.prox.prox_elastic_net
    solver = jaxopt.ProximalGradient(fit, proximal, tol=1e-9, maxiter=10_000)

    def solve(X: Any, y: Any, lam: Any, *mu: Any) -> Any:
        # Its elastic net is lam * (|w|_1 + gamma / 2 * |w|^2).
        penalty = (lam, 2 * mu[0] / lam) if mu else lam
        return solver.run(jnp.zeros(X.shape[1]), penalty, (X, y)).params

    return jax_mapped(solve, case)


def deq(case: Case, accelerated: bool = False) -> Prepared:
    """The whole batch is one fixed point, so that W meets all elements in one product."""
    import jax.numpy as jnp
    import jaxopt

    def layer(z: Any, W: Any, U: Any, b: Any, x: Any) -> Any:
        return jnp.tanh(z @ W.T + x @ U.T + b)

    kind = partial(jaxopt.AndersonAcceleration, ridge=1e-8) if accelerated else jaxopt.FixedPointIteration
    solver = kind(layer, tol=1e-10, maxiter=1000)

    def solve(W: Any, U: Any, b: Any, x: Any) -> Any:
        return solver.run(jnp.zeros((case.batch, len(b))), W, U, b, x).params

    return jax_run(solve, case)


CONTENDERS = (
    Contender(
        "jaxopt",
        ("jax", "jaxopt"),
        ("jaxopt", "jax"),
        {
            "qp": quadratic,
            "mpc": quadratic,
            "mpc_equality": quadratic,
            "sparsemax": sparsemax,
            "ridge": ridge,
            "logistic": logistic,
            "pooling": pooling,
            "lasso": lasso,
            "elastic_net": lasso,
            "deq": deq,
        },
        "OSQP to 1e-8, projection_simplex, L-BFGS and ProximalGradient to 1e-9, FixedPointIteration to 1e-10",
    ),
    Contender(
        "jaxopt, Anderson",
        ("jax", "jaxopt"),
        ("jaxopt", "jax"),
        {"deq": partial(deq, accelerated=True)},
        "AndersonAcceleration to 1e-10, ridge 1e-8",
    ),
)
