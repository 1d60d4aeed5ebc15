"""Functions of a matrix that need a factorisation, with derivatives of every order.

The factorisations of `linalg` carry no derivative: each function here says what its own is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from declarative.backends.jax import linalg


def solve(A: Array, b: Array) -> Array:
    """The x of A @ x == b."""
    factors = linalg.lu_factor(lax.stop_gradient(A))
    return lax.custom_linear_solve(
        lambda x: A @ x,
        b,
        solve=lambda _, rhs: linalg.lu_solve(factors, rhs),
        transpose_solve=lambda _, rhs: linalg.lu_solve(factors, rhs, transposed=True),
    )


@jax.custom_jvp
def det(A: Array) -> Array:
    factors, pivots = linalg.lu_factor(A)
    swaps = jnp.sum(pivots != jnp.arange(pivots.shape[0]))
    return jnp.prod(jnp.diag(factors)) * (1 - 2 * (swaps % 2))


@det.defjvp
def _det_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (A,), (dA,) = primals, tangents
    value = det(A)
    return value, value * jnp.trace(solve(A, dA))


@jax.custom_jvp
def log_det(A: Array) -> Array:
    """NaN where A is not positive definite."""
    return 2 * jnp.sum(jnp.log(jnp.diag(linalg.cholesky((A + A.T) / 2))))


@log_det.defjvp
def _log_det_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (A,), (dA,) = primals, tangents
    return log_det(A), jnp.trace(solve(A, dA))


@jax.custom_jvp
def eigh(A: Array) -> tuple[Array, Array]:
    """Ascending eigenvalues and eigenvectors; vectors of equal values are held within their space."""
    return linalg.eigh(A)


@eigh.defjvp
def _eigh_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (A,), (dA,) = primals, tangents
    values, vectors = eigh(A)
    turned = vectors.T @ dA @ vectors
    gaps = values[None, :] - values[:, None]
    apart = jnp.abs(gaps) > jnp.finfo(A.dtype).eps * jnp.max(jnp.abs(values))
    rates = jnp.where(apart, 1 / jnp.where(apart, gaps, 1), 0)
    return (values, vectors), (jnp.diag(turned), vectors @ (rates * turned))


def eig_max(A: Array) -> Array:
    return eigh((A + A.T) / 2)[0][-1]


def eig_min(A: Array) -> Array:
    return eigh((A + A.T) / 2)[0][0]


def _doubled(X: Array) -> Array:
    """[[0, X], [X', 0]], whose eigenvalues are the singular values, their negatives, and zeros."""
    rows, columns = X.shape
    zeros = lambda size: jnp.zeros((size, size), X.dtype)  # noqa: E731
    return jnp.block([[zeros(rows), X], [X.T, zeros(columns)]])


def singular_values(X: Array) -> Array:
    """As many as the shorter side is long, ascending."""
    return eigh(_doubled(X))[0][max(X.shape) :]


def singular_threshold(X: Array, threshold: Array) -> Array:
    """X with its singular values lowered by a threshold, as far as zero."""
    rows = X.shape[0]
    return _soft_spectrum(_doubled(X), jnp.asarray(threshold, X.dtype))[:rows, rows:]


@jax.custom_jvp
def _soft_spectrum(A: Array, threshold: Array) -> Array:
    values, vectors = eigh(A)
    return (vectors * _soft(values, threshold)) @ vectors.T


@_soft_spectrum.defjvp
def _soft_spectrum_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Daleckii and Krein: in the eigenbasis, divided differences; the slope where two values are equal."""
    (A, threshold), (dA, rate) = primals, tangents
    values, vectors = eigh(A)
    soft, away = _soft(values, threshold), (jnp.abs(values) > threshold).astype(A.dtype)
    gaps = values[:, None] - values[None, :]
    apart = jnp.abs(gaps) > jnp.finfo(A.dtype).eps ** 0.5 * jnp.max(jnp.abs(values))
    slopes = jnp.where(apart, (soft[:, None] - soft[None, :]) / jnp.where(apart, gaps, 1), away[:, None])
    turned = slopes * (vectors.T @ dA @ vectors) - jnp.diag(rate * jnp.sign(values) * away)
    return (vectors * soft) @ vectors.T, vectors @ turned @ vectors.T


def _soft(values: Array, threshold: Array) -> Array:
    return jnp.sign(values) * jnp.maximum(jnp.abs(values) - threshold, 0)


def norm_nuc(X: Array) -> Array:
    return jnp.sum(jnp.abs(eigh(_doubled(X))[0])) / 2


def norm_spec(X: Array) -> Array:
    return eigh(_doubled(X))[0][-1]


@jax.custom_jvp
def sqrtm(A: Array) -> Array:
    """The psd square root of a psd matrix."""
    values, vectors = eigh((A + A.T) / 2)
    return (vectors * jnp.sqrt(jnp.maximum(values, 0))) @ vectors.T


@sqrtm.defjvp
def _sqrtm_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """dR of R dR + dR R = dA, in the eigenbasis. Between eigenvalues that are zero there is none: NaN, so that
    no zero passes for the derivative of x' A x, which the root's entries there would carry in the limit."""
    (A,), (dA,) = primals, tangents
    values, vectors = eigh((A + A.T) / 2)
    roots = jnp.sqrt(jnp.maximum(values, 0))
    sums = roots[:, None] + roots[None, :]
    curved = sums > jnp.finfo(A.dtype).eps ** 0.5 * jnp.max(roots)
    turned = vectors.T @ ((dA + dA.T) / 2) @ vectors
    rates = jnp.where(curved, turned / jnp.where(curved, sums, 1), _absent(turned, ~curved))
    return (vectors * roots) @ vectors.T, vectors @ rates @ vectors.T


def _absent(rates: Array, where: Array) -> Array:
    """A linear map that does not exist: NaN unless along zero, and NaN transposed."""
    return lax.custom_linear_solve(
        lambda x: x,
        jnp.where(where, rates, 0),
        solve=lambda _, rhs: jnp.where(jnp.all(rhs == 0), rhs, jnp.nan),
        transpose_solve=lambda _, rhs: jnp.where(where, jnp.nan, rhs),
    )
