"""The data of a conic program as text: that of a quadratic program, and what lies in the cones."""

from __future__ import annotations

from dataclasses import dataclass

from declarative import ir
from declarative.backends.jax import functions as write
from declarative.backends.jax import quadratic
from declarative.backends.jax.printer import reads_data, tidy
from declarative.backends.jax.writer import Function, Scope, comment, count
from declarative.dims import Dim
from declarative.walk import free_bounds

DERIVED = {
    "M": "rt.linear_part(members, size(params), params)",
    "v": "-rt.constant_part(members, size(params), params)",
}
ORDER = ("soc", "psd", "exp_cone", "power_cone")
NEUTRAL = {
    "soc": "rt.first({0})",
    "psd": "rt.svec(rt.eye({0}))",
    "exp_cone": "rt.EXP",
    "power_cone": "rt.POWER",
}
"""A point inside each cone, for the rows that a filter on the data leaves out."""


@dataclass(frozen=True)
class Member:
    """A constraint whose `value` is in a cone: `cones` of them, each of `size` (an order, for matrices)."""

    kind: str
    constraint: ir.Membership | ir.Semidefinite
    size: Dim
    leading: tuple[Dim, ...]

    @property
    def shape(self) -> tuple[Dim, ...]:
        """One cone for each entry."""
        return (*(b.last - b.first for b in self.constraint.binders), *self.leading)


def members(problem: ir.Problem) -> list[Member]:
    """What lies in cones, in the order of the rows."""
    found = []
    for c in problem.constraints:
        match c:
            case ir.Membership(member=member, within=within):
                shape, axes = member.type.shape, 2 if within.name == "psd" else 1
                found.append(Member(within.name, c, shape[-1], shape[:-axes]))
            case ir.Semidefinite(greater=greater, smaller=smaller):
                shape = write.broadcast(greater.type.shape, smaller.type.shape)
                found.append(Member("psd", c, shape[-1], ()))
    return sorted(found, key=lambda member: ORDER.index(member.kind))


def data(scope: Scope) -> dict[str, str]:
    """`data(params)`, after the functions that it differentiates; by name."""
    problem = scope.problem
    known, function = quadratic.known(scope)
    found = members(problem)
    text = {**known, **DERIVED}
    lines = [f"    {name}={text[name]}," for name in ("P", "q", "A", "b", "G", "h")]
    if found:
        lines += [f"    {name}={text[name]}," for name in DERIVED]
    for kind in ORDER:
        own = [member for member in found if member.kind == kind]
        if own and kind in ("soc", "psd"):
            sizes = " + ".join(_times(function, member) for member in own)
            lines.append(f"    {kind}={tidy(sizes)},")
        elif own:
            total = " + ".join(f"({cones(function, member)})" for member in own)
            lines.append(f"    {kind.removesuffix('_cone')}={tidy(total)},")
    powers = [_exponents(function, member) for member in found if member.kind == "power_cone"]
    if powers:
        joined = powers[0] if len(powers) == 1 else f"jnp.concatenate([{', '.join(powers)}])"
        lines.append(f"    alpha={tidy(joined)},")
    function.returns("return rt.conic(", "    params,", *lines, ")")
    doc = "min 1/2 z'Pz + q'z  subject to  A z = b, G z <= h, M z + v in cones."
    main = function.text("data(params)", doc, unknowns=None)
    helpers = quadratic.helpers(scope, text)
    if found:
        helpers["members"] = _members(scope, found)
    return {**helpers, "data": main}


def cones(function: Function, member: Member) -> str:
    """How many cones, as text."""
    c = member.constraint
    if c.where is None or reads_data(c.where):
        return function.dim(count(member.shape))
    picked = tidy(function.printer.picked(c.where, c.binders, function.block))
    return f"{picked}[0].shape[0] * ({function.dim(count(member.leading))})"


def rows(function: Function, member: Member) -> Dim:
    """How many rows the cones of a constraint take; an assignment where that is known only at a call."""
    number, size = cones(function, member), function.dim(member.size)
    each = f"rt.triangle({size})" if member.kind == "psd" else size
    name = function.printer.fresh("rows")
    function.block.lines.append(f"{name} = {tidy(f'({number}) * ({each})')}")
    return Dim.of(name)


def matrices(function: Function, member: Member, start: Dim, stop: Dim) -> str:
    """The multipliers of a semidefinite constraint; zero where a filter on indices leaves it out."""
    c, size = member.constraint, function.dim(member.size)
    piece = f"point.ineq[{function.dim(start)} : {function.dim(stop)}]"
    shape = function.shape((*member.shape, member.size, member.size))
    if c.where is None or reads_data(c.where):
        return tidy(
            f"rt.smat({piece}.reshape(({function.shape(member.shape)[1:-1]} -1,)), {size}).reshape({shape})"
        )
    picked = function.printer.picked(c.where, c.binders, function.block)
    ends = ", ".join(f"({function.dim(b.first)}, {function.dim(b.last)})" for b in c.binders)
    each = f"rt.smat({piece}.reshape((-1, rt.triangle({size}))), {size})"
    return tidy(f"rt.spread({each}, {picked}, {ends}, shape={shape})")


def _times(function: Function, member: Member) -> str:
    number = cones(function, member)
    return f"({function.dim(member.size)},)" + (f" * ({number})" if number != "1" else "")


def _exponents(function: Function, member: Member) -> str:
    c = member.constraint
    assert isinstance(c, ir.Membership)
    (alpha,) = c.within.args
    if not free_bounds(alpha) & {b.name for b in c.binders}:
        return f"jnp.broadcast_to({function.expr(alpha)}, ({cones(function, member)},))"
    each = write.quantified(function, [alpha], c.binders, c.where, str, "0.5")
    return f"jnp.repeat({each}, {function.dim(count(member.leading))})"


def _members(scope: Scope, found: list[Member]) -> str:
    roots: list[ir.Expr] = []
    for member in found:
        roots += [*_sides(member.constraint), *write.filters(member.constraint.where)]
    function = Function(scope, roots)
    parts = [f"    {_value(function, member)},{comment(member.constraint)}" for member in found]
    function.returns("return rt.flat(", *parts, "    like=params,", ")")
    doc = "What lies in the cones: second-order, semidefinite, exponential, power."
    return function.text("members(flat, params)", doc, "unpack(flat, params)")


def _sides(constraint: ir.Membership | ir.Semidefinite) -> list[ir.Expr]:
    if isinstance(constraint, ir.Membership):
        return [constraint.member]
    return [constraint.greater, constraint.smaller]


def _value(function: Function, member: Member) -> str:
    c = member.constraint

    def join(*sides: str) -> str:
        value = sides[0] if len(sides) == 1 else write.difference(*sides)
        return tidy(f"rt.svec({value})" if member.kind == "psd" else value)

    neutral = tidy(NEUTRAL[member.kind].format(function.dim(member.size)))
    return tidy(write.quantified(function, _sides(c), c.binders, c.where, join, neutral))
