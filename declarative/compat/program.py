"""A canonical cvxpy problem and its names -> the Layer that solves it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from declarative import ir
from declarative.backends import engines
from declarative.backends.cvxpy.absolutes import Absolutes, completed, smooth, weights
from declarative.backends.cvxpy.canonical import Canonical
from declarative.backends.cvxpy.elimination import reduced, restored
from declarative.backends.jax import runtime as rt
from declarative.backends.jax.forms import Conic, Quadratic
from declarative.dims import Dim
from declarative.errors import DeclError, diagnostic
from declarative.layer.contract import Params, Point
from declarative.layer.layer import Layer
from declarative.layer.options import Backward, Options
from declarative.layer.program import Program
from declarative.plan.choose import backwards
from declarative.plan.options import closest, request

OPTIONS = ("tol", "max_iter", "backward", "on_fail")
PROMISES = {
    "nonneg": "nonneg",
    "nonpos": "nonpos",
    "pos": "positive",
    "neg": "negative",
    "symmetric": "symmetric",
    "PSD": "psd",
    "NSD": "symmetric",
    "diag": "diagonal",
}
"""cvxpy's declarations of parameters in this language."""


@dataclass(frozen=True)
class Named:
    """The user's lists, and the places of what they name: ("primal", i, 0) is the problem's variable i, and
    ("dual", i, k) the dual variable k of its constraint i."""

    parameters: tuple[Any, ...]
    outputs: tuple[tuple[str, tuple[str, int, int]], ...]
    labels: tuple[str, ...]

    @staticmethod
    def of(problem: Any, parameters: Sequence[Any], variables: Sequence[Any]) -> Named:
        places = {variable.id: ("primal", i, 0) for i, variable in enumerate(problem.variables())}
        for i, constraint in enumerate(problem.constraints):
            places |= {variable.id: ("dual", i, k) for k, variable in enumerate(constraint.dual_variables)}
        names = _unique([variable.name() for variable in variables])
        labels = [
            getattr(constraint, "label", None) or f"constraint{i}"
            for i, constraint in enumerate(problem.constraints)
        ]
        outputs = zip(names, (places[variable.id] for variable in variables), strict=True)
        return Named(tuple(parameters), tuple(outputs), tuple(_unique(labels)))


def layer(form: Canonical, named: Named, options: Mapping[str, Any]) -> Layer:
    """Raises `DeclError` for options that are none, or wrong."""

    def again(**changes: Any) -> Layer:
        return layer(form, named, {**options, **changes})

    problem = _problem(named)
    form, engine = _engine(form, options)
    emitted: Any = Functions(form, named, _solver(form))
    program = Program(
        problem=problem,
        solved=problem,
        backend="jax",
        engine=engine,
        source=described(form, named),
        load=lambda static: emitted,
        explain=lambda: explained(form, engine),
        latex=lambda: "",
        info=_info(form, named, engine),
        static={},
        defaults={},
    )
    return Layer(program, _options(problem, engine, options), again)


def _engine(form: Canonical, options: Mapping[str, Any]) -> tuple[Canonical, str]:
    """The engine, and the form without what it does not use."""
    smoothed = str(options.get("backward", "")).startswith("smoothed")
    if form.absolutes is not None and not smoothed:
        return form, "proximal"
    return replace(form, absolutes=None), "interior_point" if form.quadratic else "conic"


# ---- what a layer asks of its problem ----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Functions:
    """In place of an emitted module: the same names, on the canonical form."""

    form: Canonical
    named: Named
    SOLVER: Any

    def size(self, p: Params) -> int:
        return self.form.n - self.form.factors.size if self.form.absolutes is None else self.form.own

    def unpack(self, flat: Array, p: Params) -> tuple[Array, ...]:
        """All of the unknowns: no start is taken, which would need their names."""
        return (flat,)

    def outputs(self, point: Point, p: Params) -> tuple[Array, ...]:
        z, y = self._whole(point, p)
        return tuple(self._value(place, z, y) for _, place in self.named.outputs)

    def duals(self, point: Point, p: Params) -> dict[str, Any]:
        _, rows = self._whole(point, p)
        found: dict[str, Any] = {}
        for label, parts in zip(self.named.labels, self.form.dual, strict=True):
            if parts is not None:
                values = tuple(part.at(rows) for part in parts)
                found[label] = values[0] if len(values) == 1 else values
        return found

    def objective(self, unknowns: tuple[Array, ...], p: Params) -> Array:
        rows = jnp.zeros(self.form.cones.rows - self.form.factors.size, unknowns[0].dtype)
        z, _ = self._restored(unknowns[0], rows, p)
        sources, kind = _sources(self.form, p)
        P, q, r = (part(sources, kind) for part in (self.form.P, self.form.q, self.form.r))
        value = z @ P @ z / 2 + q[:, 0] @ z + r[0, 0]
        value = -value if self.form.maximise else value
        return jnp.exp(value) if self.form.gp else value

    def _whole(self, point: Point, p: Params) -> tuple[Array, Array]:
        """The unknowns and the multipliers as cvxpy has them."""
        return self._restored(point.z, jnp.concatenate([point.eq, point.ineq]), p)

    def _restored(self, z: Array, y: Array, p: Params) -> tuple[Array, Array]:
        whole = conic(self.form, p)
        if self.form.absolutes is not None:
            z, y = completed(self.form.absolutes, z), jnp.zeros(2 * self.form.absolutes.factors.size, z.dtype)
        return restored(whole, self.form.factors, z, y)

    def _value(self, place: tuple[str, int, int], z: Array, y: Array) -> Array:
        kind, number, part = place
        if kind == "primal":
            value = self.form.primal[number].at(z)
            return jnp.exp(value) if self.form.gp else value
        parts = self.form.dual[number]
        assert parts is not None
        return parts[part].at(y)


def _solver(form: Canonical) -> Any:
    if form.absolutes is not None:
        return _composite(form, form.absolutes)
    if form.quadratic:
        from declarative.backends.jax.engines import interior_point

        return interior_point.Solver(partial(quadratic, form), lambda p: form.own)
    from declarative.backends.jax.engines import conic as engine

    return engine.Solver(partial(smaller, form), lambda p: form.own)


def _composite(form: Canonical, found: Absolutes) -> Any:
    """A quadratic function and weighted absolute values."""
    from declarative.backends.jax.engines import proximal

    def derivatives(z: Array, p: Params) -> tuple[Array, Array]:
        P, q = smooth(smaller(form, p), found)
        return P @ z + q, P

    def cost(z: Array, p: Params) -> Array:
        P, q = smooth(smaller(form, p), found)
        return z @ P @ z / 2 + q @ z

    def parts(p: Params) -> tuple[proximal.Part, ...]:
        return (proximal.Part("soft_threshold", form.own, (weights(smaller(form, p), found),)),)

    return proximal.Solver(cost, lambda p: form.own, parts, derivatives, quadratic=True)


def quadratic(form: Canonical, p: Params) -> Quadratic:
    data = smaller(form, p)
    rows = data.cones.zero
    return Quadratic(data.P, data.q, data.A[:rows], data.b[:rows], data.A[rows:], data.b[rows:])


def smaller(form: Canonical, p: Params) -> Conic:
    """What is solved: without the unknowns that rows define."""
    return reduced(conic(form, p), form.factors, form.diagonal)


def conic(form: Canonical, p: Params) -> Conic:
    """The data for the parameters of one element."""
    sources, kind = _sources(form, p)
    P, q, A, b = (part(sources, kind) for part in (form.P, form.q, form.A, form.b))
    return Conic(P, q[:, 0], A, b[:, 0], jnp.asarray(form.alpha, kind), form.cones)


def _sources(form: Canonical, p: Params) -> tuple[list[Array], Any]:
    kind = rt.dtype(p)
    return [source.of(p, kind) for source in form.sources], kind


# ---- for people --------------------------------------------------------------------------------


def described(form: Canonical, named: Named) -> str:
    """What is solved, in place of emitted source: the data are arrays that cvxpy has made."""
    cones = form.cones
    kinds = [
        ("zero", cones.zero),
        ("nonneg", cones.nonneg),
        ("soc", list(cones.soc)),
        ("psd", list(cones.psd)),
    ]
    kinds += [("exp", cones.exp), ("power", [float(one) for one in form.alpha])]
    rows = ", ".join(f"{kind}: {size}" for kind, size in kinds if size) or "none"
    lines = [
        "# canonicalised by cvxpy",
        "# min 1/2 z'Pz + q'z + r  subject to  A z + s = b, s in K",
        f"# {form.n} unknowns, {form.own} of them the problem's own; cones: {rows}",
        f"# {form.factors.size} unknowns are defined by as many rows, and taken out",
    ]
    names = [f"`{parameter.name()}`" for parameter in named.parameters]
    for word in ("P", "q", "A", "b", "r"):
        tensor = getattr(form, word)
        moving = sorted({form.sources[source].param for source, _, _ in tensor.terms})
        text = ", ".join(names[place] for place in moving) or "no parameter"
        lines.append(f"# {word}{list(tensor.constant.shape)} depends on {text}")
    return "\n".join(lines) + "\n"


def explained(form: Canonical, engine: str) -> str:
    reasons = {
        "proximal": "a quadratic and absolute values",
        "interior_point": "linear constraints and a quadratic objective",
        "conic": "the constraints need cones that are not linear",
    }
    head = "problem of cvxpy's, canonicalised by cvxpy\n"
    return f"{head}engine          {engine}, jax backend: {reasons[engine]}\n"


def _problem(named: Named) -> ir.Problem:
    """The problem as a layer's callers see it: its parameters. What it says, cvxpy has said."""
    names = _unique([parameter.name() for parameter in named.parameters])
    params = tuple(_parameter(name, one) for name, one in zip(names, named.parameters, strict=True))
    return ir.Problem("cvxpy_problem", params, (), ir.Minimize(ir.Const(0.0)))


def _parameter(name: str, parameter: Any) -> ir.Parameter:
    shape = tuple(Dim.of(length) for length in parameter.shape)
    words = [word for attribute, word in PROMISES.items() if parameter.attributes.get(attribute)]
    return ir.Parameter(name, ir.Type("real", shape), frozenset(words))


def _info(form: Canonical, named: Named, engine: str) -> dict[str, Any]:
    return {
        "problem": "cvxpy_problem",
        "class": "quadratic program" if form.quadratic else "cone program",
        "backend": "jax",
        "engine": engine,
        "rewrites": ("canonicalised by cvxpy",),
        "convex": True,
        "params": tuple(_unique([parameter.name() for parameter in named.parameters])),
        "unknowns": (),
        "outputs": tuple(name for name, _ in named.outputs),
        "dims": (),
    }


def _unique(names: list[str]) -> list[str]:
    """Words that are names in Python, each once."""
    found: list[str] = []
    for name in names:
        word = re.sub(r"\W", "_", name)
        word = word if word.isidentifier() and not word.startswith("_") else f"v{word}"
        while word in found:
            word += "_"
        found.append(word)
    return found


def _options(problem: ir.Problem, engine: str, given: Mapping[str, Any]) -> Options:
    options = dict(given)
    precision = options.pop("precision", None)
    for name in options:
        if name not in OPTIONS:
            help_text = closest(name, (*OPTIONS, "precision"))
            raise DeclError([diagnostic("D404", None, name=name, help=help_text)])
    if precision not in (None, "float64"):
        wanted = "float64, or None for the arguments' own"
        raise DeclError([diagnostic("D405", None, name="precision", value=precision, wanted=wanted)])
    asked = request(problem, options)
    modes = [mode for one in engines() if one.name == engine for mode in backwards(one)] or ["implicit"]
    if asked.backward not in modes:
        text = ", ".join(modes)
        raise DeclError([diagnostic("D406", None, engine=engine, mode=asked.backward, modes=text)])
    return Options(
        tol=asked.tol,
        max_iter=asked.max_iter,
        backward=Backward(asked.backward, asked.backward_args),
        on_fail=asked.on_fail,
        precision=precision,
    )
