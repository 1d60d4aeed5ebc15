"""The engine of the cvxpy backend: any certified convex problem -> Clarabel on the host, called from JAX.

The program is canonicalised once for each set of sizes. Values travel through `pure_callback`, so that
`jit` and `vmap` work; derivatives come from the residual that `optimality` states in JAX, with the
derivative of the projection on the cones computed on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from declarative.backends.cvxpy import direct, host
from declarative.backends.cvxpy.cones import places, slopes
from declarative.errors import DeclError, diagnostic
from declarative.layer.contract import Params, Point, Root, SolveOptions

TABLE = 1_000_000_000  # entries: 8 GB

if TYPE_CHECKING:
    from declarative.backends.cvxpy.form import ConeProgram, Tensor
    from declarative.backends.cvxpy.runtime import Model


@dataclass(frozen=True, eq=False)
class Solver:
    """`program(params, model)` states one element's problem in cvxpy and returns its objective."""

    program: Callable[[Params, Model], Any]
    forms: dict[Any, ConeProgram] = field(default_factory=dict)  # by the shapes of the parameters
    kept: direct.Kept = field(default_factory=direct.Kept)

    # ---- the contract --------------------------------------------------------------------------

    def solve(self, p: Params, start: Array | None, options: SolveOptions) -> Root:
        form, model = self._form(p)
        theta, kind = _theta(form, model, p)

        def on_host(theta: Any) -> tuple[Any, ...]:
            asked = form, np.asarray(theta, float), options.tol, options.max_iter
            number = 0
            if direct.large(form):
                answer, factor = direct.solve(*asked)
                number = self.kept.keep(factor)
            else:
                answer = host.solve(*asked)
            values = (answer.z, answer.y[: form.cones.zero], answer.y[form.cones.zero :])
            state = np.int8(answer.status.code), np.int32(answer.iterations), kind.type(answer.residual)
            return (*(value.astype(kind) for value in values), *state, np.int32(number))

        sizes = (form.n, form.cones.zero, form.m - form.cones.zero)
        shapes = [jax.ShapeDtypeStruct((size,), kind) for size in sizes]
        shapes += [jax.ShapeDtypeStruct((), one) for one in (jnp.int8, jnp.int32, kind, jnp.int32)]
        z, eq, ineq, status, iterations, residual, number = _on_host(
            on_host, tuple(shapes), jax.lax.stop_gradient(theta)
        )
        return Root(Point(z, eq, ineq), number, status, iterations, residual)

    def optimality(self, y: Point, p: Params, fixed: Any) -> Point:
        """(Pz + q + A'y, s - proj_K(s - y)) with s = b - Az."""
        form, model = self._form(p)
        theta, _ = _theta(form, model, p)
        b, multipliers = _vector(form.b, theta), jnp.concatenate([y.eq, y.ineq])
        absent = host.absent_rows(b, form.cones)
        s = jnp.where(absent, 1, b - _product(form.A, theta, y.z))
        rows = s - _project(form, s - multipliers, jax.lax.stop_gradient(s))
        pull = _product(form.A.transposed, theta, jnp.where(absent, 0, multipliers))
        slope = _product(form.P, theta, y.z) + _vector(form.q, theta) + pull
        return Point(slope, rows[: form.cones.zero], rows[form.cones.zero :])

    def linear(self, y: Point, p: Params, fixed: Any) -> Any:
        """The inverse of dF/dy, or its pseudo-inverse where that is singular."""
        form, model = self._form(p)
        theta, kind = _theta(form, model, p)
        apart = partial(jnp.split, indices_or_sections=(form.n, form.n + form.cones.zero))
        if direct.large(form):
            return tuple(
                lambda b, turned=turned: Point(*apart(self._solved(form, theta, y, fixed, b, turned)))
                for turned in (False, True)
            )
        size = form.n + form.m

        def on_host(theta: Any, z: Any, eq: Any, ineq: Any) -> Any:
            return host.inverse(form, *_doubles(theta, z, eq, ineq)).astype(kind)

        inverse = _on_host(on_host, jax.ShapeDtypeStruct((size, size), kind), theta, *y)

        def apply(matrix: Array, b: Point) -> Point:
            return Point(*apart(matrix @ jnp.concatenate(b)))

        return partial(apply, inverse), partial(apply, inverse.T)

    def _solved(
        self, form: ConeProgram, theta: Array, y: Point, number: Array, b: Point, turned: bool
    ) -> Array:
        """By the factor of the solve; NaN where the Jacobian is not finite."""

        def on_host(theta: Any, z: Any, eq: Any, ineq: Any, number: Any, b: Any) -> Any:
            found = self.kept.find(int(number), form, *_doubles(theta, z, eq, ineq))
            x = np.full(b.shape, np.nan) if found is None else found.solve(b.astype(float), turned)
            return x.astype(b.dtype)

        flat = jnp.concatenate(b)
        shape = jax.ShapeDtypeStruct(flat.shape, flat.dtype)
        return _on_host(on_host, shape, theta, *y, number, flat)

    def regularity(self, y: Point, p: Params, fixed: Any) -> Array:
        form, model = self._form(p)
        theta, _ = _theta(form, model, p)

        def on_host(theta: Any, z: Any, eq: Any, ineq: Any, number: Any) -> Any:
            asked = form, *_doubles(theta, z, eq, ineq)
            if direct.large(form):
                return np.int8(direct.regularity(*asked, self.kept.find(int(number), *asked)).code)
            return np.int8(host.regularity(*asked).code)

        return _on_host(on_host, jax.ShapeDtypeStruct((), jnp.int8), theta, *y, fixed)

    def dual(self, key: str, point: Point, p: Params, shape: tuple[int, ...]) -> Array:
        """The multiplier of the constraint called `key`."""
        form, model = self._form(p)
        rows = jnp.concatenate([point.eq, point.ineq])
        parts = [rows[part.rows] * part.factors.astype(rows.dtype) for part in form.duals[key]]
        places = model.places[key]
        if not places[0]:
            return jnp.reshape(jnp.stack(parts) if len(parts) > 1 else parts[0], shape)
        whole = jnp.zeros(shape, rows.dtype)
        return whole.at[tuple(np.array(places).T)].set(jnp.stack(parts))

    # ---- the cone program ----------------------------------------------------------------------

    def _form(self, p: Params) -> tuple[ConeProgram, Model]:
        """The cone program for parameters of these shapes, and the model with the values of this p."""
        import cvxpy as cp

        from declarative.backends.cvxpy.form import cone_program
        from declarative.backends.cvxpy.runtime import Model

        model = Model()
        objective = self.program(p, model)
        key = jax.tree.structure(p), tuple(jnp.shape(leaf) for leaf in jax.tree.leaves(p))
        if key not in self.forms:
            _refuse_tables(model, objective)
            try:
                self.forms[key] = cone_program(model, cp.Problem(objective, model.constraints))
            except (cp.error.DCPError, cp.error.DPPError) as error:
                raise DeclError([diagnostic("D690", None, reason=" ".join(str(error).split()))]) from None
        return self.forms[key], model


def _refuse_tables(model: Model, objective: Any) -> None:
    """cvxpy tabulates a quadratic objective by unknowns and parameters, however few entries differ from zero."""
    unknowns = sum(variable.size for variable in model.variables)
    numbers = sum(parameter.size for parameter in model.parameters)
    if unknowns * numbers > TABLE and not objective.expr.is_affine():
        raise DeclError([diagnostic("D692", None, unknowns=unknowns, numbers=numbers)])


def _theta(form: ConeProgram, model: Model, p: Params) -> tuple[Array, Any]:
    """The entries of all parameters, by columns, and a 1."""
    from declarative.backends.jax.runtime import dtype

    kind = jnp.dtype(dtype(p))
    parts = [jnp.ravel(model.values[i], order="F").astype(kind) for i in form.order]
    return jnp.concatenate([*parts, jnp.ones(1, kind)]), kind


def _doubles(theta: Any, z: Any, eq: Any, ineq: Any) -> tuple[Any, Any, Any]:
    return np.asarray(theta, float), np.asarray(z, float), np.concatenate([eq, ineq]).astype(float)


def _product(tensor: Tensor, theta: Array, x: Array) -> Array:
    """The matrix times x, entry by entry."""
    entries = tensor.factors.astype(theta.dtype) * theta[tensor.params]
    return jnp.zeros(tensor.shape[0], theta.dtype).at[tensor.rows].add(entries * x[tensor.columns])


def _vector(tensor: Tensor, theta: Array) -> Array:
    """The only column."""
    entries = tensor.factors.astype(theta.dtype) * theta[tensor.params]
    return jnp.zeros(tensor.shape[0], theta.dtype).at[tensor.rows].add(entries)


def _on_host(function: Callable[..., Any], shapes: Any, *args: Array) -> Any:
    """One call for a whole batch; the host loops over it.

    Doubles travel as pairs of words: JAX's switch for 64 bits is one of each thread, off by default
    in the thread that runs the callback, where every double would lose half its digits.
    """
    core = [arg.ndim for arg in args]

    def batched(*words: Any) -> Any:
        arrays = [_from_words(np.asarray(word)) for word in words]
        lead = arrays[0].shape[: arrays[0].ndim - core[0]]
        if 0 in lead:
            found = jax.tree.map(lambda one: np.zeros((*lead, *one.shape), one.dtype), shapes)
        elif lead:
            parts = [function(*(array[place] for array in arrays)) for place in np.ndindex(lead)]
            found = jax.tree.map(lambda *one: np.stack(one).reshape(*lead, *np.shape(one[0])), *parts)
        else:
            found = function(*arrays)
        return jax.tree.map(
            lambda one: np.asarray(one)[..., None].view(np.uint32) if _wide(one) else one, found
        )

    sent = [jax.lax.bitcast_convert_type(arg, jnp.uint32) if _wide(arg) else arg for arg in args]
    words = jax.tree.map(
        lambda one: jax.ShapeDtypeStruct((*one.shape, 2), jnp.uint32) if _wide(one) else one, shapes
    )
    back = jax.pure_callback(batched, words, *sent, vmap_method="broadcast_all")
    return jax.tree.map(
        lambda one, word: jax.lax.bitcast_convert_type(word, jnp.float64) if _wide(one) else word,
        shapes,
        back,
    )


def _wide(array: Any) -> bool:
    return bool(array.dtype == np.float64)


def _from_words(array: Any) -> Any:
    return array.view(np.float64)[..., 0] if array.dtype == np.uint32 else array


def _project(form: ConeProgram, v: Array, s: Array) -> Array:
    """proj_K(v), which is s at a solution, with the derivative of the projection at v."""
    cones = form.cones

    rows, columns = places(cones)

    def slope(v: Any, s: Any) -> Any:
        return slopes(np.asarray(v, float), np.asarray(s, float), cones)[1].astype(v.dtype)

    @jax.custom_jvp
    def projection(v: Array, s: Array) -> Array:
        return s

    @projection.defjvp
    def rule(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
        v, s = primals
        shape = jax.ShapeDtypeStruct(rows.shape, v.dtype)
        entries = _on_host(slope, shape, *jax.lax.stop_gradient((v, s)))
        if not cones.polyhedral:
            entries = _first_order(entries, v)
        return s, jnp.zeros_like(v).at[rows].add(entries * tangents[0][columns])

    return projection(v, s)


@jax.custom_jvp
def _first_order(entries: Array, v: Array) -> Array:
    """The entries of a matrix, whose own dependence on v is not known."""
    return entries


@_first_order.defjvp
def _refuse(primals: Any, tangents: Any) -> Any:
    raise DeclError([diagnostic("D691", None)])
