"""Each atom once more, in plain NumPy and SciPy: what the backends' values are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import sqrtm
from scipy.special import entr, expit, kl_div, logsumexp, rel_entr, softmax

Reference = Callable[..., Any]


def _huber(x: Any, delta: Any) -> Any:
    x = np.asarray(x)
    return np.where(np.abs(x) <= delta, x**2 / 2, delta * (np.abs(x) - delta / 2))


def _shape(attrs: dict[str, Any]) -> tuple[int, ...]:
    return tuple(dim.constant for dim in attrs["shape"])


REFERENCE: dict[str, Reference] = {
    "add": lambda x, y: np.add(x, y),
    "sub": lambda x, y: np.subtract(x, y),
    "neg": lambda x: np.negative(x),
    "mul": lambda x, y: np.multiply(x, y),
    "div": lambda x, y: np.divide(x, y),
    "pow": lambda x, y: np.power(x, y),
    "matmul": lambda x, y: np.asarray(x) @ np.asarray(y),
    "transpose": lambda x: np.transpose(x),
    "where": lambda c, x, y: np.where(c, x, y),
    "less": lambda x, y: np.less(x, y),
    "less_equal": lambda x, y: np.less_equal(x, y),
    "equal": lambda x, y: np.equal(x, y),
    "not_equal": lambda x, y: np.not_equal(x, y),
    "and": lambda x, y: np.logical_and(x, y),
    "or": lambda x, y: np.logical_or(x, y),
    "not": lambda x: np.logical_not(x),
    "abs": lambda x: np.abs(x),
    "sign": lambda x: np.sign(x),
    "sqrt": lambda x: np.sqrt(x),
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "log1p": lambda x: np.log1p(x),
    "expm1": lambda x: np.expm1(x),
    "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
    "tan": lambda x: np.tan(x),
    "tanh": lambda x: np.tanh(x),
    "sigmoid": lambda x: expit(x),
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(0, x),
    "square": lambda x: np.asarray(x) ** 2,
    "inv_pos": lambda x: 1 / np.asarray(x),
    "hinge": lambda x: np.maximum(0, 1 - np.asarray(x)),
    "huber": _huber,
    "maximum": lambda *xs: np.max(np.broadcast_arrays(*xs), axis=0),
    "minimum": lambda *xs: np.min(np.broadcast_arrays(*xs), axis=0),
    "stop_gradient": lambda x: np.asarray(x),
    "sum": lambda x, axis: np.sum(x, axis=axis),
    "mean": lambda x, axis: np.mean(x, axis=axis),
    "max": lambda x, axis: np.max(x, axis=axis),
    "min": lambda x, axis: np.min(x, axis=axis),
    "prod": lambda x, axis: np.prod(x, axis=axis),
    "sum_squares": lambda x: np.sum(np.asarray(x) ** 2),
    "sum_largest": lambda x, k: np.sort(np.ravel(x))[::-1][: k.constant].sum(),
    "log_sum_exp": lambda x, axis: logsumexp(x, axis=axis),
    "softmax": lambda x, axis: softmax(x, axis=axis),
    "entropy": lambda x: entr(x).sum(),
    "rel_entropy": lambda x, y: rel_entr(x, y).sum(),
    "kl": lambda x, y: kl_div(x, y).sum(),
    "dot": lambda x, y: np.dot(x, y),
    "outer": lambda x, y: np.outer(x, y),
    "kron": lambda x, y: np.kron(x, y),
    "quad_form": lambda x, P: np.einsum("i,ij,j", x, P, x),
    "quad_over_lin": lambda x, y: np.sum(np.square(x)) / y,
    "trace": lambda x: np.trace(x),
    "det": lambda x: np.linalg.det(x),
    "log_det": lambda x: np.log(np.linalg.det(x)),
    "inv": lambda x: np.linalg.inv(x),
    "sqrtm": lambda A: sqrtm((np.asarray(A) + np.transpose(A)) / 2),
    "solve": lambda A, b: np.linalg.inv(A) @ np.asarray(b),
    "eig_max": lambda x: np.linalg.eigvalsh(x)[-1],
    "eig_min": lambda x: np.linalg.eigvalsh(x)[0],
    "norm2": lambda x: np.sqrt(np.sum(np.square(x))),
    "norm1": lambda x: np.sum(np.abs(x)),
    "norm_inf": lambda x: np.max(np.abs(x)),
    "norm_p": lambda x, p: np.sum(np.abs(x) ** p) ** (1 / p),
    "norm_nuc": lambda x: np.linalg.norm(x, "nuc"),
    "norm_spec": lambda x: np.linalg.norm(x, 2),
    "diag": lambda x: np.diag(x),
    "diff": lambda x, axis: np.diff(x, axis=axis or 0),
    "cumsum": lambda x, axis: np.cumsum(x, axis=axis or 0),
    "concat": lambda *xs, axis: np.concatenate([np.atleast_1d(x) for x in xs], axis=axis),
    "stack": lambda *xs, axis: np.stack(xs, axis=axis),
    "reshape": lambda x, **attrs: np.reshape(x, _shape(attrs)),
    "vec": lambda x: np.ravel(x),
    "zeros": lambda **attrs: np.zeros(_shape(attrs)),
    "ones": lambda **attrs: np.ones(_shape(attrs)),
    "eye": lambda size: np.eye(size.constant),
}
