"""What a layer adds: nothing under `jit`, and outside of it no second trace and no second compilation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp
import pytest

import declarative as dc
from declarative.layer import implicit, run
from tests.layer.toy import toy

PROGRAMS = {
    "projection": ("given y: real[n] find x: real[n] in simplex minimize 1/2 * ||x - y||^2", [(2, 4)]),
    "linear_system": (
        "given X: real[m, n], y: real[m], lam: positive real find w: real[n]"
        " minimize ||X @ w - y||^2 + lam * ||w||^2",
        [(5, 3), (2, 5), ()],
    ),
    "newton": (
        "given X: real[m, n], y: real[m], lam: positive real find w: real[n]"
        " minimize sum(softplus(-y * (X @ w))) + lam * ||w||^2",
        [(5, 3), (2, 5), (2,)],
    ),
    "fixed_point": (
        "given W: real[n, n], b: real[n] find z: real[n] fixed point z = tanh(W @ z + b)",
        [(3, 3), (2, 3)],
    ),
    "interior_point": (
        "given P: psd real[n, n], q: real[n], G: real[m, n], h: real[m] find z: real[n]"
        " minimize 1/2 * z' @ P @ z + q' @ z subject to c: G @ z <= h return z, price = dual(c)",
        [(2, 2), (4, 2), (3, 2), (3,)],
    ),
}
WORDS = r" (?=find|minimize|fixed point|subject to|return)"


def text_of(program: str) -> str:
    return "problem p\n  " + re.sub(WORDS, "\n  ", program) + "\n"


def by_hand(layer: Any, batched: list[bool]) -> Callable[..., tuple[Any, ...]]:
    """The emitted module's solver, the derivative, and a map over the batch: what the layer is made of."""
    module = layer._program.load({})
    solve = implicit.differentiable(run.Guarded(module.SOLVER))

    def element(*p: Any) -> tuple[Any, ...]:
        root = solve(p, None)
        good = implicit.usable(root.status)
        return tuple(implicit.poison(x, good) for x in module.outputs(root.y, run.guarded(p)))

    return jax.vmap(element, in_axes=tuple(0 if moves else None for moves in batched))


def lowered(function: Callable[..., Any], args: list[Any]) -> str:
    """The program before XLA's passes, names counted off."""
    names: dict[str, str] = {}
    text: str = jax.jit(lambda *a: tuple(jax.tree.leaves(function(*a)))).lower(*args).as_text()
    return re.sub(r"[%@][\w#]+", lambda name: names.setdefault(name.group(), f"%{len(names)}"), text)


@pytest.mark.parametrize("engine", PROGRAMS)
def test_nothing_is_added_under_jit(engine: str) -> None:
    program, shapes = PROGRAMS[engine]
    layer = dc.compile(text_of(program))
    assert layer.info["engine"] == engine
    args = [jnp.ones(shape) for shape in shapes]
    raw = by_hand(layer, [a.ndim > len(p.type.shape) for a, p in zip(args, layer.given, strict=True)])
    assert lowered(layer, args) == lowered(raw, args)

    def slopes(function: Callable[..., Any]) -> Callable[..., Any]:
        total = lambda *a: sum(jnp.sum(x) for x in jax.tree.leaves(function(*a)))  # noqa: E731
        return jax.grad(total, argnums=tuple(range(len(args))))

    # From a compiled function, as the layer's is, JAX leaves out earlier what no derivative needs.
    assert lowered(slopes(layer), args) == lowered(slopes(jax.jit(raw, inline=True)), args)


@pytest.fixture
def compilations() -> Any:
    """Names of what was traced and compiled, as it happens."""
    seen: list[str] = []

    def listen(event: str, _: float, **about: Any) -> None:
        if event.endswith(("jaxpr_trace_duration", "backend_compile_duration")):
            seen.append(f"{event.split('/')[-1]} {about.get('fun_name')}")

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.unregister_event_duration_listener(listen)


def test_a_second_call_traces_and_compiles_nothing(compilations: list[str]) -> None:
    layer = toy()
    a, b = jnp.eye(2), jnp.ones((3, 2))
    slope = jax.grad(lambda b: layer(a, b).total.sum())

    def calls() -> None:
        layer(a, b)
        layer.solve(a, b)
        slope(b)
        jax.vmap(slope)(b)

    calls()
    assert compilations
    compilations.clear()
    calls()
    assert compilations == []
