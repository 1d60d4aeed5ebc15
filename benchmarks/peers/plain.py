"""No solver package: torch's and JAX's own linear algebra, differentiated by the framework."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.frames import jax_run, torch_run
from benchmarks.workload import Case, Contender, Prepared


def torch_ridge(case: Case) -> Prepared:
    import torch

    def solve(X: torch.Tensor, y: torch.Tensor, lam: torch.Tensor) -> torch.Tensor:
        system = X.mT @ X + lam * torch.eye(X.shape[-1])
        return torch.linalg.solve(system, X.mT @ y[..., None])[..., 0]

    return torch_run(solve, case)


def torch_psd(case: Case) -> Prepared:
    import torch

    def solve(V: torch.Tensor) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(V)
        return (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT

    return torch_run(solve, case)


def torch_pooling(case: Case) -> Prepared:
    """Newton's method without a record; one more step with it carries the gradient."""
    import torch

    def curvature(rest: torch.Tensor) -> torch.Tensor:
        return (1 + rest**2) ** -1.5

    def step(u: torch.Tensor, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        rest = x - u[:, None, None]
        return u + (rest / torch.sqrt(1 + rest**2)).sum((1, 2)) / scale

    def solve(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            u = x.mean((1, 2))
            for _ in range(50):
                scale = curvature(x - u[:, None, None]).sum((1, 2))
                moved = step(u, x, scale)
                u, last = moved, (moved - u).abs().max()
                if last < 1e-8:
                    break
            scale = curvature(x - u[:, None, None]).sum((1, 2))
        return step(u, x, scale)

    return torch_run(solve, case)


def torch_logistic(case: Case) -> Prepared:
    """Newton's method without a record; one more step with it carries the gradient."""
    import torch

    def slope(w: torch.Tensor, X: torch.Tensor, y: torch.Tensor, lam: torch.Tensor) -> torch.Tensor:
        score = (X @ w[..., None])[..., 0]
        return 2 * lam * w - (X.mT @ (y * torch.sigmoid(-y * score))[..., None])[..., 0]

    def factor(w: torch.Tensor, X: torch.Tensor, y: torch.Tensor, lam: torch.Tensor) -> torch.Tensor:
        p = torch.sigmoid(-y * (X @ w[..., None])[..., 0])
        system = X.mT @ ((p * (1 - p) * y * y)[..., None] * X) + 2 * lam * torch.eye(X.shape[-1])
        return torch.linalg.cholesky(system)

    def step(w: torch.Tensor, held: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        return w - torch.cholesky_solve(slope(w, *given)[..., None], held)[..., 0]

    def solve(*given: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            w = torch.zeros(case.weights.shape)
            for _ in range(50):
                moved = step(w, factor(w, *given), *given)
                w, last = moved, (moved - w).abs().max()
                if last < 1e-8:
                    break
            held = factor(w, *given)
        return step(w, held, *given)

    return torch_run(solve, case)


def jax_ridge(case: Case) -> Prepared:
    import jax.numpy as jnp

    def solve(X: Any, y: Any, lam: Any) -> Any:
        system = X.mT @ X + lam * jnp.eye(X.shape[-1])
        return jnp.linalg.solve(system, X.mT @ y[..., None])[..., 0]

    return jax_run(solve, case)


def jax_psd(case: Case) -> Prepared:
    import jax.numpy as jnp

    def solve(V: Any) -> Any:
        values, vectors = jnp.linalg.eigh(V)
        return (vectors * jnp.maximum(values, 0)[..., None, :]) @ vectors.mT

    return jax_run(solve, case)


def jax_sparsemax(case: Case) -> Prepared:
    """By sorting."""
    import jax.numpy as jnp

    def solve(v: Any) -> Any:
        falling = jnp.sort(v, axis=1)[:, ::-1]
        thresholds = (jnp.cumsum(falling, axis=1) - 1) / jnp.arange(1, v.shape[1] + 1)
        last = (falling > thresholds).sum(axis=1, keepdims=True) - 1
        return jnp.maximum(v - jnp.take_along_axis(thresholds, last, axis=1), 0)

    return jax_run(solve, case)


CONTENDERS = (
    Contender(
        "torch",
        ("torch",),
        ("torch",),
        {"ridge": torch_ridge, "psd": torch_psd, "pooling": torch_pooling, "logistic": torch_logistic},
        "autograd through linalg.solve and eigh; Newton's method with one recorded step",
    ),
    Contender(
        "JAX autodiff",
        ("jax",),
        ("jax", "jaxlib"),
        {"ridge": jax_ridge, "psd": jax_psd, "sparsemax": jax_sparsemax},
        "automatic differentiation through solve, eigh and sort",
    ),
)
