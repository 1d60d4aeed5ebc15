"""A user's cvxpy Problem -> its cone program with data as JAX functions of the parameters, and the ways back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.cvxpy.absolutes import Absolutes, absolutes
from declarative.backends.cvxpy.cones import Matrix, Vector
from declarative.backends.cvxpy.elimination import defined
from declarative.backends.cvxpy.placing import Affine, Source, affine
from declarative.backends.cvxpy.stuffing import (
    Indices,
    Stuffed,
    Tensor,
    Unknown,
    Valued,
    alike,
    sampled,
    stuffed,
)
from declarative.backends.jax.forms import Cones

SYMMETRIC = ("symmetric", "hermitian", "PSD", "NSD")


@dataclass(frozen=True, eq=False)
class Recovered:
    """An array of which each entry is `offset + factor * v[place]` of a flat solution v."""

    offset: Matrix
    factor: Matrix
    place: Indices

    def at(self, v: Array) -> Array:
        if not self.factor.any():
            return jnp.asarray(self.offset, v.dtype)
        value = v[np.asarray(self.place, np.int32)]  # the same for both of JAX's precisions
        if not np.all(self.factor == 1):
            value = jnp.asarray(self.factor, v.dtype) * value
        return value + jnp.asarray(self.offset, v.dtype) if self.offset.any() else value


@dataclass(frozen=True, eq=False)
class Canonical:
    """min 1/2 z'Pz + q'z + r subject to A z + s = b, s in K; the first `own` entries of z are the variables'.

    In a geometric program z holds logarithms, and the objective is that of the value.
    """

    P: Affine
    q: Affine
    A: Affine
    b: Affine
    r: Affine
    cones: Cones
    alpha: Vector
    sources: tuple[Source, ...]
    own: int
    factors: Vector  # the last unknowns are defined by the first rows, with these factors
    place: Indices  # where each of cvxpy's unknowns stands in z
    row: Indices  # where each of cvxpy's rows stands
    primal: tuple[Recovered, ...]  # by the problem's variables
    dual: tuple[tuple[Recovered, ...] | None, ...]  # by its constraints, each by its dual variables
    gp: bool
    maximise: bool
    absolutes: Absolutes | None  # where nothing else is left of the rows

    @property
    def n(self) -> int:
        return self.P.constant.shape[0]

    @cached_property
    def diagonal(self) -> Vector | None:
        """Of P, for the unknowns that rows define; None where it is not diagonal there, or depends on parameters."""
        k = self.n - self.factors.size
        block = self.P.constant[k:, k:]
        plain = not self.P.terms and not (block - np.diag(np.diag(block))).any()
        return np.diag(block) if plain else None

    @property
    def quadratic(self) -> bool:
        """Whether there are linear constraints only."""
        return self.cones.rows == self.cones.zero + self.cones.nonneg


def canonical(problem: Any, parameters: Sequence[Any], gp: bool, canon_backend: str | None) -> Canonical:
    """Raises cvxpy's `DCPError`, `DGPError` and `DPPError`, and `Unknown` and `Valued`."""
    import cvxpy as cp

    def reduced(uneven: float) -> Stuffed:
        twin = cp.Problem(problem.objective, problem.constraints)  # the user's own keeps what it has compiled
        with sampled(list(parameters), uneven):
            return stuffed(twin, gp, canon_backend)

    form = reduced(0)
    if not gp and not problem.is_dpp() and not alike(form, reduced(0.5)):
        raise Valued  # a quadratic form with a parameter where cvxpy has no matrix P for it
    sources, of, entry = _sources(form, parameters)
    variables, constraints = problem.variables(), problem.constraints
    primal = _recovered(_primal(form, variables, gp), form.n)
    dual = _duals(form, constraints)

    used = [found.place[found.factor != 0] for found in primal]
    mine = np.unique(np.concatenate([np.ravel(part) for part in used])) if used else np.zeros(0, int)
    out = defined(form, mine)
    others = np.setdiff1d(np.arange(form.n), np.concatenate([mine, out.unknowns]))
    place = _inverse(np.concatenate([mine, others, out.unknowns]))
    row = _inverse(np.concatenate([out.rows, np.setdiff1d(np.arange(form.m), out.rows)]))

    def built(tensor: Tensor, rows: Indices | None, columns: Indices | None) -> Affine:
        return affine(tensor.moved(rows, columns), sources, of, entry)

    def at(one: Recovered, order: Indices) -> Recovered:
        return Recovered(one.offset, one.factor, order[one.place] if order.size else one.place)

    cones = form.cones
    return Canonical(
        P=built(form.P, place, place),
        q=built(form.q, place, None),
        A=built(form.A, row, place),
        b=built(form.b, row, None),
        r=built(form.r, None, None),
        cones=Cones(cones.zero, cones.nonneg, cones.soc, cones.psd, cones.exp, len(cones.power)),
        alpha=np.array(cones.power, float),
        sources=tuple(sources),
        own=mine.size,
        factors=out.factors,
        place=place,
        row=row,
        primal=tuple(at(one, place) for one in primal),
        dual=tuple(None if parts is None else tuple(at(one, row) for one in parts) for parts in dual),
        gp=gp,
        maximise=isinstance(problem.objective, cp.Maximize),
        absolutes=absolutes(form, mine, out),
    )


def _inverse(order: Indices) -> Indices:
    place = np.empty(order.size, int)
    place[order] = np.arange(order.size)
    return place


# ---- parameters --------------------------------------------------------------------------------


def _sources(form: Stuffed, parameters: Sequence[Any]) -> tuple[list[Source], Indices, Indices]:
    """The sources, and for each entry of the reduced parameters which entry of which source it is."""
    known: dict[int, tuple[int, bool, Indices]] = {}  # by cvxpy's number: parameter, logarithm, entries
    for number, parameter in enumerate(parameters):
        grid = np.arange(parameter.size).reshape(parameter.shape)
        known[parameter.id] = number, False, grid.ravel(order="F")
    for reduction in form.chain.reductions:
        _follow(reduction, known)
    sources: dict[tuple[int, bool], int] = {}
    of, entry = np.full(form.count, -1), np.zeros(form.count, int)
    for key, start in form.columns.items():
        if key not in known:
            raise Unknown(f"a parameter with the number {key} that none of the problem's has become")
        number, log, entries = known[key]
        stop = start + entries.size
        of[start:stop] = sources.setdefault((number, log), len(sources))
        entry[start:stop] = entries
    if (of < 0).any():
        raise Unknown("entries of parameters that belong to none")
    return [_source(parameters[number], number, log) for number, log in sources], of, entry


def _follow(reduction: Any, known: dict[int, tuple[int, bool, Indices]]) -> None:
    """Adds the parameters that a reduction makes of those known."""
    kind = type(reduction).__name__
    made = getattr(reduction, "_parameters", None)
    if kind == "Dgp2Dcp":
        made = reduction.canon_methods._parameters
    for old, new in (made or {}).items():
        number, log, entries = known[old.id]
        if kind == "Dgp2Dcp":
            known[new.id] = number, True, entries
        elif kind == "CvxAttr2Constr":
            grid = entries.reshape(old.shape, order="F")
            known[new.id] = number, log, _reduced(old, grid)
        else:
            raise Unknown(f"parameters that the reduction {kind} makes")


def _reduced(parameter: Any, grid: Indices) -> Indices:
    """The entries that cvxpy keeps of a parameter with a declared pattern."""
    if any(parameter.attributes.get(name) for name in SYMMETRIC):
        rows, columns = np.triu_indices(grid.shape[-1])
        return grid[..., rows, columns].ravel(order="F")
    if parameter.attributes["diag"]:
        return np.diag(grid)
    if parameter.attributes["sparsity"]:
        return grid[parameter.sparse_idx]
    raise Unknown(f"the way in which the parameter {parameter.name()} is reduced")


def _source(parameter: Any, number: int, log: bool) -> Source:
    symmetric = any(parameter.attributes.get(name) for name in SYMMETRIC)
    return Source(number, parameter.shape, log, symmetric)


# ---- solutions ---------------------------------------------------------------------------------


def _primal(form: Stuffed, variables: Sequence[Any], gp: bool) -> Callable[[Vector], list[Matrix]]:
    def read(z: Vector) -> list[Matrix]:
        found = form.back(z, np.zeros(form.m)).primal_vars
        values = [_dense(found[variable.id]).reshape(variable.shape, order="F") for variable in variables]
        return [np.log(value) for value in values] if gp else values

    return read


def _duals(form: Stuffed, constraints: Sequence[Any]) -> tuple[tuple[Recovered, ...] | None, ...]:
    """None for constraints that cvxpy has dropped."""
    there = set(form.back(np.zeros(form.n), np.zeros(form.m)).dual_vars)
    kept = [constraint for constraint in constraints if constraint.id in there]

    def read(y: Vector) -> list[Matrix]:
        found = form.back(np.zeros(form.n), y).dual_vars
        return [part for constraint in kept for part in _split(constraint, found[constraint.id])]

    parts = iter(_recovered(read, form.m))
    return tuple(
        tuple(next(parts) for _ in constraint.dual_variables) if constraint.id in there else None
        for constraint in constraints
    )


def _split(constraint: Any, value: Any) -> list[Matrix]:
    """A multiplier as the values of the constraint's dual variables, which stay as they are."""
    variables = constraint.dual_variables
    before = [variable._value for variable in variables]
    try:
        constraint.save_dual_value(value)
        return [_dense(variable.value).reshape(variable.shape, order="F") for variable in variables]
    finally:
        for variable, old in zip(variables, before, strict=True):
            variable._value = old


def _dense(value: Any) -> Matrix:
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value, float)


def _recovered(read: Callable[[Vector], list[Matrix]], size: int) -> list[Recovered]:
    """Where each entry that `read` gives comes from, seen by sending numbers through it."""
    ramp = (np.arange(size) + 1.0) / max(size, 1)
    test = np.random.default_rng(0).uniform(0.1, 1, size)
    found = []
    for zero, one, many, tested in zip(*map(read, (np.zeros(size), np.ones(size), ramp, test)), strict=True):
        factor = one - zero
        quotient = np.divide(many - zero, factor, out=np.ones_like(factor), where=factor != 0)
        place = np.clip(np.rint(quotient * size).astype(int) - 1, 0, max(size - 1, 0))
        value = zero + factor * (test[place] if size else 0)
        if not np.allclose(value, tested, rtol=1e-9, atol=1e-9):
            raise Unknown("values that cvxpy mixes from several entries of a solution")
        exact = np.where(np.abs(factor - np.rint(factor)) < 1e-12, np.rint(factor), factor)
        found.append(Recovered(np.where(np.abs(zero) < 1e-12, 0.0, zero), exact, place))
    return found
