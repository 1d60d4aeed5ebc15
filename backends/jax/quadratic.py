"""The data of a quadratic program as text: known blocks printed, the rest by differentiating."""

from __future__ import annotations

from declarative.backends.jax import functions as write
from declarative.backends.jax.writer import Function, Scope
from declarative import ir

DERIVED = {
    "P": "rt.second_order(cost, size(params), params)",
    "q": "rt.first_order(cost, size(params), params)",
    "A": "rt.linear_part(equalities, size(params), params)",
    "b": "rt.constant_part(equalities, size(params), params)",
    "G": "rt.linear_part(inequalities, size(params), params)",
    "h": "rt.constant_part(inequalities, size(params), params)",
}


def data(scope: Scope) -> tuple[str, ...]:
    """`data(params)` and the functions that it differentiates."""
    function = Function(scope)
    parts = [f"    {name}={text}," for name, text in DERIVED.items()]
    function.returns("return rt.quadratic(", "    params,", *parts, ")")
    main = function.text("data(params)", "min 1/2 z'Pz + q'z  subject to  A z = b, G z <= h.", unknowns=None)
    helpers = (
        write.cost(scope),
        write.constraints(scope, ir.Equality),
        write.constraints(scope, ir.Inequality),
    )
    return (*helpers, main)
