"""What is solved: objective, fixed point, root, saddle point, equilibrium, initial value problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from declarative import ir
from declarative.atoms import ATOMS, ShapeError
from declarative.atoms.shapes import entries, shape_text
from declarative.check.constraints import lower_constraints
from declarative.check.reports import did_you_mean, excerpt, nearest
from declarative.check.scope import Entry
from declarative.dims import Dim
from declarative.errors import Fix, Span
from declarative.grammar import tree

if TYPE_CHECKING:
    from declarative.check.expressions import Lowering

Unknowns = dict[str, ir.Variable]
Solved = tree.Objective | tree.FixedPoint | tree.Root | tree.Saddle | tree.Equilibrium | tree.Ode


def lower_statement(
    check: Lowering, node: Solved, unknowns: Unknowns, labels: dict[str, Span]
) -> ir.Statement | None:
    match node:
        case tree.Objective(sense=sense, value=value):
            found = scalar(check, value)
            return (
                None
                if found is None
                else ir.Minimize(found, 1 if sense == "minimize" else -1, span=node.span)
            )
        case tree.FixedPoint():
            return _fixed_point(check, node, unknowns)
        case tree.Root():
            return _root(check, node, unknowns)
        case tree.Saddle():
            return _saddle(check, node, unknowns)
        case tree.Equilibrium():
            return _equilibrium(check, node, unknowns, labels)
        case tree.Ode():
            return _ode(check, node, unknowns)


def scalar(check: Lowering, node: tree.Expr) -> ir.Expr | None:
    """An objective: one real number."""
    found = check.expr(node)
    if found is None or not check.number(found):
        return None
    if found.type.shape:
        check.reports.add("D250", node.span, shape=shape_text(found.type.shape))
        return None
    return found


def _unknown(check: Lowering, node: tree.Name, unknowns: Unknowns) -> ir.Variable | None:
    if node.name in unknowns:
        return unknowns[node.name]
    near = nearest(node.name, unknowns)
    hint = did_you_mean(node.name, unknowns) or f"the unknowns are {', '.join(unknowns)}"
    check.reports.add(
        "D273", node.span, fix=Fix(node.span, near) if near else None, name=node.name, hint=hint
    )
    return None


# ---- equations ---------------------------------------------------------------------------------


def _fixed_point(check: Lowering, node: tree.FixedPoint, unknowns: Unknowns) -> ir.Statement | None:
    images: dict[str, ir.Expr] = {}
    seen: dict[str, Span] = {}
    good = True
    for equation in node.equations:
        image = check.expr(equation.right)
        if not isinstance(equation.left, tree.Name):
            check.reports.add("D274", equation.left.span, what=excerpt(equation.left.span))
            good = False
            continue
        variable = _unknown(check, equation.left, unknowns)
        if variable is None:
            good = False
        elif variable.name in seen:
            check.reports.add(
                "D254", equation.left.span, seen[variable.name], name=variable.name, what="a second equation"
            )
            good = False
        else:
            seen[variable.name] = equation.left.span
            if image is None or not _same_shape(check, variable, image, equation.right.span):
                good = False
            else:
                images[variable.name] = image
    for name, variable in unknowns.items():
        if name not in seen and good:
            check.reports.add("D254", node.span, variable.span, name=name, what="no equation")
            good = False
    return ir.FixedPoint(tuple((name, images[name]) for name in unknowns), span=node.span) if good else None


def _same_shape(check: Lowering, variable: ir.Variable, image: ir.Expr, span: Span) -> bool:
    if not check.number(image):
        return False
    if image.type.shape != variable.type.shape:
        found, wanted = shape_text(image.type.shape), shape_text(variable.type.shape)
        check.reports.add("D255", span, variable.span, name=variable.name, found=found, wanted=wanted)
        return False
    return True


def _root(check: Lowering, node: tree.Root, unknowns: Unknowns) -> ir.Statement | None:
    equations: list[tuple[ir.Expr, ir.Expr]] = []
    count = Dim.of(0)
    for equation in node.equations:
        sides = check.all((equation.left, equation.right))
        if sides is None or not all(check.number(side) for side in sides):
            continue
        left, right = sides
        try:
            shape = ATOMS["sub"].shape((left.type.shape, right.type.shape), {})
        except ShapeError as error:
            check.shape_error(error, (left, right), equation.span)
            continue
        equations.append((left, right))
        count = count + entries(shape)
    if len(equations) < len(node.equations):
        return None
    wanted = Dim.of(0)
    for variable in unknowns.values():
        wanted = wanted + entries(variable.type.shape)
    if count != wanted:
        check.reports.add("D256", node.span, equations=count, unknowns=wanted)
        return None
    return ir.Root(tuple(equations), span=node.span)


# ---- several players ---------------------------------------------------------------------------


def _saddle(check: Lowering, node: tree.Saddle, unknowns: Unknowns) -> ir.Statement | None:
    sides = (node.minimizers, node.maximizers)
    good = _each_once(check, [name for side in sides for name in side], unknowns, node.span, "side")
    value = scalar(check, node.value)
    if not good or value is None:
        return None
    minimizers, maximizers = (tuple(name.name for name in side) for side in sides)
    return ir.Saddle(minimizers, maximizers, value, span=node.span)


def _equilibrium(
    check: Lowering, node: tree.Equilibrium, unknowns: Unknowns, labels: dict[str, Span]
) -> ir.Statement | None:
    players: list[ir.Player] = []
    good = _each_once(
        check, [name for player in node.players for name in player.unknowns], unknowns, node.span, "player"
    )
    for player in node.players:
        value = scalar(check, player.value)
        constraints = lower_constraints(check, player.constraints, labels)
        if value is None:
            good = False
        else:
            names, sense = tuple(name.name for name in player.unknowns), player.sense
            players.append(
                ir.Player(names, value, 1 if sense == "minimizes" else -1, constraints, span=player.span)
            )
    return ir.Equilibrium(tuple(players), span=node.span) if good else None


def _each_once(
    check: Lowering, names: Sequence[tree.Name], unknowns: Unknowns, span: Span, whose: str
) -> bool:
    """Whether every unknown belongs to exactly one side or player."""
    seen: dict[str, Span] = {}
    good = True
    for name in names:
        if _unknown(check, name, unknowns) is None:
            good = False
        elif name.name in seen:
            check.reports.add(
                "D275", name.span, seen[name.name], name=name.name, what=f"more than one {whose}"
            )
            good = False
        seen.setdefault(name.name, name.span)
    for missing in [name for name in unknowns if name not in seen] if good else []:
        check.reports.add("D275", span, unknowns[missing].span, name=missing, what=f"no {whose}")
        good = False
    return good


# ---- initial value problems --------------------------------------------------------------------


def _ode(check: Lowering, node: tree.Ode, unknowns: Unknowns) -> ir.Statement | None:
    start, end = (check.expr(side) for side in (node.interval.lower, node.interval.upper))
    time = node.time.name
    taken = check.scope.find(time)
    if taken is not None:
        check.reports.add("D203", node.time.span, taken.span, name=time)
    inside = check.within(check.scope.inner())
    inside.scope.entries[time] = Entry("time", ir.Bound(time, ir.Type("real")), node.time.span)
    fields: dict[str, ir.Expr] = {}
    initial: dict[str, ir.Expr] = {}
    places: dict[tuple[str, bool], Span] = {}
    good = start is not None and end is not None
    for equation in node.equations:
        named = _ode_side(check, equation.left, start, unknowns)
        value = inside.expr(equation.right)
        if named is None or value is None:
            good = False
            continue
        variable, derivative = named
        key = (variable.name, derivative)
        if key in places:
            check.reports.add(
                "D254", equation.left.span, places[key], name=variable.name, what="a second equation"
            )
            good = False
        places[key] = equation.left.span
        if _same_shape(check, variable, value, equation.right.span):
            (fields if derivative else initial)[variable.name] = value
        else:
            good = False
    for name, variable in unknowns.items() if good else ():
        for derivative, what in ((True, "no equation `der(…) == …`"), (False, "no value at the start")):
            if (name, derivative) not in places:
                check.reports.add("D254", node.span, variable.span, name=name, what=what)
                good = False
    if not good or start is None or end is None:
        return None
    if start.type.shape or end.type.shape:
        check.reports.add("D226", node.interval.span, shape="an array")
        return None
    in_order = (
        tuple((name, fields[name]) for name in unknowns),
        tuple((name, initial[name]) for name in unknowns),
    )
    return ir.Ode(time, start, end, *in_order, span=node.span)


def _ode_side(
    check: Lowering, node: tree.Expr, start: ir.Expr | None, unknowns: Unknowns
) -> tuple[ir.Variable, bool] | None:
    """The unknown of `der(y)` (True) or of `y(start)` (False)."""
    match node:
        case tree.Call(function=tree.Name(name="der"), args=(tree.Name() as name,), keywords=()):
            variable = _unknown(check, name, unknowns)
            return None if variable is None else (variable, True)
        case tree.Call(function=tree.Name(name=name), args=(when,), keywords=()) if name in unknowns:
            at = check.expr(when)
            if at is None or start is None:
                return None
            if at != start and not _equal_numbers(at, start):
                check.reports.add("D276", when.span, start.span, name=name)
                return None
            return unknowns[name], False
        case _:
            check.reports.add("D277", node.span, what=excerpt(node.span))
            return None


def _equal_numbers(a: ir.Expr, b: ir.Expr) -> bool:
    return isinstance(a, ir.Const) and isinstance(b, ir.Const) and a.value == b.value
