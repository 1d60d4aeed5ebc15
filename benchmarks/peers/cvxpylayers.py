"""cvxpylayers: every convex workload as cones, with diffcp or Moreau behind it.

cvxpy 1.9.2 is wanted: of later releases Moreau's interface loses the bounds on variables.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.peers.frames import torch_run
from benchmarks.workload import Case, Contender, Prepared

DIFFCP: dict[str, Any] = {"solver": "DIFFCP", "solver_args": {"mode": "dense", "eps": 1e-9}}
DEFAULTS: dict[str, Any] = {"solver": "DIFFCP"}
MOREAU: dict[str, Any] = {"solver": "MOREAU"}


def quadratic(case: Case, **options: Any) -> Prepared:
    """Only Moreau takes P as a parameter; the other gets its Cholesky factor."""
    import cvxpy as cp
    import torch

    n = case.inputs["P"].shape[-1]
    factored = options["solver"] == "DIFFCP"
    given = {name: cp.Parameter(_shape(case, name)) for name in case.inputs}
    given["P"] = cp.Parameter((n, n)) if factored else cp.Parameter((n, n), PSD=True)
    x = cp.Variable(n)
    curved = cp.sum_squares(given["P"] @ x) if factored else cp.quad_form(x, given["P"])
    rows = [given["A"] @ x == given["b"]] if "A" in given else []
    rows += [given["G"] @ x <= given["h"]] if "G" in given else []
    layer = _layer(cp.Problem(cp.Minimize(curved / 2 + given["q"] @ x), rows), given, x, options)

    def solve(P: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return layer(torch.linalg.cholesky(P).mT if factored else P, *rest)[0]

    return torch_run(solve, case)


def sparsemax(case: Case, **options: Any) -> Prepared:
    import cvxpy as cp

    v, x = cp.Parameter(_shape(case, "v")), cp.Variable(_shape(case, "v"))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - v)), [x >= 0, cp.sum(x) == 1])
    return _plain(problem, {"v": v}, x, case, options)


def ridge(case: Case, **options: Any) -> Prepared:
    """The penalty enters by its root, which makes the problem a rule-abiding one."""
    import cvxpy as cp

    given = {name: cp.Parameter(_shape(case, name)) for name in case.inputs}
    w = cp.Variable(case.inputs["X"].shape[-1])
    fit = cp.sum_squares(given["X"] @ w - given["y"])
    layer = _layer(cp.Problem(cp.Minimize(fit + cp.sum_squares(given["lam"] * w))), given, w, options)
    return torch_run(lambda X, y, lam: layer(X, y, lam.sqrt())[0], case)


def logistic(case: Case, **options: Any) -> Prepared:
    """Labels and features enter as their product."""
    import cvxpy as cp

    m, n = _shape(case, "X")
    given = {"Z": cp.Parameter((m, n)), "lam": cp.Parameter()}
    w = cp.Variable(n)
    loss = cp.sum(cp.logistic(-given["Z"] @ w)) + cp.sum_squares(given["lam"] * w)
    layer = _layer(cp.Problem(cp.Minimize(loss)), given, w, options)
    return torch_run(lambda X, y, lam: layer(X * y[..., None], lam.sqrt())[0], case)


def psd(case: Case, **options: Any) -> Prepared:
    import cvxpy as cp

    V, X = cp.Parameter(_shape(case, "V")), cp.Variable(_shape(case, "V"), PSD=True)
    return _plain(cp.Problem(cp.Minimize(cp.sum_squares(X - V))), {"V": V}, X, case, options)


def portfolio(case: Case, **options: Any) -> Prepared:
    """The size of the ellipsoid enters by its axes."""
    import cvxpy as cp

    given = {name: cp.Parameter(_shape(case, name)) for name in ("mu", "S")}
    w = cp.Variable(case.weights.shape[1])
    value = given["mu"] @ w - cp.norm(given["S"] @ w)
    layer = _layer(cp.Problem(cp.Maximize(value), [w >= 0, cp.sum(w) == 1]), given, w, options)
    return torch_run(lambda mu, S, kappa: layer(mu, kappa[:, None, None] * S)[0], case)


def lasso(case: Case, **options: Any) -> Prepared:
    """Also the elastic net, whose second penalty enters by its root."""
    import cvxpy as cp

    given = {name: cp.Parameter(_shape(case, name), nonneg=name in case.shared) for name in case.inputs}
    w = cp.Variable(case.weights.shape[1])
    loss = cp.sum_squares(given["X"] @ w - given["y"]) + given["lam"] * cp.norm1(w)
    if "mu" in given:
        loss += cp.sum_squares(given["mu"] * w)
    layer = _layer(cp.Problem(cp.Minimize(loss)), given, w, options)
    return torch_run(lambda X, y, lam, *mu: layer(X, y, lam, *(each.sqrt() for each in mu))[0], case)


def logistic_constrained(case: Case, **options: Any) -> Prepared:
    """Labels and features enter as their product."""
    import cvxpy as cp

    given = {"Z": cp.Parameter(_shape(case, "X")), "r": cp.Parameter(nonneg=True), "t": cp.Parameter()}
    w = cp.Variable(case.weights.shape[1])
    error = -given["Z"] @ w
    rows = [cp.norm1(w) <= given["r"], cp.log_sum_exp(error) <= given["t"]]
    layer = _layer(cp.Problem(cp.Minimize(cp.sum(cp.logistic(error))), rows), given, w, options)
    return torch_run(lambda X, y, r, t: layer(X * y[..., None], r, t)[0], case)


def sdp(case: Case, **options: Any) -> Prepared:
    import cvxpy as cp

    p, n, _ = _shape(case, "A")
    C, b, X = cp.Parameter((n, n)), cp.Parameter(p), cp.Variable((n, n), PSD=True)
    A = [cp.Parameter((n, n)) for _ in range(p)]
    rows = [cp.trace(A[k] @ X) == b[k] for k in range(p)]
    given = {"C": C, "b": b, **{f"A{k}": each for k, each in enumerate(A)}}
    layer = _layer(cp.Problem(cp.Minimize(cp.trace(C @ X)), rows), given, X, options)
    return torch_run(lambda C, A, b: layer(C, b, *A.unbind(1))[0], case)


def maxent(case: Case, **options: Any) -> Prepared:
    import cvxpy as cp

    given = {name: cp.Parameter(_shape(case, name)) for name in case.inputs}
    x = cp.Variable(case.weights.shape[1])
    rows = [given["A"] @ x == given["b"], cp.sum(x) == 1, x >= 0]
    return _plain(cp.Problem(cp.Maximize(cp.sum(cp.entr(x))), rows), given, x, case, options)


def _plain(
    problem: Any, given: dict[str, Any], unknown: Any, case: Case, options: dict[str, Any]
) -> Prepared:
    layer = _layer(problem, given, unknown, options)
    return torch_run(lambda *tensors: layer(*tensors)[0], case)


def _layer(problem: Any, given: dict[str, Any], unknown: Any, options: dict[str, Any]) -> Callable[..., Any]:
    from cvxpylayers.torch import CvxpyLayer

    return CvxpyLayer(problem, list(given.values()), [unknown], **options)


def _shape(case: Case, name: str) -> tuple[int, ...]:
    """Of one element."""
    shape = case.inputs[name].shape
    return shape if name in case.shared else shape[1:]


CONIC: dict[str, Callable[..., Prepared]] = {
    "portfolio": portfolio,
    "lasso": lasso,
    "elastic_net": lasso,
    "logistic_constrained": logistic_constrained,
    "sdp": sdp,
    "maxent": maxent,
}
FAMILIES: dict[str, Callable[..., Prepared]] = {
    "qp": quadratic,
    "mpc": quadratic,
    "mpc_equality": quadratic,
    "sparsemax": sparsemax,
    "ridge": ridge,
    "logistic": logistic,
    "psd": psd,
    **CONIC,
}


def _with(
    options: dict[str, Any], families: dict[str, Callable[..., Prepared]] = FAMILIES
) -> dict[str, Callable[[Case], Prepared]]:
    return {family: partial(prepare, **options) for family, prepare in families.items()}


CONTENDERS = (
    Contender(
        "cvxpylayers, diffcp",
        ("torch", "cvxpy", "cvxpylayers", "diffcp"),
        ("cvxpylayers", "cvxpy", "diffcp", "torch"),
        _with(DIFFCP),
        "SCS to 1e-9, mode='dense': by LSQR, the default, gradients are wrong by 0.1 to 0.4",
    ),
    Contender(
        "cvxpylayers, diffcp, defaults",
        ("torch", "cvxpy", "cvxpylayers", "diffcp"),
        ("cvxpylayers", "cvxpy", "diffcp", "torch"),
        _with(DEFAULTS, CONIC),
        "SCS to its own tolerance, LSQR",
    ),
    Contender(
        "cvxpylayers, moreau",
        ("torch", "cvxpy", "cvxpylayers", "moreau"),
        ("cvxpylayers", "cvxpy", "moreau", "torch"),
        {family: run for family, run in _with(MOREAU).items() if family not in ("psd", "sdp")},
        "its defaults; cvxpy 1.9.2 gives it no semidefinite cone",
    ),
)
